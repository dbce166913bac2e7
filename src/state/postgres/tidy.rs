//! Deleting what no decision will ask for again, a little with every few calls.

use super::{
    approvals,
    columns::Attempt,
    transaction::{Transaction, prepare},
};
use crate::state::{
    StoreError,
    ledger::{CALLS_KEPT_MS, ROWS_AT_ONCE, SPENT_PLANS_KEPT_MS, UNKNOWN_HOLDS_KEY_MS},
    windows,
};

/// Plans that nobody can spend any more, however late a call that was shown one begins.
const SPENT_PLANS: &str = "DELETE FROM spent_plans WHERE (workspace, token) IN (SELECT workspace, token FROM spent_plans \
     WHERE expires_at_ms <= $1 ORDER BY expires_at_ms LIMIT $2 FOR UPDATE SKIP LOCKED)";

/// What has expired. Rows that somebody is at are left for the next time.
const EXPIRED: [&str; 3] = [
    approvals::TIDY,
    "DELETE FROM leases WHERE (workspace, name) IN (SELECT workspace, name FROM leases \
     WHERE until_ms <= $1 ORDER BY until_ms LIMIT $2 FOR UPDATE SKIP LOCKED)",
    "DELETE FROM cached_people WHERE (workspace, key) IN (SELECT workspace, key FROM cached_people \
     WHERE expires_at_ms <= $1 ORDER BY expires_at_ms LIMIT $2 FOR UPDATE SKIP LOCKED)",
];

/// Buckets of a minute, and narrower ones, that no window reaches back to.
const OLD_BUCKETS: &str = "DELETE FROM budget_buckets WHERE (workspace, principal, budget, width_ms, bucket_ms) IN \
    (SELECT workspace, principal, budget, width_ms, bucket_ms FROM budget_buckets WHERE workspace = $1 \
    AND (width_ms = $2 AND bucket_ms < $3 OR width_ms < $2 AND bucket_ms < $4) LIMIT $5 FOR UPDATE SKIP LOCKED)";

/// What looking for a call needs names people. It goes when nobody will look any more.
const FORGET_HOW_TO_LOOK: &str = "UPDATE calls SET recovery = NULL WHERE row IN (SELECT row FROM calls \
    WHERE workspace = $1 AND (state = 0 OR state > 2) AND began_at_ms <= $2 AND recovery IS NOT NULL \
    AND NOT EXISTS (SELECT 1 FROM test_profiles WHERE call_row = calls.row) LIMIT $3 FOR UPDATE SKIP LOCKED)";

const FORGET_CALLS: &str = "WITH old AS (SELECT row FROM calls WHERE began_at_ms < $1 \
    AND (key IS NULL OR key_expires_at_ms <= $2) \
    AND NOT EXISTS (SELECT 1 FROM test_profiles WHERE call_row = calls.row) \
    ORDER BY began_at_ms LIMIT $3 FOR UPDATE SKIP LOCKED), \
    subjects AS (DELETE FROM call_subjects WHERE call_row IN (SELECT row FROM old)) \
    DELETE FROM calls WHERE row IN (SELECT row FROM old)";

/// Tidies up behind a call that has begun, which it did all the same if this fails.
pub(super) async fn tidy(begun: Transaction, workspace: String, now_ms: i64) {
    if let Err(error) = tidied(&begun, &workspace, now_ms).await {
        tracing::warn!(error = %StoreError::from(error), "the state database was not tidied up");
    }
}

async fn tidied(begun: &Transaction, workspace: &str, now_ms: i64) -> Attempt<()> {
    let client = begun.client()?;
    let [plans] = prepare(client, [SPENT_PLANS]).await?;
    client.execute(&plans, &[&now_ms.saturating_sub(SPENT_PLANS_KEPT_MS), &ROWS_AT_ONCE]).await?;
    for statement in prepare(client, EXPIRED).await? {
        client.execute(&statement, &[&now_ms, &ROWS_AT_ONCE]).await?;
    }
    let [buckets, how_to_look, calls] = prepare(client, [OLD_BUCKETS, FORGET_HOW_TO_LOOK, FORGET_CALLS]).await?;
    let minutes_from_ms = windows::kept_from_ms(now_ms, windows::MINUTE_MS);
    let narrow_from_ms = windows::kept_from_ms(now_ms, windows::MINUTE_MS - 1);
    client
        .execute(&buckets, &[&workspace, &windows::MINUTE_MS, &minutes_from_ms, &narrow_from_ms, &ROWS_AT_ONCE])
        .await?;
    let unknown_since_ms = now_ms.saturating_sub(UNKNOWN_HOLDS_KEY_MS);
    client.execute(&how_to_look, &[&workspace, &unknown_since_ms, &ROWS_AT_ONCE]).await?;
    client.execute(&calls, &[&now_ms.saturating_sub(CALLS_KEPT_MS), &now_ms, &ROWS_AT_ONCE]).await?;
    Ok(())
}
