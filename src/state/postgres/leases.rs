//! Named leases.

use super::{
    columns::{Attempt, get},
    core::Core,
    transaction::prepare,
};
use crate::state::{Digest, Lease};

pub(super) async fn acquire(core: &Core, lease: &Lease, now_ms: i64) -> Attempt<bool> {
    let client = core.client().await?;
    let [statement] = prepare(
        &client,
        ["INSERT INTO leases (workspace, name, holder, until_ms) VALUES ($1, $2, $3, $4) \
          ON CONFLICT (workspace, name) DO UPDATE SET holder = excluded.holder, until_ms = excluded.until_ms \
          WHERE leases.holder = excluded.holder OR leases.until_ms <= $5"],
    )
    .await?;
    let Lease { workspace, name, holder, until_ms } = lease;
    Ok(client.execute(&statement, &[workspace, name, holder, until_ms, &now_ms]).await? > 0)
}

pub(super) async fn holder(core: &Core, workspace: &str, name: &Digest, now_ms: i64) -> Attempt<Option<String>> {
    let client = core.client().await?;
    let [statement] =
        prepare(&client, ["SELECT holder FROM leases WHERE workspace = $1 AND name = $2 AND until_ms > $3"]).await?;
    client.query_opt(&statement, &[&workspace, name, &now_ms]).await?.map(|row| get(&row, 0)).transpose()
}

pub(super) async fn release(core: &Core, lease: &Lease) -> Attempt<()> {
    let client = core.client().await?;
    let [statement] =
        prepare(&client, ["DELETE FROM leases WHERE workspace = $1 AND name = $2 AND holder = $3"]).await?;
    client.execute(&statement, &[&lease.workspace, &lease.name, &lease.holder]).await?;
    Ok(())
}
