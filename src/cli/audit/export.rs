//! `audit export`: the record as lines of JSON, for whoever keeps or examines it elsewhere.

use std::{
    collections::HashMap,
    fs::{File, OpenOptions},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use serde_json::json;

use super::{filter::FilterArgs, line};
use crate::{
    cli::{
        ConfigArgs,
        output::{self, counted},
    },
    guard::Guards,
    state::{AuditProof, AuditQuery, AuditRecord, ChainKey, Digest},
};

/// How many records are read at a time.
const PAGE: u32 = 1_000;

pub(super) const EXAMPLES: &str = "\
Examples:
  customerio-mcp audit export --output audit.jsonl
  customerio-mcp audit export --effect send --since 30d | gzip > sends.jsonl.gz
  customerio-mcp audit export --workspace prod --decision budget_exhausted

Oldest first, one record a line, with its place on the chain: its hash, and that
of the record before it. The last line seals all before it, so that `audit verify
--file FILE` proves the file with the server's own secret: what it says, and that
nothing was changed, removed or put in. Lines hold no arguments and no personal
data. Exit code 1 means that the chain in the store does not hold; the file says so.";

/// Flags of `audit export`.
#[derive(Debug, Clone, Args)]
pub struct ExportArgs {
    /// Which records.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// Write to this new file, readable by its owner alone, instead of stdout
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Configuration and state.
    #[command(flatten)]
    pub config: ConfigArgs,
}

pub(super) async fn run(args: &ExportArgs, guards: &Guards, key: &ChainKey) -> ExitCode {
    let query = match args.filter.query(guards) {
        Ok(query) => query,
        Err(why) => return output::unusable(why),
    };
    let written = match &args.output {
        None => export(args, guards, key, query, io::stdout()).await,
        Some(path) => match create(path) {
            Ok(file) => export(args, guards, key, query, file).await,
            Err(error) => return output::unusable(format!("{} cannot be made: {error}", path.display())),
        },
    };
    match written {
        Err(Stopped::Reader) => ExitCode::SUCCESS,
        Err(Stopped::Why(why)) => output::failed(format!("{why}; what was written is not whole")),
        Ok(Exported { records, chain_holds }) => {
            if let Some(path) = &args.output {
                output::say(format!("{} in {}\n", counted(records, "record"), path.display()));
            }
            if chain_holds {
                return ExitCode::SUCCESS;
            }
            output::failed("the chain in the store does not hold: `audit verify` names the place")
        }
    }
}

struct Exported {
    records: u64,
    chain_holds: bool,
}

enum Stopped {
    /// Nobody reads on (`| head`).
    Reader,
    Why(String),
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Reader,
            _ => Self::Why(error.to_string()),
        }
    }
}

impl From<crate::state::StoreError> for Stopped {
    fn from(error: crate::state::StoreError) -> Self {
        Self::Why(error.to_string())
    }
}

/// Never over a file that is there: it may be the only copy of what was pruned since.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

async fn export(
    args: &ExportArgs,
    guards: &Guards,
    key: &ChainKey,
    query: AuditQuery,
    sink: impl Write + Send,
) -> Result<Exported, Stopped> {
    let proof = AuditProof::new(key)?;
    let chain_holds = guards.store.verify_audit(query.workspace.clone()).await?.faults.is_empty();
    let mut sink = BufWriter::new(sink);
    let mut seal = proof.seal();
    let mut last: HashMap<String, (u64, Digest)> = HashMap::new();
    let mut after_row = i64::MIN;
    loop {
        // All of them are read, whatever is asked for: each line names the hash before it.
        let page = AuditQuery {
            workspace: query.workspace.clone(),
            after_row: Some(after_row),
            limit: PAGE,
            ..AuditQuery::default()
        };
        let records = guards.store.list_audit(page).await?;
        let Some(newest) = records.last() else { break };
        after_row = newest.row;
        for record in &records {
            let previous = previous(last.get(&record.writer), record);
            if query.matches(&record.entry) {
                let text = exported(record, previous).to_string();
                seal.line(&text);
                writeln!(sink, "{text}")?;
            }
            last.insert(record.writer.clone(), (record.sequence, record.hash));
        }
    }
    let records = seal.lines();
    let end = json!({
        "workspace": query.workspace,
        "records": records,
        "narrowed": args.filter.narrows(),
        "chain_holds": chain_holds,
    });
    // What the last line says of the file is sealed with it.
    seal.line(&end.to_string());
    writeln!(sink, "{}", json!({ "end": end, "seal": hex::encode(seal.finish().0) }))?;
    sink.flush()?;
    Ok(Exported { records, chain_holds })
}

/// The hash that a record follows, unless that was cut by pruning.
fn previous(last: Option<&(u64, Digest)>, record: &AuditRecord) -> Option<Digest> {
    match last {
        Some((sequence, hash)) => Some(*hash).filter(|_| sequence + 1 == record.sequence),
        None => (record.sequence == 1).then(AuditProof::genesis),
    }
}

/// A record with all that its hash is made of.
fn exported(record: &AuditRecord, previous: Option<Digest>) -> serde_json::Value {
    let full = |digest: Digest| hex::encode(digest.0);
    let mut text = line(record);
    text["workspace"] = json!(record.entry.workspace);
    text["at_ms"] = json!(record.entry.at_ms);
    text["subject"] = json!(record.entry.subject.map(full));
    text["previous"] = json!(previous.map(full));
    text["hash"] = json!(full(record.hash));
    text
}
