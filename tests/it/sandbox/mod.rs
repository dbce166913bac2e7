//! The imitation, spoken to over real HTTP as any client would.

mod driver;
mod identify;
