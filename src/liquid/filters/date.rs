//! Dates: formatting, and Customer.io's date arithmetic.

use jiff::{Span, Timestamp, tz::TimeZone};
use liquid_core::{Error, Value, ValueView, model::DateTime};

use super::{Call, FilterFunction, number};
use crate::liquid::{
    state,
    time::{self, Moment},
    value,
};

pub(super) fn find(name: &str) -> Option<FilterFunction> {
    Some(match name {
        "date" => date,
        "timezone" => moved_to_zone,
        "date_to_xmlschema" => |call| formatted(call, "%Y-%m-%dT%H:%M:%S%:z", 0),
        "date_to_rfc822" => |call| formatted(call, "%a, %d %b %Y %H:%M:%S %z", 0),
        "date_to_string" => |call| formatted(call, spelled(call, "%b"), 2),
        "date_to_long_string" => |call| formatted(call, spelled(call, "%B"), 2),
        _ => return arithmetic(name),
    })
}

fn arithmetic(name: &str) -> Option<FilterFunction> {
    let (operation, unit) = name.split_once('_')?;
    if !matches!(operation, "add" | "subtract") {
        return None;
    }
    matches!(unit, "day" | "month" | "year").then_some(shifted as FilterFunction)
}

/// `date: format, timezone`. What is no date passes unchanged, as in LiquidJS.
fn date(call: &Call<'_>) -> Result<Value, Error> {
    let format = call.argument(0).map_or_else(|| time::DEFAULT_FORMAT.to_owned(), value::text);
    formatted(call, &format, 1)
}

/// The format of `date_to_string`, by style: plain, ordinal, ordinal the American way.
fn spelled(call: &Call<'_>, month: &str) -> &'static str {
    match (call.argument_text(0).as_str(), call.argument_text(1).as_str(), month) {
        ("ordinal", "US", "%b") => "%b %-d%q, %Y",
        ("ordinal", "US", _) => "%B %-d%q, %Y",
        ("ordinal", _, "%b") => "%-d%q %b %Y",
        ("ordinal", _, _) => "%-d%q %B %Y",
        (_, _, "%b") => "%d %b %Y",
        _ => "%d %B %Y",
    }
}

fn formatted(call: &Call<'_>, format: &str, timezone_at: usize) -> Result<Value, Error> {
    let Some(instant) = instant(call)? else { return Ok(call.input.clone()) };
    let (zone, name) = match call.argument(timezone_at) {
        Some(zone) => timezone(call, zone)?,
        None => carried_zone(&call.input).map_or((TimeZone::UTC, Some("UTC".to_owned())), |zone| (zone, None)),
    };
    let moment = Moment { at: instant.to_zoned_datetime(zone), zone_name: name };
    Ok(Value::scalar(time::format(&moment, format)))
}

/// `timezone`: a date that `date` writes in the zone given here. The vendor advises against it, `date` takes a zone.
fn moved_to_zone(call: &Call<'_>) -> Result<Value, Error> {
    let Some(instant) = instant(call)? else { return Ok(call.input.clone()) };
    let (zone, _) = timezone(call, call.argument(0).unwrap_or(&Value::Nil))?;
    let text = instant.to_zoned_datetime(zone).strftime("%Y-%m-%d %H:%M:%S %z").to_string();
    Ok(DateTime::from_str(&text).map_or_else(|| Value::scalar(text), Value::scalar))
}

/// The zone that `timezone` gave a date: its last five characters.
fn carried_zone(input: &Value) -> Option<TimeZone> {
    let scalar = input.as_scalar().filter(|scalar| scalar.type_name() == "date time")?;
    let text = scalar.into_string();
    let (sign, digits) = text.as_str().get(text.len().checked_sub(5)?..)?.split_at(1);
    let (hours, minutes): (i32, i32) = (digits[..2].parse().ok()?, digits[2..].parse().ok()?);
    let seconds = (hours * 60 + minutes) * if sign == "-" { -60 } else { 60 };
    jiff::tz::Offset::from_seconds(seconds).ok().map(jiff::tz::Offset::to_time_zone)
}

/// The input as an instant: `now`, `today`, Unix seconds, or a date in words.
fn instant(call: &Call<'_>) -> Result<Option<Timestamp>, Error> {
    let text = match value::kind(&call.input) {
        value::Kind::Number(seconds) => return Ok(time::from_seconds(seconds)),
        value::Kind::Text(text) => text.into_owned(),
        _ => return Ok(None),
    };
    match text.as_str() {
        "now" | "today" => Ok(Some(state::shared(call.runtime)?.clock.now())),
        _ => Ok(time::parse(&text)),
    }
}

/// A time zone by its IANA name, or by minutes as JavaScript counts them: 360 is six hours behind UTC.
#[expect(clippy::cast_possible_truncation, reason = "the cast saturates")]
fn timezone(call: &Call<'_>, zone: &Value) -> Result<(TimeZone, Option<String>), Error> {
    let unknown = || call.failure(&format!("unknown time zone \"{}\"", value::text(zone)));
    if let value::Kind::Text(name) = value::kind(zone) {
        let zone = TimeZone::get(name.trim()).map_err(|_| unknown())?;
        return Ok((zone, Some(name.into_owned())));
    }
    let seconds = (number(zone) * -60.0) as i32;
    let offset = jiff::tz::Offset::from_seconds(seconds).map_err(|_| unknown())?;
    Ok((offset.to_time_zone(), None))
}

/// `add_day: 3` and its like: Unix seconds, so that `date` can follow.
#[expect(clippy::cast_possible_truncation, reason = "the cast saturates")]
fn shifted(call: &Call<'_>) -> Result<Value, Error> {
    let Some(instant) = instant(call)? else { return Ok(call.input.clone()) };
    let (operation, unit) = call.name.split_once('_').unwrap_or_default();
    let count = call.argument_number(0).unwrap_or_default().trunc() as i64;
    let count = if operation == "subtract" { count.saturating_neg() } else { count };
    let span = match unit {
        "day" => Span::new().try_days(count),
        "month" => Span::new().try_months(count),
        _ => Span::new().try_years(count),
    };
    let moved = span.and_then(|span| instant.to_zoned_datetime(TimeZone::UTC).checked_add(span));
    let moved = moved.map_err(|_| call.failure("the date is out of range"))?;
    Ok(Value::scalar(moved.timestamp().as_second()))
}
