//! Dates as LiquidJS reads and writes them: `new Date(...)` on the way in, Ruby's `strftime` with `%q` on the way out.
//! Where a text has no time zone it is taken to be UTC.

use std::fmt::Write;

use jiff::{Timestamp, ZonedDateTime, civil, fmt::rfc2822, tz::TimeZone};

/// The format of `date` without one.
pub(super) const DEFAULT_FORMAT: &str = "%A, %B %-e, %Y at %-l:%M %P %z";

/// A time in a zone, with the name the zone was asked for by.
#[derive(Debug)]
pub(super) struct Moment {
    pub(super) at: ZonedDateTime,
    pub(super) zone_name: Option<String>,
}

/// The instant `seconds` after the epoch.
#[expect(clippy::cast_possible_truncation, reason = "the cast saturates")]
pub(super) fn from_seconds(seconds: f64) -> Option<Timestamp> {
    Timestamp::from_millisecond((seconds * 1000.0) as i64).ok()
}

/// A date written as text. Digits alone are Unix seconds.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return from_seconds(text.parse().ok()?);
    }
    let exact = text.parse().ok().or_else(|| rfc2822::parse(text).ok().map(|zoned| zoned.timestamp()));
    exact.or_else(|| with_offset(text)).or_else(|| without_offset(text))
}

fn with_offset(text: &str) -> Option<Timestamp> {
    const FORMATS: [&str; 6] = [
        "%Y-%m-%d %H:%M:%S %z",
        "%Y-%m-%d %H:%M %z",
        "%d %b %Y %H:%M:%S %z",
        "%b %d %Y %H:%M:%S %z",
        "%a %b %d %Y %H:%M:%S GMT%z",
        "%Y/%m/%d %H:%M:%S %z",
    ];
    FORMATS.iter().find_map(|format| Timestamp::strptime(format, text).ok())
}

