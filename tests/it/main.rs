//! Behaviour over public surfaces, one module per noun, in one binary.

// The attribute tells the linter that helpers of tests may unwrap as the tests themselves do.
#[cfg(test)]
mod answers;
#[cfg(test)]
mod api;
#[cfg(test)]
mod attacks;
#[cfg(test)]
mod bad_credentials;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod campaigns;
#[cfg(test)]
mod child;
#[cfg(test)]
mod cli;
#[cfg(target_os = "linux")]
#[cfg(test)]
mod cli_approvals;
#[cfg(test)]
mod cli_audit;
#[cfg(test)]
mod cli_doctor;
mod cli_fixture;
#[cfg(test)]
mod cli_postgres;
#[cfg(test)]
mod cli_sends;
#[cfg(test)]
mod cli_state;
#[cfg(test)]
mod cli_tools;
#[cfg(test)]
mod config;
#[cfg(test)]
mod content;
#[cfg(test)]
mod day;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod driver;
#[cfg(test)]
mod experiments;
#[cfg(test)]
mod explain;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod fleet;
#[cfg(test)]
mod guards;
#[cfg(test)]
mod human;
#[cfg(test)]
mod identity;
#[cfg(test)]
mod imports;
#[cfg(test)]
mod kept;
#[cfg(test)]
mod liquid;
#[cfg(test)]
mod liquid_cases;
#[cfg(test)]
mod operations;
#[cfg(test)]
mod outage;
#[cfg(test)]
mod people;
#[cfg(test)]
mod postgres;
#[cfg(test)]
mod preview;
#[cfg(test)]
mod privacy;
#[cfg(unix)]
#[cfg(test)]
mod processes;
#[cfg(test)]
mod resources;
#[cfg(test)]
mod sandbox;
#[cfg(test)]
mod sandbox_tools;
#[cfg(test)]
mod sends;
#[cfg(test)]
mod state;
#[cfg(test)]
mod stdio;
#[cfg(test)]
mod sweep;
#[cfg(test)]
mod tampering;
#[cfg(test)]
mod verdicts;
#[cfg(test)]
mod witness;
