//! Integration tests: one module per area.

mod capture;
mod json;
