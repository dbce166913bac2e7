//! How our types stand in columns, and how the database's errors become ours.

use rusqlite::{
    ErrorCode, ToSql,
    types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef},
};

use crate::state::{
    ApprovalState, AuditPhase, CallState, Digest, ErasureState, ImportState, StoreError, stored::Numbered,
};

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            // SQLite names tables, columns and files in its messages, never values.
            _ => Self::Database(error.to_string()),
        }
    }
}

impl ToSql for Digest {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Blob(&self.0)))
    }
}

impl FromSql for Digest {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        <[u8; 32]>::column_result(value).map(Digest)
    }
}

macro_rules! stored_as_number {
    ($($name:ident),*) => {$(
        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(self.number().into())
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                let number = value.as_i64()?;
                let known = i16::try_from(number).ok().and_then(Self::of_number);
                known.ok_or(FromSqlError::OutOfRange(number))
            }
        }
    )*};
}
stored_as_number!(ApprovalState, CallState, ErasureState, ImportState, AuditPhase);
