//! The rules, over the attempts at each answer.

use crate::capture::{Capture, flatten};
use crate::check::Violation;
use crate::check::profiles::{Cause, FailureRule, Limit, Profile, Retry};
use crate::check::request::Trace;
use crate::json::Pointer;
use crate::normalize::Level;
use crate::responses::RequestKind;

use super::body;
use super::chain::{Attempt, Chain, chains};
use super::pace::{Loop, Pace, is_too_late, is_too_soon};
use super::transport::leftovers;

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
    };
    for chain in &chains {
        checker.chain(chain, is_whole);
    }
    if is_whole {
        checker.judge_ends();
    }
    checker.violations
}

/// A chain that ended with a failure that could have been tried again.
struct GaveUp {
    exchange: usize,
    thread: Option<String>,
    pace: Pace,
    failure: String,
    limits: [Option<Limit>; 2],
    level: Level,
    then: Retry,
}

/// How much it matters that nothing follows a failure: a capture that just ends may have ended before the retry, unless
/// somebody said how many there are.
fn level_of_end(chain: &Chain<'_>, limits: [Option<Limit>; 2]) -> Level {
    let is_certain = limits.iter().flatten().any(|limit| limit.is_certain);
    match chain.is_followed || is_certain {
        true => Level::Error,
        false => Level::Note,
    }
}

struct Checker<'p> {
    profile: &'p Profile,
    violations: Vec<Violation>,
    ends: Vec<GaveUp>,
}

impl Checker<'_> {
    fn tell(
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

    fn row(&self, attempt: &Attempt<'_>) -> Option<FailureRule> {
        let failure = attempt.failure.as_ref()?;
        self.profile.failure(failure.cause, &failure.facts).cloned()
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
        let last = &chain.attempts[chain.attempts.len() - 1];
        let (Some(failure), Some(row)) = (&last.failure, self.row(last)) else {
            return;
        };
        let is_retryable = matches!(
            row.then,
            Retry::Request | Retry::RequestOnly | Retry::Stream
        );
        if !is_retryable || chain.is_aborted() || !is_whole || self.is_taken(chain, last) {
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
                "{} is not tried again, as {} does",
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
                thread: last.request.facts.thread.clone(),
                pace,
                failure: failure.name(),
                limits,
                level: level_of_end(chain, limits),
                then: row.then,
            });
        }
    }

    /// Whether a stream that broke off was taken for a complete response: the next turn goes on from its items.
    fn is_taken(&mut self, chain: &Chain<'_>, last: &Attempt<'_>) -> bool {
        let is_broken = last
            .failure
            .as_ref()
            .is_some_and(|failure| matches!(failure.cause, Cause::Cut | Cause::Stall));
        let Some(next) = chain.next.filter(|_| is_broken) else {
            return false;
        };
        let known = last.request.input.len();
        let new = next.input.get(known..).unwrap_or(&[]);
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
            next.exchange,
            next.input_pointer.index(known + at),
            "the next turn goes on from a response that broke off".to_owned(),
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
        let Some(failure) = &one.failure else {
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
                "{name} is tried again, and {} gives up",
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
            let message =
                format!("tried again after {gap:.0} ms; the server asked for {hint:.0} ms");
            let violation = self.tell("retry-too-soon", Level::Error, next.exchange(), at, message);
            violation.expected = Some(format!("{hint:.0} ms"));
            violation.found = Some(format!("{gap:.0} ms"));
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
            let message = format!(
                "{what} is tried again more than {} times; {} stops there",
                limit.retries,
                self.profile.label()
            );
            let rule = "retry-over-limit";
            let violation = self.tell(
                rule,
                Level::Error,
                next.exchange(),
                Pointer::root(),
                message,
            );
            violation.expected = Some(format!("{} retries", limit.retries));
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
            .failure
            .as_ref()
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
        let message = format!("retry {number} comes too {how}: after {gap:.0} ms");
        let rule = "retry-backoff";
        let violation = self.tell(rule, level, next.exchange(), Pointer::root(), message);
        violation.expected = Some(format!("{least:.0}–{most:.0} ms"));
        violation.found = Some(format!("{gap:.0} ms"));
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

    /// Chains that ended before the limit. Where the limit is only a default, what the capture itself shows counts.
    fn judge_ends(&mut self) {
        let ends = std::mem::take(&mut self.ends);
        let in_round = |end: &GaveUp| end.pace.longest_round.max(end.pace.in_round);
        for end in &ends {
            // Another thread may be another process, with other limits.
            let others = || ends.iter().filter(|one| one.thread == end.thread);
            let rounds = others().map(|one| one.pace.rounds).max();
            let longest = others().map(in_round).max();
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
                    "{} is given up after {} rounds and {} retries in the last",
                    end.failure,
                    end.pace.rounds + 1,
                    end.pace.in_round
                );
                let at = Pointer::root();
                self.tell("retry-gave-up-early", end.level, end.exchange, at, message);
            }
        }
    }
}
