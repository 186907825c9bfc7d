//! Integration tests: one module per area.

mod explain;
mod report;
mod rules;
mod schema;
