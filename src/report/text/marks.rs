//! Which exchanges an entry is about, in a few characters.

use crate::report::{ExchangePair, Report};

use super::entry::Entry;

/// Knows which exchanges there are, so that only what is not obvious is said.
pub(super) struct Marks {
    /// Matched requests to the model: what is in all of them needs no list.
    model: Vec<ExchangePair>,
    /// Matched exchanges of other kinds.
    others: Vec<ExchangePair>,
}

/// Runs of exchanges that are listed; of more only the number is given.
const SHOWN_RUNS: usize = 4;

impl Marks {
    pub(super) fn new(report: &Report) -> Self {
        let matched = report.alignment.iter().filter_map(|row| {
            let pair = ExchangePair {
                baseline: row.baseline,
                candidate: row.candidate,
            };
            let is_both = row.baseline.is_some() && row.candidate.is_some();
            is_both.then_some((pair, is_model(&row.kind)))
        });
        let (model, others): (Vec<_>, Vec<_>) = matched.partition(|(_, is_model)| *is_model);
        let pairs = |list: Vec<(ExchangePair, bool)>| list.into_iter().map(|row| row.0).collect();
        Self {
            model: pairs(model),
            others: pairs(others),
        }
    }

    /// Which exchanges, unless it is every request to the model that both sides make.
    pub(super) fn of(&self, exchanges: &[ExchangePair]) -> Option<String> {
        let has_none = exchanges
            .iter()
            .all(|pair| *pair == ExchangePair::default());
        let is_all = |list: &[ExchangePair]| {
            !list.is_empty() && list.iter().all(|pair| exchanges.contains(pair))
        };
        if has_none || is_all(&self.model) || (self.model.is_empty() && is_all(&self.others)) {
            return None;
        }
        let only_others = exchanges.iter().all(|pair| self.others.contains(pair));
        let word = if only_others { "call " } else { "" };
        Some(format!("{word}{}", numbers(exchanges)))
    }

    /// Whether two entries are said to be in the same exchanges.
    pub(super) fn are_alike(&self, a: &Entry, b: &Entry) -> bool {
        a.exchanges == b.exchanges || self.of(&a.exchanges) == self.of(&b.exchanges)
    }
}

/// Whether an exchange of this kind asks the model.
fn is_model(kind: &str) -> bool {
    matches!(kind, "turn" | "retry" | "compaction" | "prewarm")
}

/// `#0–#2, #3→#4`; only the count and the first where there are many.
pub(in crate::report) fn numbers(exchanges: &[ExchangePair]) -> String {
    let mut sorted = exchanges.to_vec();
    sorted.sort_unstable_by_key(|pair| (pair.baseline.or(pair.candidate), pair.candidate));
    let mut runs: Vec<(ExchangePair, ExchangePair)> = Vec::new();
    for pair in sorted {
        match runs.last_mut() {
            Some((_, last)) if follows(*last, pair) => *last = pair,
            _ => runs.push((pair, pair)),
        }
    }
    if runs.len() > SHOWN_RUNS {
        return format!("{} exchanges from {}", exchanges.len(), run(&runs[0]));
    }
    let texts: Vec<String> = runs.iter().map(run).collect();
    texts.join(", ")
}

fn follows(last: ExchangePair, next: ExchangePair) -> bool {
    let is_next = |a: Option<usize>, b: Option<usize>| match (a, b) {
        (Some(a), Some(b)) => a + 1 == b,
        (None, None) => true,
        _ => false,
    };
    is_next(last.baseline, next.baseline) && is_next(last.candidate, next.candidate)
}

fn run((first, last): &(ExchangePair, ExchangePair)) -> String {
    let range = |from: usize, to: usize| match to - from {
        0 => format!("#{from}"),
        1 => format!("#{from}, #{to}"),
        _ => format!("#{from}–#{to}"),
    };
    match (first.baseline, first.candidate) {
        (Some(a), Some(b)) if a != b => {
            let length = last.baseline.unwrap_or(a) - a;
            let range = |from: usize| match length {
                0 => format!("#{from}"),
                _ => format!("#{from}–#{}", from + length),
            };
            format!("{}→{}", range(a), range(b))
        }
        (Some(n), _) => range(n, last.baseline.unwrap_or(n)),
        (None, Some(n)) => range(n, last.candidate.unwrap_or(n)),
        (None, None) => String::new(),
    }
}

/// The mark that most of the entries of a section carry: it stands once, in the heading.
pub(super) fn common(marks: &[Option<String>]) -> Option<&str> {
    const FEWEST: usize = 3;
    let count = |mark: &str| {
        marks
            .iter()
            .flatten()
            .filter(|other| *other == mark)
            .count()
    };
    let most = marks.iter().flatten().max_by_key(|mark| count(mark))?;
    (count(most) >= FEWEST && count(most) * 2 > marks.len()).then_some(most.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pairs: &[(Option<usize>, Option<usize>)], expect: &str) {
        let pairs: Vec<ExchangePair> = pairs
            .iter()
            .map(|&(baseline, candidate)| ExchangePair {
                baseline,
                candidate,
            })
            .collect();
        assert_eq!(numbers(&pairs), expect);
    }

    #[test]
    fn exchanges_are_told_as_runs() {
        let both = |a, b| (Some(a), Some(b));
        check(
            &[both(0, 0), both(1, 1), both(2, 2), both(3, 4)],
            "#0–#2, #3→#4",
        );
        check(&[both(0, 0), both(2, 2)], "#0, #2");
        check(&[both(0, 0), both(1, 1)], "#0, #1");
        check(&[both(2, 1), both(3, 2)], "#2–#3→#1–#2");
        check(
            &[(Some(1), None), (Some(2), None), (Some(3), None)],
            "#1–#3",
        );
        check(&[(None, Some(4))], "#4");
        let scattered = [both(0, 0), both(2, 2), both(4, 4), both(6, 6), both(8, 8)];
        check(&scattered, "5 exchanges from #0");
    }

    #[test]
    fn what_most_entries_say_is_said_once() {
        let mark = |text: &str| Some(text.to_owned());
        let marks = [mark("#0"), mark("#0"), mark("#0"), None];
        assert_eq!(common(&marks), Some("#0"));
        assert_eq!(common(&marks[1..]), None);
    }
}
