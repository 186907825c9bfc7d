//! What is said about one capture or two: one model, and renderers that see only the model.

mod accept;
mod build;
mod contracts;
mod explain;
mod json;
mod levels;
mod mask;
mod model;
mod outline;
mod recovery;
mod rollout;
mod sessions;
mod text;

pub use accept::apply_accept;
pub use build::{comparison_report, reader_findings};
pub use contracts::{add_contracts, add_rollout_check};
pub use explain::{Rule, UnknownRule, explain, rule_names, rules};
pub use json::{render_checked_session_json, render_json, render_session_json};
pub use levels::apply_levels;
pub use model::{
    Accepted, AlignmentEntry, ExchangeCounts, ExchangePair, Finding, FindingCounts, Input, Level,
    NotChecked, Report, Role, RolloutPlace, RuleState, Source, Summary, UnusedRule, Verdict,
    finding_id,
};
pub use outline::{outline_report, render_outline};
pub use recovery::{RecoveryNames, render_recovery, render_recovery_json};
pub use rollout::rollout_report;
pub use sessions::{SessionList, render_sessions, render_sessions_json};
pub use text::{TextOptions, has_problems, render_session_text, render_text, visible};
