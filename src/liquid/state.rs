//! What a rendering keeps beside its variables, and the limits that hold a hostile template.
//!
//! Templates come from outside and from models. A rendering is charged for every node, loop step and value it
//! touches, by size; values and output have caps. Together they bound time and memory without a clock.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    io::{self, Write},
    sync::Arc,
};

use liquid_core::{Error, Object, Runtime, Value};

use super::{Links, error::RenderErrorKind};
use crate::clock::SharedClock;

/// The longest rendering, and the largest single value, in bytes.
pub(super) const MAX_OUTPUT_BYTES: usize = 2 * 1024 * 1024;

/// Steps of one rendering: nodes, loop steps, operands, and every 256 bytes of text or of a value that is copied.
const MAX_STEPS: u64 = 500_000;

/// Values nested in values, beyond which a value is refused.
const MAX_VALUE_DEPTH: usize = 100;

/// Snippets and `render_liquid` within one another.
const MAX_TEMPLATES_DEEP: usize = 5;

/// Expressions given to filters as text (`where_exp`), within one another.
const MAX_EXPRESSIONS_DEEP: usize = 4;

/// The state of a rendering, in the runtime's registers.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) shared: Option<Arc<Shared>>,
    pub(super) steps: u64,
    pub(super) templates_deep: usize,
    pub(super) expressions_deep: usize,
    /// The class of the failure that ended the rendering: the runtime's errors carry words only.
    pub(super) failure: Option<RenderErrorKind>,
    /// When present, missing attributes are noted here and read as nil instead of ending the rendering.
    pub(super) collected: Option<Missing>,
    pub(super) cycles: HashMap<String, usize>,
    /// Where the last loop over a collection stopped, for `offset: continue`.
    pub(super) stops: HashMap<String, usize>,
}

/// Missing attributes, each once, in the order they were read.
#[derive(Debug, Default)]
pub(super) struct Missing {
    pub(super) paths: Vec<String>,
    /// Attributes that are there and put out nothing, each once.
    pub(super) blank: Vec<String>,
    seen: HashSet<String>,
}

impl Missing {
    pub(super) fn note(&mut self, path: &str) {
        if self.seen.insert(path.to_owned()) {
            self.paths.push(path.to_owned());
        }
    }

    /// Notes an attribute that put out nothing though it is there.
    pub(super) fn note_blank(&mut self, path: &str) {
        if self.seen.insert(path.to_owned()) {
            self.blank.push(path.to_owned());
        }
    }
}

/// What a rendering reads and does not change.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) namespaces: Object,
    pub(super) snippets: BTreeMap<String, String>,
    pub(super) links: Links,
    pub(super) clock: SharedClock,
}

/// What the rendering reads, from the registers.
pub(super) fn shared(runtime: &dyn Runtime) -> Result<Arc<Shared>, Error> {
    let shared = runtime.registers().get_mut::<State>().shared.clone();
    shared.ok_or_else(|| Error::with_msg("the rendering has no data"))
}

/// Charges one step.
pub(super) fn step(runtime: &dyn Runtime) -> Result<(), Error> {
    charge(runtime, 1)
}

fn charge(runtime: &dyn Runtime, steps: u64) -> Result<(), Error> {
    let mut state = runtime.registers().get_mut::<State>();
    state.steps = state.steps.saturating_add(steps);
    if state.steps > MAX_STEPS {
        return Err(Error::with_msg("template limit exceeded: too much work (loops, or large values)"));
    }
    Ok(())
}

/// Charges for text that is read or written.
pub(super) fn charge_text(runtime: &dyn Runtime, text: &str) -> Result<(), Error> {
    charge(runtime, text.len() as u64 / 256)
}

/// Charges for a value by its size, and refuses one that is too large or nested too deeply.
pub(super) fn charge_value(runtime: &dyn Runtime, value: &Value) -> Result<(), Error> {
    let bytes = size_bytes(value, MAX_VALUE_DEPTH)
        .filter(|bytes| *bytes <= MAX_OUTPUT_BYTES)
        .ok_or_else(|| Error::with_msg("template limit exceeded: a value is too large"))?;
    charge(runtime, 1 + bytes as u64 / 256)
}

/// Roughly the size of `value`; nothing if it is deeper than `depth`.
fn size_bytes(value: &Value, depth: usize) -> Option<usize> {
    let inner = depth.checked_sub(1)?;
    match value {
        Value::Scalar(scalar) => Some(16 + scalar.as_ref().into_cow_str().len()),
        Value::Array(items) => items.iter().try_fold(32, |sum, item| Some(sum + size_bytes(item, inner)?)),
        Value::Object(object) => {
            object.iter().try_fold(32, |sum, (key, item)| Some(sum + key.len() + size_bytes(item, inner)?))
        }
        _ => Some(16),
    }
}

/// Counts a template that is rendered within another one.
pub(super) fn enter_template(runtime: &dyn Runtime) -> Result<(), Error> {
    let mut state = runtime.registers().get_mut::<State>();
    state.templates_deep += 1;
    if state.templates_deep > MAX_TEMPLATES_DEEP {
        return Err(Error::with_msg("template limit exceeded: snippets are nested too deeply"));
    }
    Ok(())
}

/// Counts an expression that is evaluated within another one: a variable may hold an expression that names itself.
pub(super) fn enter_expression(runtime: &dyn Runtime) -> Result<(), Error> {
    let mut state = runtime.registers().get_mut::<State>();
    state.expressions_deep += 1;
    if state.expressions_deep > MAX_EXPRESSIONS_DEEP {
        return Err(Error::with_msg("template limit exceeded: expressions are nested too deeply"));
    }
    Ok(())
}

/// The reverse of [`enter_expression`].
pub(super) fn leave_expression(runtime: &dyn Runtime) {
    let mut state = runtime.registers().get_mut::<State>();
    state.expressions_deep = state.expressions_deep.saturating_sub(1);
}

/// An output that refuses to grow beyond [`MAX_OUTPUT_BYTES`].
#[derive(Debug, Default)]
pub(super) struct Output {
    bytes: Vec<u8>,
}

impl Output {
    pub(super) fn into_text(self) -> String {
        String::from_utf8(self.bytes).unwrap_or_default()
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > MAX_OUTPUT_BYTES {
            return Err(io::Error::other("template limit exceeded: the output is too large"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes text, with the failure of an [`Output`] as an error of the rendering.
pub(super) fn write(writer: &mut dyn Write, text: &str) -> Result<(), Error> {
    writer.write_all(text.as_bytes()).map_err(|error| Error::with_msg(error.to_string()))
}
