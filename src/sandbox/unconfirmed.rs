//! What no source settles, and what the sandbox does about it. `GET /_sandbox` shows the list.

/// One decision without evidence.
pub(super) struct Choice {
    pub(super) question: &'static str,
    pub(super) choice: &'static str,
}

const fn choice(question: &'static str, choice: &'static str) -> Choice {
    Choice { question, choice }
}

/// All of them.
#[rustfmt::skip]
pub(super) const UNCONFIRMED: &[Choice] = &[
    // People.
    choice("what applies when path and body name two people", "nothing; the log of the person in the path has a failed_attribute_change"),
    choice("what applies when an identifier cannot be changed", "everything but the identifier, which is a failed_attribute_change"),
    choice("an e-mail that is not one, in a body", "a failed_attribute_change for email; the rest applies"),
    choice("an update with an equal or older _timestamp", "equal overwrites, older does not, attribute by attribute"),
    choice("null or \"\" as an attribute of a person", "removes it"),
    choice("null or \"\" as the id or e-mail of a person", "\"\" as id is 400; anything else leaves the identifier as it is"),
    choice("a 301st attribute of a person", "a failed_attribute_change for that attribute"),
    choice("an event or device for an unknown identifier", "creates a bare person, except for an unknown cio_id"),
    choice("a call that names a suppressed identifier in its body", "ignored as a whole"),
    choice("unsuppressing one identifier of a person who had two", "frees that one only"),
    choice("devices in a merge", "go to the primary"),
    choice("an e-mail or id the primary of a merge lacks", "comes from the secondary"),
    // Events.
    choice("how long a repeated event id is ignored", "12 hours by the sandbox's clock"),
    choice("an event id that is not a ULID", "the event is accepted, repeats are not recognised"),
    choice("an event timestamp that is not a number", "the time of receipt"),
    // Segments and search.
    choice("deleting a data-driven segment", "400"),
    choice("changing the members of a data-driven or unknown segment", "400"),
    choice("a limit above the maximum", "cut to the maximum"),
    choice("a filter with more than one key, or an empty list", "400"),
    choice("a filter that names an unknown segment", "matches nobody"),
    choice("activities with deleted=true", "those of deleted people besides the others"),
    // Track v2.
    choice("an oversize body", "400"),
    choice("the reasons an entity is refused for", "required, invalid"),
    // Sends.
    choice("an e-mail without identifiers", "accepted with a template, 400 with an inline body"),
    choice("a send to an unknown id or e-mail", "creates the person, on every channel"),
    choice("a send to an unknown cio_id", "400"),
    choice("a send to a suppressed identifier", "a delivery that ends undeliverable"),
    choice("an unknown template, or one of another channel", "400"),
    choice("send_to_unsubscribed of an e-mail without a template", "true"),
    choice("which attachments are not recognised", "executables: 403"),
    choice("a body without retention", "empty, with forgotten: true"),
    choice("when a message is rendered", "when it is due: at once, or at send_at"),
    choice("numbers and booleans in customer.*", "text, as the App API reads them; lists and objects stay what they are"),
    choice("message.subject and message.preheader in Liquid", "their templates, not yet rendered"),
    choice("where unsubscribe_url and the other link tags lead", "sandbox.example.com, with the delivery's id"),
    // Campaigns, broadcasts, newsletters.
    choice("a language a message does not have", "400; a newsletter's is documented so, the others follow it"),
    choice("the answer to a changed action", "wrapped, as the reads are"),
    choice("actions of a campaign in one page", "10"),
    choice("a trigger within 10 seconds of the last", "429 with Retry-After, whether limits are enforced or not"),
    choice("data_file_url", "422: the sandbox makes no calls of its own"),
    choice("somebody named twice in one trigger", "gets one message"),
    choice("an A/B test of a newsletter", "deals people out in turn, by the order of their creation"),
    choice("somebody who does not want a newsletter's topic", "a delivery that ends undeliverable"),
    choice("a person's language", "the attribute language; de-AT falls back to de, then to the default"),
    choice("newsletters in one page", "50, at most 100"),
    // Metrics.
    choice("steps above the maximum", "cut to the maximum; none given is the maximum, and 12 months"),
    choice("the answer of version 2", "the series of version 1"),
    choice("version 2 without start or end, or with more than 1000 spans", "400"),
    choice("what counts as one link", "an address after Liquid; archived bodies lead through the sandbox"),
    choice("a webhook of a campaign or newsletter", "makes no call and counts as 2xx"),
    // Hosts.
    choice("a request of the other region to Track", "401; the vendor may redirect, which a local imitation must not"),
];
