//! A scripted server that answers in the upstream's place, until it says that it does not.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::net::TcpStream;

use super::super::decide::{DIVERTED, EXCHANGE};
use super::request::Route;
use super::response::ResponseHead;
use super::stream::Stream;

/// The server, and whether it still answers.
#[derive(Debug)]
pub(super) struct StandIn {
    address: SocketAddr,
    is_over: AtomicBool,
}

impl StandIn {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            is_over: AtomicBool::new(false),
        }
    }

    /// Whether requests go to the upstream by now.
    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// From now on requests go to the upstream.
    pub(super) fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    pub(super) async fn connect(&self) -> std::io::Result<Stream> {
        let stream = TcpStream::connect(self.address).await?;
        // Events are small writes; a delayed one would wait for the acknowledgement of the one before.
        let _ = stream.set_nodelay(true);
        Ok(Stream::Tcp(stream))
    }

    /// What a request to this target says here.
    pub(super) fn route(&self, asked: &str) -> Route {
        Route {
            target: asked.to_owned(),
            authority: self.address.to_string(),
            proxy_authorization: None,
        }
    }
}

/// Puts the number of the exchange into a head that goes to a stand-in.
pub(super) fn numbered(mut head: Vec<u8>, number: u64) -> Vec<u8> {
    head.truncate(head.len() - 2);
    head.extend_from_slice(format!("{EXCHANGE}: {number}\r\n\r\n").as_bytes());
    head
}

/// Whether a stand-in says by its answer that the upstream is to be asked.
pub(super) fn is_diverted(head: &ResponseHead) -> bool {
    head.headers.get(DIVERTED.0) == Some(DIVERTED.1)
}
