//! How our types stand in columns, the same in any database.

use super::{
    ApprovalState, AuditPhase, CallState, ErasureState, ImportState,
    chain::{phase_number, phase_of_number},
};

/// The largest amount stored for one charge: a thousand of them still add up in a database's integers.
const LARGEST_AMOUNT: u64 = 1 << 53;

/// A type that is stored as a small number.
pub(super) trait Numbered: Sized {
    fn number(&self) -> i16;

    fn of_number(number: i16) -> Option<Self>;
}

macro_rules! numbered {
    ($($name:ident { $($state:ident = $number:literal),* })*) => {$(
        impl Numbered for $name {
            fn number(&self) -> i16 {
                match self { $(Self::$state => $number,)* }
            }

            fn of_number(number: i16) -> Option<Self> {
                match number {
                    $($number => Some(Self::$state),)*
                    _ => None,
                }
            }
        }
    )*};
}

numbered! {
    ApprovalState { Pending = 0, Approved = 1, Denied = 2, Spent = 3 }
    CallState { InFlight = 0, Committed = 1, Released = 2, Unknown = 3, Absent = 4 }
    ErasureState { Pending = 0, Completed = 1 }
    ImportState { Checking = 0, Checked = 1, Writing = 2, Done = 3 }
}

// Its number is hashed with each record, too.
impl Numbered for AuditPhase {
    fn number(&self) -> i16 {
        phase_number(*self).into()
    }

    fn of_number(number: i16) -> Option<Self> {
        u8::try_from(number).ok().and_then(phase_of_number)
    }
}

/// A count as databases store it, which have no unsigned integers.
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
