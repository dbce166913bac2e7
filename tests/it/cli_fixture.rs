//! `sandbox fixture`: what a file holds, or everything that is wrong with it.

use insta::assert_snapshot;

use crate::cli::{customerio_mcp, printed, refused};

fn complaints(text: &str) -> String {
    refused(customerio_mcp(&["sandbox", "fixture", "check", "mine.toml"]).file("mine.toml", text))
}

#[test]
fn the_example_and_the_shop_are_what_a_sandbox_takes() {
    for (flags, people) in [(&[][..], "     2 people\n"), (&["--shop"][..], "    12 people\n")] {
        let text = printed(&[&["sandbox", "fixture", "example"][..], flags].concat());
        let run = customerio_mcp(&["sandbox", "fixture", "check", "mine.toml"]).file("mine.toml", &text).finish();
        assert_eq!((run.code, run.stderr.as_str()), (0, ""));
        assert!(run.stdout.starts_with("mine.toml holds\n") && run.stdout.contains(people), "{}", run.stdout);
        let run = customerio_mcp(&["sandbox", "--print-env", "--seed", "1", "--fixture", "mine.toml"]);
        assert!(run.file("mine.toml", &text).finish().stdout.contains("CIO_TX_EMAIL=2"));
    }
}

#[test]
fn the_example_is_explained() {
    let text = printed(&["sandbox", "fixture", "example"]);
    assert!(text.lines().filter(|line| line.starts_with('#')).count() >= 8, "{text}");
    let longest = text.lines().map(|line| line.chars().count()).max();
    assert!(longest <= Some(120), "{longest:?}");
}

