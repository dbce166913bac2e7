//! A template as a tree of text, outputs and tags: what is rendered, and what is searched for variables.

use super::{
    error::RenderError,
    expression::{self, Condition, Filtered, Operand, Parser, Path},
    scan::{self, Piece, excerpt},
    vendor::VendorTag,
};

/// Blocks within blocks beyond which a template is refused.
const MAX_DEPTH: usize = 60;

/// A run of nodes: a template, a branch or the body of a loop.
#[derive(Debug, Clone, Default)]
pub(super) struct Body {
    pub(super) nodes: Vec<Node>,
}

#[derive(Debug, Clone)]
pub(super) enum Node {
    Text(String),
    Output(Filtered),
    Assign {
        name: String,
        value: Filtered,
    },
    Capture {
        name: String,
        body: Body,
    },
    If {
        branches: Vec<(Test, Body)>,
        otherwise: Option<Body>,
    },
    Case {
        subject: Filtered,
        branches: Vec<(Vec<Operand>, Body)>,
        otherwise: Option<Body>,
    },
    For(Box<Loop>),
    TableRow(Box<Loop>),
    Cycle {
        key: String,
        candidates: Vec<Operand>,
    },
    /// `increment` (by 1, shown before) and `decrement` (by -1, shown after).
    Count {
        name: String,
        by: i64,
    },
    Break,
    Continue,
    Vendor(VendorTag),
}

/// The condition of a branch; `unless` holds when the value is false.
#[derive(Debug, Clone)]
pub(super) struct Test {
    pub(super) value: Filtered,
    pub(super) wanted: bool,
}

/// A `for` or `tablerow`.
#[derive(Debug, Clone)]
pub(super) struct Loop {
    pub(super) variable: String,
    pub(super) collection: Operand,
    /// The collection as the template writes it, part of `forloop.name`.
    pub(super) collection_text: String,
    pub(super) limit: Option<Operand>,
    pub(super) offset: Option<Offset>,
    pub(super) columns: Option<Operand>,
    pub(super) reversed: bool,
    pub(super) body: Body,
    pub(super) otherwise: Option<Body>,
}

#[derive(Debug, Clone)]
pub(super) enum Offset {
    At(Operand),
    /// `offset: continue`: where the last loop over the same collection stopped.
    Continue,
}

/// Parses a template.
pub(super) fn parse(template: &str) -> Result<Body, RenderError> {
    let mut builder = Builder { pieces: scan::pieces(template)?.into_iter(), depth: 0 };
    let (body, end) = builder.body(&[])?;
    debug_assert!(end.is_none(), "an empty list of ends stops at the end of the template only");
    Ok(body)
}

/// The tag that ended a body.
struct End<'t> {
    name: &'t str,
    arguments: &'t str,
    line: usize,
}

struct Builder<'t> {
    pieces: std::vec::IntoIter<Piece<'t>>,
    depth: usize,
}

impl<'t> Builder<'t> {
    /// Reads nodes up to one of the tags in `ends`, or to the end of the template.
    fn body(&mut self, ends: &[&str]) -> Result<(Body, Option<End<'t>>), RenderError> {
        let mut nodes = Vec::new();
        while let Some(piece) = self.pieces.next() {
            match piece {
                Piece::Text(text) => nodes.push(Node::Text(text.to_owned())),
                Piece::Output { source, line } => nodes.push(Node::Output(expression::filtered(source, line)?)),
                Piece::Tag { name, arguments, line } if ends.contains(&name) => {
                    return Ok((Body { nodes }, Some(End { name, arguments, line })));
                }
                Piece::Tag { name, arguments, line } => nodes.push(self.tag(name, arguments, line)?),
            }
        }
        Ok((Body { nodes }, None))
    }

