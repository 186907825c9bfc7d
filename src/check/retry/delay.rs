//! When a request is made again.

use crate::check::profiles::{Cause, FailureRule, Limit, OnExhausted};
use crate::json::Pointer;
use crate::normalize::Level;

use super::chain::Attempt;
use super::check::Checker;
use super::pace::{Pace, is_too_late, is_too_soon, silence_ms};

impl Checker<'_> {
    /// Whether the server said how long to wait; a retry before that is told.
    pub(super) fn hint(
        &mut self,
        one: &Attempt<'_>,
        next: &Attempt<'_>,
        row: &FailureRule,
    ) -> bool {
        let Some(hint) = one
            .failure
            .as_ref()
            .and_then(|failure| failure.delay_ms(&row.delay))
        else {
            return false;
        };
        let Some(gap) = one.gap_ms(next).filter(|gap| is_too_soon(*gap, hint)) else {
            return true;
        };
        let message = format!("tried again after {gap:.0} ms; the server asked for {hint:.0} ms");
        let (rule, at) = ("retry-too-soon", Pointer::root());
        let violation = self.tell(rule, Level::Error, next.exchange(), at, message);
        violation.expected = Some(format!("{hint:.0} ms"));
        violation.found = Some(format!("{gap:.0} ms"));
        true
    }

    /// Whether a retry comes at its time: the n-th of its loop, and at least that of this number.
    pub(super) fn backoff(
        &mut self,
        one: &Attempt<'_>,
        next: &Attempt<'_>,
        number: u32,
        least: u32,
    ) {
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
        let [_, most] = backoff.window(number);
        let [least, _] = backoff.window(least);
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

    /// How long a stream was silent before the agent left it and tried again. Only where the time in force is known:
    /// another one may be configured.
    pub(super) fn idle(&mut self, one: &Attempt<'_>, next: &Attempt<'_>) {
        let is_stall = |one: &Attempt<'_>| {
            one.failure
                .as_ref()
                .is_some_and(|failure| failure.cause == Cause::Stall)
        };
        let limit = self.profile.limits.idle_ms.filter(|idle| idle.is_certain);
        let (Some(limit), Some(silence), true) = (limit, silence_ms(one), is_stall(one)) else {
            return;
        };
        let most = f64::from(limit.ms);
        let (level, how) = if is_too_soon(silence, most) {
            (Level::Error, "soon")
        } else if is_too_late(silence, most) {
            (Level::Note, "late")
        } else {
            return;
        };
        let message = format!("a silent stream is left too {how}: after {silence:.0} ms");
        let (rule, at) = ("retry-idle", Pointer::root());
        let violation = self.tell(rule, level, next.exchange(), at, message);
        violation.expected = Some(format!("{most:.0} ms"));
        violation.found = Some(format!("{silence:.0} ms"));
    }

    /// An attempt over HTTP behind one over WebSocket: all rounds are used up, and they begin anew, without a delay.
    pub(super) fn fallback(
        &mut self,
        one: &Attempt<'_>,
        next: &Attempt<'_>,
        pace: &mut Pace,
        limit: Option<Limit>,
    ) {
        let rounds = std::mem::take(pace).rounds;
        let label = self.profile.label();
        let message = match self.profile.websocket.on_exhausted {
            Some(OnExhausted::Fail) => format!("the request goes over to HTTP; {label} gives up"),
            // A handshake that was refused counts as an attempt.
            Some(OnExhausted::Http) if !self.is_refused_before(one, next) => {
                let limit = limit.filter(|limit| limit.is_certain && rounds < limit.retries);
                let Some(limit) = limit else {
                    return;
                };
                format!(
                    "the request goes over to HTTP after {rounds} retries; {label} does after {}",
                    limit.retries
                )
            }
            _ => return,
        };
        let (rule, at) = ("retry-fallback", Pointer::root());
        self.tell(rule, Level::Error, next.exchange(), at, message);
    }
}
