//! The proxy between raw sockets: what goes through, and what is written down.

mod client;
mod failures;
mod framings;
mod known;
mod known_socket;
mod peers;
mod tunnels;
mod websocket;
