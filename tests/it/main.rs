//! Integration tests: one module per area.

mod report;
mod schema;
