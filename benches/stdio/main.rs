//! What a call costs over stdio, beside servers that do the same without guards, state or audit.
//!
//!     cargo bench --bench stdio             about three minutes
//!     cargo bench --bench stdio -- --cpu    only processor time with the upstream at hand, within one minute
//!     cargo bench --bench stdio -- --quick  whether it runs at all; its figures say little
//!
//! Nothing is asserted of any figure: machines differ and are busy. The marks are ratios within one run where they can
//! be, and the table says which are met. That every call was guarded, recorded and sent once is asserted.
#![expect(clippy::print_stdout, reason = "the table is for people")]
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "figures to look at"
)]

mod bare;
mod child;
mod limit;
mod measure;
mod ours;
mod post;
mod report;
mod upstream;

use std::{error::Error, net::SocketAddr, process::ExitCode};

use tokio::runtime;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ended = match arguments.as_slice() {
        ["peer", name, upstream] => serve_as_peer(name, upstream),
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
    let effort = match flags {
        _ if flags.contains(&"--quick") => measure::Effort::QUICK,
        _ if flags.contains(&"--cpu") => measure::Effort::CPU,
        _ => measure::Effort::FULL,
    };
    let figures = runtime::Builder::new_current_thread().enable_all().build()?.block_on(measure::all(effort))?;
    print!("{}", report::tables(&figures));
    Ok(())
}

/// The SDK's documentation has its servers on the runtime with many threads; the limit takes what costs least.
fn serve_as_peer(name: &str, upstream: &str) -> Result<(), Box<dyn Error>> {
    let upstream: SocketAddr = upstream.parse()?;
    // The HTTP library asks for a provider of TLS even where there is none to speak.
    rustls::crypto::ring::default_provider().install_default().map_err(|_| "TLS has a provider already")?;
    let documented = || runtime::Builder::new_multi_thread().enable_all().build();
    match name {
        "limit" => {
            let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
            Ok(runtime.block_on(limit::serve(upstream))?)
        }
        "bare" => documented()?.block_on(bare::serve(upstream)),
        "bare-pipes" => documented()?.block_on(bare::serve_on_pipes(upstream)),
        _ => Err(format!("there is no peer {name}").into()),
    }
}
