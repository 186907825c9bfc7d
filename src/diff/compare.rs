//! Compares two captures.

use std::sync::Arc;

use crate::align::{ExchangeFeatures, ExchangeMatch, align_exchanges, retries};
use crate::capture::{Capture, Recorded};
use crate::json::{Pointer, PointerPattern};
use crate::normalize::{IgnoreRule, Scanner};
use crate::responses::{RequestKind, without_version};

use super::body::compare_request_bodies;
use super::change::{AlignedExchange, Comparison, ExchangePair, Level};
use super::gather::gather;
use super::headers::{HeaderPair, compare_headers};
use super::input::{describe, values_of};
use super::limits::Limits;
use super::names::{LocalChange, Names};
use super::recorder::{Place, Recorder};
use super::response::{became, compare_responses, end_name};
use super::side::{Side, locations, records_ends};

/// What to compare.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Report only what lies below one of these; empty: everything.
    pub only: Vec<PointerPattern>,
    /// Leave these places out, or the matching part of their texts.
    pub ignore: Vec<IgnoreRule>,
}

impl Options {
    /// Without `only`, compares requests and nothing else: for who knows that responses are made by us.
    pub fn or_requests(mut self) -> Self {
        if self.only.is_empty() {
            let requests = PointerPattern::parse("/request");
            self.only
                .push(requests.expect("the pattern is a constant that parses"));
        }
        self
    }
}

/// State of a comparison.
pub(super) struct Comparer<'c> {
    pub(super) baseline: Side<'c>,
    pub(super) candidate: Side<'c>,
    pub(super) names: Names,
    pub(super) recorder: Recorder,
    /// What the recordings of baseline and candidate can't tell.
    pub(super) limits: (Limits, Limits),
    /// Which exchanges of the baseline and of the candidate are retries.
    retries: (Vec<bool>, Vec<bool>),
}

/// A row of the alignment in which both sides have an exchange.
pub(super) struct Row {
    pub(super) index: usize,
    pub(super) baseline: usize,
    pub(super) candidate: usize,
    /// Level of differences in the request.
    pub(super) level: Level,
}

/// Compares two captures. The same captures give the same answer, in the same order.
pub fn compare(baseline: &Capture, candidate: &Capture, options: &Options) -> Comparison {
    let (a_only, b_only) = own_locations(baseline, candidate);
    let (a_scanner, b_scanner) = scanners(&a_only, &b_only);
    let compares_ends = records_ends(baseline) && records_ends(candidate);
    let limits = (Limits::of(baseline), Limits::of(candidate));
    let (baseline, candidate) = both(
        || Side::new(baseline, Arc::clone(&a_scanner), compares_ends),
        || Side::new(candidate, Arc::clone(&b_scanner), compares_ends),
    );
    let mut cx = Comparer {
        retries: (retries(&baseline.features), retries(&candidate.features)),
        baseline,
        candidate,
        names: Names::new(a_scanner, b_scanner),
        recorder: Recorder::default(),
        limits,
    };
    let rows = align_exchanges(&cx.baseline.features, &cx.candidate.features);
    let last_matched = LastMatched::of(&rows);
    for (index, row) in rows.iter().enumerate() {
        match (row.baseline, row.candidate) {
            (Some(baseline), Some(candidate)) => {
                let level = level_of(&cx.baseline, baseline);
                cx.compare_row(&Row {
                    index,
                    baseline,
                    candidate,
                    level,
                });
            }
            (Some(baseline), None) => {
                let is_behind = last_matched.baseline.is_none_or(|last| baseline > last);
                cx.one_sided(index, baseline, true, is_behind);
            }
            (None, Some(candidate)) => {
                let is_behind = last_matched.candidate.is_none_or(|last| candidate > last);
                cx.one_sided(index, candidate, false, is_behind);
            }
            (None, None) => {}
        }
    }
    cx.compare_order(&rows);
    let mut comparison = Comparison {
        alignment: cx.alignment(&rows),
        changes: Vec::new(),
        renamed: Vec::new(),
        ignore_used: Vec::new(),
    };
    gather(&mut cx, options, &mut comparison);
    comparison.renamed = cx.names.all_renamed();
    // Directories are found in the order in which they are named, so they correspond where there are as many.
    if a_only.len() == b_only.len() {
        comparison.renamed.extend(a_only.into_iter().zip(b_only));
    }
    comparison
}

/// The last exchange of each side that has a partner.
struct LastMatched {
    baseline: Option<usize>,
    candidate: Option<usize>,
}

impl LastMatched {
    fn of(rows: &[ExchangeMatch]) -> Self {
        let matched = || {
            rows.iter()
                .filter_map(|row| row.baseline.zip(row.candidate))
        };
        Self {
            baseline: matched().map(|pair| pair.0).max(),
            candidate: matched().map(|pair| pair.1).max(),
        }
    }
}

