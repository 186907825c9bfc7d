//! The matrix as plain data; its serialised form is `schemas/matrix.schema.json`, version 1.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::report::text::plural;
use crate::report::{Accepted, Level, Section, UnusedRule, Verdict};

use super::accepted::{MatrixAccepted, accepted};
use super::difference::{Difference, kind, merged};

/// Scenarios × agents, in the key order of its JSON form. Nothing in it changes from run to run unless an agent does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Matrix {
    /// Always `trace-diff/matrix`.
    pub format: &'static str,
    /// Version of the format.
    pub version: u32,
    /// Whether the run fails.
    pub verdict: Verdict,
    /// The columns; with two or more the first is the baseline.
    pub agents: Vec<MatrixAgent>,
    /// The rows, in the order in which scenarios were given.
    pub scenarios: Vec<MatrixRow>,
    /// Differences from the baseline that several scenarios of an agent show; they are not repeated in the cells.
    pub shared: Vec<SharedDifference>,
    /// What the rules file accepts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accepted: Vec<MatrixAccepted>,
    /// Rules of the file that did nothing, or accept no longer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unused_rules: Vec<UnusedRule>,
}

/// An agent of a matrix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MatrixAgent {
    /// What the user calls it.
    pub name: String,
    /// How it was driven: `codex`, `pycodex`, `other`.
    pub profile: String,
    /// Its version, where it is known.
    pub version: Option<String>,
    /// How many cells it has of each verdict.
    pub counts: BTreeMap<&'static str, usize>,
}

/// A scenario with what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MatrixRow {
    /// The name of the scenario, after its file.
    pub name: String,
    /// What it is about, in a sentence.
    pub title: Option<String>,
    /// One for each agent.
    pub cells: Vec<Cell>,
}

/// A scenario with one agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// What became of it.
    pub verdict: CellVerdict,
    /// Why it does not apply, or what the agent is known to do instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What is not as expected, and how the agent differs from the baseline in this scenario alone.
    pub findings: Vec<CellFinding>,
    /// What would stand there, but for the rules file. The matrix tells it by its rules.
    #[serde(skip)]
    pub accepted: Vec<CellFinding>,
    /// How many differences from the baseline there are besides that other scenarios show, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shared_differences: Option<usize>,
    /// Where its run is, below the directory of runs that `--keep` names; `None` when it was not played.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
}

/// What became of a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CellVerdict {
    /// All is as expected.
    Pass,
    /// It is as expected, and not as the baseline does it.
    Differs,
    /// It is as the scenario knows this agent to be, which is not what others do.
    Gap,
    /// It is not as expected.
    Fails,
    /// The agent has no such thing.
    NotApplicable,
}

impl CellVerdict {
    /// All of them, as legends list them.
    pub const ALL: [Self; 5] = [
        Self::Pass,
        Self::Differs,
        Self::Gap,
        Self::Fails,
        Self::NotApplicable,
    ];

    /// The word in reports.
    pub fn name(self) -> &'static str {
        match self {
            CellVerdict::Pass => "pass",
            CellVerdict::Differs => "differs",
            CellVerdict::Gap => "gap",
            CellVerdict::Fails => "fails",
            CellVerdict::NotApplicable => "not-applicable",
        }
    }
}

impl Cell {
    /// What stands in the table.
    pub(super) fn word(&self) -> String {
        match (self.verdict, self.shared_differences) {
            (CellVerdict::NotApplicable, _) => "–".to_owned(),
            (CellVerdict::Differs, Some(shared)) => {
                format!("differs ({}+{shared})", self.findings.len())
            }
            (verdict, _) => verdict.name().to_owned(),
        }
    }
}

impl MatrixAgent {
    /// Its name, with what it is where the name does not say that.
    pub(super) fn label(&self) -> String {
        match &self.version {
            Some(version) if !self.name.contains(version.as_str()) => {
                format!("{} ({} {version})", self.name, self.profile)
            }
            _ => self.name.clone(),
        }
    }

    /// How many cells it has of each verdict, in words.
    pub(super) fn totals(&self) -> String {
        let counts = CellVerdict::ALL.iter().filter_map(|verdict| {
            let count = self.counts.get(verdict.name())?;
            let word = match verdict {
                CellVerdict::Pass => "passed",
                CellVerdict::Differs if *count == 1 => "differs",
                CellVerdict::Differs => "differ",
                CellVerdict::Gap if *count == 1 => "known gap",
                CellVerdict::Gap => "known gaps",
                CellVerdict::Fails => "failed",
                CellVerdict::NotApplicable => "not applicable",
            };
            Some(format!("{count} {word}"))
        });
        let counts: Vec<String> = counts.collect();
        counts.join(", ")
    }
}

