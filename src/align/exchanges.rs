//! Which exchange of one capture goes with which of the other: by what they are, never by number.

use std::collections::BTreeMap;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use crate::responses::{RequestFacts, RequestKind};

use super::items::{ItemPrint, best_pairs, word_similarity};
use super::sequence::common_subsequence;

/// What alignment looks at in an exchange.
#[derive(Debug, Clone)]
pub struct ExchangeFeatures {
    /// What the request is for and whose it is.
    pub facts: RequestFacts,
    /// `POST`, `GET`, `WS`.
    pub method: String,
    /// Fingerprint of the last item of `input` that is the thread's own: what the request answers to. For calls without
    /// items, of query and body.
    pub tail: u64,
    /// Hash of the type of that item.
    pub tail_kind: u64,
    /// The items of `input`.
    pub input: Vec<Arc<ItemPrint>>,
    /// Number of items with role `user` that are the thread's own.
    pub user_messages: usize,
    /// Hash of status, terminal event and end of the response.
    pub outcome: u64,
    /// Whether the response was complete and good.
    pub is_success: bool,
}

impl ExchangeFeatures {
    /// Contents of the items of `input`, sorted.
    fn contents(&self) -> Vec<u64> {
        let mut contents: Vec<u64> = self.input.iter().map(|print| print.content()).collect();
        contents.sort_unstable();
        contents
    }
}

/// One row of an alignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExchangeMatch {
    /// Index in the baseline's flat list.
    pub baseline: Option<usize>,
    /// Index in the candidate's flat list.
    pub candidate: Option<usize>,
}

/// Aligns two captures.
///
/// Every exchange stands in one row; rows are ordered by the baseline, those that only the candidate has come behind the
/// row of the exchange before them.
pub fn align_exchanges(a: &[ExchangeFeatures], b: &[ExchangeFeatures]) -> Vec<ExchangeMatch> {
    let threads = match_threads(a, b);
    let lanes_a = lanes(a, |thread| thread.to_owned());
    let lanes_b = lanes(b, |thread| {
        threads
            .get(thread)
            .cloned()
            .unwrap_or_else(|| format!("?{thread}"))
    });
    let mut partner_of_a = vec![None; a.len()];
    let mut is_taken = vec![false; b.len()];
    let mut pair = |i: usize, j: usize| {
        partner_of_a[i] = Some(j);
        is_taken[j] = true;
    };
    for (lane, in_a) in &lanes_a {
        let Some(in_b) = lanes_b.get(lane) else {
            continue;
        };
        let align = if is_background(lane) {
            align_background
        } else {
            align_lane
        };
        for (x, y) in align(a, in_a, b, in_b) {
            pair(x, y);
        }
    }
    pair_left_over(a, b, &mut partner_of_a, &mut is_taken);
    rows(&partner_of_a, &is_taken)
}

/// A lane holds the exchanges among which order means something.
type Lane = (String, String);

fn lanes(list: &[ExchangeFeatures], name: impl Fn(&str) -> String) -> BTreeMap<Lane, Vec<usize>> {
    let mut lanes: BTreeMap<Lane, Vec<usize>> = BTreeMap::new();
    for (i, features) in list.iter().enumerate() {
        lanes.entry(lane(features, &name)).or_default().push(i);
    }
    lanes
}

/// Requests to the model go by thread; background calls by method and endpoint, as they come in any order
/// (observed with account login, codex 0.125.0–0.169.0).
fn lane(features: &ExchangeFeatures, name: &impl Fn(&str) -> String) -> Lane {
    let facts = &features.facts;
    let thread = || facts.thread.as_deref().map_or_else(String::new, name);
    match facts.kind {
        RequestKind::Turn | RequestKind::Compaction | RequestKind::Prewarm => {
            (String::new(), thread())
        }
        _ if facts.endpoint == "/responses" => (features.method.clone(), thread()),
        _ => (
            format!("{} {}", features.method, facts.endpoint),
            String::new(),
        ),
    }
}

struct Thread<'f> {
    id: &'f str,
    subagent: Option<&'f str>,
    first_tail: u64,
}

