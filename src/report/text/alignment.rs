//! Which exchange goes with which, at a glance.

use crate::report::{AlignmentEntry, ExchangePair, Report};

use super::marks::numbers;

/// A picture of the alignment in one line, where it is not simply one to one in order: `#0 · #1–#5 only in the
/// baseline (retry) · #6→#1`.
pub(super) fn picture(report: &Report) -> Option<String> {
    let is_plain = report
        .alignment
        .iter()
        .all(|row| row.baseline == row.candidate);
    if is_plain {
        return None;
    }
    let mut runs: Vec<(String, Vec<ExchangePair>)> = Vec::new();
    for row in &report.alignment {
        let fate = fate(row);
        match runs.last_mut() {
            Some((other, pairs)) if *other == fate => pairs.push(pair(row)),
            _ => runs.push((fate, vec![pair(row)])),
        }
    }
    let texts = runs.iter().map(|(fate, pairs)| {
        let numbers = numbers(pairs);
        format!("{numbers}{fate}")
    });
    Some(texts.collect::<Vec<_>>().join(" · "))
}

fn pair(row: &AlignmentEntry) -> ExchangePair {
    ExchangePair {
        baseline: row.baseline,
        candidate: row.candidate,
    }
}

fn fate(row: &AlignmentEntry) -> String {
    match (row.baseline, row.candidate) {
        (Some(_), None) => format!(" only in the baseline ({})", row.kind),
        (None, Some(_)) => format!(" only in the candidate ({})", row.kind),
        _ => String::new(),
    }
}

/// The whole alignment, a line for each row.
pub(super) fn table(report: &Report) -> Vec<String> {
    let number = |n: Option<usize>| n.map_or("–".to_owned(), |n| format!("#{n}"));
    let line = |row: &AlignmentEntry| {
        let changes = match (row.baseline, row.candidate, row.changes) {
            (Some(_), Some(_), 0) => "no difference".to_owned(),
            (Some(_), Some(_), 1) => "1 difference".to_owned(),
            (Some(_), Some(_), n) => format!("{n} differences"),
            (Some(_), None, _) => "only in the baseline".to_owned(),
            (None, ..) => "only in the candidate".to_owned(),
        };
        let (a, b) = (number(row.baseline), number(row.candidate));
        format!("{a:>5}  {b:<5}  {:<10}  {changes}", row.kind)
    };
    report.alignment.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rows: &[(Option<usize>, Option<usize>, &str)], expect: Option<&str>) {
        let rows = rows
            .iter()
            .map(|&(baseline, candidate, kind)| AlignmentEntry {
                baseline,
                candidate,
                kind: kind.to_owned(),
                changes: 0,
                thread: None,
            });
        let report = Report::new(Vec::new(), rows.collect(), Vec::new());
        assert_eq!(picture(&report).as_deref(), expect);
    }

    #[test]
    fn only_what_is_not_plain_is_drawn() {
        check(
            &[(Some(0), Some(0), "turn"), (Some(1), Some(1), "turn")],
            None,
        );
        check(
            &[
                (Some(0), Some(0), "turn"),
                (Some(1), None, "retry"),
                (Some(2), None, "retry"),
                (Some(3), Some(1), "turn"),
                (None, Some(2), "compaction"),
            ],
            Some(
                "#0 · #1, #2 only in the baseline (retry) · #3→#1 · #2 only in the candidate (compaction)",
            ),
        );
    }
}
