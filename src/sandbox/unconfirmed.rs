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
    choice("an anonymous id that was somebody else's, also of a deleted person", "a failed_attribute_change for anonymous_id; the rest applies"),
    choice("anonymous events before they are merged", "kept out of the activity log; without anonymous_id they stand in it under nobody"),
    choice("anonymous events with event merging off", "as those without anonymous_id"),
    // Deliveries and forms.
    choice("a metric of an unknown delivery, of one that never left, or that its channel lacks", "accepted, changes nothing"),
    choice("the metrics of WhatsApp and inbox messages", "those of SMS and of in-app messages"),
    choice("a metric reported again", "one more activity; the time of the first stays"),
    choice("which delivery ids are malformed", "those that are not base64 of 16 bytes or more"),
    choice("unsubscribe: false", "takes the person's unsubscribe back; without the key 400"),
    choice("the keys of a form with both id and email", "id names the person"),
    // Objects.
    choice("an object type that does not exist", "400; types come from the fixture"),
    choice("an unknown cio_object_id", "dropped in silence"),
    choice("a relationship with an object or person that does not exist", "creates it bare"),
    choice("attributes beyond 300 or 100 KB of an object or relationship", "a failed_attribute_change for those"),
    choice("relationships in a merge", "go to the primary, whose own win"),
    choice("an object in the activity log", "object_identifiers, and no customer unless a relationship is meant"),
    choice("relationship attributes in Liquid", "objects.<slug>[i].relationship.*"),
    choice("a type_id in a filter that is not the object_type_id", "400"),
    choice("how many objects or relationships make a page", "50, at most 1000"),
    // Pipelines.
    choice("the body of an accepted call", "{\"success\": true}"),
    choice("the body of a refused call in strict mode", "{\"meta\": {\"error\": …}}"),
    choice("the limits of a call and a batch, where two pages differ", "32 KB and 500 KB; strict mode answers 400"),
    choice("a write key in the body", "taken as one in the header"),
    choice("a batch with invalid calls in strict mode", "400, and the valid ones are applied"),
    choice("a repeated messageId", "ignored for 12 hours, if it is an event"),
    choice("times among traits", "createdAt becomes created_at in Unix seconds; others stay as they came"),
    choice("an alias of an id nobody has", "taken for an anonymous id of the user"),
    choice("an identify with an anonymousId alone", "accepted, changes nothing"),
    // Segments and search.
    choice("deleting a data-driven segment", "400"),
    choice("changing the members of a data-driven or unknown segment", "400"),
    choice("a limit above the maximum", "cut to the maximum"),
    choice("pages by number while rows leave earlier ones", "the later rows move up, as in any list counted from its beginning"),
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
    choice("an SMS without a to", "goes to the address its template has, if it has one; 400 otherwise"),
    choice("message.subject and message.preheader in Liquid", "their templates, not yet rendered"),
    choice("where unsubscribe_url and the other link tags lead", "sandbox.example.com, with the delivery's id"),
    // Snippets, senders, subscriptions.
    choice("creating a snippet whose name is taken", "400"),
    choice("what uses a snippet", "the Liquid of messages and of other snippets"),
    choice("what preferences are made of besides topics", "header, subheader, unsubscribed and the channels of the subscription center"),
    choice("where a subscription center token leads", "sandbox.example.com; the token is signed and names person and expiry"),
    choice("the addresses messages come from", "the one the sandbox listens on"),
    choice("a message to somebody who opted out of its sender", "undeliverable, also with send_to_unsubscribed"),
    choice("opt-outs in a merge", "bind the primary"),
    // Webhooks, refused addresses, data index.
    choice("the events of a webhook", "object_metric of every metric a payload may have, slack_converted and webhook_converted too"),
    choice("the answer to deleting a webhook", "200 {}"),
    choice("a suppression made through the App API", "holds for every sending domain"),
    choice("searching an address of several suppression types", "all its entries, with the category of the oldest"),
    choice("the category of an address nobody suppressed", "absent"),
    choice("an e-mail to a refused address", "dropped, a second after it is due; one refused address among several drops it"),
    choice("an entry of the data index without a name, or with too long a description", "422"),
    // Collections, exports, imports.
    choice("the content of a collection", "a list of rows, as the vendor's client has it; the 2022 description says an object"),
    choice("which files an import or a collection's url may name", "those on this machine: a loopback address, or the sandbox's own"),
    choice("a collection whose file is not to be had", "400; for an import, the state failed with the reason in error"),
    choice("how long an export takes", "a second; each stage of an import too"),
    choice("who made an export", "user_id 0 and no e-mail, since an App key belongs to no user"),
    choice("the columns of an export of people", "cio_id, id, email, then all attributes by name"),
    choice("the columns of an export of deliveries", "those of /v1/messages, one for each metric, then the attributes asked for"),
    choice("the download of an export that is not done", "400; an expired link is 403"),
    choice("an empty cell of an import", "says nothing about its attribute"),
    choice("rows data_to_process leaves out", "are told among the errors"),
    choice("imports of objects and relationships", "fail when they are validated"),
    // Assets and Design Studio.
    choice("a deleted asset", "is still served to the mails that show it; nothing lists it"),
    choice("an asset of the wrong type or size", "400; its dimensions are not looked at"),
    choice("moving a folder into itself", "409"),
    choice("deleting a Design Studio folder with a linked e-mail inside", "409, nothing is deleted"),
    choice("what a Design Studio e-mail can be linked to", "transactional messages, by target.transactional_message_id; nothing else yet"),
    choice("publishing an e-mail that is not linked", "409"),
    choice("publishing in several languages", "done at once, so no publish_id exists"),
    choice("a translation made from an e-mail", "a copy of its wording, with what is given laid over it"),
    choice("the answers to render, preview, review and unpublished_changes", "node_id and the fields their descriptions speak of"),
    choice("custom components in an e-mail's markup", "stay as they are written"),
    choice("the score of a review", "the share of its checks that pass, in percent"),
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
