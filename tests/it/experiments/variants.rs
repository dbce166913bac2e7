//! `update_variant`.

use serde_json::json;

use super::{shop, told};

#[tokio::test]
async fn what_was_there_comes_back_and_can_be_put_back() {
    let product = shop().await;
    let contents = product.app("newsletters/2/contents").await.1["contents"].clone();
    let (id, german) = (&contents[0]["id"], &contents[1]["id"]);
    let change = json!({ "newsletter_id": 2, "content_id": id, "subject": "Snow!", "preheader_text": "Soon" });
    let changed = product.ok("update_variant", change).await;
    insta::assert_snapshot!(changed, @r#"{"result":"applied","newsletter_id":2,"content_id":120,"before":{"subject":"Winter is here","preheader_text":""}}"#);
    let now = product.app("newsletters/2/contents").await.1["contents"].clone();
    assert_eq!((&now[0]["subject"], &now[0]["body"]), (&json!("Snow!"), &contents[0]["body"]));
    assert_eq!(now[1], contents[1], "{german}");
    let mut back = changed["before"].clone();
    back.as_object_mut().unwrap().retain(|_, value| value.as_str().is_some_and(|text| !text.is_empty()));
    (back["newsletter_id"], back["content_id"]) = (json!(2), id.clone());
    product.ok("update_variant", back).await;
    assert_eq!(product.app("newsletters/2/contents").await.1["contents"][0]["subject"], contents[0]["subject"]);
}

#[tokio::test]
async fn who_gets_a_change_is_said_where_it_is_not_plain() {
    let product = shop().await;
    let sent = product.app("newsletters/1/contents").await.1["contents"][0]["id"].clone();
    let of_sent = json!({ "newsletter_id": 1, "content_id": sent, "subject": "New" });
    let answer = product.ok("update_variant", of_sent).await;
    assert_eq!(answer["warning"], "The newsletter was sent already: nobody gets the change.");
    product.planned("send_newsletter", json!({ "newsletter_id": 2, "scheduled_at": 1_772_500_000 })).await;
    let draft = product.app("newsletters/2/contents").await.1["contents"][0]["id"].clone();
    let of_scheduled = json!({ "newsletter_id": 2, "content_id": draft, "subject": "New" });
    let answer = product.ok("update_variant", of_scheduled).await;
    assert_eq!(answer["warning"], "The newsletter is scheduled: it goes out with the change.");
}

#[tokio::test]
async fn a_change_that_cannot_be_read_yet_is_accepted() {
    let product = shop().await;
    let draft = product.app("newsletters/2/contents").await.1["contents"][0]["id"].clone();
    product.fault(json!({ "kind": "500_before", "operation": "updateNewsletterVariant", "times": 1 })).await;
    // Repeated by itself: it is the same twice.
    let arguments = json!({ "newsletter_id": 2, "content_id": draft, "body": "<p>Hi</p>" });
    assert_eq!(product.ok("update_variant", arguments).await["result"], "applied");
}

#[tokio::test]
async fn a_wrong_call_is_told_what_is_right() {
    let product = shop().await;
    let mut answers = Vec::new();
    for arguments in [
        json!({ "newsletter_id": 2, "content_id": 1 }),
        json!({ "newsletter_id": 2, "content_id": 9_999, "subject": "x" }),
        json!({ "newsletter_id": 99, "content_id": 1, "subject": "x" }),
        json!({ "newsletter_id": 2, "content_id": 1, "subject": "" }),
        json!({ "newsletter_id": 2, "content_id": 1, "recipient": "x" }),
    ] {
        answers.push(told(&product.refused("update_variant", arguments).await));
    }
    insta::assert_snapshot!(answers.join("\n"), @r#"
    invalid_argument at body: The call changes nothing. Nothing was changed. | Give what is to be changed, such as `subject` or `body`.
    not_found at content_id: The newsletter has no content with this id. Nothing was changed. | Its contents: 120, 121.
    not_found at newsletter_id: There is no newsletter with this id. Nothing was changed. | list_campaigns with `kind: "newsletter"` shows those there are.
    invalid_argument at subject: `subject` must not be empty. Nothing was changed. | `subject`: Liquid, as all texts here.
    invalid_argument at recipient: `recipient` is not an argument of this tool. Nothing was changed. | Valid arguments: `newsletter_id`, `content_id`, `subject`, `body`, `preheader_text`, `body_plain`, `body_amp`, `from_id`, `reply_to_id`, `headers`, `plan_token`.
    "#);
}
