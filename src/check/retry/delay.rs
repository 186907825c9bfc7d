//! When a request is made again.

use crate::check::Violation;
use crate::check::attempts::Attempt;
use crate::check::failure::Failure;
use crate::check::profiles::{Cause, FailureRule, Limit, OnExhausted};
use crate::check::sink::RuleName;
use crate::json::Pointer;
use crate::normalize::Level;

use super::check::Checker;
use super::pace::{Pace, is_too_late, is_too_soon, silence_until};

const TOO_SOON: RuleName = RuleName::error("retry-too-soon");

impl Checker<'_, '_> {
    /// Whether the server said how long to wait; a retry before that is told.
    pub(super) fn hint(
        &mut self,
        one: &Attempt<'_>,
        next: &Attempt<'_>,
        row: &FailureRule,
    ) -> bool {
        let failure = one.failure();
        let Some(hint) = failure.and_then(|failure| failure.delay_ms(&row.delay)) else {
            return false;
        };
        let Some(gap) = one.gap_ms(next).filter(|gap| is_too_soon(*gap, hint)) else {
            return true;
        };
        let name = failure.map(Failure::name).unwrap_or_default();
        let mut violation = TOO_SOON.at(next.exchange(), Pointer::root());
        violation.message =
            format!("{next} comes {gap:.0} ms after {name}; the server asked for {hint:.0} ms");
        violation.expected = Some(format!("{hint:.0} ms"));
        violation.found = Some(format!("{gap:.0} ms"));
        self.put(violation);
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
            .failure()
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
        let exchange = Some(next.exchange());
        let mut violation = Violation::new("retry-backoff", level, exchange, Pointer::root());
        violation.message =
            format!("{next}, retry {number} in a row, comes too {how}: after {gap:.0} ms");
        violation.expected = Some(format!("{least:.0}–{most:.0} ms"));
        violation.found = Some(format!("{gap:.0} ms"));
        self.put(violation);
    }

    /// How long a stream was silent before the agent left it and tried again. Only where the time in force is known:
    /// another one may be configured. When the agent left the stream some recorders do not say; before the retry it was.
    pub(super) fn idle(&mut self, one: &Attempt<'_>, next: &Attempt<'_>) {
        let is_stall = one
            .failure()
            .is_some_and(|failure| failure.cause == Cause::Stall);
        let limit = self.profile.limits.idle_ms.filter(|idle| idle.is_certain);
        let (Some(limit), Some(silence), true) = (limit, silence_until(one, next), is_stall) else {
            return;
        };
        let most = f64::from(limit.ms);
        let delay = self.profile.backoff.map_or(0.0, |one| one.window(1)[1]);
        let (level, how) = if is_too_soon(silence, most) {
            (Level::Error, "soon")
        } else if is_too_late(silence, most + delay) {
            (Level::Note, "late")
        } else {
            return;
        };
        let exchange = Some(one.exchange());
        let mut violation = Violation::new("retry-idle", level, exchange, Pointer::root());
        violation.message =
            format!("{one} is left too {how}: {next} comes {silence:.0} ms after its last event");
        violation.expected = Some(format!("{most:.0} ms"));
        violation.found = Some(format!("{silence:.0} ms"));
        self.put(violation);
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
            Some(OnExhausted::Fail) => format!("{next} goes over to HTTP; {label} gives up"),
            // A handshake that was refused counts as an attempt.
            Some(OnExhausted::Http) if !self.is_refused_before(one, next) => {
                let limit = limit.filter(|limit| limit.is_certain && rounds < limit.retries);
                let Some(limit) = limit else {
                    return;
                };
                format!(
                    "{next} goes over to HTTP after {rounds} retries; {label} does after {}",
                    limit.retries
                )
            }
            _ => return,
        };
        let (rule, at) = ("retry-fallback", Pointer::root());
        self.tell(rule, Level::Error, next.exchange(), at, message);
    }
}