/// The threads in order of their first requests to the model; behind them those that only made other calls there, such
/// as a handshake.
fn threads(list: &[ExchangeFeatures]) -> Vec<Thread<'_>> {
    let mut threads: Vec<Thread<'_>> = Vec::new();
    let mut known = std::collections::HashSet::new();
    let is_model_request = |features: &&ExchangeFeatures| {
        matches!(
            features.facts.kind,
            RequestKind::Turn | RequestKind::Compaction
        )
    };
    let others = list.iter().filter(|features| !is_model_request(features));
    for features in list.iter().filter(is_model_request).chain(others) {
        if let Some(id) = features
            .facts
            .thread
            .as_deref()
            .filter(|id| known.insert(*id))
        {
            let subagent = features.facts.subagent.as_deref();
            threads.push(Thread {
                id,
                subagent,
                first_tail: features.tail,
            });
        }
    }
    threads
}

/// Names each of the candidate's threads by the baseline's thread that it corresponds to: same sub-agent kind and
/// first message, then same kind, then order of appearance.
fn match_threads(a: &[ExchangeFeatures], b: &[ExchangeFeatures]) -> BTreeMap<String, String> {
    let (a, b) = (threads(a), threads(b));
    let mut names = BTreeMap::new();
    let mut is_taken = vec![false; b.len()];
    let mut is_matched = vec![false; a.len()];
    let passes: [fn(&Thread<'_>, &Thread<'_>) -> bool; 3] = [
        |x, y| x.subagent == y.subagent && x.first_tail == y.first_tail,
        |x, y| x.subagent == y.subagent,
        |_, _| true,
    ];
    for fits in passes {
        for (i, thread) in a.iter().enumerate() {
            if is_matched[i] {
                continue;
            }
            let Some(j) = (0..b.len()).find(|&j| !is_taken[j] && fits(thread, &b[j])) else {
                continue;
            };
            is_matched[i] = true;
            is_taken[j] = true;
            names.insert(b[j].id.to_owned(), thread.id.to_owned());
        }
    }
    names
}

/// Whether the exchanges of a lane come in any order.
fn is_background((call, _): &Lane) -> bool {
    call.contains(' ')
}

/// Pairs background calls wherever they stand: the same call with the same outcome, then the same call, then any. They race, so
/// that what is left goes by contents: in the order of arrival, two runs would be paired in two ways.
fn align_background(
    a: &[ExchangeFeatures],
    in_a: &[usize],
    b: &[ExchangeFeatures],
    in_b: &[usize],
) -> Vec<(usize, usize)> {
    let (mut left_a, mut left_b) = (in_a.to_vec(), in_b.to_vec());
    let mut pairs = Vec::new();
    for key in [exact_key as fn(&ExchangeFeatures) -> u64, |features| {
        features.tail
    }] {
        let mut free: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for &j in left_b.iter().rev() {
            free.entry(key(&b[j])).or_default().push(j);
        }
        left_a.retain(|&i| match free.get_mut(&key(&a[i])).and_then(Vec::pop) {
            Some(j) => {
                pairs.push((i, j));
                left_b.retain(|&other| other != j);
                false
            }
            None => true,
        });
    }
    left_a.sort_by_key(|&i| a[i].tail);
    left_b.sort_by_key(|&j| b[j].tail);
    pairs.extend(left_a.into_iter().zip(left_b));
    pairs
}

fn align_lane(
    a: &[ExchangeFeatures],
    in_a: &[usize],
    b: &[ExchangeFeatures],
    in_b: &[usize],
) -> Vec<(usize, usize)> {
    let keys = |list: &[ExchangeFeatures], lane: &[usize]| -> Vec<u64> {
        lane.iter().map(|&i| exact_key(&list[i])).collect()
    };
    let mut pairs = Vec::new();
    let (mut i, mut j) = (0, 0);
    let mut anchors = common_subsequence(&keys(a, in_a), &keys(b, in_b));
    anchors.push((in_a.len(), in_b.len()));
    for (x, y) in anchors {
        let gap = align_gap(a, &in_a[i..x], b, &in_b[j..y]);
        pairs.extend(gap);
        if x < in_a.len() {
            pairs.push((in_a[x], in_b[y]));
        }
        (i, j) = (x + 1, y + 1);
    }
    pairs
}

fn exact_key(features: &ExchangeFeatures) -> u64 {
    let parts = [features.facts.kind as u64, features.tail, features.outcome];
    xxh3_64(&parts.map(u64::to_le_bytes).concat())
}

