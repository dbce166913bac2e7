//! Audit records: appending, listing and pruning. `verify.rs` proves them.

use deadpool_postgres::Client;
use futures_util::future::BoxFuture;
use tokio_postgres::{Row, Statement, types::ToSql};

use super::{
    columns::{Attempt, get},
    core::Core,
    transaction::{Lock, Transaction, prepare},
    writers::Pen,
};
use crate::state::{
    AuditEntry, AuditQuery, AuditRecord, Digest, StoreError,
    chain::{Anchor, AnchorKind, Anchored, ChainHasher, Walk},
    stored::{counted, stored},
};

/// The most records of one page, whatever is asked for.
const LARGEST_PAGE: u32 = 1_000;

/// Records read at once on a walk along a chain.
pub(super) const STRIDE: i64 = 1_000;

/// The columns [`record`] reads, in its order.
const COLUMNS: &str = "row, writer, sequence, at_ms, workspace, call_id, principal, tool, effect, phase, \
                                  subject, decision, approved_by, upstream_status, duration_ms, hash";

/// What the two ways to append have in common. Where the head is not the one that was built upon there is no hash to
/// insert, and the whole transaction fails: a call that cannot be audited does not begin.
macro_rules! append_under {
    ($head:literal) => {
        concat!(
            "WITH head AS (",
            $head,
            " RETURNING hash) INSERT INTO audit (workspace, writer, sequence, at_ms, call_id, principal, tool, \
             effect, phase, subject, decision, approved_by, upstream_status, duration_ms, hash) VALUES ($1, $2, $3, \
             $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, (SELECT hash FROM head))"
        )
    };
}

/// Goes on with a chain whose head is as we know it.
const APPEND: &str = append_under!(
    "UPDATE audit_heads SET sequence = $3, hash = $4, mac = $5 WHERE workspace = $1 AND writer = $2 \
     AND sequence = $3::bigint - 1 AND hash = $17 AND mac = $18"
);

/// Begins a chain.
const START: &str = append_under!(
    "INSERT INTO audit_heads (workspace, writer, sequence, hash, mac) VALUES ($1, $2, $3, $4, $5) \
     ON CONFLICT DO NOTHING"
);

const HEAD: &str = "SELECT sequence, hash, mac FROM audit_heads WHERE workspace = $1 AND writer = $2";
const CHECKPOINT: &str = "SELECT sequence, hash, mac FROM audit_checkpoints WHERE workspace = $1 AND writer = $2";

/// One chain after a sequence number, in order.
pub(super) fn chain_sql() -> String {
    format!(
        "SELECT {COLUMNS} FROM audit WHERE workspace = $1 AND writer = $2 AND sequence > $3 ORDER BY sequence LIMIT $4"
    )
}

/// Every writer that has left a record, a head or a checkpoint in the workspace.
const WRITERS: &str = "SELECT writer FROM audit_heads WHERE workspace = $1 UNION \
    SELECT writer FROM audit_checkpoints WHERE workspace = $1 UNION \
    SELECT writer FROM audit WHERE workspace = $1 ORDER BY writer";

/// Where a chain ends, as its writer left it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    anchor: Anchor,
    mac: Digest,
}

/// The end of a chain. One that was tampered with is not built upon: that would make whatever was done to the chain
/// look genuine.
pub(super) async fn find_head(
    client: &Client,
    hasher: &ChainHasher,
    workspace: &str,
    writer: &str,
) -> Attempt<Option<Head>> {
    let [statement] = prepare(client, [HEAD]).await?;
    let row = client.query_opt(&statement, &[&workspace, &writer]).await?;
    match anchored(row.as_ref(), hasher, AnchorKind::Head, workspace, writer) {
        Anchored::Absent => Ok(None),
        Anchored::Genuine(anchor) => {
            let mac = hasher.anchor(AnchorKind::Head, workspace, writer, &anchor);
            Ok(Some(Head { anchor, mac }))
        }
        Anchored::Forged => Err(StoreError::Database("the head of the audit chain is forged".to_owned()).into()),
    }
}

/// The statements that append, prepared.
pub(super) struct Append {
    onto_head: Statement,
    start: Statement,
}

impl Append {
    pub(super) async fn prepare(client: &Client) -> Attempt<Self> {
        let [onto_head, start] = prepare(client, [APPEND, START]).await?;
        Ok(Self { onto_head, start })
    }

