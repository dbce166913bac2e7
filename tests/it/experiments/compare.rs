//! `compare_variants`: the numbers of tests that were run, and what is said of them.

use customerio_mcp::sandbox::Fixture;
use serde_json::{Value, json};

use super::{shop, told};
use crate::driver::{Product, Setup};

/// A newsletter in two variants, sent to so many people three days ago. They are dealt out in turn, so those in even
/// places get A; of each variant, the first so many click.
struct Run {
    people: usize,
    clicks: (usize, usize),
    body_of_b: &'static str,
    hours_ago: u32,
}

impl Run {
    const fn of(people: usize, clicks: (usize, usize)) -> Self {
        Self { people, clicks, body_of_b: LINK, hours_ago: 72 }
    }

    async fn start(&self) -> Product {
        let mut fixture =
            String::from("[[reactions]]\naddress = '*+clicks@*'\nopens_after_seconds = 5\nclicks_after_seconds = 9\n");
        for place in 0..self.people {
            let clicks = if place % 2 == 0 { self.clicks.0 } else { self.clicks.1 };
            let tag = if place / 2 < clicks { "+clicks" } else { "" };
            // Every third reads German, and every other has a name.
            let language = if place % 3 == 0 { "de" } else { "en" };
            let name = if place / 2 % 2 == 0 { "first_name = 'Ada', " } else { "" };
            fixture.push_str(
                &[
                    "[[people]]\nid = 'cust_",
                    &place.to_string(),
                    "'\nemail = 'p",
                    &place.to_string(),
                    tag,
                    "@shop.io'\nattributes = { ",
                    name,
                    "language = '",
                    language,
                    "' }\n",
                ]
                .concat(),
            );
        }
        fixture.push_str(
            &[
                "[[newsletters]]\nid = 7\nname = 'Test'\nchannel = 'email'\nfrom = 'a@shop.io'\nsent_hours_ago = ",
                &self.hours_ago.to_string(),
                "\n[[newsletters.variants]]\nsubject = 'A'\nbody = '",
                LINK,
                "'\ntranslations = [{ language = 'de', subject = 'A', body = '",
                LINK,
                "' }]\n",
                "[[newsletters.variants]]\nsubject = 'B'\nbody = '",
                self.body_of_b,
                "'\n",
            ]
            .concat(),
        );
        Setup::shop().with_fixture(Fixture::from_toml(&fixture).unwrap()).start().await
    }
}

const LINK: &str = "<a href=\"https://shop.io/x\">x</a>";

async fn compared(product: &Product, more: Value) -> Value {
    let mut arguments = json!({ "newsletter_id": 7 });
    arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    product.ok("compare_variants", arguments).await
}

