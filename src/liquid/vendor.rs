//! Customer.io's own tags (behaviour.md section 12). They are tags and not variables: `{{unsubscribe_url}}` renders
//! nothing.

use std::io::Write;

use liquid_core::{Error, Renderable, Runtime, Value};

use super::{
    error::RenderError,
    evaluate::{self, Reading},
    expression::{Operand, Parser, Path},
    render, state, tree, value,
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
            "render_liquid" => Self::RenderLiquid(tree::path_argument(arguments, line)?),
            other => Self::Link(other),
        }))
    }
}

/// The `url` of a `cio_link`.
fn address(arguments: &str, line: usize) -> Result<Address, RenderError> {
    let at = arguments.find("url:").ok_or_else(|| RenderError::syntax("cio_link needs url:<address>", line))?;
    let source = arguments[at + 4..].trim_start();
    let source = match source.chars().next() {
        Some(quote @ ('"' | '\'')) => source[1..].split(quote).next().unwrap_or_default(),
        _ => without_options(source),
    };
    if source.is_empty() {
        return Err(RenderError::syntax("cio_link needs url:<address>", line));
    }
    let literal = source.contains(['/', ':', '{', '@']);
    match tree::path_argument(source, line) {
        Ok(path) if !literal => Ok(Address::Variable(path)),
        _ => tree::parse(source).map(Address::Template),
    }
}

/// `source` up to ` track:` or ` url_params:`.
fn without_options(source: &str) -> &str {
    let ends = [" track:", " url_params:"].iter().filter_map(|option| source.find(option));
    source[..ends.min().unwrap_or(source.len())].trim_end()
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