    /// Appends `entry` to the chain that `pen` writes, as a change of the transaction on `client`.
    pub(super) fn change<'a>(
        &'a self,
        client: &'a Client,
        hasher: &ChainHasher,
        pen: &mut Pen<'_>,
        entry: &'a AuditEntry,
    ) -> Attempt<BoxFuture<'a, Attempt<()>>> {
        let (writer, head) = pen.place()?;
        let (writer, head) = (writer.to_owned(), head.copied());
        let last = head.map_or(Anchor::START, |head| head.anchor);
        let sequence = last.sequence.saturating_add(1);
        let hash = hasher.record(&last.hash, &writer, sequence, entry);
        let anchor = Anchor { sequence, hash };
        let mac = hasher.anchor(AnchorKind::Head, &entry.workspace, &writer, &anchor);
        pen.will_end_at(Head { anchor, mac });
        Ok(Box::pin(async move {
            let sequence = stored(sequence);
            let status = entry.upstream_status.map(i32::from);
            let duration_ms = entry.duration_ms.map(stored);
            let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![
                &entry.workspace,
                &writer,
                &sequence,
                &hash,
                &mac,
                &entry.at_ms,
                &entry.call_id,
                &entry.principal,
                &entry.tool,
                &entry.effect,
                &entry.phase,
                &entry.subject,
                &entry.decision,
                &entry.approved_by,
                &status,
                &duration_ms,
            ];
            let statement = match &head {
                Some(head) => {
                    parameters.extend([&head.anchor.hash as &(dyn ToSql + Sync), &head.mac]);
                    &self.onto_head
                }
                None => &self.start,
            };
            client.execute(statement, &parameters).await?;
            Ok(())
        }))
    }
}

pub(super) async fn append(core: &Core, entry: &AuditEntry) -> Attempt<()> {
    let client = core.client().await?;
    let mut pen = core.writers.pen(&client, &core.hasher, &entry.workspace).await?;
    let append = Append::prepare(&client).await?;
    let change = append.change(&client, &core.hasher, &mut pen, entry)?;
    // One statement is a transaction of its own.
    change.await?;
    pen.committed();
    Ok(())
}

fn anchored(row: Option<&Row>, hasher: &ChainHasher, kind: AnchorKind, workspace: &str, writer: &str) -> Anchored {
    let Some(row) = row else { return Anchored::Absent };
    let read = || -> Attempt<(Anchor, Digest)> {
        Ok((Anchor { sequence: counted(get(row, 0)?), hash: get(row, 1)? }, get(row, 2)?))
    };
    match read() {
        Ok((anchor, mac)) if hasher.anchor(kind, workspace, writer, &anchor) == mac => Anchored::Genuine(anchor),
        _ => Anchored::Forged,
    }
}

pub(super) async fn read_anchor(
    transaction: &Transaction,
    hasher: &ChainHasher,
    kind: AnchorKind,
    workspace: &str,
    writer: &str,
) -> Attempt<Anchored> {
    let sql = match kind {
        AnchorKind::Head => HEAD,
        AnchorKind::Checkpoint => CHECKPOINT,
    };
    let [statement] = prepare(transaction.client()?, [sql]).await?;
    let row = transaction.find(&statement, &[&workspace, &writer]).await?;
    Ok(anchored(row.as_ref(), hasher, kind, workspace, writer))
}

pub(super) async fn writers(transaction: &Transaction, workspace: &str) -> Attempt<Vec<String>> {
    let [statement] = prepare(transaction.client()?, [WRITERS]).await?;
    transaction.query(&statement, &[&workspace]).await?.iter().map(|row| get(row, 0)).collect()
}

/// Reads the columns of [`COLUMNS`]. Whatever cannot be read was never written.
pub(super) fn record(row: &Row) -> Attempt<AuditRecord> {
    let status: Option<i32> = get(row, 13)?;
    let duration_ms: Option<i64> = get(row, 14)?;
    // No status or duration is negative: read as another number, an altered one would pass for what was written.
    let unreadable = |_| StoreError::Database("an audit record holds what was never written".to_owned());
    let entry = AuditEntry {
        at_ms: get(row, 3)?,
        workspace: get(row, 4)?,
        call_id: get(row, 5)?,
        principal: get(row, 6)?,
        tool: get(row, 7)?,
        effect: get(row, 8)?,
        phase: get(row, 9)?,
        subject: get(row, 10)?,
        decision: get(row, 11)?,
        approved_by: get(row, 12)?,
        upstream_status: status.map(u16::try_from).transpose().map_err(unreadable)?,
        duration_ms: duration_ms.map(u64::try_from).transpose().map_err(unreadable)?,
    };
    Ok(AuditRecord {
        row: get(row, 0)?,
        writer: get(row, 1)?,
        sequence: counted(get(row, 2)?),
        entry,
        hash: get(row, 15)?,
    })
}

