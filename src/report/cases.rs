//! What was checked as test cases: one for each rule and thread of each input.

use std::collections::{BTreeMap, HashMap};

use super::explain::{RuleSource, rules_of};
use super::headline::{is_comparison, is_counted, is_of_endpoint};
use super::{Finding, Input, Report, Role, Source};

/// The test cases of one input.
pub(super) struct Suite<'r> {
    pub(super) input: &'r Input,
    pub(super) cases: Vec<Case<'r>>,
}

/// One rule in one thread.
pub(super) struct Case<'r> {
    /// What the rule belongs to: `reading`, `differences`, `contracts`, `wire-against-disk`.
    pub(super) area: &'static str,
    /// The rule, with its thread where the exchanges name threads: `call-without-output (thread 2)`.
    pub(super) name: String,
    /// What was found, in the order of the report.
    pub(super) findings: Vec<&'r Finding>,
    /// Why nothing could be said, of a case without findings that count.
    pub(super) skipped: Option<String>,
}

impl Case<'_> {
    /// Whether anything in it makes the run fail.
    pub(super) fn is_failed(&self) -> bool {
        self.findings.iter().any(|finding| is_counted(finding))
    }
}

const READING: &str = "reading";

/// Number of a thread by order of first appearance, from 0; `None` for what belongs to no thread.
type Thread = Option<usize>;

/// The test cases of a report. Every finding is in exactly one of them.
pub(super) fn suites(report: &Report) -> Vec<Suite<'_>> {
    let threads = Threads::new(report);
    let mut suites: Vec<Suite<'_>> = Vec::with_capacity(report.inputs.len());
    for (at, input) in report.inputs.iter().enumerate() {
        let problems = report.findings.iter().filter(|finding| {
            finding.source == Source::Reader && owner(report, finding) == Some(at)
        });
        suites.push(Suite {
            input,
            cases: vec![Case {
                area: READING,
                // Both captures of a comparison may be one file.
                name: match input.role {
                    Role::Baseline => format!("{READING} (baseline)"),
                    _ => READING.to_owned(),
                },
                findings: problems.collect(),
                skipped: None,
            }],
        });
    }
    let main = main_input(report);
    let Some(suite) = main.and_then(|at| suites.get_mut(at)) else {
        return suites;
    };
    for (area, source) in areas(report) {
        suite.cases.extend(cases(report, &threads, area, source));
    }
    suites
}

/// The input that is judged.
fn main_input(report: &Report) -> Option<usize> {
    let is_main = |input: &Input| matches!(input.role, Role::Candidate | Role::Trace);
    report.inputs.iter().position(is_main)
}

/// The input that a problem in reading is of: by its path, which may be that of a file in a directory.
fn owner(report: &Report, finding: &Finding) -> Option<usize> {
    let path = finding.place.as_ref().map(|place| place.path.as_str())?;
    let is_in = |input: &Input| {
        let rest = path.strip_prefix(input.path.as_str());
        rest.is_some_and(|rest| {
            rest.is_empty() || input.path.ends_with('/') || rest.starts_with('/')
        })
    };
    let found = report.inputs.iter().position(is_in);
    found.or_else(|| main_input(report))
}

/// The parts of the program that had their say.
fn areas(report: &Report) -> Vec<(&'static str, RuleSource)> {
    let mut areas = match is_comparison(report) {
        _ if is_of_endpoint(report) => vec![
            ("answers", RuleSource::Answers),
            ("contracts", RuleSource::Streams),
        ],
        true => vec![("differences", RuleSource::Comparison)],
        false => vec![
            ("contracts", RuleSource::Contracts),
            ("contracts", RuleSource::Streams),
        ],
    };
    // An endpoint is compared in full only where that was asked for.
    let is_of_comparison = |finding: &Finding| source_of(finding) == RuleSource::Comparison;
    if is_of_endpoint(report) && report.findings.iter().any(is_of_comparison) {
        areas.push(("differences", RuleSource::Comparison));
    }
    if report
        .inputs
        .iter()
        .any(|input| input.role == Role::Rollout)
    {
        areas.push(("wire-against-disk", RuleSource::Rollouts));
    }
    areas
}

