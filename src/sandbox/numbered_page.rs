//! Pages by number, as assets and Design Studio have them: `page`, `limit`, and `meta.pagination` in the answer.

use serde_json::{Value, json};

use super::request::Call;

const DEFAULT_LIMIT: usize = 1000;
const MAX_LIMIT: usize = 10_000;

/// A page asked for, the first being 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct NumberedPage {
    page: usize,
    limit: usize,
}

impl NumberedPage {
    /// Reads `page` and `limit`; the error names the one that is wrong.
    pub(super) fn from_call(call: &Call) -> Result<Self, String> {
        let number = |name: &str, default: usize| match call.query(name).filter(|text| !text.is_empty()) {
            None => Ok(default),
            Some(text) => {
                let number = text.parse::<usize>().ok().filter(|number| *number > 0);
                number.ok_or_else(|| format!("invalid {name}"))
            }
        };
        Ok(Self { page: number("page", 1)?, limit: number("limit", DEFAULT_LIMIT)?.min(MAX_LIMIT) })
    }

    /// The rows of this page, and what `meta.pagination` says of it.
    pub(super) fn cut<T>(self, rows: impl Iterator<Item = T>) -> (Vec<T>, Value) {
        let rows: Vec<_> = rows.collect();
        let pagination = json!({"page": self.page, "limit": self.limit, "total": rows.len()});
        let before = self.limit.saturating_mul(self.page - 1);
        (rows.into_iter().skip(before).take(self.limit).collect(), pagination)
    }
}
