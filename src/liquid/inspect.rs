//! What a template asks for, and what would go wrong with given data.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::{
    Data,
    error::RenderError,
    expression::{Condition, Filtered, Operand, Path, Segment},
    fresh_state, render,
    state::Missing,
    tree::{self, Body, Loop, Node, Offset, Test},
    vendor::{self, Address, VendorTag},
};

/// A variable that a template reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// The whole path: `customer.first_name`, `trigger.items[0].name`, and `trigger.items[].name` for what a loop
    /// reads from each item.
    pub path: String,
    /// The part before the first dot or bracket.
    pub namespace: String,
    /// Every use has a fallback: `default` as the first filter, a condition, or a branch of an `if` that tests it.
    pub guarded: bool,
    /// The line of the first use.
    pub line: usize,
}

/// Something to mend before a send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The class of the finding.
    pub kind: FindingKind,
    /// What it is about, as the template writes it.
    pub path: String,
    /// What would happen, and the remedy.
    pub message: String,
    /// Whether the message would go out with nothing in its place; not where every use has a fallback.
    pub leaves_blank: bool,
}

/// The classes of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FindingKind {
    /// The send would fail.
    MissingAttribute,
    /// The attribute is there, but empty or null: it would render nothing, and the message would be sent.
    BlankValue,
    /// The variable would render nothing, and the message would be sent.
    UnknownNamespace,
    /// One of the vendor's tags is written as a variable, which renders nothing.
    TagUsedAsVariable,
}

/// The longest path that a template's own variables may stand for, in bytes. Each can be longer than the one before.
const MAX_STANDS_FOR: usize = 1024;

/// Every variable `template` reads, in order of first use. Variables the template sets itself are left out; a loop
/// variable, or one assigned from a plain path, stands for what it was taken from.
pub fn variables(template: &str) -> Result<Vec<Variable>, RenderError> {
    let mut survey = Survey::default();
    survey.body(&tree::parse(template)?);
    Ok(survey.variables)
}

/// What would go wrong if `template` were sent with `data`: attributes that would fail it, and variables that would
/// render nothing because of their namespace. Branches that `data` does not take are not held to have attributes.
///
/// # Errors
/// What fails whatever the attributes: a syntax error, a limit.
pub fn lint(template: &str, data: &Data) -> Result<Vec<Finding>, RenderError> {
    let body = tree::parse(template)?;
    let mut state = fresh_state(data);
    state.collected = Some(Missing::default());
    let (rendered, state) = render::document(&body, state);
    rendered?;
    let Missing { paths, blank, .. } = state.collected.unwrap_or_default();
    let mut findings: Vec<Finding> = paths.into_iter().map(missing_attribute).collect();
    findings.extend(blank.into_iter().map(blank_value));
    findings.extend(blank_variables(template, data)?);
    Ok(findings)
}

fn missing_attribute(path: String) -> Finding {
    let message = format!(
        "{path} is missing and has no fallback, so the send would fail. Write {{{{ {path} | default: \"...\" }}}}, \
         or test it first: {{% if {path} != blank %}}."
    );
    Finding { kind: FindingKind::MissingAttribute, path, message, leaves_blank: false }
}

fn blank_value(path: String) -> Finding {
    let message = format!(
        "{path} is empty, so it renders nothing and the message is sent without it. Give it a value, or write \
         {{{{ {path} | default: \"...\" }}}}."
    );
    Finding { kind: FindingKind::BlankValue, path, message, leaves_blank: true }
}

/// Variables of the template and of the snippets it uses whose namespace does not exist for the message.
fn blank_variables(template: &str, data: &Data) -> Result<Vec<Finding>, RenderError> {
    let mut findings: Vec<Finding> = Vec::new();
    let mut waiting = vec![template];
    let mut snippets = BTreeSet::new();
    let mut seen = HashSet::new();
    while let Some(source) = waiting.pop() {
        for variable in variables(source)? {
            if variable.namespace == "snippets" {
                let used = data.snippets.iter().find(|(name, _)| is_snippet(&variable.path, name));
                waiting.extend(used.filter(|(name, _)| snippets.insert(*name)).map(|(_, source)| source.as_str()));
            } else if !data.namespaces.contains_key(&variable.namespace) && seen.insert(variable.path.clone()) {
                findings.push(blank_variable(variable, data));
            }
        }
    }
    Ok(findings)
}

