//! Renders the tree with the runtime of the `liquid` crate: its frames hold variables, its registers our state, its
//! interrupts carry `break` and `continue`.

use std::io::Write;

use liquid_core::{
    Error, Renderable, Runtime, Value,
    runtime::{Interrupt, InterruptRegister, RuntimeBuilder},
};

use super::{
    error::{RenderError, RenderErrorKind},
    evaluate::{self, Reading},
    expression::{Filtered, Operand},
    loops,
    state::{self, Output, State},
    tree::{self, Body, Node, Test},
    value,
};

/// Renders `body` from the start, in a state prepared by the caller, and hands the state back.
pub(super) fn document(body: &Body, state: State) -> (Result<String, RenderError>, State) {
    let Some(shared) = state.shared.clone() else {
        return (Err(RenderError::other("the rendering has no data")), state);
    };
    let runtime = RuntimeBuilder::new().set_globals(&shared.namespaces).build();
    *runtime.registers().get_mut::<State>() = state;
    let mut output = Output::default();
    let rendered = body.render_to(&mut output, &runtime);
    let mut state = std::mem::take(&mut *runtime.registers().get_mut::<State>());
    let result = match rendered {
        Ok(()) => Ok(output.into_text()),
        Err(error) => Err(failure(&error, &mut state)),
    };
    (result, state)
}

/// The runtime's error as ours: the class it could not carry waits in the state.
fn failure(error: &Error, state: &mut State) -> RenderError {
    let message = error.to_string();
    let message = message.strip_prefix("liquid: ").unwrap_or(&message).trim().to_owned();
    RenderError { kind: state.failure.take().unwrap_or(RenderErrorKind::Other), message }
}

/// Our error on its way through the runtime.
pub(super) fn raise(error: RenderError, runtime: &dyn Runtime) -> Error {
    runtime.registers().get_mut::<State>().failure = Some(error.kind);
    Error::with_msg(error.message)
}

/// Renders a snippet: it sees the namespaces, not the variables of its host, and its host does not see its own
/// (behaviour.md section 12).
pub(super) fn isolated(source: &str, runtime: &dyn Runtime) -> Result<String, Error> {
    state::charge_text(runtime, source)?;
    let body = tree::parse(source).map_err(|error| raise(error, runtime))?;
    state::enter_template(runtime)?;
    let state = std::mem::take(&mut *runtime.registers().get_mut::<State>());
    let (rendered, mut state) = document(&body, state);
    state.templates_deep = state.templates_deep.saturating_sub(1);
    *runtime.registers().get_mut::<State>() = state;
    rendered.map_err(|error| raise(error, runtime))
}

/// Runs `body` into a string of its own.
pub(super) fn captured(body: &Body, runtime: &dyn Runtime) -> Result<String, Error> {
    let mut output = Output::default();
    body.render_to(&mut output, runtime)?;
    Ok(output.into_text())
}

impl Renderable for Body {
    fn render_to(&self, writer: &mut dyn Write, runtime: &dyn Runtime) -> Result<(), Error> {
        for node in &self.nodes {
            state::step(runtime)?;
            node.render_to(writer, runtime)?;
            if runtime.registers().get_mut::<InterruptRegister>().interrupted() {
                break;
            }
        }
        Ok(())
    }
}

impl Renderable for Node {
    fn render_to(&self, writer: &mut dyn Write, runtime: &dyn Runtime) -> Result<(), Error> {
        match self {
            Self::Text(text) => {
                state::charge_text(runtime, text)?;
                state::write(writer, text)
            }
            Self::Output(shown) => output(shown, writer, runtime),
            Self::Assign { name, value } => assign(name, value, runtime),
            Self::Capture { name, body } => {
                state::charge_text(runtime, name)?;
                let text = captured(body, runtime)?;
                runtime.set_global(name.clone().into(), Value::scalar(text));
                Ok(())
            }
            Self::If { branches, otherwise } => conditional(branches, otherwise.as_ref(), writer, runtime),
            Self::Case { subject, branches, otherwise } => case(subject, branches, otherwise.as_ref(), writer, runtime),
            Self::For(header) => loops::each(header, writer, runtime),
            Self::TableRow(header) => loops::table(header, writer, runtime),
            Self::Cycle { key, candidates } => cycle(key, candidates, writer, runtime),
            Self::Count { name, by } => count(name, *by, writer, runtime),
            Self::Break => {
                interrupt(Interrupt::Break, runtime);
                Ok(())
            }
            Self::Continue => {
                interrupt(Interrupt::Continue, runtime);
                Ok(())
            }
            Self::Vendor(tag) => tag.render_to(writer, runtime),
        }
    }
}