fn source_of(finding: &Finding) -> RuleSource {
    match finding.source {
        Source::Diff if finding.rule.starts_with("answer-") => RuleSource::Answers,
        Source::Diff => RuleSource::Comparison,
        Source::Reader => RuleSource::Readers,
        Source::Check if finding.rule.starts_with("rollout-") => RuleSource::Rollouts,
        Source::Check if finding.rule.starts_with("stream-") => RuleSource::Streams,
        Source::Check => RuleSource::Contracts,
    }
}

/// The cases of an area: those of its rules in order, with those of findings of rules that it does not list behind.
fn cases<'r>(
    report: &'r Report,
    threads: &Threads<'_>,
    area: &'static str,
    source: RuleSource,
) -> Vec<Case<'r>> {
    let mut found: BTreeMap<(&str, Thread), Vec<&Finding>> = BTreeMap::new();
    for finding in report.findings.iter().filter(|f| source_of(f) == source) {
        let key = (finding.rule.as_str(), threads.of(finding));
        found.entry(key).or_default().push(finding);
    }
    let skipped = |rule: &str, thread: Thread| reason(report, threads, rule, thread);
    let mut cases = Vec::new();
    for rule in rules_of(source) {
        for thread in threads.all_and_none() {
            let findings = found.remove(&(rule.name, thread)).unwrap_or_default();
            if findings.is_empty() && thread.is_none() && !threads.is_empty() {
                continue;
            }
            cases.push(case(
                area,
                rule.name,
                thread,
                findings,
                skipped(rule.name, thread),
            ));
        }
    }
    let others = found.into_iter();
    cases.extend(others.map(|((rule, thread), findings)| case(area, rule, thread, findings, None)));
    cases
}

fn case<'r>(
    area: &'static str,
    rule: &str,
    thread: Thread,
    findings: Vec<&'r Finding>,
    skipped: Option<String>,
) -> Case<'r> {
    let name = match thread {
        Some(number) => format!("{rule} (thread {})", number + 1),
        None => rule.to_owned(),
    };
    let mut case = Case {
        area,
        name,
        findings,
        skipped: None,
    };
    if !case.is_failed() {
        case.skipped = skipped;
    }
    case
}

/// Why a rule could not be checked in a thread.
fn reason(report: &Report, threads: &Threads<'_>, rule: &str, thread: Thread) -> Option<String> {
    if report.switched_off.iter().any(|name| name == rule) {
        return Some("switched off".to_owned());
    }
    let is_about = |exchange: Option<usize>| match exchange.map(|at| threads.of_exchange(at)) {
        Some(Some(other)) => thread == Some(other),
        _ => true,
    };
    let reasons = report
        .not_checked
        .iter()
        .filter(|one| one.rules.iter().any(|name| name == rule) && is_about(one.exchange));
    let reasons: Vec<&str> = reasons.map(|one| one.reason.as_str()).collect();
    (!reasons.is_empty()).then(|| format!("not checked, because {}", reasons.join("; ")))
}

/// The threads of a report, numbered by first appearance, so that their numbers are the same from run to run.
pub(super) struct Threads<'r> {
    /// Ids in order.
    pub(super) ids: Vec<&'r str>,
    baseline: HashMap<usize, usize>,
    candidate: HashMap<usize, usize>,
}

impl<'r> Threads<'r> {
    pub(super) fn new(report: &'r Report) -> Self {
        let mut threads = Self {
            ids: Vec::new(),
            baseline: HashMap::new(),
            candidate: HashMap::new(),
        };
        let mut known: HashMap<&str, usize> = HashMap::new();
        for row in &report.alignment {
            let Some(id) = row.thread.as_deref() else {
                continue;
            };
            let number = *known.entry(id).or_insert_with(|| {
                threads.ids.push(id);
                threads.ids.len() - 1
            });
            threads.baseline.extend(row.baseline.map(|at| (at, number)));
            threads
                .candidate
                .extend(row.candidate.map(|at| (at, number)));
        }
        threads
    }

    fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Every thread, and none of them.
    fn all_and_none(&self) -> impl Iterator<Item = Thread> {
        (0..self.ids.len()).map(Some).chain([None])
    }

    fn of_exchange(&self, candidate: usize) -> Thread {
        self.candidate.get(&candidate).copied()
    }

    fn of(&self, finding: &Finding) -> Thread {
        let pair = finding.exchange;
        let of_candidate = pair.candidate.map(|at| self.of_exchange(at));
        of_candidate.unwrap_or_else(|| self.baseline.get(&pair.baseline?).copied())
    }
}
