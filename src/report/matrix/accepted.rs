//! What a rules file accepts in a matrix, by its rules.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::report::text::plural;

use super::model::{CellFinding, MatrixAgent, MatrixRow};

/// What one rule of the rules file accepts of one agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MatrixAccepted {
    /// The agent.
    pub agent: String,
    /// Where the rule stands: `trace-diff.toml:12`.
    pub rule: String,
    /// Its reason.
    pub reason: String,
    /// How many findings it accepts.
    pub findings: usize,
    /// In how many scenarios.
    pub scenarios: usize,
    /// What they say, each once.
    pub messages: Vec<String>,
}

impl MatrixAccepted {
    /// That it accepts, in a sentence.
    pub(super) fn sentence(&self) -> String {
        let findings = plural(self.findings, "finding");
        let scenarios = plural(self.scenarios, "scenario");
        format!(
            "{} accepts {findings} of {} in {scenarios}: {}",
            self.rule, self.agent, self.reason
        )
    }
}

/// What is accepted of an agent, by rule.
pub(super) fn accepted(
    agent: &MatrixAgent,
    column: usize,
    rows: &[MatrixRow],
) -> Vec<MatrixAccepted> {
    let mut rules: BTreeMap<(&str, &str), Vec<(usize, &CellFinding)>> = BTreeMap::new();
    for (row, cell) in rows.iter().map(|row| row.cells.get(column)).enumerate() {
        for finding in cell.into_iter().flat_map(|cell| &cell.accepted) {
            if let Some(by) = &finding.accepted {
                let found = rules.entry((&by.rule, &by.reason)).or_default();
                found.push((row, finding));
            }
        }
    }
    let accepted = rules.into_iter().map(|((rule, reason), found)| {
        let rows: BTreeSet<usize> = found.iter().map(|(row, _)| *row).collect();
        let messages = found
            .iter()
            .map(|(_, one)| format!("{}: {}", one.rule, one.message));
        let messages: BTreeSet<String> = messages.collect();
        MatrixAccepted {
            agent: agent.name.clone(),
            rule: rule.to_owned(),
            reason: reason.to_owned(),
            findings: found.len(),
            scenarios: rows.len(),
            messages: messages.into_iter().collect(),
        }
    });
    accepted.collect()
}