    /// A body that one of `ends` has to close; `name` and `line` are those of the tag that opened it.
    fn closed_body(&mut self, name: &str, line: usize, ends: &[&str]) -> Result<(Body, End<'t>), RenderError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(RenderError::syntax(format!("blocks are nested more than {MAX_DEPTH} deep"), line));
        }
        let (body, end) = self.body(ends)?;
        self.depth -= 1;
        match end {
            Some(end) => Ok((body, end)),
            None => Err(RenderError::syntax(format!("tag \"{name}\" not closed"), line)),
        }
    }

    fn tag(&mut self, name: &'t str, arguments: &'t str, line: usize) -> Result<Node, RenderError> {
        match name {
            "assign" => assign(arguments, line),
            "capture" => self.capture(arguments, line),
            "if" | "unless" => self.conditional(name, arguments, line),
            "case" => self.case(arguments, line),
            "for" => Ok(Node::For(Box::new(self.each(name, arguments, line)?))),
            "tablerow" => Ok(Node::TableRow(Box::new(self.each(name, arguments, line)?))),
            "cycle" => cycle(arguments, line),
            "increment" => count(arguments, line, 1),
            "decrement" => count(arguments, line, -1),
            "break" => Ok(Node::Break),
            "continue" => Ok(Node::Continue),
            _ => match VendorTag::parse(name, arguments, line)? {
                Some(tag) => Ok(Node::Vendor(tag)),
                None => Err(RenderError::syntax(format!("tag \"{name}\" not found"), line)),
            },
        }
    }

    fn capture(&mut self, arguments: &str, line: usize) -> Result<Node, RenderError> {
        let name = arguments.trim_matches(['"', '\'']);
        let name = Parser::new(name, line).identifier()?.to_owned();
        let (body, _) = self.closed_body("capture", line, &["endcapture"])?;
        Ok(Node::Capture { name, body })
    }

    fn conditional(&mut self, name: &'t str, arguments: &'t str, line: usize) -> Result<Node, RenderError> {
        let closing = if name == "if" { "endif" } else { "endunless" };
        let mut branches = Vec::new();
        let mut test = Test { value: expression::filtered(arguments, line)?, wanted: name == "if" };
        loop {
            let (body, end) = self.closed_body(name, line, &["elsif", "else", closing])?;
            branches.push((test, body));
            match end.name {
                "elsif" => test = Test { value: expression::filtered(end.arguments, end.line)?, wanted: true },
                "else" => {
                    let otherwise = Some(self.last_body(name, line, &["elsif", "else"], closing)?);
                    return Ok(Node::If { branches, otherwise });
                }
                _ => return Ok(Node::If { branches, otherwise: None }),
            }
        }
    }

    /// The body after `else`, where no further branch may follow.
    fn last_body(&mut self, name: &str, line: usize, branches: &[&str], closing: &str) -> Result<Body, RenderError> {
        let ends: Vec<&str> = branches.iter().copied().chain([closing]).collect();
        let (body, end) = self.closed_body(name, line, &ends)?;
        if end.name == closing {
            return Ok(body);
        }
        Err(RenderError::syntax(format!("unexpected \"{}\" after else", end.name), end.line))
    }

    fn case(&mut self, arguments: &str, line: usize) -> Result<Node, RenderError> {
        let subject = expression::filtered(arguments, line)?;
        let (mut branches, mut otherwise) = (Vec::new(), None);
        let (_, mut end) = self.closed_body("case", line, &["when", "else", "endcase"])?;
        loop {
            match end.name {
                "when" => {
                    let values = when_values(end.arguments, end.line)?;
                    let (body, next) = self.closed_body("case", line, &["when", "else", "endcase"])?;
                    branches.push((values, body));
                    end = next;
                }
                "else" => {
                    let (body, next) = self.closed_body("case", line, &["when", "else", "endcase"])?;
                    otherwise = Some(body);
                    end = next;
                }
                _ => return Ok(Node::Case { subject, branches, otherwise }),
            }
        }
    }

    fn each(&mut self, name: &str, arguments: &str, line: usize) -> Result<Loop, RenderError> {
        let mut header = loop_header(arguments, line)?;
        let closing = if name == "for" { "endfor" } else { "endtablerow" };
        let (body, end) = self.closed_body(name, line, &["else", closing])?;
        header.body = body;
        if end.name == "else" {
            header.otherwise = Some(self.last_body(name, line, &["else"], closing)?);
        }
        Ok(header)
    }
}

