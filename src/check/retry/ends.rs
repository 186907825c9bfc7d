//! Where the attempts of a step end without an answer.

use crate::check::continuation::is_aborted;
use crate::check::profiles::{Cause, Limit, OnExhausted, Retry};
use crate::json::Pointer;
use crate::normalize::Level;

use super::check::{Chain, Checker};
use super::pace::{Pace, is_timed_out};

/// A step that ended with a failure that could have been tried again.
pub(super) struct GaveUp {
    exchange: usize,
    place: String,
    pace: Pace,
    /// Number of retries, whatever their loop.
    retries: usize,
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

impl Checker<'_, '_> {
    /// What is behind the last attempt.
    pub(super) fn end(&mut self, chain: &Chain<'_, '_>, limits: [Option<Limit>; 2], pace: Pace) {
        let last = chain.last;
        let (Some(failure), Some(row)) = (last.failure(), self.row(last)) else {
            return;
        };
        let is_retryable = matches!(
            row.then,
            Retry::Request | Retry::RequestOnly | Retry::Stream | Retry::Refresh
        );
        let is_stopped = chain.next.is_some_and(|next| is_aborted(last, next));
        if !is_retryable || is_stopped || !self.is_whole || self.is_taken(chain) {
            return;
        }
        // Whether an agent gave up on a stalled stream or was stopped by its user only the length of the silence tells.
        if failure.cause == Cause::Stall && !is_timed_out(last, self.profile) {
            return;
        }
        if self.stays(chain, pace.rounds, limits) {
            return;
        }
        let [request, stream] = limits.map(|limit| limit.map_or(0, |limit| limit.retries));
        let may_retry = match row.then {
            Retry::RequestOnly => request > 0,
            Retry::Stream | Retry::Refresh => stream > 0,
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
                retries: chain.attempts.len() - 1,
                failure: failure.name(),
                limits,
                level: level_of_end(chain, limits),
                then: row.then,
            });
        }
    }

    /// Whether an agent gives up on a WebSocket where it would go over to HTTP.
    fn stays(&mut self, chain: &Chain<'_, '_>, rounds: u32, limits: [Option<Limit>; 2]) -> bool {
        let is_expected = self.profile.websocket.on_exhausted == Some(OnExhausted::Http);
        let is_exhausted = limits[1].is_some_and(|limit| rounds >= limit.retries);
        if chain.last.is_http() || !is_expected || !is_exhausted {
            return false;
        }
        let message = format!(
            "{} is the last, over WebSocket; {} begins anew over HTTP",
            chain.last,
            self.profile.label()
        );
        let level = level_of_end(chain, limits);
        let (rule, at) = ("retry-fallback", Pointer::root());
        self.tell(rule, level, chain.last.exchange(), at, message);
        true
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
            next.request.input_pointer().index(known + at),
            format!("{next} goes on from a response that broke off"),
        );
        true
    }

    /// Steps that ended before the limit. Where the limit is only a default, what the thread itself shows counts: another
    /// thread may be another process, with other limits.
    pub(super) fn judge_ends(&mut self) {
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
            let uses_rounds = !matches!(end.then, Retry::RequestOnly);
            let all = |most: u32, rounds: u32| {
                (most as usize + 1).saturating_mul(rounds as usize + 1) - 1
            };
            // Which loop a retry is of may be wrong under load, their number is not.
            let is_used_up = uses_requests
                && uses_rounds
                && matches!((request, stream), (Some(most), Some(rounds)) if end.retries >= all(most, rounds));
            let is_early = (uses_requests && is_short(end.pace.in_round, request))
                || (uses_rounds && is_short(end.pace.rounds, stream));
            if is_early && !is_used_up {
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
