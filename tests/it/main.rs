//! Integration tests: one module per area.

mod json;
// Helpers of tests count as tests.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod capture;
mod import_foreign;
mod explain;
mod report;
mod rules;
mod schema;
mod corpus;
mod fixtures;
mod mutations;
mod rust_text;
mod samples;
mod tidy;
