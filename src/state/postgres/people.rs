//! Remembered people.

use super::{
    columns::{Attempt, get},
    core::Core,
    transaction::{Lock, Transaction, prepare},
};
use crate::state::{CachedPerson, Digest};

const FIND: &str = "SELECT place, person, sealed, expires_at_ms \
    FROM unnest($2::bytea[]) WITH ORDINALITY AS asked (key, place) JOIN cached_people USING (key) \
    WHERE workspace = $1 AND expires_at_ms > $3";

/// Erased people are passed over: a look-up that began before the erasure must not bring them back into the store. Of
/// two entries under one key the later holds.
const REMEMBER: &str = "INSERT INTO cached_people (workspace, key, person, sealed, expires_at_ms) \
    SELECT DISTINCT ON (key) $1, key, person, sealed, expires_at_ms \
    FROM unnest($2::bytea[], $3::bytea[], $4::bytea[], $5::bigint[]) WITH ORDINALITY \
    AS given (key, person, sealed, expires_at_ms, place) \
    WHERE NOT EXISTS (SELECT 1 FROM tombstones WHERE workspace = $1 AND subject IN (given.key, given.person)) \
    ORDER BY key, place DESC \
    ON CONFLICT (workspace, key) DO UPDATE \
    SET person = excluded.person, sealed = excluded.sealed, expires_at_ms = excluded.expires_at_ms";

const FORGET: &str = "DELETE FROM cached_people WHERE workspace = $1 \
    AND person IN (SELECT person FROM cached_people WHERE workspace = $1 AND key = ANY($2))";

pub(super) async fn find(
    core: &Core,
    workspace: &str,
    keys: &[Digest],
    now_ms: i64,
) -> Attempt<Vec<Option<CachedPerson>>> {
    let client = core.client().await?;
    let [statement] = prepare(&client, [FIND]).await?;
    let mut found = vec![None; keys.len()];
    for row in client.query(&statement, &[&workspace, &keys, &now_ms]).await? {
        let place: i64 = get(&row, 0)?;
        let Some(at) = usize::try_from(place - 1).ok().filter(|at| *at < keys.len()) else { continue };
        let (person, sealed, expires_at_ms) = (get(&row, 1)?, get(&row, 2)?, get(&row, 3)?);
        found[at] = Some(CachedPerson { key: keys[at], person, sealed, expires_at_ms });
    }
    Ok(found)
}

pub(super) async fn remember(core: &Core, workspace: &str, people: &[CachedPerson]) -> Attempt<()> {
    if people.is_empty() {
        return Ok(());
    }
    let transaction = Transaction::on(core.client().await?);
    let [statement] = prepare(transaction.client()?, [REMEMBER]).await?;
    let keys: Vec<Digest> = people.iter().map(|person| person.key).collect();
    let persons: Vec<Digest> = people.iter().map(|person| person.person).collect();
    let sealed: Vec<&[u8]> = people.iter().map(|person| person.sealed.as_slice()).collect();
    let expire_at_ms: Vec<i64> = people.iter().map(|person| person.expires_at_ms).collect();
    let locks = [Lock::People(workspace)];
    let (begun, ended) = tokio::join!(
        biased;
        transaction.begin(&locks),
        transaction.commit_with(vec![Box::pin(async {
            transaction.execute(&statement, &[&workspace, &keys, &persons, &sealed, &expire_at_ms]).await.map(drop)
        })]),
    );
    begun.and(ended)
}

pub(super) async fn forget(core: &Core, workspace: &str, keys: &[Digest]) -> Attempt<()> {
    let client = core.client().await?;
    let [statement] = prepare(&client, [FORGET]).await?;
    client.execute(&statement, &[&workspace, &keys]).await?;
    Ok(())
}
