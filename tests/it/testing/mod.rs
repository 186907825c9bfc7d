//! The façade for Rust tests.

mod baseline;
mod client;
mod guide;
mod interleaving;
mod requests;
mod sources;
mod verification;
