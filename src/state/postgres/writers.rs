//! The names that audit records are written under.
//!
//! A chain is appended to by one writer at a time, or its records would wait for each other's commits. So a name
//! belongs to one transaction at a time, and a store takes as many as it has transactions at once. The database hands
//! them out for some minutes; a name whose store is gone is handed out again. Should two stores think that a name is
//! theirs, because one of them was stopped for longer, nothing breaks: a record is appended only to the head that its
//! writer knows (`audit.rs`), and the one that comes second looks the head up again.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use deadpool_postgres::Client;
use tokio::time::Instant;

use super::{
    audit::{Head, find_head},
    columns::{Attempt, get},
};
use crate::state::{StoreError, chain::ChainHasher};

/// How long the database keeps a name for a store that does not use it.
const HELD: &str = "5 minutes";

/// A name unused for this long is asked for anew; well before another store could have been given it.
const RENEWED_AFTER: Duration = Duration::from_mins(2);

/// Takes the lowest name that is free, or makes a new one.
const TAKE: &str = "WITH free AS (\
    SELECT number FROM audit_writers WHERE held_until < now() ORDER BY number LIMIT 1 FOR UPDATE SKIP LOCKED\
    ), taken AS (\
    UPDATE audit_writers SET holder = gen_random_uuid(), held_until = now() + $1::text::interval \
    FROM free WHERE audit_writers.number = free.number RETURNING audit_writers.number, holder\
    ), made AS (\
    INSERT INTO audit_writers (holder, held_until) SELECT gen_random_uuid(), now() + $1::text::interval \
    WHERE NOT EXISTS (SELECT 1 FROM taken) RETURNING number, holder\
    ) SELECT number, holder::text FROM taken UNION ALL SELECT number, holder::text FROM made";

const RENEW: &str = "UPDATE audit_writers SET held_until = now() + $3::text::interval \
                     WHERE number = $1 AND holder::text = $2";

/// A name that is ours for now, with the heads of the chains written under it.
#[derive(Debug)]
struct Writer {
    number: i64,
    name: String,
    holder: String,
    renewed: Instant,
    heads: HashMap<String, Option<Head>>,
}

/// The names of this store that no transaction is using.
#[derive(Debug, Default)]
pub(super) struct Writers {
    idle: Mutex<Vec<Writer>>,
}

impl Writers {
    /// A name for one transaction, and where its chain in the workspace ends.
    pub(super) async fn pen(&self, client: &Client, hasher: &ChainHasher, workspace: &str) -> Attempt<Pen<'_>> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let writer = match idle {
            Some(writer) if writer.renewed.elapsed() < RENEWED_AFTER => writer,
            Some(writer) => renewed(client, writer).await?,
            None => taken(client).await?,
        };
        let is_known = writer.heads.contains_key(workspace);
        let name = writer.name.clone();
        let mut pen = Pen { writers: self, workspace: workspace.to_owned(), writer: Some(writer), next: None };
        if !is_known {
            let head = find_head(client, hasher, workspace, &name).await?;
            if let Some(writer) = &mut pen.writer {
                writer.heads.insert(workspace.to_owned(), head);
            }
        }
        Ok(pen)
    }
}

async fn taken(client: &Client) -> Attempt<Writer> {
    let asked = Instant::now();
    let statement = client.prepare_cached(TAKE).await?;
    let row = client.query_one(&statement, &[&HELD]).await?;
    let number: i64 = get(&row, 0)?;
    Ok(Writer { number, name: name(number), holder: get(&row, 1)?, renewed: asked, heads: HashMap::new() })
}

async fn renewed(client: &Client, writer: Writer) -> Attempt<Writer> {
    let asked = Instant::now();
    let statement = client.prepare_cached(RENEW).await?;
    match client.execute(&statement, &[&writer.number, &writer.holder, &HELD]).await? {
        0 => taken(client).await,
        _ => Ok(Writer { renewed: asked, ..writer }),
    }
}

fn name(number: i64) -> String {
    format!("writer-{number}")
}

/// A name in the hands of one transaction.
pub(super) struct Pen<'a> {
    writers: &'a Writers,
    workspace: String,
    writer: Option<Writer>,
    /// Where the chain ends if the transaction commits.
    next: Option<Head>,
}

impl Pen<'_> {
    /// The writer's name, and the end of its chain.
    pub(super) fn place(&self) -> Attempt<(&str, Option<&Head>)> {
        let writer = self.writer.as_ref().ok_or_else(|| StoreError::Database("no writer".to_owned()))?;
        Ok((&writer.name, writer.heads.get(&self.workspace).and_then(Option::as_ref)))
    }

    /// Remembers where the chain ends once the transaction commits.
    pub(super) fn will_end_at(&mut self, head: Head) {
        self.next = Some(head);
    }

    /// The transaction has committed.
    pub(super) fn committed(mut self) {
        if let (Some(writer), Some(next)) = (&mut self.writer, self.next.take()) {
            writer.heads.insert(self.workspace.clone(), Some(next));
        }
    }
}

impl Drop for Pen<'_> {
    fn drop(&mut self) {
        let Some(mut writer) = self.writer.take() else { return };
        if self.next.is_some() {
            // Whether the record is there is not known, so the next transaction looks.
            writer.heads.remove(&self.workspace);
        }
        self.writers.idle.lock().unwrap_or_else(PoisonError::into_inner).push(writer);
    }
}
