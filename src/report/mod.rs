//! What is said about one capture or two: one model, and renderers that see only the model.

mod accept;
mod answers;
mod build;
mod cases;
mod contracts;
mod exchanges;
mod explain;
mod finding_text;
mod github;
mod headline;
mod html;
mod json;
mod junit;
mod levels;
mod markdown;
mod mask;
mod matrix;
mod model;
mod outline;
mod recovery;
mod rollout;
mod sarif;
mod section;
mod sessions;
mod standards;
mod text;

pub use accept::{RuleUses, apply_accept};
pub use answers::answers_report;
pub use build::{comparison_report, reader_findings};
pub use contracts::{add_contracts, add_rollout_check};
pub use explain::{Rule, RuleSource, UnknownRule, explain, rule_names, rules, rules_of};
pub use github::render_github;
pub use html::render_html;
pub use json::{render_checked_session_json, render_json, render_session_json};
pub use junit::render_junit;
pub use levels::apply_levels;
pub use markdown::{MarkdownOptions, render_markdown};
pub use matrix::{
    Cell, CellFinding, CellVerdict, Difference, Matrix, MatrixAccepted, MatrixAgent, MatrixOptions,
    MatrixRow, SharedDifference, render_matrix_github, render_matrix_html, render_matrix_json,
    render_matrix_junit, render_matrix_markdown, render_matrix_text,
};
pub use model::{
    Accepted, AlignmentEntry, ExchangeCounts, ExchangePair, FilePlace, Finding, FindingCounts,
    Input, Level, Live, NotChecked, Report, Role, RolloutPlace, RuleState, Source, Subject,
    Summary, UnusedRule, Verdict, finding_id,
};
pub use outline::{outline_report, render_outline};
pub use recovery::{RecoveryNames, render_recovery, render_recovery_json};
pub use rollout::rollout_report;
pub use sarif::render_sarif;
pub use section::Section;
pub use sessions::{SessionList, render_sessions, render_sessions_json};
pub use standards::Standards;
pub use text::{TextOptions, has_problems, plural, render_session_text, render_text, visible};
