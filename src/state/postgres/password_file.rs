//! Passwords kept in a file of the form that PostgreSQL's own programs use: `host:port:database:user:password` a line.

use std::path::Path;

use tokio_postgres::config::{Config, Host};

use super::address::unusable;
use crate::state::StoreError;

/// The password of the first line that fits the address.
pub(super) fn find(file: &Path, config: &Config) -> Result<Option<String>, StoreError> {
    refuse_if_readable_by_others(file)?;
    let text = std::fs::read_to_string(file)
        .map_err(|error| unusable(&format!("the file that PGPASSFILE names cannot be read: {error}")))?;
    let user = config.get_user().unwrap_or_default();
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(host)) => host.as_str(),
        _ => "localhost",
    };
    let port = config.get_ports().first().copied().unwrap_or(5432).to_string();
    let sought = [host, &port, config.get_dbname().unwrap_or(user), user];
    Ok(text.lines().filter(|line| !line.starts_with('#')).find_map(|line| password(line, sought)))
}

fn password(line: &str, sought: [&str; 4]) -> Option<String> {
    let fields = fields(line);
    let [host, port, database, user, password] = <[String; 5]>::try_from(fields).ok()?;
    let fits = [host, port, database, user].iter().zip(sought).all(|(field, sought)| field == "*" || field == sought);
    fits.then_some(password)
}

/// The fields of a line; a backslash takes the meaning from what follows.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match letter {
            ':' if fields.len() < 5 => fields.push(String::new()),
            letter => {
                let plain = if letter == '\\' { letters.next().unwrap_or('\\') } else { letter };
                if let Some(field) = fields.last_mut() {
                    field.push(plain);
                }
            }
        }
    }
    fields
}

#[cfg(unix)]
fn refuse_if_readable_by_others(file: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::PermissionsExt as _;
    match std::fs::metadata(file) {
        Ok(metadata) if metadata.permissions().mode() & 0o077 != 0 => {
            Err(unusable("the file that PGPASSFILE names can be read by others: make it private with `chmod 600`"))
        }
        _ => Ok(()),
    }
}

#[cfg(not(unix))]
fn refuse_if_readable_by_others(_: &Path) -> Result<(), StoreError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::state::postgres::Address;

    #[test]
    fn the_first_line_that_fits_gives_the_password() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("pgpass");
        std::fs::write(&file, "# of ours\nother:*:*:*:no\ndb:5432:state:me:a\\:b\\\\c:d\n*:*:*:*:last\n").unwrap();
        let password = |url: &str| {
            Address::parse(url, Some(&file)).map(|address| address.config.get_password().map(<[u8]>::to_vec))
        };
        assert!(password("postgresql://me@db/state").is_err(), "others can read it");
        std::os::unix::fs::PermissionsExt::set_mode(&mut std::fs::metadata(&file).unwrap().permissions(), 0o600);
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        assert_eq!(password("postgresql://me@db/state"), Ok(Some(b"a:b\\c:d".to_vec())));
        assert_eq!(password("postgresql://me@db:5433/state"), Ok(Some(b"last".to_vec())));
        assert_eq!(password("postgresql://me:own@db/state"), Ok(Some(b"own".to_vec())));
    }
}
