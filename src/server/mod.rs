//! The fake Responses server and the recording proxy: the only sockets of the library.
//!
//! [`Server::start`] opens the socket and gives a handle; everything behind it runs on threads of its own, so that tests
//! need no runtime. hyper reads requests; what is sent comes from a script as pieces
//! (see [`script`](crate::script)), played through hyper where any server could send it, and else byte for byte on the
//! bare socket. [`Proxy`] stands before a real server, [`Client`] asks one.

mod body;
mod connection;
mod control;
mod decide;
mod exchange;
mod former;
mod framing;
mod gates;
mod growing;
mod head;
mod join;
mod ledger;
mod listener;
mod log;
mod memory;
mod observe;
mod options;
mod patience;
mod proxy;
mod record;
mod service;
mod shared;
mod stream;
mod tap;
#[cfg(test)]
mod tests;
mod websocket;
mod wire;
mod worker;

pub(crate) use decide::EXCHANGE;
pub use gates::Gates;
pub use ledger::State;
pub use listener::Server;
pub(crate) use memory::Memory;
pub use observe::{Observed, Observer, Renaming};
pub use options::{Limits, ServerOptions, StartError};
pub use proxy::{
    Answer, Client, ClientOptions, Handshake, Outgoing, Proxy, ProxyError, ProxyOptions,
    ProxyVariables, SendError, Socket, Told, Upstream, UrlError,
};
pub use record::CaptureTarget;
