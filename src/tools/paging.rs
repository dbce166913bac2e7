//! Pages of lists that the vendor gives whole: they go by id, so that no row is lost when others come and go.

use crate::error::ToolError;

/// The most rows where a call does not say.
const DEFAULT_LIMIT: usize = 25;

/// The id that a page goes on after; nought for the first.
pub(super) fn start_after(cursor: Option<&str>) -> Result<i64, ToolError> {
    cursor.map_or(Ok(0), |cursor| {
        cursor.parse().map_err(|_| {
            ToolError::invalid("cursor", "`cursor` is not one of this tool's.")
                .next("Leave it out to begin at the start.")
        })
    })
}

/// The rows of one page in the order of their ids, and the cursor of the next if there is one.
pub(super) fn page<T>(
    mut rows: Vec<T>,
    after: i64,
    limit: Option<u32>,
    id: impl Fn(&T) -> i64,
) -> (Vec<T>, Option<String>) {
    rows.retain(|row| id(row) > after);
    rows.sort_by_key(&id);
    let limit = limit.map_or(DEFAULT_LIMIT, |limit| limit as usize);
    let more = rows.len() > limit;
    rows.truncate(limit);
    let cursor = rows.last().filter(|_| more).map(|last| id(last).to_string());
    (rows, cursor)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_row_is_lost_or_repeated(ids in proptest::collection::btree_set(1..500_i64, 0..60), limit in 1..10_u32) {
            let (mut seen, mut after) = (Vec::new(), 0);
            loop {
                let rows = ids.iter().rev().copied().collect();
                let (rows, cursor) = page(rows, after, Some(limit), |row| *row);
                seen.extend(rows);
                let Some(cursor) = cursor else { break };
                after = start_after(Some(&cursor)).unwrap();
            }
            prop_assert_eq!(seen, ids.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_foreign_cursor_is_refused() {
        assert_eq!(start_after(Some("abc")).unwrap_err().field.as_deref(), Some("cursor"));
        assert_eq!(start_after(None).unwrap(), 0);
    }
}
