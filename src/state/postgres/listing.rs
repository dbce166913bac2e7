//! Listing calls of the ledger.

use tokio_postgres::types::ToSql;

use super::{
    calls::{RECORDED, recorded},
    columns::Attempt,
    core::Core,
    transaction::prepare,
};
use crate::state::{
    CallQuery, RecordedCall, WhichCalls,
    ledger::{CAN_BE_SETTLED, UNKNOWN_HOLDS_KEY_MS, UNSETTLED},
};

pub(super) async fn list(core: &Core, query: &CallQuery) -> Attempt<Vec<RecordedCall>> {
    let CallQuery { workspace, calls, now_ms, limit } = query;
    let limit = i64::from(*limit);
    // After a day a key is free and a charge has left its window: only a place is still held.
    let day_ago_ms = now_ms.saturating_sub(UNKNOWN_HOLDS_KEY_MS);
    let still_matters = "(began_at_ms > $3 OR EXISTS (SELECT 1 FROM test_profiles WHERE call_row = calls.row))";
    let mut values: Vec<&(dyn ToSql + Sync)> = vec![workspace, &limit];
    let mut order = "began_at_ms, row";
    let which = match calls {
        WhichCalls::ToLookFor { not_since_ms } => {
            values.extend([&day_ago_ms as &(dyn ToSql + Sync), now_ms, not_since_ms]);
            order = "looked_at_ms NULLS FIRST, began_at_ms, row";
            format!(
                "{UNSETTLED} AND state <> 4 AND lease_until_ms <= $4 AND recovery IS NOT NULL AND {still_matters} \
                 AND (looked_at_ms IS NULL OR looked_at_ms <= $5)"
            )
        }
        WhichCalls::Unsettled => {
            values.push(&day_ago_ms);
            format!("{UNSETTLED} AND {CAN_BE_SETTLED} AND {still_matters}")
        }
        WhichCalls::Since(since_ms) => {
            values.push(since_ms);
            format!("began_at_ms >= $3 AND {CAN_BE_SETTLED}")
        }
        WhichCalls::Id(call_id) => {
            values.push(call_id);
            "call_id = $3".to_owned()
        }
    };
    let client = core.client().await?;
    let sql = format!("SELECT {RECORDED} FROM calls WHERE workspace = $1 AND {which} ORDER BY {order} LIMIT $2");
    let [statement] = prepare(&client, [&sql]).await?;
    client.query(&statement, &values).await?.iter().map(|row| recorded(row, *now_ms)).collect()
}
