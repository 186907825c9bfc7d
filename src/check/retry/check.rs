//! The rules, over the attempts of each step.

use std::collections::BTreeSet;

use crate::check::Violation;
use crate::check::attempts::{Attempt, ThreadView, View};
use crate::check::profiles::{FailureRule, Limit, Profile, Retry};
use crate::check::sink::{RuleName, Sink};
use crate::json::Pointer;
use crate::normalize::Level;
use crate::responses::RequestKind;

use super::body;
use super::ends::GaveUp;
use super::pace::{Loop, Pace, is_kept, is_other};
use super::transport;

const OVER_LIMIT: RuleName = RuleName::error("retry-over-limit");
const STORM: RuleName = RuleName::error("retry-storm");

/// Checks what an agent does when requests fail against what its profile says.
///
/// Failures of which the profile says nothing are not checked, nor are delays in captures without times. A capture that
/// is not whole may lack attempts.
pub(in super::super) fn check<'v>(
    view: &'v View<'v>,
    profile: &'v Profile,
    is_whole: bool,
    sink: &mut Sink,
) {
    transport::check(view, profile, sink);
    let refusals = transport::refusals(view.flat);
    for thread in &view.threads {
        let mut checker = Checker {
            view,
            profile,
            is_whole,
            ends: Vec::new(),
            refusals: &refusals,
            sink,
        };
        checker.thread(thread);
    }
}

/// The attempts of one step.
pub(super) struct Chain<'v, 't> {
    pub(super) attempts: &'v [Attempt<'t>],
    pub(super) last: &'v Attempt<'t>,
    /// The next request of the thread.
    pub(super) next: Option<&'v Attempt<'t>>,
    /// Whether the capture goes on behind the last attempt for long enough that a retry would be in it.
    pub(super) is_followed: bool,
}

/// The rules over one thread.
pub(super) struct Checker<'p, 's> {
    view: &'p View<'p>,
    pub(super) profile: &'p Profile,
    pub(super) is_whole: bool,
    pub(super) ends: Vec<GaveUp>,
    /// Exchanges that asked for a WebSocket and were refused.
    refusals: &'p [usize],
    sink: &'s mut Sink,
}

impl Checker<'_, '_> {
    fn thread(&mut self, thread: &ThreadView<'_>) {
        for (attempts, next) in thread.steps() {
            let last = &attempts[attempts.len() - 1];
            if last.request.facts.endpoint != "/responses" {
                continue;
            }
            self.chain(&Chain {
                attempts,
                last,
                next,
                is_followed: next.is_some() || self.view.is_long_past(last.exchange()),
            });
        }
        if self.is_whole {
            self.judge_ends();
        }
    }

    /// Tells a violation about an attempt, each by itself.
    pub(super) fn tell(
        &mut self,
        rule: &'static str,
        level: Level,
        exchange: usize,
        pointer: Pointer,
        message: String,
    ) {
        let mut violation = Violation::new(rule, level, Some(exchange), pointer);
        violation.message = message;
        self.put(violation);
    }

    pub(super) fn put(&mut self, violation: Violation) {
        let cause = format!("{:?} {}", violation.exchange, violation.pointer);
        self.sink.tell(cause, violation);
    }

    pub(super) fn row(&self, attempt: &Attempt<'_>) -> Option<FailureRule> {
        let failure = attempt.failure()?;
        self.profile.failure(failure.cause, &failure.facts).cloned()
    }

    /// Whether a WebSocket was refused before this attempt, since the beginning of the one before.
    pub(super) fn is_refused_before(&self, one: &Attempt<'_>, next: &Attempt<'_>) -> bool {
        let first = self
            .refusals
            .partition_point(|number| *number < one.exchange());
        let refusal = self.refusals.get(first);
        refusal.is_some_and(|number| *number < next.exchange())
    }

    /// The limits of the request loop and of the stream loop.
    fn limits(&self, chain: &Chain<'_, '_>) -> [Option<Limit>; 2] {
        let mut limits = [
            self.profile.limits.request_retries,
            self.profile.limits.stream_retries,
        ];
        let request = chain.last.request;
        if request.facts.kind == RequestKind::Compaction
            && request.asks_by_trigger()
            && let (Some(limit), Some(most)) = (
                &mut limits[1],
                self.profile.compaction.remote_stream_retries,
            )
        {
            limit.retries = limit.retries.min(most);
        }
        limits
    }

