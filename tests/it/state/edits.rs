//! Random edits of random chains: whatever is not as it was written is found, and nothing else is.

use std::fmt::Write as _;

use customerio_mcp::state::{
    AuditEntry, AuditPhase, Begin, Digest, Store,
    sqlite::{Location, SqliteStore},
};
use proptest::{collection::vec, option, prelude::*, sample::select};
use rusqlite::{Connection, types::Value};

use super::{CHAIN_KEY, material::*};

const OTHER: &str = "other";

/// Something that a caller did, and whether it was in this workspace.
#[derive(Debug, Clone)]
struct Written {
    here: bool,
    /// A call on the ledger, not only a record.
    begun: bool,
    phase: AuditPhase,
    subject: Option<u8>,
    approved: bool,
    status: Option<u16>,
    duration_ms: Option<u64>,
}

/// Something that is done by hand.
#[derive(Debug, Clone)]
enum Edit {
    Set { column: &'static str, value: &'static str, of: u8 },
    Copy { column: &'static str, from: u8, to: u8 },
    Swap { columns: &'static str, one: u8, other: u8 },
    Remove { of: u8 },
    CutAfter { of: u8 },
    CutBefore { of: u8 },
    Insert { like: u8, sequence: i8 },
    SetAnchor { table: &'static str, column: &'static str, value: &'static str },
    CopyAnchor { from: &'static str, to: &'static str, workspace: &'static str },
    RemoveAnchor { table: &'static str },
    RemoveAll,
}

const CONTENT: [&str; 11] = [
    "at_ms",
    "call_id",
    "principal",
    "tool",
    "effect",
    "phase",
    "subject",
    "decision",
    "approved_by",
    "upstream_status",
    "duration_ms",
];
const PLACE: [&str; 5] = ["row", "workspace", "writer", "sequence", "hash"];
const NUMBERS: [&str; 7] = ["0", "-1", "1", "2", "7", "9223372036854775807", "NULL"];
const TEXTS: [&str; 6] = ["''", "'other'", "'local' || char(0)", "'operator'", "'read'", "NULL"];
const BLOBS: [&str; 4] = ["zeroblob(32)", "x'00'", "x''", "NULL"];
const ANCHORS: [&str; 2] = ["audit_heads", "audit_checkpoints"];
const ANCHOR_COLUMNS: [&str; 5] = ["workspace", "writer", "sequence", "hash", "mac"];

fn written() -> impl Strategy<Value = Vec<Written>> {
    let one = (
        (prop::bool::weighted(0.8), any::<bool>(), select(&AuditPhase::ALL[..])),
        (option::of(0..3_u8), any::<bool>(), option::of(200..600_u16), option::of(0..3_u64)),
    );
    let one = one.prop_map(|((here, begun, phase), (subject, approved, status, duration_ms))| Written {
        here,
        begun,
        phase,
        subject,
        approved,
        status,
        duration_ms,
    });
    vec(one, 2..9)
}

/// A column, and what might be put there.
fn column_and_value(columns: Vec<&'static str>) -> impl Strategy<Value = (&'static str, &'static str)> {
    select(columns).prop_flat_map(|column| {
        let values = match column {
            "row" | "sequence" | "at_ms" | "phase" | "upstream_status" | "duration_ms" => &NUMBERS[..],
            "subject" | "hash" | "mac" => &BLOBS[..],
            _ => &TEXTS[..],
        };
        (Just(column), select(values))
    })
}

fn edit() -> impl Strategy<Value = Edit> {
    let columns = || [&CONTENT[..], &PLACE[..]].concat();
    let (place, anchor) = (any::<u8>, || select(&ANCHORS[..]));
    prop_oneof![
        6 => (column_and_value(columns()), place()).prop_map(|((column, value), of)| Edit::Set { column, value, of }),
        4 => (select(columns()), place(), place()).prop_map(|(column, from, to)| Edit::Copy { column, from, to }),
        2 => (select(vec!["row", "sequence", "hash", "contents"]), place(), place())
            .prop_map(|(columns, one, other)| Edit::Swap { columns, one, other }),
        2 => place().prop_map(|of| Edit::Remove { of }),
        1 => place().prop_map(|of| Edit::CutAfter { of }),
        1 => place().prop_map(|of| Edit::CutBefore { of }),
        3 => (place(), -2..12_i8).prop_map(|(like, sequence)| Edit::Insert { like, sequence }),
        3 => (anchor(), column_and_value(ANCHOR_COLUMNS.to_vec()))
            .prop_map(|(table, (column, value))| Edit::SetAnchor { table, column, value }),
        2 => (anchor(), anchor(), select(vec![SHOP, OTHER]))
            .prop_map(|(from, to, workspace)| Edit::CopyAnchor { from, to, workspace }),
        2 => anchor().prop_map(|table| Edit::RemoveAnchor { table }),
        1 => Just(Edit::RemoveAll),
    ]
}

/// SQL for one of the records there are.
fn row_of(record: u8) -> String {
    format!(
        "(SELECT row FROM audit WHERE workspace = 'shop' ORDER BY sequence LIMIT 1 OFFSET \
         {record} % max(1, (SELECT count(*) FROM audit WHERE workspace = 'shop')))"
    )
}

impl Edit {
    fn sql(&self) -> String {
        match self {
            Self::Set { column, value, of } => {
                format!("UPDATE audit SET {column} = {value} WHERE row = {}", row_of(*of))
            }
            Self::Copy { column, from, to } => {
                let value = format!("(SELECT {column} FROM audit WHERE row = {})", row_of(*from));
                format!("UPDATE audit SET {column} = {value} WHERE row = {}", row_of(*to))
            }
            Self::Swap { columns, one, other } => swap(columns, &row_of(*one), &row_of(*other)),
            Self::Remove { of } => format!("DELETE FROM audit WHERE row = {}", row_of(*of)),
            Self::CutAfter { of } => format!(
                "DELETE FROM audit WHERE workspace = 'shop' AND sequence > \
                 (SELECT sequence FROM audit WHERE row = {})",
                row_of(*of)
            ),
            Self::CutBefore { of } => format!(
                "DELETE FROM audit WHERE workspace = 'shop' AND sequence < \
                 (SELECT sequence FROM audit WHERE row = {})",
                row_of(*of)
            ),
            Self::Insert { like, sequence } => format!(
                "INSERT INTO audit SELECT NULL, workspace, writer, {sequence}, {}, hash FROM audit WHERE row = {}",
                CONTENT.join(", "),
                row_of(*like)
            ),
            Self::SetAnchor { table, column, value } => {
                format!("UPDATE {table} SET {column} = {value} WHERE workspace = 'shop'")
            }
            Self::CopyAnchor { from, to, workspace } => format!(
                "INSERT OR REPLACE INTO {to} SELECT 'shop', writer, sequence, hash, mac FROM {from} \
                 WHERE workspace = '{workspace}'"
            ),
            Self::RemoveAnchor { table } => format!("DELETE FROM {table} WHERE workspace = 'shop'"),
            Self::RemoveAll => "DELETE FROM audit WHERE workspace = 'shop'; \
                DELETE FROM audit_heads WHERE workspace = 'shop'; \
                DELETE FROM audit_checkpoints WHERE workspace = 'shop'"
                .to_owned(),
        }
    }
}

/// Swaps columns of two records by way of a place that nobody has.
fn swap(columns: &str, one: &str, other: &str) -> String {
    let columns = if columns == "contents" { CONTENT.join(", ") } else { columns.to_owned() };
    let mut sql = format!(
        "DROP TABLE IF EXISTS temp.pair; CREATE TEMP TABLE pair AS SELECT {one} AS one, {other} AS other; \
         DROP TABLE IF EXISTS temp.was; \
         CREATE TEMP TABLE was AS SELECT audit.row AS at, audit.* FROM audit, pair WHERE audit.row IN (one, other); \
         UPDATE audit SET row = -row, sequence = -1000 - sequence WHERE row IN (SELECT at FROM was);"
    );
    let kept = "row, sequence";
    for (from, to) in [("one", "other"), ("other", "one")] {
        // What is not swapped comes back as it was.
        let _ = write!(
            sql,
            "UPDATE audit SET ({kept}) = (SELECT {kept} FROM was, pair WHERE at = {to}) \
             WHERE row = (SELECT -{to} FROM pair); \
             UPDATE audit SET ({columns}) = (SELECT {columns} FROM was, pair WHERE at = {from}) \
             WHERE row = (SELECT {to} FROM pair);"
        );
    }
    sql
}

/// All that is recorded of the workspace, table by table, records in the order they are listed.
fn recorded(connection: &Connection) -> Vec<Vec<Vec<Value>>> {
    let records = format!("writer, sequence, hash, {} FROM audit", CONTENT.join(", "));
    let table = |from: &str, order: &str| {
        let sql = format!("SELECT {from} WHERE workspace = 'shop' ORDER BY {order}");
        let mut statement = connection.prepare(&sql).unwrap();
        let columns = statement.column_count();
        let rows = statement.query_map([], |row| (0..columns).map(|at| row.get(at)).collect()).unwrap();
        rows.map(Result::unwrap).collect()
    };
    vec![table(&records, "row"), table("* FROM audit_heads", "writer"), table("* FROM audit_checkpoints", "writer")]
}

async fn write(store: &dyn Store, number: i64, written: &Written) {
    let (call_id, at_ms) = (format!("call {number}"), NOW_MS + number * MINUTE_MS);
    let audit = AuditEntry {
        at_ms,
        workspace: if written.here { SHOP } else { OTHER }.to_owned(),
        subject: written.subject.map(|subject| Digest([subject; 32])),
        approved_by: written.approved.then(|| "plan token".to_owned()),
        upstream_status: written.status,
        duration_ms: written.duration_ms,
        ..entry(&call_id, written.phase, "admitted")
    };
    if written.begun {
        begun(store, Begin { workspace: audit.workspace.clone(), now_ms: at_ms, audit, ..call(&call_id) }).await;
    } else {
        store.append_audit(audit).await.unwrap();
    }
}

/// Everything that holds records or proves them.
const TABLES: [&str; 3] = ["audit", "audit_heads", "audit_checkpoints"];

/// Does `sql` for each of these tables.
fn for_each_table(connection: &Connection, sql: impl Fn(&str) -> String) {
    connection.execute_batch(&TABLES.map(sql).join("; ")).unwrap();
}

async fn run(written: Vec<Written>, pruned: Option<i64>, trials: Vec<Vec<Edit>>) -> Result<(), TestCaseError> {
    let directory = crate::kept::directory();
    let path = directory.path().join("state.db");
    let store = SqliteStore::open(Location::File(path.clone()), CHAIN_KEY).unwrap();
    for (number, written) in written.iter().enumerate() {
        write(&store, i64::try_from(number).unwrap(), written).await;
    }
    if let Some(pruned) = pruned {
        store.prune_audit(SHOP.to_owned(), NOW_MS + pruned * MINUTE_MS).await.unwrap();
    }
    // Whatever else is taken away, the ledger has this call.
    let last = Written { here: true, begun: true, ..written[0].clone() };
    write(&store, 100, &last).await;
    let by_hand = Connection::open(&path).unwrap();
    by_hand.execute_batch("PRAGMA synchronous = OFF").unwrap();
    for_each_table(&by_hand, |table| format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}"));
    let before = recorded(&by_hand);
    for edits in trials {
        prop_assert_eq!(store.verify_audit(SHOP.to_owned()).await.unwrap().faults, []);
        for edit in &edits {
            // What the database itself refuses is not done.
            if by_hand.execute_batch(&format!("BEGIN; {}; COMMIT", edit.sql())).is_err() {
                by_hand.execute_batch("ROLLBACK").unwrap();
            }
        }
        let faults = store.verify_audit(SHOP.to_owned()).await.unwrap().faults;
        prop_assert_eq!(faults.is_empty(), recorded(&by_hand) == before, "{:?}: {:?}", edits, faults);
        for_each_table(&by_hand, |table| {
            format!("DELETE FROM {table}; INSERT INTO {table} SELECT * FROM kept_{table}")
        });
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_not_as_it_was_written_is_found(
        written in written(), pruned in option::of(0..9_i64), trials in vec(vec(edit(), 1..4), 20)
    ) {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(run(written, pruned, trials))?;
    }
}
