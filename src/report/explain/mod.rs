//! What each rule means: the list of all names that [`Finding::rule`](super::Finding::rule) can have.

mod answer_rules;
mod body_rules;
mod compaction_rules;
mod exchange_rules;
mod history_rules;
mod identity_rules;
mod reader_rules;
mod retry_rules;
mod rollout_rules;
mod rule;
mod session_rules;
mod stream_rules;
mod tool_rules;

pub use rule::{Rule, RuleSource, UnknownRule, explain, rule_names, rules, rules_of};
