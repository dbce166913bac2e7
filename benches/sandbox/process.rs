//! A server as a process of its own: where it listens, what it holds, what it has worked.

use std::{fs, io, net::SocketAddr, path::Path, process::Stdio, time::Duration};

use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::timeout,
};

/// A server that does not say where it listens in this time never will.
const SAYS_WITHIN: Duration = Duration::from_secs(30);

/// The segment that is counted: evaluated, not chosen by hand.
const FIXTURE: &str = "\
[workspace]
id = 1
name = \"bench\"

[[segments]]
id = 1
name = \"Gold plan\"
filter = { attribute = { field = \"plan\", operator = \"eq\", value = \"gold\" } }
";

/// A server that listens; dropping it kills it.
pub(crate) struct Process {
    child: Child,
    pub(crate) address: SocketAddr,
    /// What the server reads and writes.
    _directory: TempDir,
}

impl Process {
    /// The sandbox of a build of the product, with nobody in it but whom `data` holds.
    pub(crate) async fn sandbox(program: &str, data: Option<&Path>) -> io::Result<Self> {
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let fixture = directory.path().join("fixture.toml");
        fs::write(&fixture, FIXTURE)?;
        let mut command = Command::new(program);
        command.env_clear().args(["sandbox", "--listen", "127.0.0.1:0", "--seed", "1", "--fixture"]).arg(&fixture);
        command.args(["--site-id", "site", "--tracking-key", "track", "--app-key", "app", "--cdp-key", "cdp"]);
        if let Some(data) = data {
            command.arg("--data").arg(data);
        }
        Self::start(command, directory).await
    }

    pub(crate) async fn kill(&mut self) -> io::Result<()> {
        self.child.kill().await
    }

    /// The program of the bench itself, as the handler that only parses.
    pub(crate) async fn bare() -> io::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.env_clear().arg("bare");
        Self::start(command, tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?).await
    }

    async fn start(mut command: Command, directory: TempDir) -> io::Result<Self> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let stdout = child.stdout.take().ok_or_else(|| io::Error::other("the child has no pipe"))?;
        let mut lines = BufReader::new(stdout).lines();
        let address = loop {
            let line = timeout(SAYS_WITHIN, lines.next_line()).await??;
            let line = line.ok_or_else(|| io::Error::other("the server did not say where it listens"))?;
            if let Some(address) = line.split("http://").nth(1).and_then(|address| address.trim().parse().ok()) {
                break address;
            }
        };
        // What else it says waits in the pipe.
        child.stdout = Some(lines.into_inner().into_inner());
        Ok(Self { child, address, _directory: directory })
    }

    /// What it has of memory now, in bytes.
    pub(crate) fn resident_bytes(&self) -> io::Result<f64> {
        let status = fs::read_to_string(self.proc("status")?)?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = resident.and_then(|resident| resident.trim().trim_end_matches(" kB").parse::<f64>().ok());
        kilobytes.map(|kilobytes| kilobytes * 1024.0).ok_or_else(|| io::Error::other("no VmRSS"))
    }

    /// User and system time of its one busy thread.
    pub(crate) fn cpu(&self) -> io::Result<Duration> {
        let schedule = fs::read_to_string(self.proc("schedstat")?)?;
        let nanoseconds = schedule.split(' ').next().and_then(|first| first.parse().ok());
        nanoseconds.map(Duration::from_nanos).ok_or_else(|| io::Error::other("no schedstat"))
    }

    fn proc(&self, file: &str) -> io::Result<impl AsRef<Path>> {
        let pid = self.child.id().ok_or_else(|| io::Error::other("the server has ended"))?;
        Ok(format!("/proc/{pid}/{file}"))
    }
}
