//! Worlds and how they came about: the one that lives, and snapshots of it.

use rusqlite::{OptionalExtension, Row, params};

use super::{Store, StoreError};
use crate::{clock::Going, sandbox::moment::Instant};

/// The name of the chronicle that goes on. A snapshot's is never empty.
pub(super) const LIVING: &str = "";

/// Where a world came from.
#[derive(Debug, Clone)]
pub struct Chronicle {
    /// The fixture, as TOML.
    pub fixture: String,
    /// What all its ids follow from.
    pub seed: u64,
    /// When the fixture was put in.
    pub(in crate::sandbox) born: Instant,
    /// How the clock goes; of a snapshot, how it went.
    pub(in crate::sandbox) going: Going,
    /// Where a snapshot was taken.
    pub(in crate::sandbox) saved: Option<Instant>,
}

impl Store {
    /// The world that lives in it, if one was ever begun.
    pub fn chronicle(&self) -> Result<Option<Chronicle>, StoreError> {
        let read = "SELECT * FROM chronicles WHERE name = ?1";
        Ok(self.connection.query_row(read, [LIVING], |row| Ok(chronicle(row)?.1)).optional()?)
    }

    /// The snapshots by name.
    pub(in crate::sandbox) fn snapshots(&self) -> Result<Vec<(String, Chronicle)>, StoreError> {
        let mut select = self.connection.prepare("SELECT * FROM chronicles WHERE name <> ?1 ORDER BY name")?;
        Ok(select.query_map([LIVING], chronicle)?.collect::<Result<_, _>>()?)
    }

    /// Begins the living chronicle anew; what it told before is gone.
    pub(in crate::sandbox) fn begin(&mut self, chronicle: &Chronicle) -> Result<(), StoreError> {
        let (is_stopped, clock_ms) = columns(chronicle.going);
        let transaction = self.connection.transaction()?;
        transaction.execute("DELETE FROM chronicles WHERE name = ?1", [LIVING])?;
        transaction.execute(
            "INSERT INTO chronicles VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, NULL, NULL)",
            params![
                LIVING,
                chronicle.fixture,
                chronicle.seed.cast_signed(),
                chronicle.born.at_ms,
                chronicle.born.drawn_blocks.cast_signed(),
                is_stopped,
                clock_ms,
            ],
        )?;
        Ok(transaction.commit()?)
    }

    /// Keeps how the clock goes.
    pub(in crate::sandbox) fn set_going(&self, going: Going) -> Result<(), StoreError> {
        let (is_stopped, clock_ms) = columns(going);
        let update = "UPDATE chronicles SET is_stopped = ?2, clock_ms = ?3 WHERE name = ?1";
        self.connection.execute(update, params![LIVING, is_stopped, clock_ms])?;
        Ok(())
    }

    /// Copies the living chronicle as a snapshot taken at `saved`; one of that name is replaced.
    pub(in crate::sandbox) fn save(&mut self, name: &str, saved: Instant) -> Result<(), StoreError> {
        self.copy(LIVING, name, Some(saved))
    }

    /// Puts a snapshot's chronicle in the place of the living one.
    pub(in crate::sandbox) fn load(&mut self, name: &str, going: Going) -> Result<(), StoreError> {
        self.copy(name, LIVING, None)?;
        self.set_going(going)
    }

    fn copy(&mut self, from: &str, to: &str, saved: Option<Instant>) -> Result<(), StoreError> {
        let transaction = self.connection.transaction()?;
        transaction.execute("DELETE FROM chronicles WHERE name = ?1", [to])?;
        transaction.execute(
            "INSERT INTO chronicles SELECT ?2, fixture, seed, born_at_ms, born_drawn_blocks, is_stopped, clock_ms, ?3, ?4
             FROM chronicles WHERE name = ?1",
            params![from, to, saved.map(|saved| saved.at_ms), saved.map(|saved| saved.drawn_blocks.cast_signed()),],
        )?;
        transaction.execute(
            "INSERT INTO entries SELECT ?2, place, at_ms, drawn_blocks, method, target, headers, body, file, file_error
             FROM entries WHERE chronicle = ?1",
            [from, to],
        )?;
        Ok(transaction.commit()?)
    }

    /// Forgets a snapshot.
    pub(in crate::sandbox) fn forget(&self, name: &str) -> Result<(), StoreError> {
        self.connection.execute("DELETE FROM chronicles WHERE name = ?1", [name])?;
        Ok(())
    }
}

fn columns(going: Going) -> (bool, i64) {
    match going {
        Going::Running { offset_ms } => (false, offset_ms),
        Going::Stopped { at_ms } => (true, at_ms),
    }
}

fn chronicle(row: &Row) -> rusqlite::Result<(String, Chronicle)> {
    let clock_ms = row.get("clock_ms")?;
    let going = if row.get("is_stopped")? {
        Going::Stopped { at_ms: clock_ms }
    } else {
        Going::Running { offset_ms: clock_ms }
    };
    let blocks = |column: &str| row.get::<_, Option<i64>>(column).map(|blocks| blocks.map(i64::cast_unsigned));
    let saved = match (row.get("saved_at_ms")?, blocks("saved_drawn_blocks")?) {
        (Some(at_ms), Some(drawn_blocks)) => Some(Instant { at_ms, drawn_blocks }),
        _ => None,
    };
    let chronicle = Chronicle {
        fixture: row.get("fixture")?,
        seed: row.get::<_, i64>("seed")?.cast_unsigned(),
        born: Instant { at_ms: row.get("born_at_ms")?, drawn_blocks: blocks("born_drawn_blocks")?.unwrap_or_default() },
        going,
        saved,
    };
    Ok((row.get("name")?, chronicle))
}
