//! trace-diff: replay and alignment tests for Codex-style coding agents.

pub mod capture;
pub mod http;
pub mod json;
pub mod normalize;
pub mod report;
