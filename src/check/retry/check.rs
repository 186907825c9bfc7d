//! The rules, over the attempts of each step.

use std::collections::BTreeSet;

use crate::check::Violation;
use crate::check::attempts::{Attempt, ThreadView, View};
use crate::check::continuation::is_aborted;
use crate::check::profiles::{Cause, FailureRule, Limit, Profile, Retry};
use crate::check::sink::Sink;
use crate::json::Pointer;
use crate::normalize::Level;
use crate::responses::RequestKind;

use super::body;
use super::pace::{Loop, Pace, is_too_late, is_too_soon};
use super::transport;

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
    transport::check(view, sink);
    for thread in &view.threads {
        let mut checker = Checker {
            view,
            profile,
            is_whole,
            ends: Vec::new(),
            sink,
        };
        checker.thread(thread);
    }
}

/// The attempts of one step.
struct Chain<'v, 't> {
    attempts: &'v [Attempt<'t>],
    last: &'v Attempt<'t>,
    /// The next request of the thread.
    next: Option<&'v Attempt<'t>>,
    /// Whether the capture goes on behind the last attempt for long enough that a retry would be in it.
    is_followed: bool,
}

/// A step that ended with a failure that could have been tried again.
struct GaveUp {
    exchange: usize,
    place: String,
    pace: Pace,
    failure: String,
    limits: [Option<Limit>; 2],
    level: Level,
    then: Retry,
}

/// How much it matters that nothing follows a failure: a capture that just ends may have ended before the retry, unless
/// somebody said how many there are.
fn level_of_end(chain: &Chain<'_, '_>, limits: [Option<Limit>; 2]) -> Level {
    let is_certain = limits.iter().flatten().any(|limit| limit.is_certain);
    match chain.is_followed || is_certain {
        true => Level::Error,
        false => Level::Note,
    }
}