    fn chain(&mut self, chain: &Chain<'_, '_>) {
        let limits = self.limits(chain);
        let mut pace = Pace::default();
        for pair in chain.attempts.windows(2) {
            self.again(&pair[0], &pair[1], &mut pace, limits);
        }
        self.amplification(chain);
        self.end(chain, limits, pace);
    }

    /// One attempt after another that failed.
    fn again(
        &mut self,
        one: &Attempt<'_>,
        next: &Attempt<'_>,
        pace: &mut Pace,
        limits: [Option<Limit>; 2],
    ) {
        let Some(failure) = one.failure() else {
            return;
        };
        let row = self.row(one);
        if row.as_ref().is_some_and(|row| row.then == Retry::Compact) {
            return;
        }
        let told = body::compare(one, next, self.profile.partial_items);
        for (rule, pointer, message) in told {
            self.tell(rule, Level::Error, next.exchange(), pointer, message);
        }
        let Some(row) = row else {
            return;
        };
        if row.then == Retry::Fail {
            // The turn goes on with what another thread said meanwhile: a request of its own (0.118.0).
            if body::has_news(one, next) {
                return;
            }
            let message = format!(
                "{} is tried again in {next}, and {} gives up",
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
        self.count((one, next), &row, (which, is_hinted), pace, limits);
    }

    /// Counts a retry, and tells one that is not of its time or behind the end of its loop.
    fn count(
        &mut self,
        (one, next): (&Attempt<'_>, &Attempt<'_>),
        row: &FailureRule,
        (which, is_hinted): (Loop, bool),
        pace: &mut Pace,
        limits: [Option<Limit>; 2],
    ) {
        let rounds = pace.least_rounds;
        let is_certain = row.then != Retry::Request || is_other(one, next);
        let number = pace.count(which, is_kept(one, next));
        pace.count_least(which, is_certain, limits[0]);
        if which == Loop::Request && is_kept(one, next) && body::is_in_other_bytes(one, next) {
            self.bytes(next);
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
        match which {
            Loop::Token => self.limit(next, "a refused token", number, Some(1)),
            Loop::Request if is_kept(one, next) || row.then == Retry::RequestOnly => {
                // Before the connection there may have been another round.
                let is_one_round = row.then == Retry::RequestOnly;
                let number = if is_one_round { number } else { pace.kept };
                let most = limits[0].map(|limit| limit.retries);
                self.limit(next, "the same request", number, most);
            }
            Loop::Request | Loop::Stream if pace.least_rounds > rounds => {
                let most = limits[1].map(|limit| limit.retries);
                self.limit(next, "a request", pace.least_rounds, most);
            }
            Loop::Request | Loop::Stream | Loop::Renewed => {}
        }
    }

    /// Tells the first retry behind the end of its loop.
    fn limit(&mut self, next: &Attempt<'_>, what: &str, number: u32, most: Option<u32>) {
        let Some(most) = most.filter(|most| number == most + 1) else {
            return;
        };
        let mut violation = OVER_LIMIT.at(next.exchange(), Pointer::root());
        violation.message = format!(
            "{what} is tried again more than {most} times in {next}; {} stops there",
            self.profile.label()
        );
        violation.expected = Some(format!("{most} retries"));
        self.put(violation);
    }

    /// A request that is sent again in the same round has the same bytes.
    fn bytes(&mut self, next: &Attempt<'_>) {
        let message = format!(
            "{next} sends the same JSON in other bytes; {} sends the same bytes",
            self.profile.label()
        );
        let at = Pointer::root().key("request").key("body");
        let rule = "retry-body-changed";
        self.tell(rule, Level::Error, next.exchange(), at, message);
    }

    /// More requests for one answer than the profile allows, all loops together.
    fn amplification(&mut self, chain: &Chain<'_, '_>) {
        let Some(most) = self.profile.limits.requests else {
            return;
        };
        let count = chain.attempts.len();
        let Some(first_over) = chain.attempts.get(most as usize) else {
            return;
        };
        let texts = chain.attempts.iter().filter_map(Attempt::bytes);
        let bytes: usize = texts.map(str::len).sum();
        let connections = chain.attempts.iter().filter_map(Attempt::connection);
        let connections: BTreeSet<u64> = connections.collect();
        let mut violation = STORM.at(first_over.exchange(), Pointer::root());
        violation.message =
            format!("{first_over}: one answer takes {count} requests, more than {most}");
        violation.expected = Some(format!("{most} requests"));
        violation.found = Some(format!("{count} requests"));
        violation.detail = vec![format!(
            "{bytes} bytes sent, {} connections",
            connections.len()
        )];
        self.put(violation);
    }
}
