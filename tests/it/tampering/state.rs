//! A state directory as the real server leaves it, and copies of it that are tampered with.

use std::{fs, path::Path};

use jiff::Timestamp;
use regex::Regex;
use rusqlite::Connection;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::{
    child::{Server, call, refusal},
    cli::{Left, customerio_mcp},
};

const DATABASE: &str = "state.db";

/// What one server has written and another after it: six records of the workspace `sandbox` each. And what an operator
/// has: two of `default`.
pub(super) struct Written {
    directory: TempDir,
    /// The row of the chain's head after six records.
    earlier: (i64, Vec<u8>, Vec<u8>),
}

/// A copy that somebody has laid hands on.
pub(super) struct Tampered {
    directory: TempDir,
}

impl Written {
    pub(super) fn by_the_server() -> Self {
        Self::into(crate::kept::directory())
    }

    /// Another directory, whose chains are hashed with the same key.
    pub(super) fn by_another_server_with_the_secret_of(first: &Self) -> Self {
        let directory = crate::kept::directory();
        fs::copy(first.directory.path().join("secret"), directory.path().join("secret")).unwrap();
        Self::into(directory)
    }

    fn into(directory: TempDir) -> Self {
        let data = directory.path().to_str().unwrap();
        let mut server = Server::begun(&["--data", data]);
        let strategy = json!({ "primary": "id", "id_form": "any", "source": "the customers table of the shop" });
        server.ok(2, call("declare_identity_strategy", strategy));
        server.ok(3, call("identify_customer", json!({ "id": "test-1", "test": true })));
        server.answer(4, call("track_event", json!({ "customer": "test-1" })));
        server.ok(5, call("get_customer", json!({ "customer": "test-1" })));
        assert_eq!(server.finish().code, Some(0));
        let earlier = open(directory.path())
            .query_row("SELECT sequence, hash, mac FROM audit_heads", [], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .unwrap();
        let mut server = Server::begun(&["--data", data]);
        let plan = server.answer(6, call("delete_customer", json!({ "customer": "cust_0002" })));
        let token = refusal(&plan)["details"]["plan_token"].clone();
        server.ok(7, call("delete_customer", json!({ "customer": "cust_0002", "plan_token": token })));
        server.ok(8, call("track_event", json!({ "customer": "cust_0001", "name": "seen" })));
        server.ok(9, call("list_segments", json!({})));
        assert_eq!(server.finish().code, Some(0));
        let declare = ["identity", "declare", "--primary", "id", "--source", "the shop", "--data", data];
        assert_eq!(customerio_mcp(&declare).finish().code, 0);
        Self { directory, earlier }
    }

    pub(super) fn copy(&self) -> Tampered {
        let directory = crate::kept::directory();
        for file in fs::read_dir(self.directory.path()).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), directory.path().join(file.file_name())).unwrap();
        }
        Tampered { directory }
    }

    /// What is told of a copy after something was done to it.
    pub(super) fn tampered(&self, tamper: impl FnOnce(&Tampered)) -> String {
        let state = self.copy();
        tamper(&state);
        state.found()
    }

    /// SQL that makes the database known as `other`.
    pub(super) fn attached(&self) -> String {
        attached(&self.directory)
    }

    /// SQL that puts the head back that the chain had after six records.
    pub(super) fn earlier_head(&self) -> String {
        let (sequence, hash, mac) = &self.earlier;
        assert_eq!(*sequence, 6);
        let (hash, mac) = (hex::encode(hash), hex::encode(mac));
        format!(
            "UPDATE audit_heads SET sequence = {sequence}, hash = x'{hash}', mac = x'{mac}' WHERE workspace = 'sandbox'"
        )
    }
}

impl Tampered {
    /// Tampers.
    pub(super) fn sql(&self, sql: &str) {
        let connection = open(self.directory.path());
        connection.execute_batch(sql).unwrap();
        assert!(connection.total_changes() > 0, "nothing was changed by {sql}");
    }

    /// SQL that makes the database known as `other`.
    pub(super) fn attached(&self) -> String {
        attached(&self.directory)
    }

    /// Appends two records, as an operator's command does.
    pub(super) fn goes_on(&self) {
        assert_eq!(self.run(&["audit", "prune", "--before", "52w", "--yes"]).code, 0);
    }

