//! Integration tests: one module per area.

mod capture;
mod import_foreign;
mod json;
