//! The report as plain data; its serialised form is `schemas/report.schema.json`, version 1.

use serde::Serialize;
use xxhash_rust::xxh3::Xxh3;

pub use crate::capture::FilePlace;
pub use crate::check::RolloutPlace;
pub use crate::diff::{ExchangePair, Level, Subject};
use crate::json::Pointer;

use super::exchanges::in_file;

/// All that is said about one capture or two, in the key order of its JSON form.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Always `trace-diff/report`.
    pub format: &'static str,
    /// Version of the format.
    pub version: u32,
    /// Whether the run fails.
    pub verdict: Verdict,
    /// What was read: baseline and candidate, or one trace; rollouts that it was compared with.
    pub inputs: Vec<Input>,
    /// Which exchanges correspond; every exchange of every input stands in exactly one entry.
    pub alignment: Vec<AlignmentEntry>,
    /// What was found.
    pub findings: Vec<Finding>,
    /// Counts of the above.
    pub summary: Summary,
    /// Rules of the rules file that did nothing, and those that have expired.
    pub unused_rules: Vec<UnusedRule>,
    /// Names of rules that the user switched off.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub switched_off: Vec<String>,
    /// Contracts that could not be checked, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_checked: Vec<NotChecked>,
}

impl Report {
    /// Value of [`Report::format`].
    pub const FORMAT: &'static str = "trace-diff/report";
    /// Value of [`Report::version`].
    pub const VERSION: u32 = 1;

    /// Makes a report, with its summary and verdict.
    pub fn new(inputs: Vec<Input>, alignment: Vec<AlignmentEntry>, findings: Vec<Finding>) -> Self {
        let mut report = Self {
            format: Self::FORMAT,
            version: Self::VERSION,
            verdict: Verdict::Clean,
            inputs,
            alignment,
            findings,
            summary: Summary::default(),
            unused_rules: Vec::new(),
            switched_off: Vec::new(),
            not_checked: Vec::new(),
        };
        report.update_summary();
        report
    }

    /// Counts again and sets the verdict; to be called after findings or alignment were changed.
    pub fn update_summary(&mut self) {
        self.summary = Summary::of(&self.alignment, &self.findings);
        let counts = &self.summary.findings;
        self.verdict = if counts.error + counts.warning > 0 {
            Verdict::Findings
        } else {
            Verdict::Clean
        };
    }
}

/// Whether the run fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// No error and no warning but accepted ones; there may be notes.
    Clean,
    /// At least one error or warning that no rule accepts.
    Findings,
}

impl Verdict {
    /// The word in reports: `clean`, `findings`.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Clean => "clean",
            Verdict::Findings => "findings",
        }
    }
}

/// One thing that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Input {
    /// What it was read for.
    pub role: Role,
    /// Its path as the user gave it, or `-`.
    pub path: String,
    /// Its format, as [`CaptureKind::name`](crate::capture::CaptureKind::name) says it; `endpoint` for what answered requests as they
    /// were sent.
    pub kind: String,
    /// Number of exchanges that were read.
    pub exchanges: usize,
    /// Number of complete records, of a rollout.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub records: Option<usize>,
    /// Number of problems in reading it.
    pub problems: usize,
    /// From where on a real server answered, of a replay that went on live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live: Option<Live>,
}

/// Where a replay left its recording for a real server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Live {
    /// Index of the first exchange that it answered, from 0.
    pub from: usize,
    /// Its URL.
    pub upstream: String,
}

/// What an input was read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// What the candidate is compared with.
    Baseline,
    /// What is compared with the baseline.
    Candidate,
    /// The only input: checked by itself.
    Trace,
    /// What an agent wrote to disk, for comparison with what it sent.
    Rollout,
}

impl Role {
    /// The word in reports: `baseline`, `candidate`, `trace`, `rollout`.
    pub fn name(self) -> &'static str {
        match self {
            Role::Baseline => "baseline",
            Role::Candidate => "candidate",
            Role::Trace => "trace",
            Role::Rollout => "rollout",
        }
    }
}

/// A match of two exchanges, or an exchange that only one side has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AlignmentEntry {
    /// Index of the baseline's exchange, from 0.
    pub baseline: Option<usize>,
    /// Index of the candidate's exchange (or of the trace's), from 0.
    pub candidate: Option<usize>,
    /// What the exchange is for: `turn`, `retry`, `compaction`, `prewarm`, `models` or `other`.
    pub kind: String,
    /// Number of changes between the two.
    pub changes: usize,
    /// The thread that its request names, of the candidate if that has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thread: Option<String>,
}

