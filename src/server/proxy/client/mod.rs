//! Requests of our own to a real server: over connections as the proxy makes them, written down as the proxy does.

mod answer;
mod handle;
mod request;
mod websocket;

pub use handle::{Answer, Client, ClientOptions, SendError};
pub use request::Outgoing;
pub use websocket::{Handshake, Socket, Told};