/// Does the work of both sides at the same time.
fn both<T: Send>(baseline: impl FnOnce() -> T + Send, candidate: impl FnOnce() -> T) -> (T, T) {
    std::thread::scope(|scope| {
        let other = scope.spawn(baseline);
        let candidate = candidate();
        match other.join() {
            Ok(baseline) => (baseline, candidate),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// The directories that only one of two captures names; those that both name need no renaming.
fn own_locations(baseline: &Capture, candidate: &Capture) -> (Vec<String>, Vec<String>) {
    let (a, b) = both(|| locations(baseline), || locations(candidate));
    let only = |list: &[String], other: &[String]| -> Vec<String> {
        list.iter()
            .filter(|location| !other.contains(location))
            .cloned()
            .collect()
    };
    (only(&a, &b), only(&b, &a))
}

/// Scanners that know the directories in which the two sides differ.
fn scanners(a_only: &[String], b_only: &[String]) -> (Arc<Scanner>, Arc<Scanner>) {
    let differ = !a_only.is_empty() || !b_only.is_empty();
    (
        Arc::new(Scanner::new(a_only, differ)),
        Arc::new(Scanner::new(b_only, differ)),
    )
}

/// Requests to the model are what an agent is; other calls are worth a warning, telemetry a note.
fn level_of(side: &Side<'_>, index: usize) -> Level {
    let facts = &side.features[index].facts;
    let is_telemetry = ["analytics", "telemetry", "otlp"]
        .iter()
        .any(|word| facts.endpoint.contains(word));
    match facts.kind {
        RequestKind::Turn | RequestKind::Compaction | RequestKind::Prewarm => Level::Error,
        _ if facts.endpoint == "/responses" => Level::Error,
        _ if is_telemetry => Level::Note,
        _ => Level::Warning,
    }
}

impl Comparer<'_> {
    fn compare_row(&mut self, row: &Row) {
        self.compare_request_line(row);
        let a = self.baseline.flat[row.baseline].exchange.clone();
        let b = self.candidate.flat[row.candidate].exchange.clone();
        let (a, b) = (&a.request, &b.request);
        if let (Recorded::Yes(x), Recorded::Yes(y)) = (&a.headers, &b.headers) {
            let length = |bytes: &Recorded<u64>| bytes.as_option().copied();
            let pair = HeaderPair {
                baseline: x,
                candidate: y,
                pointer: Pointer::root().key("request").key("headers"),
                row: row.index,
                level: row.level,
                body_bytes: (length(&a.wire_body_bytes), length(&b.wire_body_bytes)),
            };
            compare_headers(&mut self.names, &mut self.recorder, &pair);
        }
        compare_request_bodies(self, row);
        compare_responses(self, row);
    }

    /// Method and path. Prefixes of the provider (`/v1`) are compared too; a version in the query is not.
    fn compare_request_line(&mut self, row: &Row) {
        let (a, b) = (
            &self.baseline.flat[row.baseline].exchange,
            &self.candidate.flat[row.candidate].exchange,
        );
        let (a, b) = (
            (a.request.method.clone(), a.request.target.clone()),
            (b.request.method.clone(), b.request.target.clone()),
        );
        let place = |key: &str| Place::new(row.index, Pointer::root().key("request").key(key));
        if a.0 != b.0 {
            self.recorder.change(
                place("method"),
                became("method-changed", row.level, a.0, b.0),
            );
        }
        if a.1 != b.1 && without_version(&a.1) != without_version(&b.1) {
            let endpoints = (
                &self.baseline.features[row.baseline].facts.endpoint,
                &self.candidate.features[row.candidate].facts.endpoint,
            );
            let rule = if endpoints.0 == endpoints.1 {
                "path-changed"
            } else {
                "endpoint-changed"
            };
            self.recorder
                .change(place("path"), became(rule, row.level, a.1, b.1));
        }
    }

    /// Tells of an exchange that one side lacks, unless its recording would not have it anyway; `is_behind` all that
    /// both have.
    fn one_sided(&mut self, row: usize, index: usize, is_baseline: bool, is_behind: bool) {
        let lacking = if is_baseline {
            self.limits.1
        } else {
            self.limits.0
        };
        let side = if is_baseline {
            &self.baseline
        } else {
            &self.candidate
        };
        let scanner = if is_baseline {
            &self.names.baseline
        } else {
            &self.names.candidate
        };
        let facts = &side.features[index].facts;
        if lacking.leaves_out(&side.flat[index], facts) {
            return;
        }
        let request = &side.flat[index].exchange.request;
        let last = side.inputs[index].as_ref().and_then(|input| input.last());
        let what = last.map_or(String::new(), |item| {
            format!(" after {}", describe(item.item.node(), scanner))
        });
        let retries = if is_baseline {
            &self.retries.0
        } else {
            &self.retries.1
        };
        let kind = kind_name(facts.kind, retries[index]);
        let of_thread = facts.subagent.as_ref();
        let of_thread = of_thread.map_or(String::new(), |name| format!(" of a sub-agent ({name})"));
        let answer = &side.flat[index].exchange.response;
        let end = end_name(answer);
        let call = format!("{} {}", request.method, request.target);
        let about = match kind {
            "other" | "models" if answer.status.as_option().is_none() => String::new(),
            "other" | "models" => format!(" ({end})"),
            _ => format!(" ({kind}{of_thread}{what}: {end})"),
        };
        let (rule, who) = if is_baseline {
            ("exchange-missing", "is not made by the candidate")
        } else {
            ("exchange-added", "is made by the candidate only")
        };
        let message = format!("{call} {who}{about}");
        let last_content = last.map_or(String::new(), |item| item.content().to_string());
        let shown = Some(format!("{} {}", request.method, request.target));
        let (baseline, candidate) = if is_baseline {
            (shown, None)
        } else {
            (None, shown)
        };
        let mut change = LocalChange {
            rule,
            level: level_of(side, index),
            baseline,
            candidate,
            message,
            values: values_of(&[kind, &facts.endpoint, &last_content]),
            ..LocalChange::default()
        };
        let who = if is_baseline { "candidate" } else { "baseline" };
        if lacking.is_cut_short && is_behind {
            (change.rule, change.level) = ("recording-cut", Level::Note);
            change.message = format!(
                "{call}{about} and what follows can't be compared: the recording of the {who} ends before"
            );
            change.values = values_of(&["behind the end"]);
        } else if lacking.is_damaged {
            change.level = change.level.max(Level::Warning);
            change.message = format!("{call}{about} is not in what could be read of the {who}");
        } else if self.is_repeated_background_call(index, is_baseline) {
            change.level = Level::Note;
        }
        self.recorder
            .change(Place::new(row, Pointer::root()), change);
    }

    /// Whether the other side makes the same background call too: how often is chance (with account login, codex
    /// 0.125.0–0.169.0 repeat some).
    fn is_repeated_background_call(&self, index: usize, is_baseline: bool) -> bool {
        let (side, other) = if is_baseline {
            (&self.baseline, &self.candidate)
        } else {
            (&self.candidate, &self.baseline)
        };
        let call = &side.features[index];
        let is_background = matches!(call.facts.kind, RequestKind::Other | RequestKind::Models);
        let is_same = |same: &ExchangeFeatures| {
            same.method == call.method
                && same.facts.endpoint == call.facts.endpoint
                && same.tail == call.tail
        };
        is_background && call.facts.endpoint != "/responses" && other.features.iter().any(is_same)
    }

    /// Requests of racing threads and background calls may come in another order: a note.
    fn compare_order(&mut self, rows: &[ExchangeMatch]) {
        let order: Vec<usize> = rows
            .iter()
            .filter(|r| r.baseline.is_some())
            .filter_map(|r| r.candidate)
            .collect();
        if let Some(at) = order.windows(2).position(|pair| pair[0] > pair[1]) {
            let mut change = became("exchange-order", Level::Note, String::new(), String::new());
            change.message = "the same exchanges in another order".to_owned();
            (change.baseline, change.candidate) = (None, None);
            let row = rows
                .iter()
                .position(|r| r.baseline.is_some() && r.candidate == Some(order[at]));
            self.recorder
                .change(Place::new(row.unwrap_or(0), Pointer::root()), change);
        }
    }

    fn alignment(&self, rows: &[ExchangeMatch]) -> Vec<AlignedExchange> {
        let (a_retries, b_retries) = &self.retries;
        let kind = |row: &ExchangeMatch| match (row.baseline, row.candidate) {
            (Some(i), _) => kind_name(self.baseline.features[i].facts.kind, a_retries[i]),
            (None, Some(j)) => kind_name(self.candidate.features[j].facts.kind, b_retries[j]),
            (None, None) => "other",
        };
        let pair = |row: &ExchangeMatch| ExchangePair {
            baseline: row.baseline,
            candidate: row.candidate,
        };
        rows.iter()
            .map(|row| AlignedExchange {
                pair: pair(row),
                kind: kind(row),
                changes: 0,
            })
            .collect()
    }

    /// Whether an item from another thread, which only one side sends in this request, may just have come at another
    /// moment: the side that lacks it sends it later, or it came so late on the other side that this one ended before.
    pub(super) fn may_arrive_later(
        &self,
        exchanges: (usize, usize),
        content: u64,
        baseline_has_it: bool,
    ) -> bool {
        let (baseline, candidate) = (
            (&self.baseline, exchanges.0),
            (&self.candidate, exchanges.1),
        );
        let ((having, has_at), (lacking, lacks_at)) = if baseline_has_it {
            (baseline, candidate)
        } else {
            (candidate, baseline)
        };
        let arrivals = lacking.arrivals(lacks_at, content);
        match arrivals.first() {
            Some(&first) => first > lacks_at,
            None => having.arrivals(has_at, content).len() == 1,
        }
    }
}

fn kind_name(kind: RequestKind, is_retry: bool) -> &'static str {
    match kind {
        _ if is_retry => "retry",
        RequestKind::Turn => "turn",
        RequestKind::Compaction => "compaction",
        RequestKind::Prewarm => "prewarm",
        RequestKind::Models => "models",
        RequestKind::Other => "other",
    }
}
