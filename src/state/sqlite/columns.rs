//! How our types stand in columns, and how the database's errors become ours.

use rusqlite::{
    ErrorCode, ToSql,
    types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef},
};

use crate::state::{
    ApprovalState, AuditPhase, CallState, Digest, ErasureState, ImportState, StoreError,
    chain::{phase_number, phase_of_number},
};

/// The largest amount stored for one charge: a thousand of them still add up in SQLite's integers.
const LARGEST_AMOUNT: u64 = 1 << 53;

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

impl ToSql for CallState {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let number: i64 = match self {
            Self::InFlight => 0,
            Self::Committed => 1,
            Self::Released => 2,
            Self::Unknown => 3,
            Self::Absent => 4,
        };
        Ok(number.into())
    }
}

impl FromSql for CallState {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value.as_i64()? {
            0 => Ok(Self::InFlight),
            1 => Ok(Self::Committed),
            2 => Ok(Self::Released),
            3 => Ok(Self::Unknown),
            4 => Ok(Self::Absent),
            other => Err(FromSqlError::OutOfRange(other)),
        }
    }
}

impl ToSql for ErasureState {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(i64::from(*self == Self::Completed).into())
    }
}

impl FromSql for ErasureState {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value.as_i64()? {
            0 => Ok(Self::Pending),
            1 => Ok(Self::Completed),
            other => Err(FromSqlError::OutOfRange(other)),
        }
    }
}

impl ToSql for ImportState {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let number: i64 = match self {
            Self::Checking => 0,
            Self::Checked => 1,
            Self::Writing => 2,
            Self::Done => 3,
        };
        Ok(number.into())
    }
}

impl FromSql for ImportState {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value.as_i64()? {
            0 => Ok(Self::Checking),
            1 => Ok(Self::Checked),
            2 => Ok(Self::Writing),
            3 => Ok(Self::Done),
            other => Err(FromSqlError::OutOfRange(other)),
        }
    }
}

impl ToSql for ApprovalState {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let number: i64 = match self {
            Self::Pending => 0,
            Self::Approved => 1,
            Self::Denied => 2,
            Self::Spent => 3,
        };
        Ok(number.into())
    }
}

impl FromSql for ApprovalState {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value.as_i64()? {
            0 => Ok(Self::Pending),
            1 => Ok(Self::Approved),
            2 => Ok(Self::Denied),
            3 => Ok(Self::Spent),
            other => Err(FromSqlError::OutOfRange(other)),
        }
    }
}

impl ToSql for AuditPhase {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(i64::from(phase_number(*self)).into())
    }
}

impl FromSql for AuditPhase {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let number = value.as_i64()?;
        u8::try_from(number).ok().and_then(phase_of_number).ok_or(FromSqlError::OutOfRange(number))
    }
}

/// A count as SQLite stores it, which has no unsigned integers.
pub(super) fn stored(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A stored count, which is never negative.
pub(super) fn counted(stored: i64) -> u64 {
    u64::try_from(stored).unwrap_or(0)
}

/// A charge's amount as it is stored.
pub(super) fn stored_amount(amount: u64) -> i64 {
    stored(amount.min(LARGEST_AMOUNT))
}
