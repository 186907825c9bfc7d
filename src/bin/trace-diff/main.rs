//! The `trace-diff` program: a client of the library.
fn main() {}
