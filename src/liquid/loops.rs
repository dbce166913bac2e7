//! `for` and `tablerow`.

use std::io::Write;

use liquid_core::{
    Error, Object, Renderable, Runtime, Value, object,
    runtime::{Interrupt, InterruptRegister, StackFrame},
};

use super::{
    evaluate::{self, Reading},
    expression::Operand,
    state::{self, State},
    tree::{Loop, Offset},
    value,
};

/// Renders a `for`. A missing collection fails like any other attribute that is read, also when there is an `else`.
pub(super) fn each(header: &Loop, writer: &mut dyn Write, runtime: &dyn Runtime) -> Result<(), Error> {
    let items = items(header, runtime)?;
    if items.is_empty() {
        return header.otherwise.as_ref().map_or(Ok(()), |body| body.render_to(writer, runtime));
    }
    let length = items.len();
    for (index, item) in items.into_iter().enumerate() {
        charge(header, runtime)?;
        let forloop = progress(header, index, length);
        let frame = frame(header, item, "forloop", forloop);
        header.body.render_to(writer, &StackFrame::new(runtime, &frame))?;
        if stopped(runtime) {
            break;
        }
    }
    Ok(())
}

/// Renders a `tablerow`.
pub(super) fn table(header: &Loop, writer: &mut dyn Write, runtime: &dyn Runtime) -> Result<(), Error> {
    let items = items(header, runtime)?;
    let length = items.len();
    let columns = match &header.columns {
        Some(columns) => whole(columns, runtime)?.max(1),
        None => length.max(1),
    };
    for (index, item) in items.into_iter().enumerate() {
        charge(header, runtime)?;
        let (row, column) = (index / columns + 1, index % columns + 1);
        if column == 1 {
            let close = if row == 1 { "" } else { "</tr>" };
            state::write(writer, &format!("{close}<tr class=\"row{row}\">"))?;
        }
        state::write(writer, &format!("<td class=\"col{column}\">"))?;
        let mut progress = progress(header, index, length);
        progress.insert("row".into(), count(row));
        progress.insert("col".into(), count(column));
        progress.insert("col0".into(), count(column - 1));
        progress.insert("col_first".into(), Value::scalar(column == 1));
        progress.insert("col_last".into(), Value::scalar(column == columns));
        let frame = frame(header, item, "tablerowloop", progress);
        header.body.render_to(writer, &StackFrame::new(runtime, &frame))?;
        state::write(writer, "</td>")?;
        if stopped(runtime) {
            break;
        }
    }
    if length > 0 { state::write(writer, "</tr>") } else { Ok(()) }
}

/// Charges for one pass, in which the names of the loop are written anew.
fn charge(header: &Loop, runtime: &dyn Runtime) -> Result<(), Error> {
    state::step(runtime)?;
    state::charge_text(runtime, &header.variable)?;
    state::charge_text(runtime, &header.collection_text)
}

/// The items of the collection after `offset`, `limit` and `reversed`, in the order LiquidJS applies them.
fn items(header: &Loop, runtime: &dyn Runtime) -> Result<Vec<Value>, Error> {
    let collection = evaluate::operand(&header.collection, Reading::Required, runtime)?;
    let mut items = value::items(&collection);
    let key = format!("{}-{}", header.variable, header.collection_text);
    let offset = match &header.offset {
        None => 0,
        Some(Offset::At(offset)) => whole(offset, runtime)?,
        Some(Offset::Continue) => runtime.registers().get_mut::<State>().stops.get(&key).copied().unwrap_or(0),
    };
    items.drain(..offset.min(items.len()));
    if let Some(limit) = &header.limit {
        items.truncate(whole(limit, runtime)?);
    }
    runtime.registers().get_mut::<State>().stops.insert(key, offset.saturating_add(items.len()));
    if header.reversed {
        items.reverse();
    }
    Ok(items)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates")]
fn whole(operand: &Operand, runtime: &dyn Runtime) -> Result<usize, Error> {
    let number = evaluate::operand(operand, Reading::Required, runtime)?;
    Ok(value::number(&number) as usize)
}

fn count(number: usize) -> Value {
    Value::scalar(i64::try_from(number).unwrap_or(i64::MAX))
}

/// What `forloop` holds.
fn progress(header: &Loop, index: usize, length: usize) -> Object {
    object!({
        "name": format!("{}-{}", header.variable, header.collection_text),
        "length": count(length),
        "index": count(index + 1),
        "index0": count(index),
        "rindex": count(length - index),
        "rindex0": count(length - index - 1),
        "first": index == 0,
        "last": index + 1 == length,
    })
}

fn frame(header: &Loop, item: Value, name: &'static str, progress: Object) -> Object {
    let mut frame = Object::new();
    frame.insert(name.into(), Value::Object(progress));
    frame.insert(header.variable.clone().into(), item);
    frame
}

/// Takes note of `break` and `continue`: true if the loop ends.
fn stopped(runtime: &dyn Runtime) -> bool {
    matches!(runtime.registers().get_mut::<InterruptRegister>().reset(), Some(Interrupt::Break))
}
