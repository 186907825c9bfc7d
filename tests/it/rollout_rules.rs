//! Each rule by which Codex makes a history of a rollout, on small files made for it.
//!
//! Such files were also given to real Codex 0.115.0, 0.125.0, 0.137.0, 0.153.4 and 0.169.0 to resume (2026-11-21): what
//! is expected here is what they sent.

mod hostile;
mod items;
mod lineage;
mod turns;
mod writer;
