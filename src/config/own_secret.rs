//! Where the one secret of our own comes from.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::Path,
};

use super::{
    environment::Environment,
    error::{ConfigError, Place, Problem},
};
use crate::{
    clock::{Clock, random_bytes},
    guard::secret::Secret,
};

const VARIABLE: &str = "CUSTOMERIO_MCP_SECRET";
const FILE_VARIABLE: &str = "CUSTOMERIO_MCP_SECRET_FILE";

/// Name of the file in the data directory.
pub(super) const FILE_NAME: &str = "secret";

const FORM: &str = "64 hexadecimal digits, as `openssl rand -hex 32` prints them";

/// Why there is no going on without one.
pub(super) const MUST_BE_SHARED: &str = "the state is in PostgreSQL, where every instance must have the same secret: \
    set CUSTOMERIO_MCP_SECRET, or CUSTOMERIO_MCP_SECRET_FILE, to what `openssl rand -hex 32` prints, once for all of \
    them";

/// Where the secret is to be found.
#[derive(Debug, Clone)]
pub(super) enum OwnSecret {
    /// It was given.
    Given(Secret),
    /// It is kept in the data directory, and made there when first needed.
    InDataDirectory,
}

/// Reads the secret if the environment names one.
pub(super) fn from_environment(env: &Environment) -> Result<OwnSecret, Problem> {
    match (env.text(VARIABLE)?, env.path(FILE_VARIABLE)) {
        (None, None) => Ok(OwnSecret::InDataDirectory),
        (Some(_), Some(_)) => {
            Err(Problem::new(Place::variable(FILE_VARIABLE), format!("is set beside {VARIABLE}: keep one of them")))
        }
        (Some(text), None) => Secret::from_hex(text)
            .map(OwnSecret::Given)
            .ok_or_else(|| Problem::new(Place::variable(VARIABLE), format!("takes {FORM}"))),
        (None, Some(path)) => read(&path)
            .map(OwnSecret::Given)
            .map_err(|message| Problem::new(Place::variable(FILE_VARIABLE), format!("names a file that {message}"))),
    }
}

/// The secret in the data directory; made on first use, by exactly one of the processes that start at once.
pub(super) fn in_directory(directory: &Path, clock: &dyn Clock) -> Result<Secret, ConfigError> {
    let path = directory.join(FILE_NAME);
    let refuse = |message: String| ConfigError::from(Problem::new(Place::Nowhere, message));
    if !path.exists() {
        create(directory, &path, clock)
            .map_err(|error| refuse(format!("{} cannot be written: {error}", path.display())))?;
    }
    refuse_if_readable_by_others(&path).map_err(&refuse)?;
    read(&path).map_err(|message| refuse(format!("{} {message}", path.display())))
}

/// Written beside its place and then linked to it: linking fails if another process was first, and nobody ever reads
/// half a secret.
fn create(directory: &Path, path: &Path, clock: &dyn Clock) -> io::Result<()> {
    make_private_directory(directory)?;
    let draft = directory.join(format!("{FILE_NAME}.{}", hex::encode(random_bytes::<8>(clock))));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft)?;
    let linked = writeln!(file, "{}", Secret::random(clock).to_hex())
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::hard_link(&draft, path));
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

/// Creates the data directory so that only its owner can look into it; one that exists is left as it is.
fn make_private_directory(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

#[cfg(unix)]
fn refuse_if_readable_by_others(path: &Path) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt as _;
    let metadata = fs::metadata(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    let mode = metadata.permissions().mode() & 0o777;
    let for_others = mode & 0o077;
    if for_others == 0 {
        return Ok(());
    }
    Err(format!(
        "{path} can be read by others (mode {mode:03o}): make it private with `chmod 600 {path}`. Whoever has read it \
         can forge approvals; to be safe, stop the server and delete it, and a new one is made",
        path = path.display()
    ))
}

#[cfg(not(unix))]
fn refuse_if_readable_by_others(_: &Path) -> Result<(), String> {
    Ok(())
}

fn read(path: &Path) -> Result<Secret, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("cannot be read: {error}"))?;
    Secret::from_hex(&text).ok_or_else(|| format!("does not hold {FORM}"))
}
