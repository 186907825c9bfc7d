//! Integration tests: one module per area.

mod report;
mod rules;
mod schema;
