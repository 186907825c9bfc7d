//! Integration tests: one module per area.

mod json;
mod rust_text;
mod tidy;
