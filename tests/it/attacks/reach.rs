//! Ways to more recipients, and to hosts that nobody listed.

use serde_json::json;

use super::{Table, short};
use crate::driver::Setup;

#[tokio::test]
async fn no_header_adds_a_recipient() {
    let product = Setup::shop().with_ids().start().await;
    let mut table = Table::default();
    for (attack, name, value) in [
        ("Bcc", "Bcc", "eve@elsewhere.io"),
        ("bCC", "bCC", "eve@elsewhere.io"),
        ("Bcc with a space before", " Bcc", "eve@elsewhere.io"),
        ("Bcc with a colon", "Bcc:", "eve@elsewhere.io"),
        ("Bcc folded into another name", "X-A: 1\r\nBcc", "eve@elsewhere.io"),
        ("Bcc folded into another value", "X-A", "1\r\n Bcc: eve@elsewhere.io"),
        ("Bcc in Cyrillic", "\u{412}\u{441}\u{441}", "eve@elsewhere.io"),
        ("Bcc in fullwidth letters", "\u{ff22}\u{ff43}\u{ff43}", "eve@elsewhere.io"),
        ("Bcc with a zero-width space", "B\u{200b}cc", "eve@elsewhere.io"),
        ("Bcc made by Liquid", "{{ 'Bcc' }}", "eve@elsewhere.io"),
        ("Reply-To", "Reply-To", "eve@elsewhere.io"),
        ("Resent-Bcc", "Resent-Bcc", "eve@elsewhere.io"),
    ] {
        let headers = json!([{ "name": name, "value": value }]);
        let answer = product.call("update_template", json!({ "template": "welcome", "headers": headers })).await;
        table.add(format!("a template's header: {attack}"), short(&answer));
    }
    let send = |extra: serde_json::Value| {
        let mut call = json!({ "template": "welcome", "customer": "cust_0001" });
        call.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        call
    };
    for (attack, extra) in [
        ("`bcc`", json!({ "bcc": "eve@elsewhere.io" })),
        ("another `from`", json!({ "from": "boss@elsewhere.io" })),
        ("two addresses as `to`", json!({ "to": "ada.moss@example.com\r\nBcc: eve@elsewhere.io" })),
        ("Liquid as `to`", json!({ "to": "{{ 'eve@elsewhere.io' }}" })),
        ("a masked address as `to`", json!({ "to": "a•••@example.com" })),
    ] {
        table.add(format!("a send with {attack}"), short(&product.call("send_transactional", send(extra)).await));
    }
    insta::assert_snapshot!(table.told(), @"
    attack                                             | answer
    a template's header: Bcc                           | invalid_argument at headers[0].name
    a template's header: bCC                           | invalid_argument at headers[0].name
    a template's header: Bcc with a space before       | invalid_argument at headers[0].name
    a template's header: Bcc with a colon              | invalid_argument at headers[0].name
    a template's header: Bcc folded into another name  | invalid_argument at headers[0].name
    a template's header: Bcc folded into another value | invalid_argument at headers[0].value
    a template's header: Bcc in Cyrillic               | invalid_argument at headers[0].name
    a template's header: Bcc in fullwidth letters      | invalid_argument at headers[0].name
    a template's header: Bcc with a zero-width space   | invalid_argument at headers[0].name
    a template's header: Bcc made by Liquid            | invalid_argument at headers[0].name
    a template's header: Reply-To                      | invalid_argument at headers[0].name
    a template's header: Resent-Bcc                    | invalid_argument at headers[0].name
    a send with `bcc`                                  | recipient_not_allowed at bcc
    a send with another `from`                         | recipient_not_allowed at from
    a send with two addresses as `to`                  | invalid_argument at to
    a send with Liquid as `to`                         | invalid_argument at to
    a send with a masked address as `to`               | masked_value at to
    ");
}

#[tokio::test]
async fn no_spelling_of_a_private_address_is_called() {
    let product = Setup::live()
        .with_ids()
        .with(|config| config.egress_hosts = vec!["files.shop.example".to_owned()])
        .start()
        .await;
    let mut table = Table::default();
    for url in [
        "https://127.0.0.1/x",
        "https://2130706433/x",
        "https://0x7f000001/x",
        "https://0177.0.0.1/x",
        "https://127.1/x",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/x",
        "https://[::ffff:127.0.0.1]/x",
        "https://[fd00::1]/x",
        "https://localhost./x",
        "https://db.internal/x",
        "https://\u{ff11}\u{ff12}\u{ff17}.0.0.1/x",
        "https://files.shop.example@127.0.0.1/x",
        "https://files.shop.example\\@127.0.0.1/x",
        "http://files.shop.example/x",
        "https://files.shop.example.evil.io/x",
        "https://f\u{456}les.shop.example/x",
        "file:///etc/passwd",
    ] {
        let call = json!({ "broadcast_id": 3, "data_file_url": url, "data": { "headline": "x" } });
        table.add(format!("a data file at {url}"), short(&product.call("trigger_broadcast", call).await));
    }
    insta::assert_snapshot!(table.told(), @r"
    attack                                                  | answer
    a data file at https://127.0.0.1/x                      | egress_not_allowed at data_file_url
    a data file at https://2130706433/x                     | egress_not_allowed at data_file_url
    a data file at https://0x7f000001/x                     | egress_not_allowed at data_file_url
    a data file at https://0177.0.0.1/x                     | egress_not_allowed at data_file_url
    a data file at https://127.1/x                          | egress_not_allowed at data_file_url
    a data file at https://169.254.169.254/latest/meta-data | egress_not_allowed at data_file_url
    a data file at https://[::1]/x                          | egress_not_allowed at data_file_url
    a data file at https://[::ffff:127.0.0.1]/x             | egress_not_allowed at data_file_url
    a data file at https://[fd00::1]/x                      | egress_not_allowed at data_file_url
    a data file at https://localhost./x                     | egress_not_allowed at data_file_url
    a data file at https://db.internal/x                    | egress_not_allowed at data_file_url
    a data file at https://１２７.0.0.1/x                      | egress_not_allowed at data_file_url
    a data file at https://files.shop.example@127.0.0.1/x   | invalid_argument at data_file_url
    a data file at https://files.shop.example\@127.0.0.1/x  | invalid_argument at data_file_url
    a data file at http://files.shop.example/x              | invalid_argument at data_file_url
    a data file at https://files.shop.example.evil.io/x     | egress_not_allowed at data_file_url
    a data file at https://fіles.shop.example/x             | egress_not_allowed at data_file_url
    a data file at file:///etc/passwd                       | invalid_argument at data_file_url
    ");
}
