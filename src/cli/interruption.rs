//! Being told to stop.

/// Hears Ctrl-C, and where there is one, SIGTERM. Listening begins at once, before anything is printed, so that whoever
/// reads the greeting may already interrupt; from then on no signal ends the process by itself.
#[cfg(unix)]
pub struct Interruptions {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Interruptions {
    /// Begins to listen.
    pub fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Ends when the process is told to stop, once more each time.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Hears Ctrl-C.
#[cfg(not(unix))]
pub struct Interruptions {
    interrupt: tokio::signal::windows::CtrlC,
}

#[cfg(not(unix))]
impl Interruptions {
    /// Begins to listen.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self { interrupt: tokio::signal::windows::ctrl_c()? })
    }

    /// Ends when the process is told to stop, once more each time.
    pub async fn next(&mut self) {
        drop(self.interrupt.recv().await);
    }
}
