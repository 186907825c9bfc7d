//! Faults in the events of an answer, whatever they travel over.

use serde_json::{Value, json};

use super::random::Random;
use super::{Count, ErrorInfo, FaultError, FaultKind};
use crate::script::model::{Beat, StreamEvent};

/// What is needed to end a response otherwise.
pub(in crate::script) struct Ends<'a> {
    /// The response object as it is in the beginning; `None` for raw events, where one is made up.
    pub(in crate::script) response: Option<&'a Value>,
    /// The finished response, for its usage.
    pub(in crate::script) finished: Option<&'a Value>,
}

/// Applies a fault to the events; faults of other kinds change nothing.
///
/// # Errors
///
/// When the answer has no such event.
pub(in crate::script) fn apply_to_events(
    kind: &FaultKind,
    beats: &mut Vec<Beat>,
    ends: &Ends<'_>,
    random: &mut Random,
) -> Result<(), FaultError> {
    let mut events = Events { beats, random };
    events.end_otherwise(kind, ends)?;
    events.change(kind)
}

impl Ends<'_> {
    fn object(&self, status: &str) -> Value {
        let mut response = self.response.cloned().unwrap_or_else(|| json!({}));
        response["status"] = status.into();
        response
    }
}

/// The events among the beats.
struct Events<'a> {
    beats: &'a mut Vec<Beat>,
    random: &'a mut Random,
}

