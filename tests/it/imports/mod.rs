//! Imports: every row checked before the first is written, every row written once, whatever stops them in between.

mod arguments;
mod customers;
mod events;
#[cfg(unix)]
mod files;
mod guarded;
mod resuming;

use std::{fmt::Write as _, fs, path::Path, time::Duration};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::driver::{Product, Setup};

/// A product that may read files of a directory of its own, with budgets an import fits in.
struct Desk {
    product: Product,
    directory: TempDir,
}

impl Desk {
    async fn new() -> Self {
        Self::with(Setup::shop()).await
    }

    /// Every call does as little as it can and leaves a handle.
    async fn in_small_steps() -> Self {
        Self::with(Setup::shop().slicing(Duration::ZERO)).await
    }

    async fn with(setup: Setup) -> Self {
        let directory = crate::kept::directory();
        let allowed = vec![directory.path().to_owned()];
        let setup = setup.with_ids().with(|config| {
            config.budgets.triggers_per_hour = 100_000;
            config.budgets.new_profiles_per_day = 100_000;
            config.import_directories = allowed;
        });
        Self { product: setup.start().await, directory }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path().join(name), text).unwrap();
    }

    /// A file of new people, `cust_5001` and on.
    fn people(&self, name: &str, count: usize) {
        let mut text = "id,email,plan,orders\n".to_owned();
        for at in 0..count {
            writeln!(text, "{},p{at}@shop.io,gold,{at}", id(at)).unwrap();
        }
        self.write(name, text);
    }

    /// A file of events of the people of the shop.
    fn events(&self, name: &str, count: usize) {
        let lines: Vec<_> = (0..count)
            .map(
                |at| json!({ "customer": format!("cust_{:04}", 1 + at % 3), "name": "imported", "data": { "at": at } }),
            )
            .map(|row| row.to_string())
            .collect();
        self.write(name, lines.join("\n"));
    }

    /// Calls again by the handle until nothing is left to do, and returns every answer.
    async fn to_the_end(&self, tool: &'static str, arguments: Value) -> Vec<Value> {
        let mut answers = vec![self.product.ok(tool, arguments).await];
        while answers.last().unwrap()["result"] == "in_progress" {
            assert!(answers.len() < 200, "it never ends: {answers:?}");
            let handle = answers.last().unwrap()["handle"].clone();
            answers.push(self.product.ok(tool, json!({ "handle": handle })).await);
        }
        answers
    }

    /// How many events of a name there are, and how many different `at` they have.
    async fn seen(&self, name: &str) -> (usize, usize) {
        let mut found = Vec::new();
        let mut start = String::new();
        loop {
            let path = format!("activities?type=event&name={name}&limit=100&start={start}");
            let (status, page) = self.product.app(&path).await;
            assert_eq!(status, 200, "{page}");
            found.extend(page["activities"].as_array().unwrap().iter().map(|one| one["data"]["at"].to_string()));
            start = page["next"].as_str().unwrap_or_default().to_owned();
            if start.is_empty() {
                break;
            }
        }
        let count = found.len();
        found.sort();
        found.dedup();
        (count, found.len())
    }

    async fn people_count(&self) -> u64 {
        self.product.counts().await["people"].as_u64().unwrap()
    }
}

fn id(at: usize) -> String {
    format!("cust_{}", 5_001 + at)
}

/// How many batches the sandbox has seen.
async fn batches(product: &Product) -> u64 {
    product.requests().await["counts"]["POST /api/v2/batch"].as_u64().unwrap_or(0)
}