/// One thing about a cell.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct CellFinding {
    /// What is wrong: the name of an expectation (`answer`, `script`, `agent-ended`), of a contract, or of a change rule.
    pub rule: String,
    /// How much it matters.
    pub level: Level,
    /// Which part of an exchange it is about, of a difference from the baseline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub section: Option<Section>,
    /// One sentence. What differs from run to run stands as its class.
    pub message: String,
    /// What a difference is made of, by which scenarios share it.
    #[serde(skip)]
    pub difference: Option<Difference>,
    /// By which rule of the rules file it does not count.
    #[serde(skip)]
    pub accepted: Option<Accepted>,
}

impl CellFinding {
    /// What is no difference from a baseline.
    pub fn new(rule: &str, level: Level, message: String) -> Self {
        Self {
            rule: rule.to_owned(),
            level,
            section: None,
            message,
            difference: None,
            accepted: None,
        }
    }
}

/// A difference that several scenarios show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SharedDifference {
    /// The agent that differs from the baseline.
    pub agent: String,
    /// The difference.
    #[serde(flatten)]
    pub finding: CellFinding,
    /// How many scenarios show it.
    pub scenarios: usize,
    /// The names of these scenarios, in their order.
    pub shown_by: Vec<String>,
}

impl Matrix {
    /// Value of [`Matrix::format`].
    pub const FORMAT: &'static str = "trace-diff/matrix";
    /// Value of [`Matrix::version`].
    pub const VERSION: u32 = 1;

    /// What came of it all, in a few words.
    pub(super) fn title(&self) -> String {
        let count = |verdict: CellVerdict| -> usize {
            let counts = self.agents.iter().map(|agent| &agent.counts);
            counts.filter_map(|counts| counts.get(verdict.name())).sum()
        };
        let (failed, differ) = (count(CellVerdict::Fails), count(CellVerdict::Differs));
        let outcome = match (failed, differ) {
            (0, 0) => "all as expected".to_owned(),
            (failed, 0) => format!("{failed} failed"),
            (0, 1) => "1 differs".to_owned(),
            (0, differ) => format!("{differ} differ"),
            (failed, 1) => format!("{failed} failed, 1 differs"),
            (failed, differ) => format!("{failed} failed, {differ} differ"),
        };
        format!(
            "{} with {}: {outcome}",
            plural(self.scenarios.len(), "scenario"),
            plural(self.agents.len(), "agent")
        )
    }

    /// What the numbers behind `differs` mean, if there are any.
    pub(super) fn legend(&self) -> Option<String> {
        let mut cells = self.scenarios.iter().flat_map(|row| &row.cells);
        cells.find(|cell| cell.verdict == CellVerdict::Differs)?;
        let baseline = self.agents.first()?;
        Some(format!(
            "differs (2+30): two differences from {} in this scenario alone, and 30 that several show, which are told once, at the end",
            baseline.name
        ))
    }

    /// The differences of an agent from the baseline that several scenarios show.
    pub(super) fn shared_of(&self, agent: &MatrixAgent) -> Vec<&SharedDifference> {
        let shared = self.shared.iter();
        shared.filter(|one| one.agent == agent.name).collect()
    }

    /// Makes a matrix, with its counts and verdict; what several cells of an agent tell as a difference is moved out of them.
    pub fn new(mut agents: Vec<MatrixAgent>, mut scenarios: Vec<MatrixRow>) -> Self {
        let (mut shared, mut by_rules) = (Vec::new(), Vec::new());
        for (column, agent) in agents.iter_mut().enumerate() {
            shared.extend(share(&agent.name, column, &mut scenarios));
            by_rules.extend(accepted(agent, column, &scenarios));
            for row in &scenarios {
                if let Some(cell) = row.cells.get(column) {
                    *agent.counts.entry(cell.verdict.name()).or_default() += 1;
                }
            }
        }
        let cells = || scenarios.iter().flat_map(|row| &row.cells);
        let is_clean =
            !cells().any(|cell| matches!(cell.verdict, CellVerdict::Fails | CellVerdict::Differs));
        Self {
            format: Self::FORMAT,
            version: Self::VERSION,
            verdict: if is_clean {
                Verdict::Clean
            } else {
                Verdict::Findings
            },
            agents,
            scenarios,
            shared,
            accepted: by_rules,
            unused_rules: Vec::new(),
        }
    }
}

