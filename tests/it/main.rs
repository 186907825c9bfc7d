//! Integration tests: one module per area.

// Helpers of tests count as tests.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod capture;
mod import_foreign;
mod json;
