//! Behaviour over public surfaces, one module per noun, in one binary.

// The attribute tells the linter that helpers of tests may unwrap as the tests themselves do.
#[cfg(test)]
mod api;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod config;
#[cfg(test)]
mod day;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod driver;
#[cfg(test)]
mod liquid;
#[cfg(test)]
mod sandbox;
#[cfg(test)]
mod state;
