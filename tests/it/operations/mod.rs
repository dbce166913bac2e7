//! Operations that have no code of their own: found, run, guarded.

mod every;
mod finding;
mod guarded;
mod pool;
