//! The suite every store has to pass, and what is particular to each.

mod absence;
mod approvals;
mod audit;
mod budgets;
mod calls;
mod concurrency;
mod edits;
mod erasures;
mod identity;
mod imports;
mod material;
mod model;
mod postgres;
mod sqlite;
mod test_profiles;

use std::sync::Arc;

use customerio_mcp::state::{
    ChainKey, Store,
    sqlite::{Location, SqliteStore},
};

use crate::postgres::Database;

/// The key that the chains of all test stores are hashed with.
const CHAIN_KEY: ChainKey = ChainKey([42; 32]);

/// What a store lies in, which must outlive it.
enum Ground {
    Memory,
    Directory(#[expect(dead_code, reason = "held for its end")] tempfile::TempDir),
    Database(#[expect(dead_code, reason = "held for its end")] Database),
}

/// A fresh store of each kind. A new kind of store is one more line here.
async fn fresh_stores() -> Vec<(Arc<dyn Store>, Ground)> {
    let directory = crate::kept::directory();
    let file = Location::File(directory.path().join("data").join("state.db"));
    let mut stores: Vec<(Arc<dyn Store>, Ground)> = vec![
        (Arc::new(SqliteStore::open(Location::Memory, CHAIN_KEY).unwrap()), Ground::Memory),
        (Arc::new(SqliteStore::open(file, CHAIN_KEY).unwrap()), Ground::Directory(directory)),
    ];
    if let Some(database) = Database::fresh() {
        stores.push((Arc::new(database.open(CHAIN_KEY).await.unwrap()), Ground::Database(database)));
    }
    stores
}

/// Runs a test body over a fresh store of each kind.
async fn with_each_store<F>(test: impl Fn(Arc<dyn Store>) -> F)
where
    F: Future<Output = ()>,
{
    for (store, _ground) in fresh_stores().await {
        test(store).await;
    }
}