#[tokio::test]
async fn a_better_variant_is_told_with_its_numbers() {
    let product = Run::of(1_000, (150, 250)).start().await;
    let answer = compared(&product, json!({})).await;
    insta::assert_snapshot!(crate::witness::text(&answer), @r#"
    {
      "verdict": "better",
      "says": "B is better: clicked 50 % against 30 % of A.",
      "metric": "clicked",
      "variants": [
        {
          "name": "A",
          "test_group_id": "1",
          "content_ids": [
            101,
            102
          ],
          "sent": 500,
          "delivered": 500,
          "opened": 150,
          "clicked": 150,
          "converted": 0,
          "rate": 0.3,
          "rate_from": 0.261482,
          "rate_to": 0.341568,
          "probability_best": 0.0
        },
        {
          "name": "B",
          "test_group_id": "2",
          "content_ids": [
            103
          ],
          "sent": 500,
          "delivered": 500,
          "opened": 250,
          "clicked": 250,
          "converted": 0,
          "rate": 0.5,
          "rate_from": 0.456341,
          "rate_to": 0.543659,
          "probability_best": 1.0
        }
      ],
      "split_p": 1.0,
      "difference_p": 1.082e-10,
      "needed_per_variant": 91,
      "would_show": 0.217,
      "warnings": [
        "Decide beforehand when to read a test, and read it then: with each further look a difference by chance is likelier to pass for a real one."
      ],
      "untrusted_fields": [
        "name"
      ]
    }
    "#);
    // What was counted in two languages is one variant.
    let (a, b) = (&answer["variants"][0], &answer["variants"][1]);
    assert_eq!((a["content_ids"].as_array().unwrap().len(), b["content_ids"].as_array().unwrap().len()), (2, 1));
    let whole = product.ok("get_metrics", json!({ "newsletter_id": 7 })).await;
    for metric in ["sent", "clicked", "opened"] {
        assert_eq!(whole["totals"][metric], a[metric].as_u64().unwrap() + b[metric].as_u64().unwrap(), "{metric}");
    }
}

#[tokio::test]
async fn too_few_say_nothing() {
    let product = Run::of(60, (5, 20)).start().await;
    let answer = compared(&product, json!({})).await;
    assert_eq!(answer["verdict"], "too_early");
    insta::assert_snapshot!(answer["says"], @r#""Too early: nobody can say yet. clicked: B 66.67 %, A 16.67 %. It takes 100 people per variant, 10 who did it, and more than chance explains.""#);
    // Enough people to read, and too few for a difference so small.
    let product = Run::of(1_000, (150, 165)).start().await;
    let answer = compared(&product, json!({})).await;
    insta::assert_snapshot!(answer["says"], @r#""Too early: nobody can say yet. clicked: B 33 %, A 30 %. A difference like this needs 3760 people per variant; the smallest has 500.""#);
    assert_eq!(compared(&product, json!({ "metric": "converted" })).await["verdict"], "too_early");
}

#[tokio::test]
async fn a_difference_worth_knowing_of_that_did_not_show_is_none() {
    let product = Run::of(1_000, (150, 152)).start().await;
    assert_eq!(compared(&product, json!({})).await["verdict"], "too_early");
    let answer = compared(&product, json!({ "relevant": 0.5 })).await;
    assert_eq!(answer["verdict"], "no_difference", "{answer}");
    insta::assert_snapshot!(answer["says"], @r#""No difference seen: one of 50 % of the rate or more would have shown.""#);
}

#[tokio::test]
async fn a_broken_split_is_not_read() {
    // Half of those dealt B have no name, and their messages fail.
    let broken = Run { body_of_b: "Dear {{ customer.first_name }}", ..Run::of(1_000, (150, 250)) };
    let answer = compared(&broken.start().await, json!({})).await;
    assert_eq!((&answer["verdict"], &answer["split_p"]), (&json!("split_broken"), &json!(6.932e-20)), "{answer}");
    insta::assert_snapshot!(answer["says"], @r#""The split looks broken: do not read this test. It was sent as A to 500, B to 250; by chance that comes about less often than once in a thousand.""#);
    // Planned otherwise than it was dealt out.
    let product = Run::of(1_000, (150, 250)).start().await;
    assert_eq!(compared(&product, json!({ "split": [90, 10] })).await["verdict"], "split_broken");
    assert_eq!(compared(&product, json!({ "split": [3, 3] })).await["verdict"], "better");
}

#[tokio::test]
async fn looking_early_is_warned_of() {
    let settled = Run::of(300, (30, 60)).start().await;
    let told = compared(&settled, json!({})).await;
    assert_eq!(told["warnings"].as_array().unwrap().len(), 1, "{told}");
    let fresh = Run { hours_ago: 5, ..Run::of(300, (30, 60)) }.start().await;
    let told = compared(&fresh, json!({ "metric": "opened" })).await;
    insta::assert_snapshot!(crate::witness::text(&told["warnings"]), @r#"
    [
      "Decide beforehand when to read a test, and read it then: with each further look a difference by chance is likelier to pass for a real one.",
      "It went out 5 hours ago, and reactions still come in.",
      "Many mail programs open everything by themselves: clicks say more."
    ]
    "#);
}

#[tokio::test]
async fn actions_of_a_campaign_are_compared_when_they_are_named() {
    let product = shop().await;
    let arguments = json!({ "campaign_id": 1, "action_ids": [1, 2], "metric": "human_clicked" });
    let answer = product.ok("compare_variants", arguments).await;
    insta::assert_snapshot!(answer["variants"], @r#"[{"name":"action 1","action_id":1,"sent":3,"delivered":3,"opened":2,"clicked":2,"converted":1,"rate":0.333333,"rate_from":0.061492,"rate_to":0.79234,"probability_best":0.355899},{"name":"action 2","action_id":2,"sent":2,"delivered":2,"opened":1,"clicked":2,"converted":1,"rate":0.5,"rate_from":0.094531,"rate_to":0.905469,"probability_best":0.644101}]"#);
    assert_eq!(answer["verdict"], "too_early");
}

#[tokio::test]
async fn a_wrong_call_is_told_what_is_right() {
    let product = shop().await;
    let mut answers = Vec::new();
    for arguments in [
        json!({}),
        json!({ "newsletter_id": 1, "campaign_id": 1 }),
        json!({ "campaign_id": 1 }),
        json!({ "campaign_id": 1, "action_ids": [1] }),
        json!({ "campaign_id": 1, "action_ids": [1, 1] }),
        json!({ "campaign_id": 1, "action_ids": [1, 99] }),
        json!({ "newsletter_id": 99 }),
        json!({ "newsletter_id": 2 }),
        json!({ "newsletter_id": 1, "split": [1, 1, 1] }),
        json!({ "newsletter_id": 1, "split": [1, 0] }),
        json!({ "newsletter_id": 1, "relevant": 2 }),
        json!({ "newsletter_id": 1, "metric": "sent" }),
    ] {
        answers.push(told(&product.refused("compare_variants", arguments).await));
    }
    product.ok("create_test_group", json!({ "newsletter_id": 2 })).await;
    answers.push(told(&product.refused("compare_variants", json!({ "newsletter_id": 2 })).await));
    insta::assert_snapshot!(answers.join("\n"), @r#"
    invalid_argument at newsletter_id: The call does not say which test. | Give `newsletter_id`, or `campaign_id` with `action_ids`.
    invalid_argument at newsletter_id: The call names a newsletter and a campaign. | Give `newsletter_id`, or `campaign_id` with `action_ids`.
    invalid_argument at action_ids: Customer.io does not tell which actions are a test. | Give `newsletter_id`, or `campaign_id` with `action_ids`.
    invalid_argument at action_ids: `action_ids` must have at least 2 entries. Nothing was changed. | `action_ids`: With `campaign_id`: the actions of the test.
    invalid_argument at action_ids[1]: An action is named twice. | Give `newsletter_id`, or `campaign_id` with `action_ids`.
    not_found at action_ids[1]: Campaign 1 has no action 99. | list_campaigns with `detail: "full"` shows the actions of each.
    not_found at newsletter_id: There is no newsletter with this id. | list_campaigns with `kind: "newsletter"` shows those there are.
    conflict at newsletter_id: The newsletter is no A/B test: it has one variant. | get_metrics shows how it did; create_test_group adds a variant before it is sent.
    invalid_argument at split: `split` has 3 shares, and the test has 2 variants. | The variants: A, B.
    invalid_argument at split[1]: A share is more than 0. | Give shares such as [90, 10].
    invalid_argument at relevant: `relevant` must be at most 1.0. Nothing was changed. | `relevant`: The smallest difference worth knowing of, as a share of the rate. Default 0.1.
    invalid_argument at metric: `metric` must be one of "opened", "clicked", "human_clicked", "converted". Nothing was changed. | `metric`: Default `clicked`.
    conflict at newsletter_id: The newsletter was not sent yet: there is nothing to compare. | send_newsletter sends it.
    "#);
}