/// The rules over one thread.
struct Checker<'p, 's> {
    view: &'p View<'p>,
    profile: &'p Profile,
    is_whole: bool,
    ends: Vec<GaveUp>,
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
    fn tell(
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

    fn put(&mut self, violation: Violation) {
        let cause = format!("{:?} {}", violation.exchange, violation.pointer);
        self.sink.tell(cause, violation);
    }

    fn row(&self, attempt: &Attempt<'_>) -> Option<FailureRule> {
        let failure = attempt.failure()?;
        self.profile.failure(failure.cause, &failure.facts).cloned()
    }

    /// The limits of the request loop and of the stream loop.
    fn limits(&self, chain: &Chain<'_, '_>) -> [Option<Limit>; 2] {
        let mut limits = [
            self.profile.limits.request_retries,
            self.profile.limits.stream_retries,
        ];
        let request = chain.last.request;
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

    fn chain(&mut self, chain: &Chain<'_, '_>) {
        let limits = self.limits(chain);
        let mut pace = Pace::default();
        for pair in chain.attempts.windows(2) {
            self.again(&pair[0], &pair[1], &mut pace, limits);
        }
        self.amplification(chain);
        let last = chain.last;
        let (Some(failure), Some(row)) = (last.failure(), self.row(last)) else {
            return;
        };
        let is_retryable = matches!(
            row.then,
            Retry::Request | Retry::RequestOnly | Retry::Stream
        );
        let is_stopped = chain.next.is_some_and(|next| is_aborted(last, next));
        if !is_retryable || is_stopped || !self.is_whole || self.is_taken(chain) {
            return;
        }
        // Whether the agent gave up on a stalled stream or was stopped by its user, nobody can see.
        if failure.cause == Cause::Stall {
            return;
        }
        let [request, stream] = limits.map(|limit| limit.map_or(0, |limit| limit.retries));
        let may_retry = match row.then {
            Retry::RequestOnly => request > 0,
            Retry::Stream => stream > 0,
            _ => request > 0 || stream > 0,
        };
        if chain.attempts.len() == 1 && may_retry {
            let level = level_of_end(chain, limits);
            let message = format!(
                "{} in {last} is not tried again, as {} does",
                failure.name(),
                self.profile.label()
            );
            self.tell(
                "retry-missing",
                level,
                last.exchange(),
                Pointer::root(),
                message,
            );
        } else if may_retry {
            self.ends.push(GaveUp {
                exchange: last.exchange(),
                place: last.to_string(),
                pace,
                failure: failure.name(),
                limits,
                level: level_of_end(chain, limits),
                then: row.then,
            });
        }
    }

    /// Whether a stream that broke off was taken for a complete response: the next turn goes on from its items.
    fn is_taken(&mut self, chain: &Chain<'_, '_>) -> bool {
        let last = chain.last;
        let is_broken = last
            .failure()
            .is_some_and(|failure| matches!(failure.cause, Cause::Cut | Cause::Stall));
        let Some(next) = chain.next.filter(|_| is_broken) else {
            return false;
        };
        let known = last.request.input.len();
        let new = next.request.input.get(known..).unwrap_or(&[]);
        let delivered = &last.request.response.delivered;
        let taken = new
            .iter()
            .position(|item| delivered.iter().any(|one| one.item.text() == item.text()));
        let Some(at) = taken else {
            return false;
        };
        self.tell(
            "retry-truncated-taken",
            Level::Error,
            next.exchange(),
            next.request.input_pointer.index(known + at),
            format!("{next} goes on from a response that broke off"),
        );
        true
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
        let name = failure.name();
        let at = Pointer::root();
        let row = self.row(one);
        if row.as_ref().is_some_and(|row| row.then == Retry::Compact) {
            return;
        }
        for (rule, pointer, message) in body::compare(one, next, self.profile.partial_items) {
            self.tell(rule, Level::Error, next.exchange(), pointer, message);
        }
        let Some(row) = row else {
            return;
        };
        if row.then == Retry::Fail {
            let message = format!(
                "{name} is tried again in {next}, and {} gives up",
                self.profile.label()
            );
            let rule = "retry-of-fatal";
            self.tell(rule, Level::Error, next.exchange(), at, message);
            return;
        }
        let hint = failure.delay_ms(&row.delay);
        let gap = one.gap_ms(next);
        if let (Some(gap), Some(hint)) = (gap, hint)
            && is_too_soon(gap, hint)
        {
            let exchange = Some(next.exchange());
            let mut violation = Violation::new("retry-too-soon", Level::Error, exchange, at);
            violation.message =
                format!("{next} comes {gap:.0} ms after {name}; the server asked for {hint:.0} ms");
            violation.expected = Some(format!("{hint:.0} ms"));
            violation.found = Some(format!("{gap:.0} ms"));
            self.put(violation);
            if row.then == Retry::Unspecified {
                return;
            }
        }
        if row.then == Retry::Unspecified {
            return;
        }
        let which = pace.next_loop(row.then, one, next, self.profile);
        let number = pace.count(which);
        if hint.is_none() {
            self.backoff(one, next, number, row.then);
        }
        let limit = match which {
            Loop::Request => limits[0],
            Loop::Stream => limits[1],
        };
        if let Some(limit) = limit.filter(|limit| number == limit.retries + 1) {
            let what = match which {
                Loop::Request => "the same request",
                Loop::Stream => "a request",
            };
            let exchange = Some(next.exchange());
            let at = Pointer::root();
            let mut violation = Violation::new("retry-over-limit", Level::Error, exchange, at);
            violation.message = format!(
                "{what} is tried again more than {} times in {next}; {} stops there",
                limit.retries,
                self.profile.label()
            );
            violation.expected = Some(format!("{} retries", limit.retries));
            self.put(violation);
        }
    }

    fn backoff(&mut self, one: &Attempt<'_>, next: &Attempt<'_>, number: u32, then: Retry) {
        let (Some(gap), Some(backoff)) = (one.gap_ms(next), self.profile.backoff) else {
            return;
        };
        // Over a WebSocket, and where tools ran before the retry, only the least delay is known.
        let has_upper = one.is_http() && next.is_http();
        let has_upper = has_upper && one.request.response.delivered.is_empty();
        let is_stalled = one
            .failure()
            .is_some_and(|failure| failure.cause == Cause::Stall);
        let [mut least, most] = backoff.window(number);
        if then != Retry::Stream {
            // A capture that lacks attempts does not show where a round began, and each begins with the first delay.
            [least, _] = backoff.window(1);
        }
        let (level, how) = if is_too_soon(gap, least) {
            (Level::Error, "soon")
        } else if has_upper && !is_stalled && is_too_late(gap, most) {
            (Level::Note, "late")
        } else {
            return;
        };
        let exchange = Some(next.exchange());
        let mut violation = Violation::new("retry-backoff", level, exchange, Pointer::root());
        violation.message =
            format!("{next}, retry {number} in a row, comes too {how}: after {gap:.0} ms");
        violation.expected = Some(format!("{least:.0}–{most:.0} ms"));
        violation.found = Some(format!("{gap:.0} ms"));
        self.put(violation);
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
        let exchange = Some(first_over.exchange());
        let mut violation = Violation::new("retry-storm", Level::Error, exchange, Pointer::root());
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

    /// Steps that ended before the limit. Where the limit is only a default, what the thread itself shows counts: another
    /// thread may be another process, with other limits.
    fn judge_ends(&mut self) {
        let ends = std::mem::take(&mut self.ends);
        let in_round = |end: &GaveUp| end.pace.longest_round.max(end.pace.in_round);
        let rounds = ends.iter().map(|one| one.pace.rounds).max();
        let longest = ends.iter().map(in_round).max();
        for end in &ends {
            let known = |limit: Option<Limit>, seen: Option<u32>| match limit {
                Some(limit) if limit.is_certain => Some(limit.retries),
                Some(limit) => seen.map(|seen| seen.min(limit.retries)),
                None => None,
            };
            let request = known(end.limits[0], longest);
            let stream = known(end.limits[1], rounds);
            let is_short = |done: u32, limit: Option<u32>| limit.is_some_and(|most| done < most);
            let uses_requests = matches!(end.then, Retry::Request | Retry::RequestOnly);
            let uses_rounds = matches!(end.then, Retry::Request | Retry::Stream);
            let early = (uses_requests && is_short(end.pace.in_round, request))
                || (uses_rounds && is_short(end.pace.rounds, stream));
            if early {
                let message = format!(
                    "{} in {} is given up after {} rounds and {} retries in the last",
                    end.failure,
                    end.place,
                    end.pace.rounds + 1,
                    end.pace.in_round
                );
                let at = Pointer::root();
                self.tell("retry-gave-up-early", end.level, end.exchange, at, message);
            }
        }
    }
}
