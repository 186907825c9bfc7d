//! The server through raw sockets: what is sent and what is written down, byte for byte.

pub(super) mod client;
mod faults;
mod hostile;
mod hostile_cases;
mod requests;
mod websocket;
