//! Integration tests: one module per area.

mod explain;
mod json;
mod report;
mod rules;
mod schema;
mod tools;
