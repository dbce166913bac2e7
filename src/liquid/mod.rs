//! Customer.io's Liquid dialect: renders a template, and says what it asks for.
//!
//! The dialect is the vendor's "latest" one, LiquidJS with strict variables (behaviour.md section 12). Its runtime is
//! that of the `liquid` crate (`liquid-core`: values, frames, registers, interrupts). Syntax, operators and filters
//! are ours, since the crate's would give wrong verdicts on templates that the vendor accepts, and the reverse.
//!
//! # When a rendering fails
//!
//! * An attribute that its namespace does not have fails the rendering, and so does a property that a local or loop
//!   variable does not have: `{{ item.name }}`, where `item` has no `name`, fails as `{{ customer.name }}` would.
//! * The read is lenient in the conditions of `if`, `elsif`, `unless`, `case` and `when`, and where the first filter
//!   is `default`. In `{{ x | upcase | default: "y" }}` the fallback comes too late.
//! * It is strict everywhere else: in `assign`, in filter arguments (also those of `default`), as the collection of a
//!   `for` (also one with `else`), in an index and at the ends of a range.
//! * A namespace or a local variable that does not exist renders nothing and fails nothing.
//! * Null is not missing: an attribute that is null renders nothing, and so does whatever is read from it.
//!
//! # Where the `liquid` crate differs from LiquidJS
//!
//! Each line has a test in `differences.rs`.
//!
//! * Names that begin like a literal (`empty_cart`) are syntax errors in the crate; integers beyond 64 bits panic.
//! * `7 | divided_by: 2` is 3.5, not 3; whole results lose their decimals.
//! * `modulo` is never negative; texts count as numbers (`"5" | plus: 1`), and what is no number counts as nought.
//! * `"10" > 9` compares as numbers; nothing is above or below nil.
//! * `escape` writes `&#34;`; `capitalize` lowers the rest of the text; `truncate` counts characters, not bytes.
//! * Filters on nil are an empty text, nought or an empty list instead of an error.
//! * `date` knows `now`, Unix seconds, time zones and `%q`.
//!
//! # Choices not confirmed by the vendor
//!
//! Each has a row in `differences.rs`. A message of the vendor's legacy version (Ruby Liquid) is rendered as one of the
//! latest. `modulo` of a negative number is the mathematical one (`-7 | modulo: 3` is 2). Date arithmetic gives Unix
//! seconds and takes `now`. `random n` is below n. `render_liquid` does not see the variables of its host. Objects are
//! walked and written in alphabetical order of their keys. `pluralize` writes the word without the number. `blank`
//! covers whitespace and empty lists, as in LiquidJS. `timezone` and `htmlencode`, which are deprecated, work; `timezone`
//! counts minutes. `objects.<plural>.size` never equals nought. An unknown locale is American, an unknown currency its
//! code. `cio_link` puts out its address without tracking, `countdown` the address of an image; a topic has one name.

mod characters;
mod error;
mod evaluate;
mod expression;
mod filters;
mod inspect;
mod loops;
mod options;
mod render;
mod scan;
mod state;
mod time;
mod tree;
mod value;
mod vendor;

#[cfg(test)]
mod differences;
#[cfg(test)]
mod statements;

use std::{collections::BTreeMap, sync::Arc};

pub use error::{RenderError, RenderErrorKind};
pub use inspect::{Finding, FindingKind, Variable, lint, variables};
use state::{Shared, State};

use crate::clock::SharedClock;

/// What a template is rendered with.
#[derive(Debug, Clone)]
pub struct Data {
    /// Values by namespace: `customer`, `trigger`, `event`, `journey`, `objects`, `campaign`, `message`, `content`,
    /// `delivery_id`, `event_name` and so on. A namespace that is absent here does not exist for this message and
    /// renders nothing.
    pub namespaces: serde_json::Map<String, serde_json::Value>,
    /// Snippets by name, as Liquid. A snippet and its host do not see each other's variables.
    pub snippets: BTreeMap<String, String>,
    /// Addresses the vendor's tags put out.
    pub links: Links,
    /// The source of `now`, `generate_uuid` and `random`.
    pub clock: SharedClock,
}

/// What the vendor's tags put out. The default values are placeholders for previews.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Links {
    /// `{% unsubscribe_url %}`, and the address in `{% unsubscribe %}`.
    pub unsubscribe_url: String,
    /// `{% manage_subscription_preferences_url %}`.
    pub manage_subscription_preferences_url: String,
    /// `{% view_in_browser_url %}`.
    pub view_in_browser_url: String,
    /// `{% tracking_consent_url %}`.
    pub tracking_consent_url: String,
    /// `{% subscription_topic_name %}`; empty where the message has no topic.
    pub subscription_topic_name: String,
    /// `{% cio_link_id %}`.
    pub cio_link_id: String,
    /// `{% countdown ... %}`: the address of the image.
    pub countdown_url: String,
}

impl Default for Links {
    fn default() -> Self {
        let preview = |path: &str| format!("https://preview.example.com/{path}");
        Self {
            unsubscribe_url: preview("unsubscribe"),
            manage_subscription_preferences_url: preview("manage-subscription-preferences"),
            view_in_browser_url: preview("view-in-browser"),
            tracking_consent_url: preview("tracking-consent"),
            subscription_topic_name: String::new(),
            cio_link_id: "preview".to_owned(),
            countdown_url: preview("countdown.gif"),
        }
    }
}

/// Renders `template`.
///
/// # Errors
/// The failure that would become the delivery's `failure_message`: a missing attribute, a syntax error, a limit.
pub fn render(template: &str, data: &Data) -> Result<String, RenderError> {
    let body = tree::parse(template)?;
    render::document(&body, fresh_state(data)).0
}

/// A state at the start of a rendering.
fn fresh_state(data: &Data) -> State {
    let shared = Shared {
        namespaces: value::object_from_json(&data.namespaces),
        snippets: data.snippets.clone(),
        links: data.links.clone(),
        clock: Arc::clone(&data.clock),
    };
    State { shared: Some(Arc::new(shared)), ..State::default() }
}
