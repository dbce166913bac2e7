//! Customer.io's own tags (behaviour.md section 12). They are tags and not variables: `{{unsubscribe_url}}` renders
//! nothing.

use std::io::Write;

use jiff::civil;
use liquid_core::{Error, Renderable, Runtime, Value};

use super::{
    error::RenderError,
    evaluate::{self, Reading},
    expression::{Operand, Parser, Path},
    options, render, state, tree, value,
};
use crate::clock;

/// Names of the vendor's tags, for a hint when one is written as a variable.
pub(super) const NAMES: [&str; 12] = [
    "unsubscribe_url",
    "unsubscribe",
    "manage_subscription_preferences_url",
    "view_in_browser_url",
    "cio_link",
    "cio_link_id",
    "tracking_consent_url",
    "subscription_topic_name",
    "generate_uuid",
    "random",
    "countdown",
    "render_liquid",
];

/// One of the vendor's tags.
#[derive(Debug, Clone)]
pub(super) enum VendorTag {
    /// A tag that puts out one of [`super::Links`].
    Link(&'static str),
    /// `cio_link url:... track:... url_params:...`; the address is text, a variable, or text with outputs in it.
    TrackedLink(Address),
    GenerateUuid,
    /// `random 100`: a whole number from 0 up to, not including, 100.
    Random(Operand),
    /// `render_liquid x.y`: the content of an attribute, rendered as Liquid.
    RenderLiquid(Path),
}

#[derive(Debug, Clone)]
pub(super) enum Address {
    Template(tree::Body),
    Variable(Path),
}

impl VendorTag {
    /// The tag called `name`, if the vendor has one.
    pub(super) fn parse(name: &str, arguments: &str, line: usize) -> Result<Option<Self>, RenderError> {
        let Some(known) = NAMES.iter().find(|known| **known == name) else { return Ok(None) };
        Ok(Some(match *known {
            "cio_link" => Self::TrackedLink(address(arguments, line)?),
            "generate_uuid" => Self::GenerateUuid,
            "random" => {
                let mut parser = Parser::new(arguments, line);
                let bound = parser.operand()?;
                parser.expect_end()?;
                Self::Random(bound)
            }
            "countdown" => {
                check_countdown(arguments, line)?;
                Self::Link("countdown")
            }
            "subscription_topic_name" => {
                options::read(arguments, line)?;
                Self::Link("subscription_topic_name")
            }
            "render_liquid" => Self::RenderLiquid(tree::path_argument(arguments, line)?),
            other => Self::Link(other),
        }))
    }
}

/// The `url` of a `cio_link`.
fn address(arguments: &str, line: usize) -> Result<Address, RenderError> {
    let options = options::read(arguments, line)?;
    let source = options::find(&options, "url").filter(|url| !url.is_empty());
    let source = source.ok_or_else(|| RenderError::syntax("cio_link needs url:<address>", line))?;
    let literal = source.contains(['/', ':', '{', '@']);
    match tree::path_argument(source, line) {
        Ok(path) if !literal => Ok(Address::Variable(path)),
        _ => tree::parse(source).map(Address::Template),
    }
}

/// What a `countdown` has to say of its image. The time is read before there is a recipient, so it cannot hold Liquid.
fn check_countdown(arguments: &str, line: usize) -> Result<(), RenderError> {
    const MAX_FRAMES: u32 = 60;
    let options = options::read(arguments, line)?;
    let wrong = |option: &str, wanted: &str| RenderError::syntax(format!("countdown needs {option}:<{wanted}>"), line);
    let given = |option| options::find(&options, option);
    let whole = |value: &str| value.parse::<u32>().ok();
    let is_colour = |value: &&str| matches!(value.len(), 3 | 6) && value.bytes().all(|byte| byte.is_ascii_hexdigit());
    given("point").and_then(whole).ok_or_else(|| wrong("point", "size of the letters"))?;
    given("time").filter(|value| is_time(value)).ok_or_else(|| wrong("time", "YYYY-MM-DD hh:mm:ss (GMT)"))?;
    for option in ["fg", "bg"] {
        given(option).filter(is_colour).ok_or_else(|| wrong(option, "colour in hexadecimal"))?;
    }
    let frames = given("frames").map(|value| whole(value).is_some_and(|frames| (1..=MAX_FRAMES).contains(&frames)));
    if frames == Some(false) {
        return Err(wrong("frames", "a number up to 60"));
    }
    let resolution = given("resolution").is_none_or(|value| ["S", "M", "H", "D"].contains(&value));
    if resolution { Ok(()) } else { Err(wrong("resolution", "S, M, H or D")) }
}

/// `2026-01-01 12:00:00 (GMT)`; the time zone may be left out.
fn is_time(value: &str) -> bool {
    let moment = value.split('(').next().unwrap_or_default().trim();
    civil::DateTime::strptime("%Y-%m-%d %H:%M:%S", moment).is_ok()
}

impl Renderable for VendorTag {
    fn render_to(&self, writer: &mut dyn Write, runtime: &dyn Runtime) -> Result<(), Error> {
        let text = match self {
            Self::Link(name) => link(name, runtime)?,
            Self::TrackedLink(Address::Template(body)) => render::captured(body, runtime)?,
            Self::TrackedLink(Address::Variable(path)) => read(path, runtime)?,
            Self::GenerateUuid => uuid(runtime)?,
            Self::Random(bound) => random(bound, runtime)?,
            Self::RenderLiquid(path) => {
                let source = read(path, runtime)?;
                render::isolated(&source, runtime)?
            }
        };
        state::write(writer, &text)
    }
}

fn read(path: &Path, runtime: &dyn Runtime) -> Result<String, Error> {
    evaluate::operand(&Operand::Path(path.clone()), Reading::Required, runtime).map(|read| value::text(&read))
}

fn link(name: &str, runtime: &dyn Runtime) -> Result<String, Error> {
    let shared = state::shared(runtime)?;
    let links = &shared.links;
    Ok(match name {
        "unsubscribe_url" => links.unsubscribe_url.clone(),
        "unsubscribe" => format!("<a href=\"{}\" class=\"untracked\">unsubscribe</a>", links.unsubscribe_url),
        "manage_subscription_preferences_url" => links.manage_subscription_preferences_url.clone(),
        "view_in_browser_url" => links.view_in_browser_url.clone(),
        "tracking_consent_url" => links.tracking_consent_url.clone(),
        "subscription_topic_name" => links.subscription_topic_name.clone(),
        "countdown" => links.countdown_url.clone(),
        _ => links.cio_link_id.clone(),
    })
}

/// A version 4 UUID from the clock's randomness.
fn uuid(runtime: &dyn Runtime) -> Result<String, Error> {
    let shared = state::shared(runtime)?;
    let mut bytes = clock::random_bytes::<16>(&*shared.clock);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let digits = hex::encode(bytes);
    let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
    Ok(parts.join("-"))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates")]
fn random(bound: &Operand, runtime: &dyn Runtime) -> Result<String, Error> {
    let bound: Value = evaluate::operand(bound, Reading::Required, runtime)?;
    let bound = value::number(&bound) as u64;
    let shared = state::shared(runtime)?;
    let drawn = u64::from_be_bytes(clock::random_bytes::<8>(&*shared.clock));
    Ok(drawn.checked_rem(bound).unwrap_or(0).to_string())
}