fn assign(arguments: &str, line: usize) -> Result<Node, RenderError> {
    let mut parser = Parser::new(arguments, line);
    let name = parser.identifier()?.to_owned();
    if !parser.take("=") {
        return Err(parser.error("\"=\" is expected"));
    }
    let value = parser.filtered()?;
    parser.expect_end()?;
    Ok(Node::Assign { name, value })
}

fn when_values(arguments: &str, line: usize) -> Result<Vec<Operand>, RenderError> {
    let mut parser = Parser::new(arguments, line);
    let mut values = vec![parser.operand()?];
    while parser.take(",") || parser.take_word("or") {
        values.push(parser.operand()?);
    }
    parser.expect_end()?;
    Ok(values)
}

fn loop_header(arguments: &str, line: usize) -> Result<Loop, RenderError> {
    let mut parser = Parser::new(arguments, line);
    let variable = parser.identifier()?.to_owned();
    if !parser.take_word("in") {
        return Err(parser.error("\"in\" is expected"));
    }
    parser.skip_blank();
    let before = parser.rest();
    let collection = parser.operand()?;
    let collection_text = before[..before.len() - parser.rest().len()].to_owned();
    let mut header = Loop {
        variable,
        collection,
        collection_text,
        limit: None,
        offset: None,
        columns: None,
        reversed: false,
        body: Body::default(),
        otherwise: None,
    };
    while !parser.at_end() {
        loop_modifier(&mut parser, &mut header)?;
    }
    Ok(header)
}

fn loop_modifier(parser: &mut Parser<'_>, header: &mut Loop) -> Result<(), RenderError> {
    if parser.take(",") {
        return Ok(());
    }
    if parser.take_word("reversed") {
        header.reversed = true;
        return Ok(());
    }
    match parser.keyword().as_deref() {
        Some("limit") => header.limit = Some(parser.operand()?),
        Some("cols") => header.columns = Some(parser.operand()?),
        Some("offset") if parser.take_word("continue") => header.offset = Some(Offset::Continue),
        Some("offset") => header.offset = Some(Offset::At(parser.operand()?)),
        _ => return Err(parser.error("unexpected loop argument")),
    }
    Ok(())
}

fn cycle(arguments: &str, line: usize) -> Result<Node, RenderError> {
    let mut parser = Parser::new(arguments, line);
    let mut candidates = vec![parser.operand()?];
    let mut key = arguments.to_owned();
    if parser.take(":") {
        key = format!("{:?}", candidates[0]);
        candidates = vec![parser.operand()?];
    }
    while parser.take(",") {
        candidates.push(parser.operand()?);
    }
    parser.expect_end()?;
    Ok(Node::Cycle { key, candidates })
}

fn count(arguments: &str, line: usize, by: i64) -> Result<Node, RenderError> {
    let mut parser = Parser::new(arguments, line);
    let name = parser.identifier()?.to_owned();
    parser.expect_end()?;
    Ok(Node::Count { name, by })
}

/// The path that a value consists of, if it has no filters and no operators.
pub(super) fn plain_path(value: &Filtered) -> Option<&Path> {
    match &value.subject {
        Condition::Value(Operand::Path(path)) if value.filters.is_empty() => Some(path),
        _ => None,
    }
}

/// The path that `source` consists of: the argument of `render_liquid` and of `cio_link`.
pub(super) fn path_argument(source: &str, line: usize) -> Result<Path, RenderError> {
    let value = expression::filtered(source, line)?;
    plain_path(&value)
        .cloned()
        .ok_or_else(|| RenderError::syntax(format!("a variable is expected: \"{}\"", excerpt(source)), line))
}
