//! What a sandbox was told, in order.

use axum::{
    body::Bytes,
    http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header},
};
use rusqlite::{Row, params};

use super::{Store, StoreError, chronicles::LIVING};
use crate::sandbox::{moment::Instant, request::Call};

/// Headers that no handler reads, and the credential, which the one who calls again need not have.
const NOT_KEPT: [HeaderName; 7] = [
    header::AUTHORIZATION,
    header::HOST,
    header::USER_AGENT,
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::CONNECTION,
    header::CONTENT_LENGTH,
];

/// One moment at which something changed.
#[derive(Debug)]
pub(in crate::sandbox) struct Entry {
    pub(in crate::sandbox) instant: Instant,
    /// What was called; nothing where time alone made the change.
    pub(in crate::sandbox) call: Option<Call>,
}

impl Store {
    /// Notes a call that is about to be handled, or that time has changed something.
    pub(in crate::sandbox) fn append(&mut self, instant: Instant, call: Option<&Call>) -> Result<(), StoreError> {
        let mut insert = self.connection.prepare_cached(
            "INSERT INTO entries VALUES (?1, (SELECT COALESCE(MAX(place), 0) + 1 FROM entries WHERE chronicle = ?1),
             ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?;
        let headers = call.map(|call| kept(&call.headers));
        let file = call.and_then(|call| call.fetched.as_ref());
        insert.execute(params![
            LIVING,
            instant.at_ms,
            instant.drawn_blocks.cast_signed(),
            call.map(|call| call.method.as_str()),
            call.map(|call| &call.target),
            headers,
            call.map(|call| &call.body[..]),
            file.and_then(|file| file.as_ref().ok()).map(|bytes| &bytes[..]),
            file.and_then(|file| file.as_ref().err()),
        ])?;
        Ok(())
    }

    /// Reads a chronicle from its beginning; returns how many calls it has.
    pub(in crate::sandbox) fn tell(
        &self,
        chronicle: &str,
        base_url: &str,
        mut each: impl FnMut(Entry),
    ) -> Result<u64, StoreError> {
        let mut select = self.connection.prepare(
            "SELECT at_ms, drawn_blocks, method, target, headers, body, file, file_error
             FROM entries WHERE chronicle = ?1 ORDER BY place",
        )?;
        let mut rows = select.query([chronicle])?;
        let mut calls = 0;
        while let Some(row) = rows.next()? {
            let instant = Instant { at_ms: row.get(0)?, drawn_blocks: row.get::<_, i64>(1)?.cast_unsigned() };
            let call = match row.get::<_, Option<String>>(2)? {
                Some(method) => Some(call(&method, row, base_url)?),
                None => None,
            };
            calls += u64::from(call.is_some());
            each(Entry { instant, call });
        }
        Ok(calls)
    }
}

fn kept(headers: &HeaderMap) -> String {
    let pairs: Vec<_> = headers
        .iter()
        .filter(|(name, _)| !NOT_KEPT.contains(name))
        .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes())))
        .collect();
    serde_json::json!(pairs).to_string()
}

fn call(method: &str, row: &Row, base_url: &str) -> Result<Call, StoreError> {
    let unreadable = |what: &str| StoreError::Content(format!("a call has no valid {what}"));
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| unreadable("method"))?;
    let target: Uri = row.get::<_, String>(3)?.parse().map_err(|_| unreadable("target"))?;
    let pairs: Vec<(String, String)> =
        serde_json::from_str(&row.get::<_, String>(4)?).map_err(|_| unreadable("headers"))?;
    let headers = pairs
        .into_iter()
        .filter_map(|(name, value)| {
            Some((HeaderName::try_from(name).ok()?, HeaderValue::from_bytes(value.as_bytes()).ok()?))
        })
        .collect();
    let body = Bytes::from(row.get::<_, Vec<u8>>(5)?);
    let mut call = Call::new(method, &target, headers, body, base_url.to_owned());
    let file = row.get::<_, Option<Vec<u8>>>(6)?.map(|bytes| Ok(Bytes::from(bytes)));
    call.fetched = file.or(row.get::<_, Option<String>>(7)?.map(Err));
    Ok(call)
}
