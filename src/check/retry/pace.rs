//! Which loop an attempt belongs to, and how long it waits.

use crate::capture::Content;
use crate::check::attempts::Attempt;
use crate::check::profiles::{Backoff, Limit, Profile, Retry};

/// The loop that made a request again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loop {
    /// The same bytes again.
    Request,
    /// A request made anew.
    Stream,
    /// The same again at once, behind a refused access token.
    Token,
    /// The same with another access token.
    Renewed,
}

/// Retries so far.
#[derive(Debug, Default, Clone)]
pub(super) struct Pace {
    /// Retries of the same bytes in this round.
    pub(super) in_round: u32,
    /// Those of them that came over one connection without a gap: at least so many there were.
    pub(super) kept: u32,
    /// Rounds after the first.
    pub(super) rounds: u32,
    /// The most retries of the same bytes after which a new round began.
    pub(super) longest_round: u32,
    /// Rounds after the first, if each round was as long as it may be: at least so many there were.
    pub(super) least_rounds: u32,
    /// Retries in the last of those.
    in_least: u32,
    /// Retries with a refused token in this round.
    with_token: u32,
    /// Whether this round has another token than it began with.
    is_renewed: bool,
}

/// Milliseconds by which a clock may be wrong.
const CLOCK_MS: f64 = 15.0;

impl Pace {
    /// Finds out which loop made the next attempt; `None` when nobody can.
    pub(super) fn next_loop(
        &self,
        then: Retry,
        one: &Attempt<'_>,
        next: &Attempt<'_>,
        profile: &Profile,
    ) -> Option<Loop> {
        match then {
            Retry::Request | Retry::RequestOnly => {}
            Retry::Refresh => return self.token_loop(one, next, profile.backoff),
            _ => return Some(Loop::Stream),
        }
        // Codex keeps a connection only within a round.
        if is_kept(one, next) {
            return Some(Loop::Request);
        }
        if is_other(one, next) {
            return Some(Loop::Stream);
        }
        if then == Retry::RequestOnly {
            return Some(Loop::Request);
        }
        let has_room =
            |limit: Option<Limit>| limit.is_none_or(|limit| self.in_round < limit.retries);
        if !has_room(profile.limits.request_retries) {
            return Some(Loop::Stream);
        }
        let (Some(gap), Some(backoff)) = (one.gap_ms(next), profile.backoff) else {
            return Some(Loop::Request);
        };
        let again = is_near(gap, backoff, self.in_round + 1);
        let anew = is_near(gap, backoff, self.rounds + 1);
        let [least, _] = backoff.window(self.in_round + 1);
        // Another connection after some retries is a new round.
        if (anew && (!again || self.in_round > 0)) || (!again && is_too_soon(gap, least)) {
            Some(Loop::Stream)
        } else {
            Some(Loop::Request)
        }
    }

    /// Behind a refused token: the agent reads its file again, then asks for another token, then a new round begins.
    fn token_loop(
        &self,
        one: &Attempt<'_>,
        next: &Attempt<'_>,
        backoff: Option<Backoff>,
    ) -> Option<Loop> {
        let (old, new) = (token(one)?, token(next)?);
        if old != new {
            return Some(Loop::Renewed);
        }
        if self.is_renewed {
            return Some(Loop::Stream);
        }
        if self.with_token == 0 {
            return Some(Loop::Token);
        }
        let [least, _] = backoff?.window(self.rounds + 1);
        match is_too_soon(one.gap_ms(next)?, least) {
            true => Some(Loop::Token),
            false => Some(Loop::Stream),
        }
    }

    /// Counts the rounds that there were at least. Delays alone do not tell loops apart on a machine under load.
    pub(super) fn count_least(&mut self, which: Loop, is_certain: bool, limit: Option<Limit>) {
        let begins = match which {
            Loop::Stream if is_certain => true,
            Loop::Stream | Loop::Request => {
                limit.is_some_and(|limit| self.in_least >= limit.retries)
            }
            Loop::Token | Loop::Renewed => return,
        };
        if begins {
            self.least_rounds += 1;
            self.in_least = 0;
        } else {
            self.in_least += 1;
        }
    }

    /// Counts a retry and tells its number in its loop, from 1.
    pub(super) fn count(&mut self, which: Loop, is_kept: bool) -> u32 {
        match which {
            Loop::Request => {
                self.in_round += 1;
                self.kept = if is_kept { self.kept + 1 } else { 0 };
                self.in_round
            }
            Loop::Stream => {
                *self = Self {
                    longest_round: self.longest_round.max(self.in_round),
                    rounds: self.rounds + 1,
                    least_rounds: self.least_rounds,
                    in_least: self.in_least,
                    ..Self::default()
                };
                self.rounds
            }
            Loop::Token => {
                self.with_token += 1;
                self.with_token
            }
            Loop::Renewed => {
                self.is_renewed = true;
                1
            }
        }
    }
}

/// Whether the next attempt has other bytes, as one has that is made anew.
pub(super) fn is_other(one: &Attempt<'_>, next: &Attempt<'_>) -> bool {
    matches!((one.bytes(), next.bytes()), (Some(a), Some(b)) if a != b)
}

fn is_near(gap: f64, backoff: Backoff, retry: u32) -> bool {
    let [least, most] = backoff.window(retry);
    gap >= least - CLOCK_MS && gap <= most * 1.25 + 60.0
}

/// Whether an attempt came sooner than `least` milliseconds, as far as clocks can tell.
pub(super) fn is_too_soon(gap: f64, least: f64) -> bool {
    gap < least * 0.98 - CLOCK_MS
}

/// Whether an attempt came so late that no load of the machine is the reason.
pub(super) fn is_too_late(gap: f64, most: f64) -> bool {
    gap > most * 1.5 + 1000.0
}

/// Whether the next attempt came over the same connection.
pub(super) fn is_kept(one: &Attempt<'_>, next: &Attempt<'_>) -> bool {
    one.is_http() && one.connection().is_some() && one.connection() == next.connection()
}

/// The access token of an attempt, or what stands for it; `None` where all of them have one stand-in.
fn token<'a>(one: &'a Attempt<'_>) -> Option<&'a str> {
    let headers = one.flat.exchange.request.headers.as_option()?;
    let token = headers.list.get("authorization")?;
    (!token.ends_with("[REDACTED]")).then_some(token)
}

/// When the last sign of a response came.
fn last_sign_ms(one: &Attempt<'_>) -> Option<f64> {
    let response = &one.flat.exchange.response;
    let Content::Events(stream) = &response.content else {
        return None;
    };
    let last = match stream.events.last() {
        Some(event) => &event.at_ms,
        None => &response.headers_ms,
    };
    last.as_option().copied()
}

/// Milliseconds between the last sign of a response and the next attempt.
pub(super) fn silence_until(one: &Attempt<'_>, next: &Attempt<'_>) -> Option<f64> {
    Some(next.request.started_ms? - last_sign_ms(one)?)
}

/// Whether a stream that stalled was silent for as long as the agent is known to wait.
pub(super) fn is_timed_out(one: &Attempt<'_>, profile: &Profile) -> bool {
    let limit = profile.limits.idle_ms.filter(|idle| idle.is_certain);
    let ended = one.flat.exchange.response.ended_ms.as_option();
    match (limit, last_sign_ms(one), ended) {
        (Some(limit), Some(last), Some(ended)) => !is_too_soon(ended - last, f64::from(limit.ms)),
        _ => false,
    }
}