fn output(shown: &Filtered, writer: &mut dyn Write, runtime: &dyn Runtime) -> Result<(), Error> {
    let text = value::text(&evaluate::filtered(shown, Reading::Required, runtime)?);
    if text.trim().is_empty() {
        note_blank(shown, runtime);
    }
    state::write(writer, &text)
}

/// Notes an attribute put out as it is that comes to nothing; a filter, or a variable of the template's own, is meant.
fn note_blank(shown: &Filtered, runtime: &dyn Runtime) {
    let mut state = runtime.registers().get_mut::<State>();
    let State { shared: Some(shared), collected: Some(collected), .. } = &mut *state else { return };
    if let Some(path) = tree::plain_path(shown).filter(|path| shared.namespaces.contains_key(path.root.as_str())) {
        collected.note_blank(&path.text);
    }
}

fn assign(name: &str, assigned: &Filtered, runtime: &dyn Runtime) -> Result<(), Error> {
    state::charge_text(runtime, name)?;
    let assigned = evaluate::filtered(assigned, Reading::Required, runtime)?;
    runtime.set_global(name.to_owned().into(), assigned);
    Ok(())
}

fn interrupt(interrupt: Interrupt, runtime: &dyn Runtime) {
    runtime.registers().get_mut::<InterruptRegister>().set(interrupt);
}

fn conditional(
    branches: &[(Test, Body)],
    otherwise: Option<&Body>,
    writer: &mut dyn Write,
    runtime: &dyn Runtime,
) -> Result<(), Error> {
    for (test, body) in branches {
        let held = evaluate::filtered(&test.value, Reading::Lenient, runtime)?;
        if value::is_true(&held) == test.wanted {
            return body.render_to(writer, runtime);
        }
    }
    otherwise.map_or(Ok(()), |body| body.render_to(writer, runtime))
}

/// Every `when` that matches is rendered, as in LiquidJS.
fn case(
    subject: &Filtered,
    branches: &[(Vec<Operand>, Body)],
    otherwise: Option<&Body>,
    writer: &mut dyn Write,
    runtime: &dyn Runtime,
) -> Result<(), Error> {
    let subject = evaluate::filtered(subject, Reading::Lenient, runtime)?;
    let mut matched = false;
    for (candidates, body) in branches {
        for candidate in candidates {
            let candidate = evaluate::operand(candidate, Reading::Lenient, runtime)?;
            if value::equal(&subject, &candidate) {
                matched = true;
                body.render_to(writer, runtime)?;
                break;
            }
        }
    }
    match otherwise {
        Some(body) if !matched => body.render_to(writer, runtime),
        _ => Ok(()),
    }
}

fn cycle(key: &str, candidates: &[Operand], writer: &mut dyn Write, runtime: &dyn Runtime) -> Result<(), Error> {
    state::charge_text(runtime, key)?;
    let at = {
        let mut state = runtime.registers().get_mut::<State>();
        let next = state.cycles.entry(key.to_owned()).or_default();
        let at = *next % candidates.len();
        *next = at + 1;
        at
    };
    let shown = evaluate::operand(&candidates[at], Reading::Required, runtime)?;
    state::write(writer, &value::text(&shown))
}

fn count(name: &str, by: i64, writer: &mut dyn Write, runtime: &dyn Runtime) -> Result<(), Error> {
    state::charge_text(runtime, name)?;
    let before = runtime.get_index(name).map_or(0.0, |count| value::number(&count.into_owned()));
    #[expect(clippy::cast_precision_loss, reason = "by is 1 or -1")]
    let after = before + by as f64;
    runtime.set_index(name.to_owned().into(), value::from_number(after));
    state::write(writer, &value::number_text(if by < 0 { after } else { before }))
}
