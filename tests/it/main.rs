//! Integration tests: one module per area.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "clippy.toml allows these in tests, but clippy sees only `#[test]` functions, not their helpers"
)]

mod capture;
mod corpus;
mod fixtures;
mod json;
mod mutations;
mod rust_text;
mod samples;
mod tidy;