impl Events<'_> {
    /// Faults by which the response ends otherwise.
    fn end_otherwise(&mut self, kind: &FaultKind, ends: &Ends<'_>) -> Result<(), FaultError> {
        match kind {
            FaultKind::Failed { error, after_event } => {
                let at = self.end_position("failed", *after_event)?;
                let mut response = ends.object("failed");
                response["error"] = error_object(error, "server_error", false);
                self.finish(at, "response.failed", json!({ "response": response }));
            }
            FaultKind::Incomplete {
                reason,
                after_event,
            } => {
                let at = self.end_position("incomplete", *after_event)?;
                let mut response = ends.object("incomplete");
                response["incomplete_details"] = json!({ "reason": reason });
                if let Some(usage) = ends.finished.and_then(|response| response.get("usage")) {
                    response["usage"] = usage.clone();
                }
                self.finish(at, "response.incomplete", json!({ "response": response }));
            }
            FaultKind::ErrorEvent { error, after_event } => {
                let at = self.end_position("error", *after_event)?;
                let error = error_object(error, "server_error", true);
                self.finish(at, "error", error);
            }
            FaultKind::NoCompleted => {
                let at = self.end_position("no_completed", None)?;
                self.beats.truncate(at);
            }
            _ => {}
        }
        Ok(())
    }

    /// Faults by which events are left out, repeated, moved and broken.
    fn change(&mut self, kind: &FaultKind) -> Result<(), FaultError> {
        match kind {
            FaultKind::Duplicate { event, times } => {
                let at = self.position("duplicate", *event)?;
                for _ in 0..*times {
                    let again = self.beats[at].clone();
                    self.beats.insert(at, again);
                }
            }
            FaultKind::Drop(counts) => {
                let mut places = self.positions("drop", counts)?;
                places.sort_unstable();
                places.dedup();
                for at in places.into_iter().rev() {
                    self.beats.remove(at);
                }
            }
            FaultKind::Swap(first, second) => {
                let places = self.positions("swap", &[*first, *second])?;
                self.beats.swap(places[0], places[1]);
            }
            FaultKind::Shuffle => self.shuffle(),
            FaultKind::Unknown { kind, after_event } => {
                let at = self.position_after("unknown", *after_event)?;
                let event = StreamEvent::of(&json!({ "type": kind, "sequence_number": 0 }));
                self.beats.insert(at, Beat::Event(event));
            }
            FaultKind::Malformed { event, data } => {
                let at = self.position("malformed", *event)?;
                if let Beat::Event(event) = &mut self.beats[at] {
                    let half = data.clone().unwrap_or_else(|| first_half(&event.data));
                    event.data = half;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn places(&self) -> Vec<usize> {
        let is_event = |beat: &Beat| matches!(beat, Beat::Event(_) | Beat::Raw(_));
        let places = self.beats.iter().enumerate();
        places
            .filter(|(_, beat)| is_event(beat))
            .map(|(at, _)| at)
            .collect()
    }

    /// Where the n-th event is.
    fn position(&mut self, fault: &'static str, count: Count) -> Result<usize, FaultError> {
        let places = self.places();
        let number = match count {
            Count::Exact(number) => number,
            Count::Random => self.random.between(1, places.len() as u64),
        };
        let place = number.checked_sub(1).and_then(|at| places.get(at as usize));
        place
            .copied()
            .ok_or_else(|| FaultError::no_event(fault, number, places.len()))
    }

    fn positions(
        &mut self,
        fault: &'static str,
        counts: &[Count],
    ) -> Result<Vec<usize>, FaultError> {
        counts
            .iter()
            .map(|count| self.position(fault, *count))
            .collect()
    }

    /// Where what follows the n-th event begins; 0 is the start.
    fn position_after(&mut self, fault: &'static str, count: Count) -> Result<usize, FaultError> {
        match count {
            Count::Exact(0) => Ok(0),
            count => self.position(fault, count).map(|at| at + 1),
        }
    }

    /// Where another end begins: after an event, or in place of the last one.
    fn end_position(
        &mut self,
        fault: &'static str,
        after: Option<Count>,
    ) -> Result<usize, FaultError> {
        match after {
            Some(count) => self.position_after(fault, count),
            None => Ok(self.places().last().copied().unwrap_or(self.beats.len())),
        }
    }

    /// Puts this event in place of all from a position on, with the next sequence number.
    fn finish(&mut self, at: usize, kind: &str, members: Value) {
        self.beats.truncate(at);
        let sequence = self.places().len();
        let mut data = json!({ "type": kind, "sequence_number": sequence });
        if let (Value::Object(data), Value::Object(members)) = (&mut data, members) {
            data.extend(members);
        }
        self.beats.push(Beat::Event(StreamEvent::of(&data)));
    }

    /// Fisher–Yates over all events but the first and the last.
    fn shuffle(&mut self) {
        let places = self.places();
        let inner = places.get(1..places.len().saturating_sub(1)).unwrap_or(&[]);
        for last in (1..inner.len()).rev() {
            let other = self.random.between(0, last as u64) as usize;
            self.beats.swap(inner[last], inner[other]);
        }
    }
}

/// The first half of a text, without half a character.
fn first_half(text: &str) -> String {
    let half = text.chars().count() / 2;
    text.chars().take(half).collect()
}

/// `error` of a response, or, with `is_whole`, the members of an `error` event.
pub(in crate::script) fn error_object(error: &ErrorInfo, code: &str, is_whole: bool) -> Value {
    let code = error.code.as_deref().unwrap_or(code);
    let message = error.message.clone();
    let mut object = json!({
        "code": code,
        "message": message.unwrap_or_else(|| default_message(code).to_owned()),
    });
    if let Some(kind) = error.kind.as_ref().filter(|_| !is_whole) {
        object["type"] = kind.as_str().into();
    }
    if is_whole || error.param.is_some() {
        object["param"] = error.param.clone().into();
    }
    for (key, value) in &error.extra {
        object[key] = value.clone();
    }
    object
}

/// What the API says for a code when the script does not say it.
pub(in crate::script) fn default_message(code: &str) -> &'static str {
    match code {
        "context_length_exceeded" => {
            "Your input exceeds the context window of this model. Please adjust your input and try again."
        }
        "insufficient_quota" => {
            "You exceeded your current quota, please check your plan and billing details."
        }
        "usage_limit_reached" => "The usage limit has been reached",
        "rate_limit_exceeded" => "Rate limit reached for requests.",
        "invalid_api_key" => "Incorrect API key provided.",
        "server_is_overloaded" | "slow_down" => {
            "Our servers are currently overloaded. Please try again later."
        }
        "invalid_prompt" => "Invalid prompt.",
        "model_not_found" => "The requested model does not exist.",
        _ => "The server had an error while processing your request.",
    }
}