#[test]
fn check_says_what_the_shop_holds() {
    let shop = printed(&["sandbox", "fixture", "example", "--shop"]);
    let run = customerio_mcp(&["sandbox", "fixture", "check", "shop.toml"]).file("shop.toml", &shop).finish();
    assert_snapshot!(run.stdout, @"
    shop.toml holds
        12 people
         2 devices
         6 events
         2 object types
         3 objects
         2 manual segments
         3 data-driven segments
        10 transactional messages
         2 campaigns
         1 broadcast
         2 newsletters
         8 reactions
         2 snippets
         2 topics
         3 senders
         1 opt-out
         2 refused addresses
         1 asset
         1 Design Studio e-mail
         1 collection
         1 reporting webhook
    ");
    let run = customerio_mcp(&["sandbox", "fixture", "check", "empty.toml"]).file("empty.toml", "").finish();
    assert_eq!((run.code, run.stdout.as_str()), (0, "empty.toml holds\n  nothing\n"));
}

#[test]
fn everything_wrong_with_the_form_is_told_at_once_with_its_line() {
    let text = r#"
[workspace]
regoin = "us"
id = "one"

[[people]]
id = "a"
colour = "red"

[[segments]]
name = "no id"
filter = { attribute = { field = "plan", operator = "gt", value = 1 } }

[[segments]]
id = 2
name = "two conditions in one"
filter = { not = { segment = { id = 1 } }, segment = { id = 1 } }

[[campaigns]]
id = 1
name = "c"
actions = [{ id = 1, name = "a message with a name that goes on for a long while, so that its line is long", channel = "fax", body = "b" }]
"#;
    assert_snapshot!(complaints(text), @r#"
    error: mine.toml:3:1: `workspace.regoin` is not a key here: did you mean `region`?
      |
    3 | regoin = "us"
      | ^^^^^^

    mine.toml:4:6: `workspace.id` must be a whole number
      |
    4 | id = "one"
      |      ^^^^^

    mine.toml:8:1: `people[0].colour` is not a key here: valid are `id`, `email`, `attributes`, `devices`, `events`
      |
    8 | colour = "red"
      | ^^^^^^

    mine.toml:10:1: `segments[0].id` is missing: add it
       |
    10 | [[segments]]
       | ^^^^^^^^^^^^

    mine.toml:12:53: `segments[0].filter.attribute.operator` must be one of `eq`, `exists`
       |
    12 | filter = { attribute = { field = "plan", operator = "gt", value = 1 } }
       |                                                     ^^^^

    mine.toml:17:10: `segments[1].filter` must have exactly one of `and`, `or`, `not`, `segment`, `attribute`, `event`
       |
    17 | filter = { not = { segment = { id = 1 } }, segment = { id = 1 } }
       |          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    mine.toml:22:120: `campaigns[0].actions[0].channel` must be one of `email`, `push`, `sms`, `whatsapp`, `in_app`, `inbox_message`, `webhook`
       |
    22 | e, so that its line is long", channel = "fax", body = "b" }]
       |                                         ^^^^^

    7 errors
    "#);
}

#[test]
fn contradictions_are_told_with_their_line_and_what_would_be_right() {
    let text = r#"
[[people]]
id = "cust_0001"
email = "Ada@example.com"

[[people]]
attributes = { first_name = "Nobody" }

[[people]]
id = "cust_0001"
email = "ada@example.com"
devices = [{ id = "d" }]

[[segments]]
id = 1
name = "Both"
members = ["cust_0001", "cust_002", "somebody"]
filter = { segment = { id = 9 } }

[[objects]]
type = "1"
id = "acme"

[[transactional]]
id = 1
name = "too low"
channel = "email"
body = "b"

[[campaigns]]
id = 1
name = "c"
trigger_segments = [4]
actions = [{ id = 1, name = "n", channel = "email", body = "b" }]
journeys = [{ person = "bob@example.com", hours_ago = 1, outcome = "active", messages = [{ action = 2 }] }]

[[newsletters]]
id = 1
name = "n"
topic = 3
sent_hours_ago = 1
variants = [{ body = "x" }]

[[reactions]]
address = "x"
drops = true
opens_after_seconds = 3

[[senders]]
id = 1
name = "s"
"#;
    assert_snapshot!(complaints(text), @r#"
    error: mine.toml:6:1: `people[1]`: a person needs an `id` or an `email`
      |
    6 | [[people]]
      | ^^^^^^^^^^

    mine.toml:10:6: `people[2].id`: another person has the same, in line 3: change one of them
       |
    10 | id = "cust_0001"
       |      ^^^^^^^^^^^

    mine.toml:11:9: `people[2].email`: another person has the same, in line 4: change one of them
       |
    11 | email = "ada@example.com"
       |         ^^^^^^^^^^^^^^^^^

    mine.toml:12:12: `people[2].devices[0]`: device platform must be ios or android
       |
    12 | devices = [{ id = "d" }]
       |            ^^^^^^^^^^^^

    mine.toml:17:11: `segments[0].members`: segment 'Both' has a filter too: keep one of the two
       |
    17 | members = ["cust_0001", "cust_002", "somebody"]
       |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    mine.toml:17:25: `segments[0].members[1]`: no person has the id 'cust_002': did you mean `cust_0001`?
       |
    17 | members = ["cust_0001", "cust_002", "somebody"]
       |                         ^^^^^^^^^^

    mine.toml:17:37: `segments[0].members[2]`: no person has the id 'somebody': valid are `cust_0001`
       |
    17 | members = ["cust_0001", "cust_002", "somebody"]
       |                                     ^^^^^^^^^^

    mine.toml:18:10: `segments[0].filter`: no segment has the id 9: valid are `1`
       |
    18 | filter = { segment = { id = 9 } }
       |          ^^^^^^^^^^^^^^^^^^^^^^^^

    mine.toml:21:8: `objects[0].type`: no object type has the id '1': there is none in this file
       |
    21 | type = "1"
       |        ^^^

    mine.toml:25:6: `transactional[0].id`: 1 is too low: ids of transactional messages begin at 2
       |
    25 | id = 1
       |      ^

    mine.toml:33:21: `campaigns[0].trigger_segments[0]`: no segment has the id 4: valid are `1`
       |
    33 | trigger_segments = [4]
       |                     ^

    mine.toml:35:24: `campaigns[0].journeys[0].person`: no person has the id or e-mail 'bob@example.com': did you mean `ada@example.com`?
       |
    35 | journeys = [{ person = "bob@example.com", hours_ago = 1, outcome = "active", messages = [{ action =
       |                        ^^^^^^^^^^^^^^^^^

    mine.toml:35:101: `campaigns[0].journeys[0].messages[0].action`: campaign 'c' has no action 2
       |
    35 | come = "active", messages = [{ action = 2 }] }]
       |                                         ^

    mine.toml:37:1: `newsletters[0]`: newsletter 'n' needs a `channel`: without one it is a draft
       |
    37 | [[newsletters]]
       | ^^^^^^^^^^^^^^^

    mine.toml:40:9: `newsletters[0].topic`: no topic has the id 3: there is none in this file
       |
    40 | topic = 3
       |         ^

    mine.toml:44:1: `reactions[0]`: a message that does not arrive is not read
       |
    44 | [[reactions]]
       | ^^^^^^^^^^^^^

    mine.toml:49:1: `senders[0]`: sender 's' needs an `email` or a `phone`, and not both
       |
    49 | [[senders]]
       | ^^^^^^^^^^^

    17 errors
    "#);
}

#[test]
fn what_is_not_toml_or_not_there_is_told_too() {
    assert_snapshot!(complaints("[[people]\nid = \"a\"\n"), @"
    error: mine.toml:1:10: is not valid TOML: unclosed array table, expected `]`
      |
    1 | [[people]
      |          ^
    ");
    assert_snapshot!(complaints("[[people]]\nid = \"ä\"\nattributes = { city = \"Köln\", born = 2024-01-01 }\n"), @r#"
    error: mine.toml:3:38: `people[0].attributes.born` is a date: give Unix seconds, or put it in quotes
      |
    3 | attributes = { city = "Köln", born = 2024-01-01 }
      |                                      ^^^^^^^^^^
    "#);
    assert_snapshot!(refused(customerio_mcp(&["sandbox", "fixture", "check", "none.toml"])), @"error: none.toml: No such file or directory (os error 2)");
    assert_snapshot!(refused(customerio_mcp(&["sandbox", "--seed", "1", "fixture", "schema"])), @"
    error: the subcommand 'fixture' cannot be used with '--seed <N>'

    Usage: customerio-mcp sandbox [OPTIONS]
           customerio-mcp sandbox <COMMAND>

    For more information, try '--help'.
    ");
}

/// A sandbox holds what it is given to the same rules.
#[test]
fn a_sandbox_refuses_what_check_refuses() {
    let text = "[[segments]]\nid = 1\nname = \"a\"\nmembers = [\"nobody\"]\n";
    let run = customerio_mcp(&["sandbox", "--fixture", "mine.toml"]).file("mine.toml", text);
    assert_eq!(refused(run), complaints(text));
}

#[test]
fn the_schema_takes_the_shop_and_refuses_what_check_refuses() {
    let schema: serde_json::Value = serde_json::from_str(&printed(&["sandbox", "fixture", "schema"])).unwrap();
    let schema = jsonschema::draft202012::new(&schema).unwrap();
    let shop = printed(&["sandbox", "fixture", "example", "--shop"]);
    let fits = |text: &str| schema.is_valid(&toml::from_str(text).unwrap());
    assert!(fits(&shop));
    for (from, to) in [("first_name = \"Ada\"", "first_name = 7"), ("city = \"York\"", "town = \"York\"")] {
        assert!(fits(&shop.replace(from, to)), "attributes are free: {to}");
    }
    let cases = [
        ("icon = \"building\"", "colour = \"red\""),
        ("outcome = \"finished\"", "outcome = \"done\""),
        ("operator = \"eq\"", "operator = \"gt\""),
        ("within_hours = 24", "within_days = 1"),
        ("sent_hours_ago = 72", "sent_hours_ago = \"72\""),
        ("channel = \"push\"", "channel = \"pigeon\""),
        ("region = \"us\"", "region = \"mars\""),
    ];
    for (from, to) in cases {
        let other = shop.replacen(from, to, 1);
        assert_ne!(other, shop, "{from}");
        assert!(!fits(&other), "{to}");
        assert!(complaints(&other).starts_with("error: mine.toml:"), "{to}");
    }
}