/// One thing that was found: a change, a violation or a problem in reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Stable across runs, see [`finding_id`].
    pub id: String,
    /// Which part of the program found it.
    pub source: Source,
    /// Name of the change rule or contract; [`explain`](super::explain) describes each.
    pub rule: String,
    /// How much it matters.
    pub level: Level,
    /// The first exchanges it was found in.
    pub exchange: ExchangePair,
    /// Where in the exchange, by the indices of the candidate (of the baseline for what only that has).
    pub pointer: Pointer,
    /// Other places of the same exchanges with the same change, such as the body's copy of a header.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Pointer>,
    /// The file to look at: where the record of the exchange stands, of the candidate if that has it; what could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<FilePlace>,
    /// Where on disk, for what ties an exchange to a rollout.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutPlace>,
    /// What it is about, for a person: a tool by its name, an item by its first words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<Subject>,
    /// Of an item that moved, the one that it passed; its message names it.
    #[serde(skip)]
    pub beside: Option<Subject>,
    /// Excerpt of what the baseline (of a contract what it asks for: the rollout) has there; `None` when it has nothing.
    pub baseline: Option<String>,
    /// Excerpt of what the candidate has there; `None` when it has nothing.
    pub candidate: Option<String>,
    /// One sentence.
    pub message: String,
    /// The rule of the rules file that accepts it.
    pub accepted: Option<Accepted>,
    /// Further exchanges that have the same change, as history is sent again; [`Finding::exchange`] is not repeated.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub recurs: Vec<ExchangePair>,
    /// Lines for a person who wants to see more: a diff of a long text, the values that were tied.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub detail: Vec<String>,
}

impl Finding {
    /// A warning about a file that belongs to no exchange: bytes that could not be read, a session that does not fit.
    pub(super) fn of_file(source: Source, rule: String, path: &str, message: String) -> Self {
        Self {
            id: finding_id(&[&rule, &message]),
            source,
            rule,
            level: Level::Warning,
            exchange: ExchangePair::default(),
            pointer: Pointer::root(),
            also: Vec::new(),
            place: Some(in_file(path)),
            rollout: None,
            subject: Some(Subject::named(path)),
            beside: None,
            baseline: None,
            candidate: None,
            message,
            accepted: None,
            recurs: Vec::new(),
            detail: Vec::new(),
        }
    }
}

/// Contracts that could not be checked somewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotChecked {
    /// Names of the rules.
    pub rules: Vec<String>,
    /// The first exchange that it is about; `None` for the whole capture.
    pub exchange: Option<usize>,
    /// Why, as the end of a sentence that begins with "not checked, because".
    pub reason: String,
}

/// Which part of the program found it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The comparison of two captures.
    Diff,
    /// A contract that one trace has to keep.
    Check,
    /// The reader of an input.
    Reader,
}

impl Source {
    /// The word in reports: `diff`, `check`, `reader`.
    pub fn name(self) -> &'static str {
        match self {
            Source::Diff => "diff",
            Source::Check => "check",
            Source::Reader => "reader",
        }
    }
}

/// The accept rule that covers a finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Accepted {
    /// Where the rule stands: `trace-diff.toml:12`.
    pub rule: String,
    /// Its reason.
    pub reason: String,
}

/// Counts over a report.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Of exchanges.
    pub exchanges: ExchangeCounts,
    /// Of findings.
    pub findings: FindingCounts,
}

impl Summary {
    fn of(alignment: &[AlignmentEntry], findings: &[Finding]) -> Self {
        let mut summary = Self::default();
        let exchanges = &mut summary.exchanges;
        for entry in alignment {
            match (entry.baseline, entry.candidate) {
                (Some(_), Some(_)) => exchanges.matched += 1,
                (Some(_), None) => exchanges.baseline_only += 1,
                (None, Some(_)) => exchanges.candidate_only += 1,
                (None, None) => {}
            }
        }
        let counts = &mut summary.findings;
        for finding in findings {
            let count = match finding.level {
                _ if finding.accepted.is_some() => &mut counts.accepted,
                Level::Error => &mut counts.error,
                Level::Warning => &mut counts.warning,
                Level::Note => &mut counts.note,
            };
            *count += 1;
        }
        summary
    }
}

/// Numbers of exchanges by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ExchangeCounts {
    /// Matches.
    pub matched: usize,
    /// Exchanges of the baseline without a match.
    pub baseline_only: usize,
    /// Exchanges of the candidate (or of the only trace) without a match.
    pub candidate_only: usize,
}

