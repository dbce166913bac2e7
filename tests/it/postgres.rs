//! A real PostgreSQL to test against, and databases in it.
//!
//! `tests/fixtures/postgres.sh` starts one that all test processes share and stops it when they are done. Where there is
//! none the half of the suite that needs it is left out, and said to be; with `CUSTOMERIO_MCP_TEST_POSTGRES=required`,
//! as `.ci/run` sets it, that is a failure. The variable may also name another server's database, by its URL.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use customerio_mcp::{
    clock::SystemClock,
    state::{
        ChainKey, StoreError,
        postgres::{Address, PostgresStore},
    },
};

const VARIABLE: &str = "CUSTOMERIO_MCP_TEST_POSTGRES";

/// Where test databases are made.
struct Server {
    /// The URL of its database NAME.
    url_of: Box<dyn Fn(&str) -> String + Send + Sync>,
    /// As long as this is locked the shared server stays.
    used: Option<File>,
}

/// Tells apart what this process makes.
static NUMBER: AtomicU32 = AtomicU32::new(0);

#[expect(clippy::disallowed_methods, reason = "it is the tests that are told, not the program")]
fn asked_for() -> Option<String> {
    std::env::var(VARIABLE).ok()
}

fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER
        .get_or_init(|| match asked_for() {
            Some(url) if url != "required" => {
                let (base, query) = url.split_once('?').unwrap_or((&url, ""));
                let (base, query) = (base.rsplit_once('/').unwrap().0.to_owned(), query.to_owned());
                Some(Server { url_of: Box::new(move |name| format!("{base}/{name}?{query}")), used: None })
            }
            asked => match shared() {
                Ok(server) => Some(server),
                Err(why) => {
                    assert!(asked.is_none(), "{VARIABLE} is set, and {why}");
                    eprintln!("NOT TESTED over PostgreSQL: {why}");
                    None
                }
            },
        })
        .as_ref()
}

fn shared() -> Result<Server, String> {
    let home = script(&["shared"])?;
    let home = Path::new(home.trim());
    let used = File::open(home.join("users.lock")).map_err(|error| error.to_string())?;
    used.lock_shared().map_err(|error| error.to_string())?;
    // It may have been stopped before we had the lock.
    script(&["shared"])?;
    let cluster = Cluster { directory: home.join("shared"), ours: false };
    Ok(Server { url_of: Box::new(move |name| cluster.url(name)), used: Some(used) })
}

fn script(arguments: &[&str]) -> Result<String, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/postgres.sh");
    let output = Command::new("bash").arg(script).args(arguments).output().map_err(|error| error.to_string())?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }
}

/// A server of one test, to be stopped and started.
pub(crate) struct Cluster {
    directory: PathBuf,
    ours: bool,
}

impl Cluster {
    /// `None` where the suite runs without PostgreSQL, or against a server that is not ours to stop.
    pub(crate) fn of_our_own() -> Option<Self> {
        server()?.used.as_ref()?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("customerio-mcp-cluster-{}-{number}", std::process::id()));
        let cluster = Self { directory, ours: true };
        cluster.start();
        Some(cluster)
    }

    pub(crate) fn start(&self) {
        script(&["start", self.directory.to_str().unwrap()]).unwrap();
    }

    pub(crate) fn stop(&self) {
        script(&["stop", self.directory.to_str().unwrap()]).unwrap();
    }

    pub(crate) fn port(&self) -> String {
        std::fs::read_to_string(self.directory.join("port")).unwrap().trim().to_owned()
    }

    /// The certificate of its authority.
    pub(crate) fn authority(&self) -> PathBuf {
        self.directory.join("ca.pem")
    }

    /// A database's URL by way of its socket.
    pub(crate) fn url(&self, database: &str) -> String {
        let socket = self.directory.join("socket");
        format!("postgresql://postgres@/{database}?host={}&port={}", socket.display(), self.port())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.ours {
            let _ = script(&["stop", self.directory.to_str().unwrap()]);
            let _ = std::fs::remove_dir_all(&self.directory);
        }
    }
}

/// An empty database, for as long as it is held.
pub(crate) struct Database {
    name: String,
}

impl Database {
    /// `None` where the suite runs without PostgreSQL.
    pub(crate) fn fresh() -> Option<Self> {
        server()?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{number}", std::process::id());
        execute(&(server()?.url_of)("postgres"), &format!("CREATE DATABASE {name}"));
        Some(Self { name })
    }

    pub(crate) fn url(&self) -> String {
        (server().unwrap().url_of)(&self.name)
    }

    pub(crate) fn address(&self) -> Address {
        Address::parse(&self.url(), None).unwrap()
    }

    pub(crate) async fn open(&self, key: ChainKey) -> Result<PostgresStore, StoreError> {
        PostgresStore::connect(&self.address(), key, std::sync::Arc::new(SystemClock)).await
    }

    /// Does something by hand.
    pub(crate) fn execute(&self, sql: &str) {
        execute(&self.url(), sql);
    }

    /// The first column of the only row, as text.
    pub(crate) fn ask(&self, sql: &str) -> String {
        let (url, sql) = (self.url(), sql.to_owned());
        aside(async move {
            let client = client(&url).await;
            client.query_one(&format!("SELECT ({sql})::text"), &[]).await.unwrap().get(0)
        })
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            execute(&(server().unwrap().url_of)("postgres"), &format!("DROP DATABASE {} WITH (FORCE)", self.name));
        }
    }
}

pub(crate) fn execute(url: &str, sql: &str) {
    let (url, sql) = (url.to_owned(), sql.to_owned());
    aside(async move { client(&url).await.batch_execute(&sql).await.unwrap() });
}

async fn client(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// On a thread and runtime of its own: whoever makes or drops a database need not be able to wait.
fn aside<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    std::thread::spawn(move || runtime().block_on(work)).join().unwrap()
}

#[test]
fn the_postgres_half_of_the_suite_runs_where_it_is_asked_for() {
    // `server` fails if the variable is set and there is none.
    assert!(server().is_some() || asked_for().is_none());
}
