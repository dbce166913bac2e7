//! What the sandbox makes of a hundred thousand people and a million events, beside a handler that only parses them.
//!
//!     cargo bench --bench sandbox                    about eight minutes
//!     cargo bench --bench sandbox -- --quick         whether it runs at all; its figures say little
//!     cargo bench --bench sandbox -- --program PATH  the same of another build of the product
//!
//! Everything is done twice, the second time with ten times as much, because what matters is how costs grow. Nothing
//! is asserted of any figure: machines differ and are busy. That everything sent is there afterwards is asserted.
#![expect(clippy::print_stdout, reason = "the table is for people")]
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "figures to look at"
)]

mod bare;
mod bodies;
mod connection;
mod measure;
mod process;
mod report;

use std::{error::Error, process::ExitCode};

use tokio::runtime;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ended = match arguments.as_slice() {
        ["bare"] => serve_bare(),
        // `cargo test --benches` runs this too, and wants no figures.
        flags if !flags.contains(&"--bench") => return ExitCode::SUCCESS,
        flags => measure_all(flags),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("failed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure_all(flags: &[&str]) -> Result<(), Box<dyn Error>> {
    let effort = if flags.contains(&"--quick") { measure::Effort::QUICK } else { measure::Effort::FULL };
    let given = flags.iter().position(|flag| *flag == "--program").and_then(|at| flags.get(at + 1));
    let program = given.copied().unwrap_or(env!("CARGO_BIN_EXE_customerio-mcp"));
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let figures = runtime.block_on(measure::all(effort, program))?;
    print!("{}", report::tables(&figures, effort));
    Ok(())
}

/// On one thread, as the product is.
fn serve_bare() -> Result<(), Box<dyn Error>> {
    Ok(runtime::Builder::new_current_thread().enable_all().build()?.block_on(bare::serve())?)
}
