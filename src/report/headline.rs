//! What every form of a report says first.

use super::answers::ENDPOINT;
use super::text::plural;
use super::{Finding, Input, Level, Report, Role, Source, Verdict};

/// The verdict of a comparison in words; `None` where one capture was looked at.
pub(super) fn verdict(report: &Report) -> Option<&'static str> {
    if !is_comparison(report) {
        return None;
    }
    Some(match report.verdict {
        Verdict::Clean if is_of_endpoint(report) => "The endpoint answers as it should",
        Verdict::Findings if is_of_endpoint(report) => "The endpoint does not answer as it should",
        Verdict::Clean if report.summary.findings.accepted > 0 => {
            "No difference that is not accepted"
        }
        Verdict::Clean => "No difference",
        Verdict::Findings if !has(report, Source::Diff) && !has(report, Source::Reader) => {
            "No difference, but contracts are not kept"
        }
        Verdict::Findings => "The captures differ",
    })
}

/// `2 errors, 1 warning, 3 notes, 1 accepted by rules`; notes and accepted findings only if there are any.
pub(super) fn counts(report: &Report) -> String {
    let counts = &report.summary.findings;
    let mut parts = vec![
        plural(counts.error, "error"),
        plural(counts.warning, "warning"),
    ];
    if counts.note > 0 {
        parts.push(plural(counts.note, "note"));
    }
    if counts.accepted > 0 {
        parts.push(format!("{} accepted by rules", counts.accepted));
    }
    parts.join(", ")
}

/// Verdict and counts on one line, for a title.
pub(super) fn title(report: &Report) -> String {
    let word = verdict(report).unwrap_or(match report.verdict {
        Verdict::Clean => "Nothing found",
        Verdict::Findings if has(report, Source::Check) => "Contracts are not kept",
        Verdict::Findings => "Not all could be read",
    });
    format!("{word}: {}", counts(report))
}

/// Whether anything that counts was found by a part of the program.
fn has(report: &Report, source: Source) -> bool {
    let mut findings = report.findings.iter();
    findings.any(|finding| finding.source == source && is_counted(finding))
}

/// Whether a finding makes the run fail.
pub(super) fn is_counted(finding: &Finding) -> bool {
    finding.accepted.is_none() && finding.level != Level::Note
}

/// Whether the answers of an endpoint were compared with recorded ones.
pub(super) fn is_of_endpoint(report: &Report) -> bool {
    report.inputs.iter().any(|input| input.kind == ENDPOINT)
}

/// Whether two captures were compared, not one looked at.
pub(super) fn is_comparison(report: &Report) -> bool {
    report
        .inputs
        .iter()
        .any(|input| input.role == Role::Baseline)
}

/// An input in a few words: `(har, 3 exchanges), 1 problem in reading, #2 and later answered by http://…`.
pub(super) fn about(input: &Input) -> String {
    let size = match input.records {
        Some(records) => plural(records, "record"),
        None => plural(input.exchanges, "exchange"),
    };
    let mut line = format!("({}, {size})", input.kind);
    if input.problems > 0 {
        let problems = plural(input.problems, "problem");
        line.push_str(&format!(", {problems} in reading"));
    }
    if let Some(live) = &input.live {
        let (from, upstream) = (live.from, &live.upstream);
        line.push_str(&format!(", #{from} and later answered by {upstream}"));
    }
    line
}
