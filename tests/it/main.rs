//! Integration tests: one module per area.

// Helpers of tests count as tests.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod capture;
mod corpus;
mod explain;
mod fixtures;
mod import_foreign;
mod json;
mod mutations;
mod report;
mod rules;
mod rust_text;
mod samples;
mod schema;
mod tidy;