fn without_offset(text: &str) -> Option<Timestamp> {
    const DATES: [&str; 8] =
        ["%Y-%m-%d", "%Y/%m/%d", "%m/%d/%Y", "%d %B %Y", "%d %b %Y", "%B %d, %Y", "%b %d, %Y", "%B %d %Y"];
    const TIMES: [&str; 3] = [" %H:%M:%S", " %H:%M", "T%H:%M:%S"];
    if let Ok(moment) = text.parse::<civil::DateTime>() {
        return moment.to_zoned_datetime(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    }
    let moment = DATES.iter().find_map(|format| {
        let timed = TIMES.iter().find_map(|time| civil::DateTime::strptime(format!("{format}{time}"), text).ok());
        timed.or_else(|| civil::Date::strptime(format, text).ok().map(|date| date.at(0, 0, 0, 0)))
    })?;
    moment.to_zoned_datetime(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// `moment` by a `strftime` format, with Ruby's flags (`-`, `_`, `0`, `^`, `#`) and widths.
pub(super) fn format(moment: &Moment, format: &str) -> String {
    let mut text = String::new();
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        text.push_str(&rest[..at]);
        let (directive, after) = Directive::read(&rest[at + 1..]);
        match directive.and_then(|directive| directive.write(moment)) {
            Some(written) => text.push_str(&written),
            None => text.push_str(&rest[at..rest.len() - after.len()]),
        }
        rest = after;
    }
    text.push_str(rest);
    text
}

/// The widest padding a format can ask for, in characters.
const MAX_WIDTH: usize = 100;

struct Directive {
    flag: Option<char>,
    colons: usize,
    width: Option<usize>,
    letter: char,
}

impl Directive {
    /// The directive after a `%`, and what follows it.
    fn read(source: &str) -> (Option<Self>, &str) {
        let mut rest = source;
        let mut flag = None;
        while let Some(c) = rest.chars().next().filter(|c| "-_0^#".contains(*c)) {
            flag = Some(c);
            rest = &rest[1..];
        }
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let width = rest[..digits].parse().ok().map(|width: usize| width.min(MAX_WIDTH));
        rest = &rest[digits..];
        let colons = rest.bytes().take_while(|byte| *byte == b':').count();
        rest = &rest[colons..];
        let mut chars = rest.chars();
        let directive = chars.next().map(|letter| Self { flag, colons, width, letter });
        (directive, chars.as_str())
    }

    fn write(&self, moment: &Moment) -> Option<String> {
        let (text, pad, width) = self.bare(moment)?;
        let text = match self.flag {
            Some('^') => text.to_uppercase(),
            Some('#') if text.chars().any(char::is_lowercase) => text.to_uppercase(),
            Some('#') => text.to_lowercase(),
            _ => text,
        };
        let pad = match self.flag {
            Some('-') => return Some(text),
            Some('_') => ' ',
            Some('0') => '0',
            _ => pad,
        };
        let missing = self.width.unwrap_or(width).saturating_sub(text.chars().count());
        Some(std::iter::repeat_n(pad, missing).chain(text.chars()).collect())
    }

    /// The text without padding, what it is padded with and how wide it is by default.
    fn bare(&self, moment: &Moment) -> Option<(String, char, usize)> {
        let at = &moment.at;
        let word = |text: String| Some((text, ' ', 0));
        let digits = |number: i64, width: usize| Some((number.to_string(), '0', width));
        let spaced = |number: i64| Some((number.to_string(), ' ', 2));
        let twelve = i64::from(match at.hour() % 12 {
            0 => 12,
            hour => hour,
        });
        let year = i64::from(at.year());
        let afternoon = at.hour() >= 12;
        match self.letter {
            'a' | 'A' | 'b' | 'B' | 'h' => word(self.name(at)),
            'c' => word(format(moment, "%-m/%-d/%Y, %-I:%M:%S %p")),
            'x' => word(format(moment, "%-m/%-d/%Y")),
            'X' => word(format(moment, "%-I:%M:%S %p")),
            'C' => digits(year.div_euclid(100), 2),
            'd' => digits(at.day().into(), 2),
            'D' => word(format(moment, "%m/%d/%y")),
            'e' => spaced(at.day().into()),
            'F' => word(format(moment, "%Y-%m-%d")),
            'H' => digits(at.hour().into(), 2),
            'I' => digits(twelve, 2),
            'j' => digits(at.day_of_year().into(), 3),
            'k' => spaced(at.hour().into()),
            'l' => spaced(twelve),
            'L' => digits((at.subsec_nanosecond() / 1_000_000).into(), 3),
            'm' => digits(at.month().into(), 2),
            'M' => digits(at.minute().into(), 2),
            'N' => word(self.fraction(at)),
            'p' => word(if afternoon { "PM" } else { "AM" }.to_owned()),
            'P' => word(if afternoon { "pm" } else { "am" }.to_owned()),
            'q' => word(ordinal(at.day()).to_owned()),
            'R' => word(format(moment, "%H:%M")),
            's' => word(at.timestamp().as_second().to_string()),
            'S' => digits(at.second().into(), 2),
            'T' => word(format(moment, "%H:%M:%S")),
            'u' => word(at.weekday().to_monday_one_offset().to_string()),
            'U' => digits(week(at, at.weekday().to_sunday_zero_offset()), 2),
            'w' => word(at.weekday().to_sunday_zero_offset().to_string()),
            'W' => digits(week(at, at.weekday().to_monday_zero_offset()), 2),
            'y' => digits(year.rem_euclid(100), 2),
            'Y' => digits(year, 4),
            'z' => word(offset(at, self.colons)),
            'Z' => word(moment.zone_name.clone().unwrap_or_else(|| offset(at, 0))),
            't' => word("\t".to_owned()),
            'n' => word("\n".to_owned()),
            '%' => word("%".to_owned()),
            _ => None,
        }
    }

    fn name(&self, at: &ZonedDateTime) -> String {
        let format = match self.letter {
            'a' => "%a",
            'A' => "%A",
            'B' => "%B",
            _ => "%b",
        };
        at.strftime(format).to_string()
    }

    /// Nanoseconds, cut to the width.
    fn fraction(&self, at: &ZonedDateTime) -> String {
        let digits = format!("{:09}", at.subsec_nanosecond());
        digits.chars().take(self.width.unwrap_or(9)).collect()
    }
}

/// The week of the year; `days` is how far the week has gone on the day.
fn week(at: &ZonedDateTime, days: i8) -> i64 {
    (i64::from(at.day_of_year()) + 6 - i64::from(days)) / 7
}

fn ordinal(day: i8) -> &'static str {
    match day {
        11..=13 => "th",
        _ => match day % 10 {
            1 => "st",
            2 => "nd",
            3 => "rd",
            _ => "th",
        },
    }
}

fn offset(at: &ZonedDateTime, colons: usize) -> String {
    let seconds = at.offset().seconds();
    let minutes = seconds.abs() / 60;
    let colon = if colons > 0 { ":" } else { "" };
    let mut text = String::new();
    let sign = if seconds < 0 { '-' } else { '+' };
    // Writing to a String cannot fail.
    let _ = write!(text, "{sign}{:02}{colon}{:02}", minutes / 60, minutes % 60);
    text
}
