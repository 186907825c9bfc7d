//! What is said about one capture or two: one model, and renderers that see only the model.

mod json;
mod model;

pub use json::render_json;
pub use model::{
    Accepted, AlignmentEntry, ExchangeCounts, ExchangePair, Finding, FindingCounts, Input, Level,
    Report, Role, RuleState, Source, Summary, UnusedRule, Verdict, finding_id,
};
