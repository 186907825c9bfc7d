//! Which answer a request gets: the script's player, behind a lock.

#[cfg(test)]
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

use crate::capture::Transport;
use crate::json::Value;
use crate::script::{
    Answer, Conversation, Decision, Ending, Piece, Player, RequestView, StepId, Upgrade, WsAnswer,
    WsDecision, WsPiece,
};

use super::head::RequestHead;
use super::observe::{Observed, Observer, Renaming};
use super::service::error_answer;

/// The field with the number that an exchange has for the proxy that stands before this server.
pub(crate) const EXCHANGE: &str = "x-trace-diff-exchange";
/// The field by which that proxy sees that a request is refused, and asks the upstream instead.
pub(super) const DIVERTED: (&str, &str) = ("x-trace-diff", "diverted");

/// Finds answers.
#[derive(Debug)]
pub(super) struct Decider {
    player: Mutex<Player>,
    /// Violations so far.
    violations: watch::Sender<usize>,
    observer: Option<Arc<dyn Observer>>,
    /// Answers that are given in this order, whatever is asked.
    #[cfg(test)]
    pub(super) fixed: Option<Fixed>,
}

/// Answers without a script.
#[cfg(test)]
#[derive(Debug, Default)]
pub(super) struct Fixed {
    pub(super) answers: Mutex<VecDeque<Answer>>,
    pub(super) messages: Mutex<VecDeque<WsAnswer>>,
}

impl Decider {
    pub(super) fn new(player: Player, observer: Option<Arc<dyn Observer>>) -> Self {
        Self {
            player: Mutex::new(player),
            violations: watch::Sender::new(0),
            observer,
            #[cfg(test)]
            fixed: None,
        }
    }

    /// The state of the script.
    pub(super) fn player(&self) -> MutexGuard<'_, Player> {
        self.player.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer to a request; `number` is that of its exchange.
    pub(super) fn answer(
        &self,
        number: u64,
        head: &RequestHead,
        body: Option<&Value>,
    ) -> Decision<Answer> {
        #[cfg(test)]
        if let Some(fixed) = &self.fixed {
            return fixed.answer();
        }
        let request = view(number, head, body);
        let mut decision = self.player().answer(&request);
        self.count(decision.violation.is_some());
        let seen = self.observe(request, None, Transport::Http, decision.answer.step);
        match seen {
            Ok(renaming) => renaming.apply(&mut decision.answer),
            Err(reason) => decision.answer = refusal(head, &reason),
        }
        decision
    }

    /// Shows a request to who wants to see it.
    fn observe(
        &self,
        request: RequestView<'_>,
        whole: Option<&Value>,
        transport: Transport,
        step: StepId,
    ) -> Result<Renaming, String> {
        let seen = Observed {
            request,
            whole,
            transport,
            step,
        };
        self.observer
            .as_ref()
            .map_or(Ok(Renaming::default()), |observer| observer.request(&seen))
    }

    /// Says that there is one more violation, if there is.
    fn count(&self, is_violation: bool) {
        if is_violation {
            self.violations.send_modify(|count| *count += 1);
        }
    }

    /// Returns when there are more violations than were seen.
    pub(super) async fn violated(&self, seen: usize) {
        // The sender lives as long as this.
        let _ = self
            .violations
            .subscribe()
            .wait_for(|count| *count > seen)
            .await;
    }

    /// Whether a WebSocket is granted.
    pub(super) fn upgrade(&self, number: u64, head: &RequestHead) -> Upgrade {
        #[cfg(test)]
        if self.fixed.is_some() {
            return Upgrade::Accept {
                step: StepId::BuiltIn,
                headers: crate::http::HeaderList::new(),
                before: Vec::new(),
            };
        }
        let request = view(number, head, None);
        let upgrade = self.player().upgrade(&request);
        self.count(matches!(&upgrade, Upgrade::Refuse(refusal) if refusal.violation.is_some()));
        let step = match &upgrade {
            Upgrade::Accept { step, .. } => *step,
            Upgrade::Refuse(refusal) => refusal.answer.step,
        };
        match self.observe(request, None, Transport::Handshake, step) {
            Ok(_) => upgrade,
            Err(reason) => Upgrade::Refuse(Decision {
                answer: refusal(head, &reason),
                violation: None,
            }),
        }
    }

    /// What is said to a message on a WebSocket, which may be no JSON.
    pub(super) fn reply(
        &self,
        conversation: &mut Conversation,
        number: u64,
        head: &RequestHead,
        message: Option<&Value>,
    ) -> WsDecision {
        #[cfg(test)]
        if let Some(fixed) = &self.fixed {
            return fixed.reply();
        }
        let view = view(number, head, message);
        let mut decision = self.player().answer_message(conversation, &view);
        self.count(decision.violation.is_some());
        let step = decision.answer.step;
        let whole = decision.expanded.as_ref();
        match self.observe(view, whole, Transport::WebSocket, step) {
            Ok(renaming) => renaming.apply_to_messages(&mut decision.answer),
            Err(_) => {
                decision.answer = WsAnswer {
                    step: StepId::Refused,
                    pieces: vec![WsPiece::End(Ending::Close)],
                }
            }
        }
        decision
    }
}

/// What a request gets that the observer refuses.
fn refusal(head: &RequestHead, reason: &str) -> Answer {
    let mut answer = error_answer(400, reason);
    if head.headers.get(EXCHANGE).is_some()
        && let Some(Piece::Head(answered)) = answer.pieces.first_mut()
    {
        answered.headers.push(DIVERTED.0, DIVERTED.1);
    }
    answer
}

fn view<'a>(number: u64, head: &'a RequestHead, body: Option<&'a Value>) -> RequestView<'a> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let told = head.headers.get(EXCHANGE);
    let number = told.and_then(|told| told.parse().ok()).unwrap_or(number);
    RequestView {
        number: usize::try_from(number).unwrap_or(usize::MAX),
        method: &head.method,
        target: &head.target,
        headers: &head.headers,
        body,
        now: now.map_or(0, |since| since.as_secs()),
    }
}

#[cfg(test)]
impl Fixed {
    fn answer(&self) -> Decision<Answer> {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        Decision {
            answer: answers.pop_front().unwrap_or_else(|| Answer {
                step: StepId::Violation,
                pieces: vec![Piece::End(Ending::Close)],
                has_json_events: false,
                is_clean: false,
            }),
            violation: None,
        }
    }

    fn reply(&self) -> WsDecision {
        let mut messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        WsDecision {
            answer: messages.pop_front().unwrap_or_else(|| WsAnswer {
                step: StepId::Violation,
                pieces: vec![WsPiece::End(Ending::Complete)],
            }),
            violation: None,
            expanded: None,
        }
    }
}
