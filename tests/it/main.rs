//! Integration tests: one module per area.

mod capture;
mod corpus;
mod fixtures;
mod json;
mod mutations;
mod rust_text;
mod samples;
mod tidy;