    /// Rewrites the whole chain from a changed record on as somebody would who has all but the key.
    pub(super) fn recompute_without_key(&self) {
        self.sql("UPDATE audit SET tool = 'get_customer' WHERE workspace = 'sandbox' AND sequence = 3");
        let connection = open(self.directory.path());
        let mut hash = vec![0; 32];
        for sequence in 1..=12 {
            let record: String = connection
                .query_row(
                    "SELECT workspace || writer || sequence || at_ms || call_id || principal || tool || effect || phase \
                     || decision FROM audit WHERE workspace = 'sandbox' AND sequence = ?1",
                    [sequence],
                    |row| row.get(0),
                )
                .unwrap();
            hash = Sha256::digest([hash.as_slice(), record.as_bytes()].concat()).to_vec();
            connection
                .execute(
                    "UPDATE audit SET hash = ?2 WHERE workspace = 'sandbox' AND sequence = ?1",
                    rusqlite::params![sequence, hash],
                )
                .unwrap();
        }
        let mac = Sha256::digest(&hash).to_vec();
        connection
            .execute("UPDATE audit_heads SET hash = ?1, mac = ?2 WHERE workspace = 'sandbox'", [hash, mac])
            .unwrap();
    }

    /// Prunes what the first server wrote.
    pub(super) fn prune(&self) -> String {
        let second_begins_at_ms: i64 = open(self.directory.path())
            .query_row("SELECT at_ms FROM audit WHERE workspace = 'sandbox' AND sequence = 7", [], |row| row.get(0))
            .unwrap();
        let moment = Timestamp::from_millisecond(second_begins_at_ms).unwrap();
        let left = self.run(&["audit", "prune", "--before", &moment.to_string(), "--yes"]);
        assert_eq!((left.code, left.stderr.as_str()), (0, ""));
        left.stdout.replace(&moment.strftime("%Y-%m-%d %H:%M:%S").to_string(), "[then]")
    }

    /// How many records there are, of all workspaces.
    pub(super) fn records(&self) -> i64 {
        open(self.directory.path()).query_row("SELECT count(*) FROM audit", [], |row| row.get(0)).unwrap()
    }

    /// How many columns a record has.
    pub(super) fn columns(&self) -> usize {
        open(self.directory.path()).prepare("SELECT * FROM audit").unwrap().column_count()
    }

    pub(super) fn run(&self, command: &[&str]) -> Left {
        let data = self.directory.path().to_str().unwrap();
        customerio_mcp(&[command, &["--workspace", "sandbox", "--data", data]].concat()).finish()
    }

    /// What `audit verify` says of a directory in which everything holds.
    pub(super) fn proven(&self) -> String {
        let left = self.run(&["audit", "verify"]);
        assert_eq!((left.code, left.stderr.as_str()), (0, ""), "{}", left.stdout);
        left.stdout
    }

    /// What it says of one in which something does not: which record of which chain, and in which way.
    pub(super) fn found(&self) -> String {
        let left = self.run(&["audit", "verify"]);
        assert_eq!((left.code, left.stderr.as_str()), (1, ""), "not found: {}", left.stdout);
        let json = self.run(&["audit", "verify", "--json"]);
        let report: Value = serde_json::from_str(&json.stdout).unwrap();
        assert_eq!(json.code, 1, "{report}");
        let own: String = open(self.directory.path())
            .query_row("SELECT value FROM meta WHERE name = 'audit_writer'", [], |row| row.get(0))
            .unwrap();
        let other = Regex::new("writer [0-9a-z]+").unwrap();
        // The text says the same, and what it means.
        let said = left.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut text = said.split_once('✗').unwrap().1.to_owned();
        for fault in report["faults"].as_array().unwrap() {
            let meaning = fault["meaning"].as_str().unwrap();
            assert!(said.contains(meaning), "{said}");
            text = text.replace(meaning, "");
        }
        let text = text.replace(&format!("writer {own}"), "our writer");
        let text = other.replace_all(&text, "another writer").into_owned();
        text.split('✗').map(str::trim).collect::<Vec<_>>().join(" ✗ ")
    }
}

fn attached(directory: &TempDir) -> String {
    format!("ATTACH '{}' AS other", directory.path().join(DATABASE).display())
}

fn open(directory: &Path) -> Connection {
    Connection::open(directory.join(DATABASE)).unwrap()
}
