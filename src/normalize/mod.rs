//! What is dynamic by nature or accepted by agreement, and so is no difference.

mod rules;
mod rules_error;

pub use rules::{AcceptRule, IgnoreRule, Rules};
pub use rules_error::{RulesError, RulesProblem};
