//! The suite every store has to pass, and what is particular to SQLite.

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
mod sqlite;
mod test_profiles;

use std::sync::Arc;

use customerio_mcp::state::{
    ChainKey, Store,
    sqlite::{Location, SqliteStore},
};

/// The key that the chains of all test stores are hashed with.
const CHAIN_KEY: ChainKey = ChainKey([42; 32]);

/// A fresh store of each kind, with what must outlive it. A new kind of store is one more line here.
fn fresh_stores() -> Vec<(Arc<dyn Store>, Option<tempfile::TempDir>)> {
    let directory = crate::kept::directory();
    let file = Location::File(directory.path().join("data").join("state.db"));
    vec![
        (Arc::new(SqliteStore::open(Location::Memory, CHAIN_KEY).unwrap()), None),
        (Arc::new(SqliteStore::open(file, CHAIN_KEY).unwrap()), Some(directory)),
    ]
}

/// Runs a test body over a fresh store of each kind.
async fn with_each_store<F>(test: impl Fn(Arc<dyn Store>) -> F)
where
    F: Future<Output = ()>,
{
    for (store, _directory) in fresh_stores() {
        test(store).await;
    }
}
