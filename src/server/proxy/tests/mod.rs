//! The proxy between raw sockets: what goes through, and what is written down.

mod client;
mod failures;
mod framings;
mod known;
mod peers;
mod tunnels;
mod websocket;
