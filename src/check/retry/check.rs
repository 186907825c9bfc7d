//! The rules, over the attempts at each answer.

use crate::capture::{Capture, flatten};
use crate::check::Violation;
use crate::check::profiles::{FailureRule, Limit, Profile, Retry};
use crate::check::request::Trace;
use crate::json::Pointer;
use crate::normalize::Level;
use crate::responses::RequestKind;

use super::body;
use super::chain::{Attempt, Chain, chains};
use super::ends::GaveUp;
use super::pace::{Loop, Pace, is_kept};
use super::transport::{after_refusals, leftovers, refusals};

/// Checks what an agent does when requests fail against what its profile says.
///
/// Failures of which the profile says nothing are not checked, nor are delays in captures without times.
pub fn check_retries(capture: &Capture, profile: &Profile) -> Vec<Violation> {
    let flat = flatten(capture);
    let trace = Trace::new(capture);
    let chains = chains(&flat, &trace);
    // A capture that lost records may have lost attempts.
    let is_whole = capture.problems.is_empty();
    let mut checker = Checker {
        profile,
        violations: leftovers(&flat),
        ends: Vec::new(),
        refusals: refusals(&flat),
    };
    checker.violations.extend(after_refusals(&flat, profile));
    for chain in &chains {
        checker.chain(chain, is_whole);
    }
    if is_whole {
        checker.judge_ends();
    }
    checker.violations
}

pub(super) struct Checker<'p> {
    pub(super) profile: &'p Profile,
    violations: Vec<Violation>,
    pub(super) ends: Vec<GaveUp>,
    /// Exchanges that asked for a WebSocket and were refused.
    refusals: Vec<usize>,
}

