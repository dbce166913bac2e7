//! How our types stand in columns, and how the database's errors become ours.

use std::error::Error as _;

use bytes::BytesMut;
use tokio_postgres::{
    Row,
    error::SqlState,
    types::{FromSql, IsNull, ToSql, Type, accepts, to_sql_checked},
};

use crate::state::{
    ApprovalState, AuditPhase, CallState, Digest, ErasureState, ImportState, StoreError, stored::Numbered,
};

type Unfit = Box<dyn std::error::Error + Sync + Send>;

/// What an attempt at a transaction ended with, short of its result.
#[derive(Debug)]
pub(super) enum Setback {
    /// Others were at the same rows. Nothing was written; the same again may well succeed.
    Conflict,
    /// Another store has written to the chain since we last did. Nothing was written.
    Moved,
    /// It is no use trying again now.
    Failed(StoreError),
}

/// The result of one attempt.
pub(super) type Attempt<T> = Result<T, Setback>;

impl From<StoreError> for Setback {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

impl From<Setback> for StoreError {
    fn from(setback: Setback) -> Self {
        match setback {
            Setback::Conflict | Setback::Moved => Self::Busy,
            Setback::Failed(error) => error,
        }
    }
}

impl From<tokio_postgres::Error> for Setback {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.code() {
            Some(&SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED) => Self::Conflict,
            // The head that a record builds on was not there as we knew it: see `audit.rs`.
            Some(&SqlState::NOT_NULL_VIOLATION) if names_column(&error, "audit", "hash") => Self::Moved,
            // Two stores began a chain of one name.
            Some(&SqlState::UNIQUE_VIOLATION) if names_constraint(&error, "audit_by_chain") => Self::Moved,
            _ => Self::Failed(error.into()),
        }
    }
}

fn names_column(error: &tokio_postgres::Error, table: &str, column: &str) -> bool {
    error.as_db_error().is_some_and(|error| error.table() == Some(table) && error.column() == Some(column))
}

fn names_constraint(error: &tokio_postgres::Error, constraint: &str) -> bool {
    error.as_db_error().and_then(|error| error.constraint()) == Some(constraint)
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(code) = error.code() else { return Self::from_connection(&error) };
        match *code {
            SqlState::T_R_SERIALIZATION_FAILURE
            | SqlState::T_R_DEADLOCK_DETECTED
            | SqlState::LOCK_NOT_AVAILABLE
            | SqlState::QUERY_CANCELED => Self::Busy,
            _ if is_out_of_service(code) => Self::Unavailable(named(&error, code)),
            _ => Self::Database(named(&error, code)),
        }
    }
}

impl StoreError {
    /// An error that the server did not send. Those of the operating system and of TLS name no data, only the cause.
    fn from_connection(error: &tokio_postgres::Error) -> Self {
        let mut source = error.source();
        while let Some(cause) = source {
            if let Some(cause) = cause.downcast_ref::<std::io::Error>() {
                return Self::Unavailable(cause.to_string());
            }
            source = cause.source();
        }
        match error.source() {
            // What a value could not be turned into; the value itself is not in it.
            Some(cause) if !error.is_closed() => Self::Database(format!("{error}: {cause}")),
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

/// Whether the server is there and cannot serve us: starting, stopping, full, a standby, or it will not let us in.
fn is_out_of_service(code: &SqlState) -> bool {
    let class = &code.code()[..2];
    matches!(class, "08" | "28" | "3D" | "53" | "57" | "58") || *code == SqlState::READ_ONLY_SQL_TRANSACTION
}

/// The server's messages can quote values; the names of its codes, tables and constraints cannot.
fn named(error: &tokio_postgres::Error, code: &SqlState) -> String {
    let what = match &code.code()[..2] {
        "08" => "the connection failed",
        "28" => "the server refuses the login",
        "3D" => "there is no such database",
        "42" if *code == SqlState::INSUFFICIENT_PRIVILEGE => "the login may not do this",
        "42" => "the schema is not the one expected",
        "53" => "the server is out of connections, memory or disk",
        "57" => "the server is stopping or starting",
        _ if *code == SqlState::READ_ONLY_SQL_TRANSACTION => "the server is read-only: a standby perhaps",
        _ => "the server answered with an error",
    };
    let names = error.as_db_error().and_then(|error| error.constraint().or(error.table()));
    match names {
        Some(name) => format!("{what} (SQLSTATE {}, {name})", code.code()),
        None => format!("{what} (SQLSTATE {})", code.code()),
    }
}

/// What a row holds in a column, which is what we wrote there.
pub(super) fn get<'a, T: FromSql<'a>>(row: &'a Row, column: usize) -> Attempt<T> {
    Ok(row.try_get(column)?)
}

impl ToSql for Digest {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Unfit> {
        self.0.as_slice().to_sql(kind, out)
    }

    accepts!(BYTEA);
    to_sql_checked!();
}

impl<'a> FromSql<'a> for Digest {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Unfit> {
        Ok(Self(<&[u8]>::from_sql(kind, raw)?.try_into()?))
    }

    accepts!(BYTEA);
}

macro_rules! stored_as_number {
    ($($name:ident),*) => {$(
        impl ToSql for $name {
            fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Unfit> {
                self.number().to_sql(kind, out)
            }

            accepts!(INT2);
            to_sql_checked!();
        }

        impl<'a> FromSql<'a> for $name {
            fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Unfit> {
                let number = i16::from_sql(kind, raw)?;
                Self::of_number(number).ok_or_else(|| format!("{number} stands for nothing").into())
            }

            accepts!(INT2);
        }
    )*};
}
stored_as_number!(ApprovalState, CallState, ErasureState, ImportState, AuditPhase);