fn is_snippet(path: &str, name: &str) -> bool {
    path == format!("snippets.{name}") || path == format!("snippets[\"{name}\"]")
}

fn blank_variable(variable: Variable, data: &Data) -> Finding {
    let Variable { path, namespace, guarded, .. } = variable;
    if vendor::NAMES.contains(&path.as_str()) {
        let message = format!("{{{{ {path} }}}} renders nothing: it is a tag, write {{% {path} %}}.");
        return Finding { kind: FindingKind::TagUsedAsVariable, path, message, leaves_blank: true };
    }
    let known: Vec<&str> = data.namespaces.keys().map(String::as_str).collect();
    let what_happens = if guarded {
        "is always blank and its fallback is all that anybody gets"
    } else {
        "renders nothing and the message is sent without it"
    };
    let message = format!(
        "There is no \"{namespace}\" for this message, so {path} {what_happens}. It has: {}.",
        known.join(", ")
    );
    Finding { kind: FindingKind::UnknownNamespace, path, message, leaves_blank: !guarded }
}

/// A walk over a template.
#[derive(Default)]
struct Survey {
    variables: Vec<Variable>,
    /// Where each path stands in the list.
    places: HashMap<String, usize>,
    /// Variables the template sets, with the path they stand for, if it is one.
    locals: HashMap<String, Option<String>>,
    /// Paths tested by the conditions around the current node, with how many of them do.
    tested: HashMap<String, usize>,
}

impl Survey {
    fn body(&mut self, body: &Body) {
        for node in &body.nodes {
            self.node(node);
        }
    }

    fn body_if_any(&mut self, body: Option<&Body>) {
        if let Some(body) = body {
            self.body(body);
        }
    }

    fn operands(&mut self, operands: &[Operand], guarded: bool) {
        for operand in operands {
            self.operand(operand, guarded);
        }
    }

    fn node(&mut self, node: &Node) {
        match node {
            Node::Text(_) | Node::Break | Node::Continue => {}
            Node::Output(value) => self.value(value, false),
            Node::Assign { name, value } => self.assign(name, value),
            Node::Capture { name, body } => {
                self.body(body);
                self.locals.insert(name.clone(), None);
            }
            Node::If { branches, otherwise } => self.conditional(branches, otherwise.as_ref()),
            Node::Case { subject, branches, otherwise } => {
                self.value(subject, true);
                for (candidates, body) in branches {
                    self.operands(candidates, true);
                    self.body(body);
                }
                self.body_if_any(otherwise.as_ref());
            }
            Node::For(header) => self.each(header, "forloop"),
            Node::TableRow(header) => self.each(header, "tablerowloop"),
            Node::Cycle { candidates, .. } => {
                self.operands(candidates, false);
            }
            Node::Count { name, .. } => drop(self.locals.insert(name.clone(), None)),
            Node::Vendor(tag) => self.vendor(tag),
        }
    }

    fn assign(&mut self, name: &str, value: &Filtered) {
        self.value(value, false);
        let stands_for = tree::plain_path(value).and_then(|path| self.resolve(path));
        self.locals.insert(name.to_owned(), stands_for);
    }

    fn vendor(&mut self, tag: &VendorTag) {
        match tag {
            VendorTag::TrackedLink(Address::Template(body)) => self.body(body),
            VendorTag::TrackedLink(Address::Variable(path)) | VendorTag::RenderLiquid(path) => self.path(path, false),
            VendorTag::Random(bound) => self.operand(bound, false),
            VendorTag::Link(_) | VendorTag::GenerateUuid => {}
        }
    }

    /// A branch may rely on its own test, and on those before it that failed.
    fn conditional(&mut self, branches: &[(Test, Body)], otherwise: Option<&Body>) {
        let mut added = Vec::new();
        for (test, body) in branches {
            self.value(&test.value, true);
            let mut paths = Vec::new();
            self.paths_tested(&test.value.subject, &mut paths);
            for path in paths {
                *self.tested.entry(path.clone()).or_default() += 1;
                added.push(path);
            }
            self.body(body);
        }
        self.body_if_any(otherwise);
        for path in added {
            self.tested.entry(path).and_modify(|count| *count -= 1);
        }
    }

