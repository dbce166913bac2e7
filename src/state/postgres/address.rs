//! Where the database is: its address, its password, and how to be sure of who answers there.

use std::{
    fmt,
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use percent_encoding::percent_decode_str;
use tokio_postgres::config::{Config, Host, SslMode};

use super::password_file;
use crate::state::StoreError;

/// How long a server may take to let us in.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// After how long of silence the other end is asked whether it is still there.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);

/// How long what we sent may stay without a sign that it has arrived.
const UNACKNOWLEDGED: Duration = Duration::from_secs(8);

/// The form of an address.
const FORM: &str = "its address has the form postgresql://USER:PASSWORD@HOST:PORT/DATABASE, special characters in it \
                    percent-encoded";

/// A PostgreSQL database. Shows nothing of itself: its address holds a password.
#[derive(Clone)]
pub struct Address {
    pub(super) config: Config,
    /// Certificates of authorities to trust instead of the machine's.
    pub(super) root_file: Option<PathBuf>,
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address([redacted])")
    }
}

impl Address {
    /// Reads an address. `password_file` is a file in the form of `.pgpass`, asked for a password that the address
    /// does not have.
    ///
    /// Parameters are those of libpq as far as they make sense here. `sslmode` decides on TLS as there, but whoever
    /// asks for it gets it with everything checked: `require` and `verify-ca` are `verify-full`. Without one, a
    /// database on this machine is spoken to in the clear and any other must prove who it is.
    pub fn parse(url: &str, password_file: Option<&Path>) -> Result<Self, StoreError> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut mode, mut root_file, mut rest) = (None, None, Vec::new());
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            match parameter.split_once('=') {
                Some(("sslmode", value)) => mode = Some(value),
                Some(("sslrootcert", "system")) => {}
                Some(("sslrootcert", value)) => root_file = Some(PathBuf::from(decoded(value)?)),
                Some((name @ ("sslcert" | "sslkey" | "passfile" | "service" | "gssencmode"), _)) => {
                    return Err(unusable(&format!("its address has `{name}`, which is not supported")));
                }
                _ => rest.push(parameter),
            }
        }
        let plain = if rest.is_empty() { base.to_owned() } else { format!("{base}?{}", rest.join("&")) };
        // What the parser complains of may be a piece of a password.
        let mut config: Config = plain.parse().map_err(|_| unusable(FORM))?;
        if !(base.starts_with("postgresql://") || base.starts_with("postgres://")) || config.get_hosts().is_empty() {
            return Err(unusable(FORM));
        }
        config.ssl_mode(ssl_mode(mode, &config)?);
        if config.get_application_name().is_none() {
            config.application_name("customerio-mcp");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        config.keepalives_idle(KEEPALIVE_IDLE).tcp_user_timeout(UNACKNOWLEDGED);
        if let Some(file) = password_file.filter(|_| config.get_password().is_none())
            && let Some(password) = password_file::find(file, &config)?
        {
            config.password(password);
        }
        Ok(Self { config, root_file })
    }
}

impl Address {
    /// The password, wherever it was found.
    pub(crate) fn password(&self) -> Option<&[u8]> {
        self.config.get_password()
    }

    /// Whether nothing that is sent there leaves this machine.
    pub fn is_on_this_machine(&self) -> bool {
        is_here(&self.config)
    }
}

fn decoded(value: &str) -> Result<String, StoreError> {
    Ok(percent_decode_str(value).decode_utf8().map_err(|_| unusable(FORM))?.into_owned())
}

fn ssl_mode(given: Option<&str>, config: &Config) -> Result<SslMode, StoreError> {
    match given {
        Some("disable") => Ok(SslMode::Disable),
        Some("allow" | "prefer") => Ok(SslMode::Prefer),
        Some("require" | "verify-ca" | "verify-full") => Ok(SslMode::Require),
        Some(_) => Err(unusable("the `sslmode` of its address is one of disable, prefer, require and verify-full")),
        None if is_here(config) => Ok(SslMode::Disable),
        None => Ok(SslMode::Require),
    }
}

/// Whether nothing leaves this machine.
fn is_here(config: &Config) -> bool {
    let is_loopback = |host: &str| host == "localhost" || host.parse::<IpAddr>().is_ok_and(|host| host.is_loopback());
    let hosts = config.get_hosts().iter().all(|host| match host {
        Host::Tcp(host) => is_loopback(host),
        #[cfg(unix)]
        Host::Unix(_) => true,
    });
    hosts && config.get_hostaddrs().iter().all(IpAddr::is_loopback)
}

pub(super) fn unusable(why: &str) -> StoreError {
    StoreError::Unavailable(why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(url: &str) -> SslMode {
        Address::parse(url, None).unwrap().config.get_ssl_mode()
    }

    #[test]
    fn another_machine_must_prove_who_it_is_unless_the_address_says_otherwise() {
        for (url, expected) in [
            ("postgresql://u:p@db.example/state", SslMode::Require),
            ("postgresql://u:p@10.0.0.7/state", SslMode::Require),
            ("postgresql://u:p@127.0.0.1,db.example/state", SslMode::Require),
            ("postgresql://u:p@localhost/state?hostaddr=10.0.0.7", SslMode::Require),
            ("postgresql://u:p@localhost/state", SslMode::Disable),
            ("postgres://u:p@[::1]:5433/state", SslMode::Disable),
            ("postgresql:///state?host=/var/run/postgresql", SslMode::Disable),
            ("postgresql://u@localhost/state?sslmode=verify-ca", SslMode::Require),
            ("postgresql://u@db.example/state?sslmode=disable", SslMode::Disable),
            ("postgresql://u@db.example/state?sslmode=prefer&application_name=x", SslMode::Prefer),
        ] {
            assert_eq!(mode(url), expected, "{url}");
        }
    }

    #[test]
    fn an_address_that_cannot_be_used_is_refused_without_being_shown() {
        for url in [
            "postgresql://u:secretpass@db:port/state",
            "postgresql://u:secretpass@db/state?sslmode=secretpass",
            "postgresql://u:secretpass@db/state?sslkey=secretpass",
            "postgresql://u:secretpass@db/state?nonsense=secretpass",
            "mysql://u:secretpass@db/state",
            "host=db user=u password=secretpass",
            "postgresql:///state",
            "secretpass",
            "",
        ] {
            let Err(error) = Address::parse(url, None) else { panic!("{url} was taken") };
            let error = format!("{error} {error:?}");
            assert!(!error.contains("secretpass"), "{url}: {error}");
        }
        assert_eq!(
            format!("{:?}", Address::parse("postgresql://u:secretpass@db/x", None).unwrap()),
            "Address([redacted])"
        );
    }

    #[test]
    fn a_file_of_authorities_is_named_by_its_path() {
        let address = Address::parse("postgresql://db/x?sslrootcert=%2Fetc%2Fca%20s.pem", None).unwrap();
        assert_eq!(address.root_file, Some(PathBuf::from("/etc/ca s.pem")));
    }
}
