//! Pagination: `start` is an opaque token, `next` is "" at the end (behaviour.md section 5).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{reply::Reply, request::Call, world::World};

/// A page asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Page {
    /// Rows after this key; `None` begins at the first.
    after: Option<u64>,
    limit: usize,
}

impl Page {
    /// Reads `start` and `limit`; a limit above the maximum is cut to it.
    pub(super) fn from_call(call: &Call, world: &World, default: usize, maximum: usize) -> Result<Self, Reply> {
        let refuse = |what: &str| world.app_error(400, &format!("invalid {what}"));
        let limit = match call.query("limit").filter(|text| !text.is_empty()) {
            None => default,
            Some(text) => text.parse::<usize>().ok().filter(|limit| *limit > 0).ok_or_else(|| refuse("limit"))?,
        };
        let after = match call.query("start").filter(|text| !text.is_empty()) {
            None => None,
            Some(token) => Some(decode(token).ok_or_else(|| refuse("start"))?),
        };
        Ok(Self { after, limit: limit.min(maximum) })
    }

    /// The key of the row the page before ended with, and this page of what comes after it: for rows whose order is not
    /// that of their keys and that can vanish.
    pub(super) fn continued(self) -> (Option<u64>, Self) {
        (self.after, Self { after: None, ..self })
    }

    /// The rows of this page and the token of the next, for rows whose keys ascend: a row that vanished since the
    /// last page shifts nothing.
    pub(super) fn cut_ascending<T>(self, rows: impl Iterator<Item = (u64, T)>) -> (Vec<T>, String) {
        let rows = rows.filter(|(key, _)| self.after.is_none_or(|after| *key > after));
        Self { after: None, ..self }.cut(rows)
    }

    /// The same for rows whose keys descend.
    pub(super) fn cut_descending<T>(self, rows: impl Iterator<Item = (u64, T)>) -> (Vec<T>, String) {
        let rows = rows.filter(|(key, _)| self.after.is_none_or(|after| *key < after));
        Self { after: None, ..self }.cut(rows)
    }

    /// The same for rows in another fixed order that are never removed, each with a key of its own.
    pub(super) fn cut<T>(self, rows: impl Iterator<Item = (u64, T)>) -> (Vec<T>, String) {
        let mut skipping = self.after.is_some();
        let mut page = Vec::new();
        let mut last_key = 0;
        for (key, row) in rows {
            if skipping {
                skipping = self.after != Some(key);
                continue;
            }
            if page.len() == self.limit {
                return (page, encode(last_key));
            }
            page.push(row);
            last_key = key;
        }
        (page, String::new())
    }
}

fn encode(key: u64) -> String {
    URL_SAFE_NO_PAD.encode(key.to_be_bytes())
}

fn decode(token: &str) -> Option<u64> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    Some(u64::from_be_bytes(bytes.try_into().ok()?))
}