/// Moves differences that more than one cell of a column tells out of them.
fn share(agent: &str, column: usize, rows: &mut [MatrixRow]) -> Vec<SharedDifference> {
    let mut shown_by: BTreeMap<Key, Vec<(String, CellFinding)>> = BTreeMap::new();
    for row in rows.iter() {
        let cell = row.cells.get(column);
        if let Some(cell) = cell.filter(|cell| cell.shared_differences.is_some()) {
            for finding in &cell.findings {
                let shown = shown_by.entry(Key::of(finding)).or_default();
                // One cell may tell the same in several places.
                if shown.last().is_none_or(|(name, _)| *name != row.name) {
                    shown.push((row.name.clone(), finding.clone()));
                }
            }
        }
    }
    shown_by.retain(|_, shown| shown.len() > 1);
    for cell in rows.iter_mut().filter_map(|row| row.cells.get_mut(column)) {
        if let Some(number) = &mut cell.shared_differences {
            let before = cell.findings.len();
            cell.findings
                .retain(|finding| !shown_by.contains_key(&Key::of(finding)));
            *number = before - cell.findings.len();
        }
    }
    let shared = shown_by.into_values().filter_map(|shown| {
        let (names, findings): (Vec<String>, Vec<CellFinding>) = shown.into_iter().unzip();
        Some(SharedDifference {
            agent: agent.to_owned(),
            finding: merged(&findings)?,
            scenarios: names.len(),
            shown_by: names,
        })
    });
    let mut shared: Vec<_> = shared.collect();
    shared.sort_by(|a, b| {
        let key = |one: &SharedDifference| (one.finding.section, std::cmp::Reverse(one.scenarios));
        key(a).cmp(&key(b)).then_with(|| a.finding.cmp(&b.finding))
    });
    shared
}

/// By what a finding is the same in several scenarios: what caused it, else what it says.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    rule: String,
    level: Level,
    what: String,
}

impl Key {
    fn of(finding: &CellFinding) -> Self {
        let difference = finding.difference.as_ref();
        Self {
            rule: finding.rule.clone(),
            level: finding.level,
            what: difference
                .map_or_else(|| finding.message.clone(), |one| kind(&finding.rule, one)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(message: &str) -> CellFinding {
        CellFinding::new("header-changed", Level::Error, message.to_owned())
    }

    fn row(name: &str, verdict: CellVerdict, findings: &[&str]) -> MatrixRow {
        MatrixRow {
            name: name.to_owned(),
            title: None,
            cells: vec![Cell {
                verdict,
                reason: None,
                findings: findings.iter().map(|one| finding(one)).collect(),
                accepted: Vec::new(),
                shared_differences: (verdict == CellVerdict::Differs).then_some(0),
                folder: None,
            }],
        }
    }

    fn agent() -> MatrixAgent {
        MatrixAgent {
            name: "port".to_owned(),
            profile: "codex".to_owned(),
            version: None,
            counts: BTreeMap::new(),
        }
    }

    #[test]
    fn what_several_scenarios_show_is_told_once() {
        let rows = vec![
            row("a", CellVerdict::Differs, &["x", "y", "y"]),
            row("b", CellVerdict::Differs, &["x"]),
            row("c", CellVerdict::Fails, &["x"]),
        ];
        let matrix = Matrix::new(vec![agent()], rows);
        assert_eq!(matrix.verdict, Verdict::Findings);
        assert_eq!(matrix.shared.len(), 1);
        assert_eq!(
            (
                matrix.shared[0].finding.message.as_str(),
                matrix.shared[0].scenarios
            ),
            ("x", 2)
        );
        assert_eq!(matrix.shared[0].shown_by, ["a", "b"]);
        let left: Vec<(usize, Option<usize>)> = matrix
            .scenarios
            .iter()
            .map(|row| (row.cells[0].findings.len(), row.cells[0].shared_differences))
            .collect();
        // What a scenario expects is no difference, and stays where it is.
        assert_eq!(left, [(2, Some(1)), (0, Some(1)), (1, None)]);
        assert_eq!(matrix.agents[0].counts["differs"], 2);
    }

    #[test]
    fn gaps_and_what_does_not_apply_fail_no_run() {
        let rows = vec![
            row("a", CellVerdict::Gap, &[]),
            row("b", CellVerdict::NotApplicable, &[]),
            row("c", CellVerdict::Pass, &[]),
        ];
        assert_eq!(Matrix::new(vec![agent()], rows).verdict, Verdict::Clean);
    }
}
