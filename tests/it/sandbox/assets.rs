//! Assets and their folders (behaviour.md sections 1, 5 and 10).

use reqwest::Method;
use serde_json::{Value, json};

use super::driver::{NOON, Sandbox};

async fn upload(sandbox: &Sandbox, name: &str, kind: &str, bytes: &[u8], folder: &str) -> (u16, Value) {
    let opening = format!(
        "--B\r\nContent-Disposition: form-data; name=\"parent_folder_id\"\r\n\r\n{folder}\r\n--B\r\n\
         Content-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: {kind}\r\n\r\n"
    );
    let body = [opening.as_bytes(), bytes, b"\r\n--B--\r\n"].concat();
    let headers = [sandbox.app_authorization(), ("content-type", "multipart/form-data; boundary=B".to_owned())];
    let heard = sandbox.raw(Method::POST, "/v1/assets/files", &headers, body).await.unwrap();
    (heard.status, heard.json())
}

async fn folder(sandbox: &Sandbox, name: &str, parent: Value) -> u64 {
    let body = json!({"name": name, "parent_folder_id": parent});
    let heard = sandbox.app(Method::POST, "/v1/assets/folders", body).await;
    heard.json()["folder"]["id"].as_u64().unwrap()
}

async fn names(sandbox: &Sandbox, query: &str) -> (Vec<String>, Value) {
    let list = sandbox.get(&format!("/v1/assets?{query}")).await;
    let rows = list["assets"].as_array().unwrap();
    (rows.iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect(), list["meta"]["pagination"].clone())
}

#[tokio::test]
async fn section_10_a_file_is_uploaded_served_moved_and_softly_deleted() {
    let sandbox = Sandbox::empty().await;
    let (status, made) = upload(&sandbox, "a b.png", "image/png", b"\x89PNG\r\n--not the end", "").await;
    let asset = &made["asset"];
    assert_eq!((status, &asset["id"], &asset["size"]), (200, &json!(1), &json!(19)));
    assert_eq!((&asset["created"], &asset["parent_folder_id"]), (&json!(NOON), &Value::Null));
    let path = asset["path"].as_str().unwrap().strip_prefix(&sandbox.running.base_url()).unwrap().to_owned();
    let served = sandbox.raw(Method::GET, &path, &[], Vec::new()).await.unwrap();
    assert_eq!((served.status, &served.headers["content-type"]), (200, &"image/png".parse().unwrap()));
    let inside = folder(&sandbox, "logos", Value::Null).await;
    let change = json!({"name": "logo.png", "parent_folder_id": inside});
    assert_eq!(sandbox.app(Method::PUT, "/v1/assets/files/1", change).await.status, 204);
    let moved = sandbox.get("/v1/assets/files/1").await;
    assert_eq!((&moved["asset"]["name"], &moved["asset"]["parent_folder_id"]), (&json!("logo.png"), &json!(inside)));
    assert_eq!(sandbox.app(Method::PUT, "/v1/assets/files/1", json!({})).await.status, 400);
    assert_eq!(sandbox.app(Method::DELETE, "/v1/assets/files/1", Value::Null).await.status, 204);
    let gone = sandbox.app(Method::GET, "/v1/assets/files/1", Value::Null).await;
    assert_eq!((gone.status, gone.json()["errors"][0]["detail"].clone()), (404, json!("resource not found")));
    assert_eq!(names(&sandbox, "").await.0.len(), 0);
    assert_eq!(sandbox.raw(Method::GET, &path, &[], Vec::new()).await.unwrap().status, 200, "mails still show it");
    assert_eq!(upload(&sandbox, "b.png", "image/png", b"x", "0").await.1["asset"]["id"], 2);
}

#[tokio::test]
async fn section_10_only_images_and_pdfs_of_2_mb_are_taken() {
    let sandbox = Sandbox::empty().await;
    assert_eq!(upload(&sandbox, "a.exe", "application/octet-stream", b"x", "").await.0, 400);
    assert_eq!(upload(&sandbox, "a.pdf", "application/pdf", &vec![b'x'; 2 * 1024 * 1024 + 1], "").await.0, 400);
    assert_eq!(upload(&sandbox, "a.pdf", "application/pdf", &vec![b'x'; 2 * 1024 * 1024], "").await.0, 200);
    assert_eq!(upload(&sandbox, "a.pdf", "application/pdf", b"x", "77").await.0, 404);
    let no_form = sandbox.app(Method::POST, "/v1/assets/files", json!({"file": "x"})).await;
    assert_eq!(no_form.status, 400);
}

#[tokio::test]
async fn section_10_only_an_empty_folder_can_be_deleted() {
    let sandbox = Sandbox::empty().await;
    let outer = folder(&sandbox, "outer", Value::Null).await;
    let inner = folder(&sandbox, "inner", json!(outer)).await;
    upload(&sandbox, "a.png", "image/png", b"x", &inner.to_string()).await;
    let delete = async |id: u64| {
        let heard = sandbox.app(Method::DELETE, &format!("/v1/assets/folders/{id}"), Value::Null).await;
        (heard.status, if heard.status == 204 { Value::Null } else { heard.json()["errors"][0]["detail"].clone() })
    };
    let refused = (409, json!("a constraint violation prevents this operation"));
    assert_eq!((delete(outer).await, delete(inner).await), (refused.clone(), refused));
    let into_itself = json!({"parent_folder_id": inner});
    assert_eq!(sandbox.app(Method::PUT, &format!("/v1/assets/folders/{outer}"), into_itself).await.status, 409);
    sandbox.app(Method::DELETE, "/v1/assets/files/1", Value::Null).await;
    assert_eq!((delete(inner).await.0, delete(outer).await.0, delete(outer).await.0), (200, 200, 404));
}

#[tokio::test]
async fn section_5_assets_are_paged_by_number_within_a_folder() {
    let sandbox = Sandbox::empty().await;
    let outer = folder(&sandbox, "outer", Value::Null).await;
    let inner = folder(&sandbox, "inner", json!(outer)).await;
    for (number, folder) in [(0, 0), (1, outer), (2, inner), (3, inner)] {
        upload(&sandbox, &format!("{number}.png"), "image/png", b"x", &folder.to_string()).await;
    }
    let (rows, pagination) = names(&sandbox, "limit=3&page=2").await;
    assert_eq!((rows, pagination), (vec!["3.png".to_owned()], json!({"page": 2, "limit": 3, "total": 4})));
    assert_eq!(names(&sandbox, &format!("parent_folder_id={outer}")).await.0, ["1.png", "2.png", "3.png"]);
    let direct = format!("parent_folder_id={outer}&direct_descendants_only=true");
    assert_eq!(names(&sandbox, &direct).await.0, ["1.png"]);
    assert_eq!(names(&sandbox, "direct_descendants_only=true").await.0, ["0.png"]);
    assert_eq!(sandbox.get("/v1/assets/folders").await["folders"].as_array().unwrap().len(), 2);
    assert_eq!(sandbox.app(Method::GET, "/v1/assets?page=0", Value::Null).await.status, 400);
    assert_eq!(sandbox.app(Method::GET, "/v1/assets?parent_folder_id=9", Value::Null).await.status, 404);
}
