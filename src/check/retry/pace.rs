//! Which loop an attempt belongs to, and how long it waits.

use crate::check::attempts::Attempt;
use crate::check::profiles::{Backoff, Limit, Profile, Retry};

/// The loop that made a request again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loop {
    /// The same bytes again.
    Request,
    /// A request made anew.
    Stream,
}

/// Retries so far.
#[derive(Debug, Default, Clone)]
pub(super) struct Pace {
    /// Retries of the same bytes in this round.
    pub(super) in_round: u32,
    /// Rounds after the first.
    pub(super) rounds: u32,
    /// The most retries of the same bytes after which a new round began.
    pub(super) longest_round: u32,
}

/// Milliseconds by which a clock may be wrong.
const CLOCK_MS: f64 = 15.0;

impl Pace {
    /// Finds out which loop made the next attempt.
    pub(super) fn next_loop(
        &self,
        then: Retry,
        one: &Attempt<'_>,
        next: &Attempt<'_>,
        profile: &Profile,
    ) -> Loop {
        if !matches!(then, Retry::Request | Retry::RequestOnly) {
            return Loop::Stream;
        }
        let is_other = matches!((one.bytes(), next.bytes()), (Some(a), Some(b)) if a != b);
        if is_other {
            return Loop::Stream;
        }
        let is_kept = one.connection().is_some() && one.connection() == next.connection();
        if is_kept || then == Retry::RequestOnly {
            return Loop::Request;
        }
        let has_room =
            |limit: Option<Limit>| limit.is_none_or(|limit| self.in_round < limit.retries);
        if !has_room(profile.limits.request_retries) {
            return Loop::Stream;
        }
        let (Some(gap), Some(backoff)) = (one.gap_ms(next), profile.backoff) else {
            return Loop::Request;
        };
        let again = is_near(gap, backoff, self.in_round + 1);
        let anew = is_near(gap, backoff, self.rounds + 1);
        let [least, _] = backoff.window(self.in_round + 1);
        // Codex keeps a connection only within a round, so another one after some retries is a new round.
        if (anew && (!again || self.in_round > 0)) || (!again && is_too_soon(gap, least)) {
            Loop::Stream
        } else {
            Loop::Request
        }
    }

    /// Counts a retry and tells its number in its loop, from 1.
    pub(super) fn count(&mut self, which: Loop) -> u32 {
        match which {
            Loop::Request => {
                self.in_round += 1;
                self.in_round
            }
            Loop::Stream => {
                self.longest_round = self.longest_round.max(self.in_round);
                self.in_round = 0;
                self.rounds += 1;
                self.rounds
            }
        }
    }
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
