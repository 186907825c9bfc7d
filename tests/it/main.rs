//! Integration tests: one module per area.

mod rust_text;
mod tidy;
