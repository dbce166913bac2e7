//! Files the sandbox serves, under a prefix the vendor does not have. A link is the credential, as it is at the vendor.

use super::{
    reply::{Answer, Reply},
    request::Call,
    world::World,
};

const PREFIX: &str = "/_files/";

/// Whether a path leads to a file.
pub(super) fn owns(path: &str) -> bool {
    path.starts_with(PREFIX)
}

/// Serves a file.
pub(super) fn answer(world: &World, call: &Call) -> Answer {
    let refuse = |status: u16| Reply { status, headers: Vec::new(), body: Vec::new() };
    let serve = |kind: &str, bytes: &[u8]| {
        let headers = vec![("content-type", kind.to_owned())];
        Reply { status: 200, headers, body: bytes.to_vec() }
    };
    if call.method != axum::http::Method::GET {
        return Err(refuse(405));
    }
    match call.path.trim_start_matches(PREFIX).split_once('/') {
        Some(("exports", name)) => {
            let secret = name.strip_suffix(".csv").unwrap_or(name);
            let file = world.export_download(secret).map_err(refuse)?;
            Ok(serve("text/csv; charset=utf-8", &file))
        }
        Some(("assets", path)) => {
            let (kind, bytes) = world.assets.serve(path).ok_or_else(|| refuse(404))?;
            Ok(serve(kind, bytes))
        }
        _ => Err(refuse(404)),
    }
}
