//! Opening a database: its schema, whose secret it was written with, and the pool of connections to it.

use std::time::Duration;

use deadpool::managed::QueueMode;
use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Pool, PoolConfig, RecyclingMethod, Runtime, Timeouts,
};
use tokio_postgres::Client;

use super::{
    address::{Address, CONNECT_TIMEOUT},
    tls,
    transaction::lock_number,
};
use crate::state::{StoreError, chain::ChainHasher};

mod migrations {
    refinery::embed_migrations!("src/state/migrations/postgres");
}

/// The newest schema version this program knows.
pub(super) const KNOWN_VERSION: u32 = 1;

/// The oldest server whose SQL is enough.
const OLDEST_SERVER: i32 = 13;

/// Connections of one process at most. They are made when needed, and sixteen busy processes fit into the hundred that
/// a server has unless told otherwise. More would be of little use: those who decide on one workspace take turns.
const CONNECTIONS: usize = 6;

/// How long a caller waits for one of them: long enough for a burst, short enough to be told that nothing goes.
const CONNECTION_TIMEOUTS: Timeouts = Timeouts {
    wait: Some(Duration::from_secs(3)),
    create: Some(Duration::from_secs(4)),
    recycle: Some(Duration::from_secs(1)),
};

/// Set on every connection. A transaction whose process has vanished must not hold its locks until the network tells.
/// A commit that is answered stays, whatever the server's own setting: plans are spent and sends counted by it.
const SESSION: &str = "SET statement_timeout = '5s'; SET lock_timeout = '4s'; SET jit = off; \
    SET idle_in_transaction_session_timeout = '5s'; SET client_min_messages = 'warning'; \
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";

/// While another process changes the schema.
const MIGRATION_TIMEOUTS: &str = "SET lock_timeout = '60s'; SET statement_timeout = '120s'; \
    SET client_min_messages = 'warning'";

/// Brings the schema up to date and makes sure that the state is ours.
pub(super) async fn open(address: &Address, hasher: &ChainHasher) -> Result<Pool, StoreError> {
    let connector = tls::connector(address)?;
    let mut client = connect(address).await?;
    refuse_old_server(&client).await?;
    if !is_current(&client).await? {
        migrate(&mut client).await?;
    }
    refuse_other_secret(&client, hasher).await?;
    let recycled = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = Manager::from_config(address.config.clone(), connector, recycled);
    let set = Hook::async_fn(|client: &mut deadpool_postgres::ClientWrapper, _| {
        Box::pin(async move { client.batch_execute(SESSION).await.map_err(HookError::Backend) })
    });
    // The connection used last is used next: it has its statements prepared, and the others may rest.
    let config = PoolConfig { max_size: CONNECTIONS, timeouts: CONNECTION_TIMEOUTS, queue_mode: QueueMode::Lifo };
    Pool::builder(manager)
        .config(config)
        .runtime(Runtime::Tokio1)
        .post_create(set)
        .build()
        .map_err(|_| StoreError::Database("no pool of connections".to_owned()))
}

/// A connection outside of the pool.
pub(super) async fn connect(address: &Address) -> Result<Client, StoreError> {
    let connecting = address.config.connect(tls::connector(address)?);
    // The address's own limit ends with the handshake of TCP.
    let (client, connection) = tokio::time::timeout(2 * CONNECT_TIMEOUT, connecting)
        .await
        .map_err(|_| StoreError::Unavailable("it did not answer in time".to_owned()))??;
    tokio::spawn(async move {
        // Whoever uses the client hears of it.
        let _ = connection.await;
    });
    Ok(client)
}

async fn refuse_old_server(client: &Client) -> Result<(), StoreError> {
    let version: i32 = client.query_one("SELECT current_setting('server_version_num')::int / 10000", &[]).await?.get(0);
    if version < OLDEST_SERVER {
        return Err(StoreError::Database(format!(
            "the server is PostgreSQL {version}, and {OLDEST_SERVER} is the oldest that will do"
        )));
    }
    Ok(())
}

/// The newest migration that was applied; 0 in a database that has seen none.
pub(super) async fn schema_version(client: &Client) -> Result<u32, StoreError> {
    let known = client.query_one("SELECT to_regclass('refinery_schema_history') IS NOT NULL", &[]).await?;
    if !known.try_get::<_, bool>(0)? {
        return Ok(0);
    }
    let newest = client.query_one("SELECT coalesce(max(version), 0) FROM refinery_schema_history", &[]).await?;
    Ok(u32::try_from(newest.try_get::<_, i32>(0)?).unwrap_or(0))
}

async fn is_current(client: &Client) -> Result<bool, StoreError> {
    let found = schema_version(client).await?;
    if found > KNOWN_VERSION {
        return Err(StoreError::TooNew { found, known: KNOWN_VERSION });
    }
    Ok(found == KNOWN_VERSION)
}

/// One process at a time changes the schema: refinery itself takes no lock, and many may start at once.
async fn migrate(client: &mut Client) -> Result<(), StoreError> {
    let number = lock_number("schema", "");
    client.batch_execute(&format!("{MIGRATION_TIMEOUTS}; SELECT pg_advisory_lock({number})")).await?;
    // The lock goes with the connection, which is not used for anything else.
    if is_current(client).await? {
        return Ok(());
    }
    migrations::migrations::runner().run_async(client).await.map(drop).map_err(|error| failed(&error))
}

fn failed(error: &refinery::Error) -> StoreError {
    if let refinery::error::Kind::Connection(_, cause) = error.kind()
        && let Some(cause) = cause.downcast_ref::<tokio_postgres::Error>()
        && let Some(cause) = cause.as_db_error()
    {
        let what = if *cause.code() == tokio_postgres::error::SqlState::INSUFFICIENT_PRIVILEGE {
            "the login may not make tables in its schema"
        } else {
            "the schema could not be brought up to date"
        };
        return StoreError::Database(format!("{what} (SQLSTATE {})", cause.code().code()));
    }
    StoreError::Database("the schema could not be brought up to date".to_owned())
}

/// With another secret nobody would be recognised: every digest, key and plan would be another's, and the limits of the
/// two would be apart although they look shared.
async fn refuse_other_secret(client: &Client, hasher: &ChainHasher) -> Result<(), StoreError> {
    let ours = hasher.fingerprint();
    let find = "SELECT value FROM meta WHERE name = 'secret'";
    if client.query_opt(find, &[]).await?.is_none() {
        client.execute("INSERT INTO meta (name, value) VALUES ('secret', $1) ON CONFLICT DO NOTHING", &[&ours]).await?;
    }
    let written: String = client.query_one(find, &[]).await?.try_get(0)?;
    if written == ours { Ok(()) } else { Err(StoreError::OtherSecret) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_migration_is_the_version_known() {
        let runner = migrations::migrations::runner();
        let newest = runner.get_migrations().iter().map(refinery::Migration::version).max();
        assert_eq!(newest.and_then(|version| u32::try_from(version).ok()), Some(KNOWN_VERSION));
    }
}
