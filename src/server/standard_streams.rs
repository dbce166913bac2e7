//! The standard streams as a client that starts us has connected them.
//!
//! Reading and writing through the runtime's own standard streams hands every message to another thread and back, which
//! costs more than answering it. Pipes and sockets need none of that; a terminal or a file does.

use rmcp::transport::stdio_pipes;
use tokio::io::{AsyncRead, AsyncWrite};

/// Where requests come from.
pub type Input = Box<dyn AsyncRead + Send + Unpin>;

/// Where answers go.
pub type Output = Box<dyn AsyncWrite + Send + Unpin>;

/// Standard input and output. Must be called within the runtime.
pub fn open() -> (Input, Output) {
    #[cfg(unix)]
    if let Some(sockets) = sockets::open() {
        return sockets;
    }
    let (input, output) = stdio_pipes();
    (Box::new(input), Box::new(output))
}

/// Clients made with Node.js connect their children by sockets.
#[cfg(unix)]
mod sockets {
    use std::{
        fs::File,
        io::{self, stderr, stdin, stdout},
        os::{
            fd::{AsFd, OwnedFd},
            unix::{fs::MetadataExt as _, net},
        },
    };

    use tokio::net::UnixStream;

    use super::{Input, Output};

    pub(super) fn open() -> Option<(Input, Output)> {
        let (input, output) = (stream(&stdin()).ok()?, stream(&stdout()).ok()?);
        // A log on the same socket would lose lines whenever the client is slow to read.
        if inode(&stdout()).ok()? == inode(&stderr()).ok()? {
            return None;
        }
        input.set_nonblocking(true).ok()?;
        output.set_nonblocking(true).ok()?;
        Some((Box::new(UnixStream::from_std(input).ok()?), Box::new(UnixStream::from_std(output).ok()?)))
    }

    /// A standard stream, if it is a socket of this machine.
    fn stream(standard: &impl AsFd) -> io::Result<net::UnixStream> {
        let stream = net::UnixStream::from(duplicate(standard)?);
        stream.local_addr().map(|_| stream)
    }

    fn inode(standard: &impl AsFd) -> io::Result<(u64, u64)> {
        let metadata = File::from(duplicate(standard)?).metadata()?;
        Ok((metadata.dev(), metadata.ino()))
    }

    fn duplicate(standard: &impl AsFd) -> io::Result<OwnedFd> {
        standard.as_fd().try_clone_to_owned()
    }
}