pub(super) async fn list(core: &Core, query: &AuditQuery) -> Attempt<Vec<AuditRecord>> {
    let client = core.client().await?;
    let order = if query.after_row.is_some() { "ASC" } else { "DESC" };
    let sql = format!(
        "SELECT {COLUMNS} FROM audit WHERE workspace = $1 AND ($2::text IS NULL OR tool = $2) \
         AND ($3::text IS NULL OR effect = $3) AND ($4::text IS NULL OR decision = $4) \
         AND ($5::smallint IS NULL OR phase = $5) AND ($6::text IS NULL OR principal = $6) \
         AND (cardinality($7::bytea[]) = 0 OR subject = ANY ($7)) AND ($8::text IS NULL OR call_id = $8) \
         AND ($9::bigint IS NULL OR at_ms >= $9) AND ($10::bigint IS NULL OR at_ms < $10) \
         AND ($11::bigint IS NULL OR row > $11) AND ($12::bigint IS NULL OR row < $12) ORDER BY row {order} LIMIT $13"
    );
    let [statement] = prepare(&client, [&sql]).await?;
    let limit = i64::from(query.limit.min(LARGEST_PAGE));
    let AuditQuery { workspace, tool, effect, decision, phase, principal, subjects, call_id, .. } = query;
    let AuditQuery { since_ms, until_ms, after_row, before_row, .. } = query;
    let who: [&(dyn ToSql + Sync); 8] = [workspace, tool, effect, decision, phase, principal, subjects, call_id];
    let when: [&(dyn ToSql + Sync); 5] = [since_ms, until_ms, after_row, before_row, &limit];
    let rows = client.query(&statement, &[who.as_slice(), &when].concat()).await?;
    rows.iter().map(record).collect()
}

/// Cuts every chain of the workspace before `before_ms`. What is cut is proven first: pruning must not be a way to
/// be rid of the traces of tampering.
pub(super) async fn prune(core: &Core, workspace: &str, before_ms: i64) -> Attempt<u64> {
    let transaction = Transaction::on(core.client().await?);
    transaction.begin(&[Lock::Pruning(workspace)]).await?;
    transaction.allow_long().await?;
    let mut pruned = 0;
    for writer in writers(&transaction, workspace).await? {
        pruned += prune_chain(&transaction, &core.hasher, workspace, &writer, before_ms).await?;
    }
    transaction.commit().await?;
    Ok(pruned)
}

async fn prune_chain(
    transaction: &Transaction,
    hasher: &ChainHasher,
    workspace: &str,
    writer: &str,
    before_ms: i64,
) -> Attempt<u64> {
    let broken = || StoreError::Database("the audit chain does not hold; nothing was pruned".to_owned());
    let start = match read_anchor(transaction, hasher, AnchorKind::Checkpoint, workspace, writer).await? {
        Anchored::Absent => Anchor::START,
        Anchored::Genuine(anchor) => anchor,
        Anchored::Forged => return Err(broken().into()),
    };
    let [chain] = prepare(transaction.client()?, [&chain_sql()]).await?;
    let mut walk = Walk::new(hasher, start);
    'chain: loop {
        let after = stored(walk.last().sequence);
        let rows = transaction.query(&chain, &[&workspace, &writer, &after, &STRIDE]).await?;
        for row in &rows {
            let record = record(row).map_err(|_| broken())?;
            if record.entry.at_ms >= before_ms {
                break 'chain;
            }
            walk.step(record).map_err(|_| broken())?;
        }
        if rows.is_empty() {
            break;
        }
    }
    if walk.proven() > 0 {
        cut(transaction, hasher, workspace, writer, &walk.last()).await?;
    }
    Ok(walk.proven())
}

async fn cut(
    transaction: &Transaction,
    hasher: &ChainHasher,
    workspace: &str,
    writer: &str,
    until: &Anchor,
) -> Attempt<()> {
    let [checkpoint, delete] = prepare(
        transaction.client()?,
        [
            "INSERT INTO audit_checkpoints (workspace, writer, sequence, hash, mac) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (workspace, writer) DO UPDATE \
             SET sequence = excluded.sequence, hash = excluded.hash, mac = excluded.mac",
            "DELETE FROM audit WHERE workspace = $1 AND writer = $2 AND sequence <= $3",
        ],
    )
    .await?;
    let mac = hasher.anchor(AnchorKind::Checkpoint, workspace, writer, until);
    let sequence = stored(until.sequence);
    transaction.execute(&checkpoint, &[&workspace, &writer, &sequence, &until.hash, &mac]).await?;
    transaction.execute(&delete, &[&workspace, &writer, &sequence]).await?;
    Ok(())
}