    fn paths_tested(&self, condition: &Condition, paths: &mut Vec<String>) {
        match condition {
            Condition::Value(Operand::Path(path)) => {
                if let Some(path) = self.resolve(path) {
                    paths.extend(path.strip_suffix(".size").map(str::to_owned));
                    paths.push(path);
                }
            }
            Condition::Value(_) => {}
            Condition::Not(part) => self.paths_tested(part, paths),
            Condition::And(left, right) | Condition::Or(left, right) | Condition::Compare(_, left, right) => {
                self.paths_tested(left, paths);
                self.paths_tested(right, paths);
            }
        }
    }

    fn each(&mut self, header: &Loop, progress: &str) {
        self.operand(&header.collection, false);
        let offset = match &header.offset {
            Some(Offset::At(offset)) => Some(offset),
            _ => None,
        };
        for argument in [header.limit.as_ref(), offset, header.columns.as_ref()].into_iter().flatten() {
            self.operand(argument, false);
        }
        let item = match &header.collection {
            Operand::Path(path) => self.resolve(path).map(|path| path + "[]"),
            _ => None,
        };
        let hidden = [(header.variable.as_str(), item), (progress, None)]
            .map(|(name, stands_for)| (name.to_owned(), self.locals.insert(name.to_owned(), stands_for)));
        self.body(&header.body);
        for (name, before) in hidden {
            match before {
                Some(before) => drop(self.locals.insert(name, before)),
                None => drop(self.locals.remove(&name)),
            }
        }
        self.body_if_any(header.otherwise.as_ref());
    }

    fn value(&mut self, value: &Filtered, guarded: bool) {
        self.condition(&value.subject, guarded || value.has_fallback());
        for filter in &value.filters {
            let arguments = filter.arguments.iter().chain(filter.named.iter().map(|(_, argument)| argument));
            arguments.for_each(|argument| self.operand(argument, false));
        }
    }

    fn condition(&mut self, condition: &Condition, guarded: bool) {
        match condition {
            Condition::Value(value) => self.operand(value, guarded),
            Condition::Not(part) => self.condition(part, guarded),
            Condition::And(left, right) | Condition::Or(left, right) | Condition::Compare(_, left, right) => {
                self.condition(left, guarded);
                self.condition(right, guarded);
            }
        }
    }

    fn operand(&mut self, operand: &Operand, guarded: bool) {
        match operand {
            Operand::Path(path) => self.path(path, guarded),
            Operand::Range(from, to) => {
                self.operand(from, false);
                self.operand(to, false);
            }
            _ => {}
        }
    }

    fn path(&mut self, path: &Path, guarded: bool) {
        for segment in &path.segments {
            if let Segment::Index(index) = segment {
                self.operand(index, false);
            }
        }
        let Some(full) = self.resolve(path) else { return };
        let guarded = guarded || self.tested.get(&full).is_some_and(|count| *count > 0);
        let place = *self.places.entry(full.clone()).or_insert(self.variables.len());
        if let Some(known) = self.variables.get_mut(place) {
            known.guarded &= guarded;
            return;
        }
        let namespace = full.split(['.', '[']).next().unwrap_or_default().to_owned();
        self.variables.push(Variable { path: full, namespace, guarded, line: path.line });
    }

    /// The path with what the template's own variables stand for in place; nothing if they stand for no path.
    fn resolve(&self, path: &Path) -> Option<String> {
        let own = self.locals.get(&path.root);
        let mut full = match own {
            Some(stands_for) => stands_for.clone()?,
            None => path.root.clone(),
        };
        for segment in &path.segments {
            match segment {
                Segment::Key(key) => full.extend([".", key]),
                Segment::Index(Operand::Integer(index)) => full.extend(["[", &index.to_string(), "]"]),
                Segment::Index(Operand::Text(key)) => full.extend(["[\"", key, "\"]"]),
                Segment::Index(_) => full.push_str("[]"),
            }
        }
        (own.is_none() || full.len() <= MAX_STANDS_FOR).then_some(full)
    }
}