/// Gaps up to this product of lengths are matched by likeness; larger ones in order.
const GAP_CELLS: usize = 1 << 18;

fn align_gap(
    a: &[ExchangeFeatures],
    in_a: &[usize],
    b: &[ExchangeFeatures],
    in_b: &[usize],
) -> Vec<(usize, usize)> {
    let likeness = |i: usize, j: usize| likeness(&a[in_a[i]], &b[in_b[j]]);
    let pairs = if in_a.len() * in_b.len() <= GAP_CELLS {
        best_pairs(in_a.len(), in_b.len(), likeness)
    } else {
        (0..in_a.len().min(in_b.len()))
            .filter(|&i| likeness(i, i) > 0.0)
            .map(|i| (i, i))
            .collect()
    };
    pairs.into_iter().map(|(i, j)| (in_a[i], in_b[j])).collect()
}

/// How much two exchanges look like the same step, 0 to 1. Requests of different kinds only do when they send (nearly)
/// the same items.
fn likeness(a: &ExchangeFeatures, b: &ExchangeFeatures) -> f64 {
    if a.facts.kind != b.facts.kind {
        let is_same_input = word_similarity(&a.contents(), &b.contents()) >= 0.75;
        return if is_same_input { 0.41 } else { 0.0 };
    }
    let mut sum = 0.45;
    if a.tail_kind == b.tail_kind {
        sum += 0.15;
    }
    if a.tail == b.tail {
        sum += 0.25;
    }
    if a.outcome == b.outcome {
        sum += 0.1;
    }
    if a.user_messages == b.user_messages {
        sum += 0.05;
    }
    sum
}

/// An exchange whose thread has no partner may still answer to the same item: then only its thread is in question.
fn pair_left_over(
    a: &[ExchangeFeatures],
    b: &[ExchangeFeatures],
    partner_of_a: &mut [Option<usize>],
    is_taken: &mut [bool],
) {
    for (i, features) in a.iter().enumerate() {
        if partner_of_a[i].is_some() || features.facts.kind == RequestKind::Other {
            continue;
        }
        let same = |j: &usize| {
            let other = &b[*j];
            !is_taken[*j] && other.facts.kind == features.facts.kind && other.tail == features.tail
        };
        if let Some(j) = (0..b.len()).find(same) {
            partner_of_a[i] = Some(j);
            is_taken[j] = true;
        }
    }
    for (i, features) in a.iter().enumerate() {
        if partner_of_a[i].is_some() {
            continue;
        }
        let fits = |j: &usize| {
            let other = &b[*j];
            let is_unread = is_unread(features) || is_unread(other);
            !is_taken[*j]
                && is_unread
                && other.method == features.method
                && other.facts.endpoint == features.facts.endpoint
        };
        if let Some(j) = (0..b.len()).find(fits) {
            partner_of_a[i] = Some(j);
            is_taken[j] = true;
        }
    }
}

/// Whether this is a request to the model whose body could not be read, so that nobody knows what it is for.
fn is_unread(features: &ExchangeFeatures) -> bool {
    features.facts.kind == RequestKind::Other
        && features.facts.endpoint == "/responses"
        && features.method == "POST"
}

fn rows(partner_of_a: &[Option<usize>], is_taken: &[bool]) -> Vec<ExchangeMatch> {
    let mut position = vec![usize::MAX; is_taken.len()];
    for (i, partner) in partner_of_a.iter().enumerate() {
        if let Some(j) = partner {
            position[*j] = i;
        }
    }
    // Those that only the candidate has are listed behind the partner of the exchange before them.
    let mut behind: BTreeMap<Option<usize>, Vec<usize>> = BTreeMap::new();
    let mut last = None;
    for (j, taken) in is_taken.iter().enumerate() {
        if *taken {
            last = Some(position[j]);
        } else {
            behind.entry(last).or_default().push(j);
        }
    }
    let added = |after: Option<usize>| {
        let list = behind.get(&after).map_or(&[][..], Vec::as_slice);
        list.iter()
            .map(|&j| ExchangeMatch {
                baseline: None,
                candidate: Some(j),
            })
            .collect::<Vec<_>>()
    };
    let mut rows = added(None);
    for (i, partner) in partner_of_a.iter().enumerate() {
        rows.push(ExchangeMatch {
            baseline: Some(i),
            candidate: *partner,
        });
        rows.extend(added(Some(i)));
    }
    rows
}

