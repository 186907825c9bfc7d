//! trace-diff: replay and alignment tests for Codex-style coding agents.

pub mod align;
pub mod capture;
pub mod diff;
pub mod http;
pub mod json;
pub mod normalize;
pub mod report;
pub mod responses;