impl Checker<'_> {
    pub(super) fn tell(
        &mut self,
        rule: &'static str,
        level: Level,
        exchange: usize,
        pointer: Pointer,
        message: String,
    ) -> &mut Violation {
        let mut violation = Violation::new(rule, level, Some(exchange), pointer);
        violation.message = message;
        self.violations.push(violation);
        let last = self.violations.len() - 1;
        &mut self.violations[last]
    }

    pub(super) fn row(&self, attempt: &Attempt<'_>) -> Option<FailureRule> {
        let failure = attempt.failure.as_ref()?;
        self.profile.failure(failure.cause, &failure.facts).cloned()
    }

    /// Whether a WebSocket was refused before this attempt, since the beginning of the one before.
    pub(super) fn is_refused_before(&self, one: &Attempt<'_>, next: &Attempt<'_>) -> bool {
        let between = one.exchange()..next.exchange();
        self.refusals.iter().any(|number| between.contains(number))
    }

    /// The limits of the request loop and of the stream loop.
    fn limits(&self, chain: &Chain<'_>) -> [Option<Limit>; 2] {
        let mut limits = [
            self.profile.limits.request_retries,
            self.profile.limits.stream_retries,
        ];
        let request = chain.attempts[0].request;
        let is_trigger = request.input.last().is_some_and(|item| {
            item.node()
                .get_string("type")
                .is_some_and(|kind| kind == "compaction_trigger")
        });
        if request.facts.kind == RequestKind::Compaction
            && is_trigger
            && let (Some(limit), Some(most)) = (
                &mut limits[1],
                self.profile.compaction.remote_stream_retries,
            )
        {
            limit.retries = limit.retries.min(most);
        }
        limits
    }

    fn chain(&mut self, chain: &Chain<'_>, is_whole: bool) {
        let limits = self.limits(chain);
        let mut pace = Pace::default();
        for pair in chain.attempts.windows(2) {
            self.again(&pair[0], &pair[1], &mut pace, limits);
        }
        self.amplification(chain);
        self.end(chain, limits, pace, is_whole);
    }

    /// One attempt after another that failed.
    fn again(
        &mut self,
        one: &Attempt<'_>,
        next: &Attempt<'_>,
        pace: &mut Pace,
        limits: [Option<Limit>; 2],
    ) {
        let Some(failure) = &one.failure else {
            return;
        };
        let row = self.row(one);
        if row.as_ref().is_some_and(|row| row.then == Retry::Compact) {
            return;
        }
        let told = body::compare(one, next, self.profile.partial_items);
        let is_same = told.is_empty();
        for (rule, pointer, message) in told {
            self.tell(rule, Level::Error, next.exchange(), pointer, message);
        }
        let Some(row) = row else {
            return;
        };
        if row.then == Retry::Fail {
            let message = format!(
                "{} is tried again, and {} gives up",
                failure.name(),
                self.profile.label()
            );
            let (rule, at) = ("retry-of-fatal", Pointer::root());
            self.tell(rule, Level::Error, next.exchange(), at, message);
            return;
        }
        let is_hinted = self.hint(one, next, &row);
        if row.then == Retry::Unspecified {
            return;
        }
        if !one.is_http() && next.is_http() {
            self.fallback(one, next, pace, limits[1]);
            return;
        }
        self.idle(one, next);
        let Some(which) = pace.next_loop(row.then, one, next, self.profile) else {
            return;
        };
        let number = pace.count(which, is_kept(one, next));
        if which == Loop::Request && is_same && is_kept(one, next) {
            self.bytes(one, next);
        }
        if !is_hinted && matches!(which, Loop::Request | Loop::Stream) {
            let least = match which {
                Loop::Request => pace.kept.max(1),
                // A capture that lacks attempts does not show where a round began.
                _ if row.then == Retry::Request => 1,
                _ => number,
            };
            self.backoff(one, next, number, least);
        }
        self.limit(next, which, number, limits);
    }

    /// Whether the retry belongs to a loop that has come to its end.
    fn limit(&mut self, next: &Attempt<'_>, which: Loop, number: u32, limits: [Option<Limit>; 2]) {
        let (what, limit) = match which {
            Loop::Request => ("the same request", limits[0].map(|limit| limit.retries)),
            Loop::Stream => ("a request", limits[1].map(|limit| limit.retries)),
            Loop::Token => ("a refused token", Some(1)),
            Loop::Renewed => return,
        };
        let Some(most) = limit.filter(|most| number == most + 1) else {
            return;
        };
        let message = format!(
            "{what} is tried again more than {most} times; {} stops there",
            self.profile.label()
        );
        let (rule, at) = ("retry-over-limit", Pointer::root());
        let violation = self.tell(rule, Level::Error, next.exchange(), at, message);
        violation.expected = Some(format!("{most} retries"));
    }

    /// A request that is sent again in the same round has the same bytes.
    fn bytes(&mut self, one: &Attempt<'_>, next: &Attempt<'_>) {
        if matches!((one.bytes(), next.bytes()), (Some(a), Some(b)) if a != b) {
            let message = format!(
                "the same JSON is sent in other bytes, where {} sends the same",
                self.profile.label()
            );
            let at = Pointer::root().key("request").key("body");
            self.tell(
                "retry-body-changed",
                Level::Error,
                next.exchange(),
                at,
                message,
            );
        }
    }

    /// More requests for one answer than the profile allows, all loops together.
    fn amplification(&mut self, chain: &Chain<'_>) {
        let Some(most) = self.profile.limits.requests else {
            return;
        };
        let count = chain.attempts.len();
        let most = most as usize;
        if count <= most {
            return;
        }
        let bytes: u64 = chain
            .attempts
            .iter()
            .filter_map(|attempt| attempt.bytes().map(|text| text.len() as u64))
            .sum();
        let connections: std::collections::BTreeSet<u64> = chain
            .attempts
            .iter()
            .filter_map(Attempt::connection)
            .collect();
        let exchange = chain.attempts[most].exchange();
        let message = format!("one answer takes {count} requests, more than {most}");
        let rule = "retry-storm";
        let violation = self.tell(rule, Level::Error, exchange, Pointer::root(), message);
        violation.expected = Some(format!("{most} requests"));
        violation.found = Some(format!("{count} requests"));
        violation.detail = vec![format!(
            "{bytes} bytes sent, {} connections",
            connections.len()
        )];
    }
}
