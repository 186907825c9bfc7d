//! One rule and the look-up of all.

use std::fmt;

use thiserror::Error;

use super::{
    answer_rules, body_rules, compaction_rules, exchange_rules, history_rules, identity_rules,
    reader_rules, retry_rules, rollout_rules, session_rules, stream_rules, tool_rules,
};
use crate::report::Level;

/// A kind of finding, as `trace-diff explain` describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Its name, in kebab case.
    pub name: &'static str,
    /// How much its findings matter on requests to the model; on background calls they may matter less.
    pub level: Level,
    /// A pointer that its findings may have; empty when they are about the whole exchange or file.
    pub example: &'static str,
    /// What it means, in one sentence.
    pub means: &'static str,
    /// Why it matters.
    pub matters: &'static str,
    /// Where the expectation comes from.
    pub expectation: &'static str,
}

/// There is no rule with this name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("unknown rule `{name}`")]
pub struct UnknownRule {
    /// The name.
    pub name: String,
    /// The name that was probably meant.
    pub nearest: Option<&'static str>,
}

/// Which part of the program reports a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RuleSource {
    /// The comparison of two captures.
    Comparison,
    /// The contracts of one capture.
    Contracts,
    /// The contracts of the server's side: the events of each response.
    Streams,
    /// The answers of an endpoint beside the recorded ones.
    Answers,
    /// The contract between wire and disk.
    Rollouts,
    /// The readers of inputs.
    Readers,
}

/// The groups of rules, in the order in which they are listed.
const GROUPS: &[(RuleSource, &[Rule])] = &[
    (RuleSource::Comparison, exchange_rules::RULES),
    (RuleSource::Comparison, body_rules::RULES),
    (RuleSource::Contracts, tool_rules::RULES),
    (RuleSource::Contracts, history_rules::RULES),
    (RuleSource::Contracts, compaction_rules::RULES),
    (RuleSource::Contracts, identity_rules::RULES),
    (RuleSource::Rollouts, rollout_rules::RULES),
    (RuleSource::Rollouts, session_rules::RULES),
    (RuleSource::Contracts, retry_rules::RULES),
    (RuleSource::Streams, stream_rules::RULES),
    (RuleSource::Answers, answer_rules::RULES),
    (RuleSource::Readers, reader_rules::RULES),
];

/// Lists all rules, grouped by what they are about.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    GROUPS.iter().flat_map(|(_, rules)| *rules)
}

/// Lists the rules that a part of the program reports, in the order of [`rules`].
pub fn rules_of(source: RuleSource) -> impl Iterator<Item = &'static Rule> {
    let groups = GROUPS.iter().filter(move |(other, _)| *other == source);
    groups.flat_map(|(_, rules)| *rules)
}

/// Lists the names of all rules, in the order of [`rules`].
pub fn rule_names() -> Vec<&'static str> {
    rules().map(|rule| rule.name).collect()
}

/// Finds the rule with this name.
///
/// # Errors
///
/// When there is none, with the most similar name.
pub fn explain(name: &str) -> Result<&'static Rule, UnknownRule> {
    rules()
        .find(|rule| rule.name == name)
        .ok_or_else(|| UnknownRule {
            name: name.to_owned(),
            nearest: similar::get_close_matches(name, &rule_names(), 1, 0.6)
                .first()
                .copied(),
        })
}

impl Rule {
    /// Writes the table of a rules file that accepts findings of this rule.
    pub fn accept_table(&self) -> String {
        let pointer = match self.example {
            "" => String::new(),
            example => format!("pointer = \"{example}\"\n"),
        };
        format!(
            "[[accept]]\nrule = \"{}\"\n{pointer}reason = \"…\"\n",
            self.name
        )
    }
}

impl fmt::Display for Rule {
    /// Writes the whole explanation in lines of at most 80 characters, with a newline at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} ({})\n", self.name, self.level.name())?;
        write_paragraph(f, "", self.means)?;
        write_paragraph(f, "Why it matters:", self.matters)?;
        write_paragraph(f, "Where the expectation comes from:", self.expectation)?;
        writeln!(f, "To accept it, say so in trace-diff.toml:\n")?;
        for line in self.accept_table().lines() {
            writeln!(f, "    {line}")?;
        }
        Ok(())
    }
}

/// Longest line of an explanation, in characters.
const WIDTH: usize = 80;

fn write_paragraph(f: &mut fmt::Formatter<'_>, title: &str, text: &str) -> fmt::Result {
    let mut column = 0;
    for word in title.split_whitespace().chain(text.split_whitespace()) {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > WIDTH {
            writeln!(f)?;
            column = 0;
        }
        if column > 0 {
            f.write_str(" ")?;
            column += 1;
        }
        f.write_str(word)?;
        column += length;
    }
    f.write_str("\n\n")
}