/// Numbers of findings; each finding is counted once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct FindingCounts {
    /// Errors that are not accepted.
    pub error: usize,
    /// Warnings that are not accepted.
    pub warning: usize,
    /// Notes that are not accepted.
    pub note: usize,
    /// Accepted findings of any level.
    pub accepted: usize,
}

/// A rule of the rules file that did nothing, or that accepts no longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnusedRule {
    /// Where the rule stands: `trace-diff.toml:12`.
    pub rule: String,
    /// `accept` or `ignore`.
    pub kind: &'static str,
    /// Why it is listed.
    pub state: RuleState,
    /// Number of findings that it accepted before it expired and that count again.
    pub findings: usize,
    /// One sentence.
    pub message: String,
}

/// Why a rule is listed among the unused ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuleState {
    /// It matched nothing.
    Unused,
    /// Its `until` date is over.
    Expired,
}

/// Makes the id of a finding: 16 hexadecimal digits, the same in every run that hands in the same parts.
///
/// The caller gives the rule, the pointer without volatile parts, and the baseline's and candidate's texts with
/// placeholders for dynamic values. `["ab", "c"]` and `["a", "bc"]` have different ids.
pub fn finding_id(parts: &[&str]) -> String {
    let mut hash = Xxh3::new();
    for part in parts {
        hash.update(&(part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    format!("{:016x}", hash.digest())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(level: Level, is_accepted: bool) -> Finding {
        Finding {
            id: finding_id(&["header-missing"]),
            source: Source::Diff,
            rule: "header-missing".into(),
            level,
            exchange: ExchangePair::default(),
            pointer: Pointer::root(),
            baseline: None,
            candidate: None,
            message: String::new(),
            accepted: is_accepted.then(|| Accepted {
                rule: "trace-diff.toml:1".into(),
                reason: "known".into(),
            }),
            also: Vec::new(),
            place: None,
            rollout: None,
            subject: None,
            beside: None,
            recurs: Vec::new(),
            detail: Vec::new(),
        }
    }

    fn verdict(findings: Vec<Finding>) -> Verdict {
        Report::new(Vec::new(), Vec::new(), findings).verdict
    }

    #[test]
    fn only_errors_and_warnings_that_are_not_accepted_fail() {
        assert_eq!(verdict(vec![]), Verdict::Clean);
        assert_eq!(verdict(vec![finding(Level::Note, false)]), Verdict::Clean);
        assert_eq!(verdict(vec![finding(Level::Error, true)]), Verdict::Clean);
        assert_eq!(
            verdict(vec![finding(Level::Error, false)]),
            Verdict::Findings
        );
        assert_eq!(
            verdict(vec![
                finding(Level::Note, false),
                finding(Level::Warning, false)
            ]),
            Verdict::Findings
        );
    }

    #[test]
    fn each_finding_and_each_entry_is_counted_once() {
        let entry = |baseline, candidate| AlignmentEntry {
            baseline,
            candidate,
            kind: "turn".into(),
            changes: 0,
            thread: None,
        };
        let report = Report::new(
            Vec::new(),
            vec![
                entry(Some(0), Some(0)),
                entry(Some(1), None),
                entry(None, Some(1)),
                entry(None, Some(2)),
            ],
            vec![
                finding(Level::Error, false),
                finding(Level::Error, true),
                finding(Level::Warning, false),
                finding(Level::Note, true),
                finding(Level::Note, false),
            ],
        );
        let exchanges = report.summary.exchanges;
        assert_eq!(
            (
                exchanges.matched,
                exchanges.baseline_only,
                exchanges.candidate_only
            ),
            (1, 1, 2)
        );
        let counts = report.summary.findings;
        assert_eq!(
            (counts.error, counts.warning, counts.note, counts.accepted),
            (1, 1, 1, 2)
        );
    }

    #[test]
    fn an_id_depends_on_every_part_and_on_where_parts_end() {
        let id = finding_id(&["ab", "c"]);
        assert_eq!(id, finding_id(&["ab", "c"]));
        assert_eq!(id.len(), 16);
        assert_ne!(id, finding_id(&["a", "bc"]));
        assert_ne!(id, finding_id(&["ab", "c", ""]));
        // Ids are kept in other people's lists of known findings: a change of the recipe needs a new report version.
        assert_eq!(
            finding_id(&["header-missing", "/request/headers/host"]),
            "605501fb381a842d"
        );
    }
}
