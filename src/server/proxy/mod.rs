//! The recording proxy: passes what agents and a real server say to each other on, byte for byte, and writes it down. The
//! client sends requests of its own in the same way.

mod answer;
mod buffer;
mod client;
mod connect;
mod connection;
mod frames;
mod handle;
mod known;
mod known_socket;
mod message;
mod options;
mod relay;
mod replayed;
mod request;
mod response;
mod shared;
mod stand_in;
mod stream;
mod taken;
mod talk;
#[cfg(test)]
mod tests;
#[cfg(feature = "tls")]
mod tls;
mod upstream;
mod variables;

pub use client::{Answer, Client, ClientOptions, Handshake, Outgoing, SendError, Socket, Told};
pub use handle::Proxy;
pub use options::{ProxyError, ProxyOptions};
pub use upstream::{Upstream, UrlError};
pub use variables::ProxyVariables;