/// Tells of each exchange whether it is another attempt at what the one before it in its thread failed to get: the same
/// kind of request without a new message of the user.
pub fn retries(list: &[ExchangeFeatures]) -> Vec<bool> {
    let mut before: BTreeMap<(Option<&str>, RequestKind), &ExchangeFeatures> = BTreeMap::new();
    let mut is_retry = Vec::with_capacity(list.len());
    for features in list {
        let is_model_request = matches!(
            features.facts.kind,
            RequestKind::Turn | RequestKind::Compaction
        );
        let key = (features.facts.thread.as_deref(), features.facts.kind);
        let previous = if is_model_request {
            before.insert(key, features)
        } else {
            None
        };
        is_retry.push(
            previous.is_some_and(|p| !p.is_success && p.user_messages == features.user_messages),
        );
    }
    is_retry
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `T1` = turn answering to item 1, `T1!` = the same without success, `C9` = compaction, `O/x` = other endpoint;
    /// after `@` the thread.
    fn features(text: &str) -> Vec<ExchangeFeatures> {
        text.split_whitespace()
            .map(|word| {
                let (what, thread) = word.split_once('@').unwrap_or((word, "main"));
                let is_success = !what.ends_with('!');
                let what = what.trim_end_matches('!');
                let kind = match &what[..1] {
                    "T" => RequestKind::Turn,
                    "C" => RequestKind::Compaction,
                    _ => RequestKind::Other,
                };
                let endpoint = if kind == RequestKind::Other {
                    what[1..].split('?').next().unwrap()
                } else {
                    "/responses"
                };
                ExchangeFeatures {
                    facts: RequestFacts {
                        endpoint: endpoint.to_owned(),
                        kind,
                        thread: Some(thread.to_owned()),
                        subagent: thread.starts_with("sub").then(|| "collab_spawn".to_owned()),
                    },
                    method: "POST".to_owned(),
                    tail: xxh3_64(&what.as_bytes()[1..]),
                    tail_kind: 1,
                    input: Vec::new(),
                    user_messages: 1,
                    outcome: u64::from(is_success),
                    is_success,
                }
            })
            .collect()
    }

    fn check(a: &str, b: &str, expect: &str) {
        let rows = align_exchanges(&features(a), &features(b));
        let show = |i: Option<usize>| i.map_or_else(|| "-".to_owned(), |i| i.to_string());
        let text: Vec<String> = rows
            .iter()
            .map(|r| format!("{}{}", show(r.baseline), show(r.candidate)))
            .collect();
        assert_eq!(text.join(" "), expect, "{a} / {b}");
    }

    #[test]
    fn extra_exchanges_do_not_shift_the_rest() {
        check("T1 T2 T3", "T1 T2 T3", "00 11 22");
        check("T1! T1 T2", "T1! T1! T1 T2", "00 -1 12 23");
        check("T1 T2 T3", "T1 C9 T2 T3", "00 -1 12 23");
        check("T1 T2 T3", "T1 T3", "00 1- 21");
        check("T1 T2 T3", "T1 T8 T3", "00 11 22");
    }

    #[test]
    fn threads_and_background_calls_race() {
        check("T1 T2 T7@sub T3", "T1@m T7@subm T2@m T3@m", "00 12 21 33");
        check("O/a O/b T1", "O/b T1 O/a", "02 10 21");
        check("O/a?1 O/a?2 O/a?3", "O/a?3 O/a?1 O/a?4", "01 12 20");
        let one = align_exchanges(&features("O/a?1 O/a?2"), &features("O/a?3 O/a?4"));
        let two = align_exchanges(&features("O/a?1 O/a?2"), &features("O/a?4 O/a?3"));
        let partners =
            |rows: &[ExchangeMatch]| rows.iter().map(|row| row.candidate).collect::<Vec<_>>();
        assert_eq!(partners(&one)[0], partners(&two)[1]);
        check("T1 T2 T3", "T1 T2@other T3", "00 11 22");
    }

    #[test]
    fn a_retry_follows_a_failure() {
        assert_eq!(retries(&features("T1! T1 T2")), [false, true, false]);
    }
}
