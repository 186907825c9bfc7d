//! Integration tests: one module per area.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod cli;
mod json;
