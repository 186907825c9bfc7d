//! Why a request failed, and how long the server asks to wait.

use std::sync::LazyLock;

use regex::Regex;

use crate::capture::{Body, Content, End, Event, Exchange, is_terminal};
use crate::http::HeaderList;
use crate::json::Node;

use super::profiles::{Cause, DelayHint, FailureFacts};

/// A failure of one request.
pub(super) struct Failure {
    pub(super) cause: Cause,
    pub(super) facts: FailureFacts,
    retry_after_ms: Option<f64>,
}

impl Failure {
    /// Reads how a request failed; `None` when it did not, or nobody knows. `agent` are the headers of the request.
    pub(super) fn of(exchange: &Exchange, agent: Option<&HeaderList>) -> Option<Self> {
        let mut failure = Self::read(exchange)?;
        let headers = exchange.response.headers.as_option();
        let header = headers.and_then(|headers| headers.list.get("retry-after"));
        let date = headers.and_then(|headers| headers.list.get("date"));
        if let Some(delay) = header.and_then(|text| retry_after_ms(text, date)) {
            failure.retry_after_ms = Some(delay);
        }
        failure.facts.has_retry_after = header.is_some() || failure.retry_after_ms.is_some();
        failure.facts.has_account =
            agent.is_some_and(|headers| headers.get("chatgpt-account-id").is_some());
        Some(failure)
    }

    fn new(cause: Cause) -> Self {
        Self {
            cause,
            facts: FailureFacts::default(),
            retry_after_ms: None,
        }
    }

    fn read(exchange: &Exchange) -> Option<Self> {
        let response = &exchange.response;
        match response.status.as_option() {
            Some(None) => {
                let is_cut = matches!(response.end.as_option(), Some(End::Closed | End::Reset));
                return is_cut.then(|| Self::new(Cause::NoResponse));
            }
            Some(Some(status)) if *status >= 400 => {
                let mut failure = Self::new(Cause::Status);
                failure.facts.status = Some(*status);
                match response.content.body() {
                    Some(Body::Json(body)) => failure.read_error(body.value.node()),
                    Some(Body::Text(text)) => failure.facts.message = Some(text.clone()),
                    _ => {}
                }
                return Some(failure);
            }
            _ => {}
        }
        let Content::Events(stream) = &response.content else {
            return None;
        };
        let mut ends = stream
            .events
            .iter()
            .filter(|event| is_terminal(&event.kind()));
        match ends.next() {
            Some(event) => Self::read_end(event),
            None => match response.end.as_option()? {
                End::Complete | End::Closed | End::Reset => Some(Self::new(Cause::Cut)),
                End::Stall => Some(Self::new(Cause::Stall)),
                _ => None,
            },
        }
    }

    fn read_end(event: &Event) -> Option<Self> {
        let data = event.data.json()?.node();
        let response = data.get("response").unwrap_or(data);
        let mut failure = match event.kind().as_ref() {
            "response.failed" => Self::new(Cause::Failed),
            "response.incomplete" => Self::new(Cause::Incomplete),
            "error" => Self::new(Cause::ErrorEvent),
            "response.completed" if response.get_string("id").is_none() => {
                return Some(Self::new(Cause::UnreadableEnd));
            }
            _ => return None,
        };
        failure.read_error(response);
        let details = response.get("incomplete_details");
        if let Some(reason) = details.and_then(|details| details.get_string("reason")) {
            failure.facts.code = Some(reason.into_owned());
        }
        let status = data.get("status").and_then(|status| status.unsigned());
        failure.facts.status = status.and_then(|status| u16::try_from(status).ok());
        Some(failure)
    }

    /// Reads `error {code, type, message, headers}` of a body or of a response. Names of headers are of any case.
    fn read_error(&mut self, body: Node<'_>) {
        let Some(error) = body.get("error").filter(|error| !error.is_null()) else {
            return;
        };
        let text = |key: &str| error.get_string(key).map(|text| text.into_owned());
        self.facts.code = text("code").or_else(|| text("type"));
        self.facts.kind = text("type");
        self.facts.message = text("message");
        let headers = error.get("headers").or_else(|| body.get("headers"));
        let mut fields = headers.into_iter().flat_map(|headers| headers.members());
        let after = fields.find_map(|(name, value)| {
            let is_it = name
                .string()
                .is_some_and(|name| name.eq_ignore_ascii_case("retry-after"));
            is_it.then(|| value.string())?
        });
        self.retry_after_ms = after.and_then(|text| retry_after_ms(&text, None));
    }

    /// How long the server asks to wait, in milliseconds, by the first of these hints that it gives.
    pub(super) fn delay_ms(&self, hints: &[DelayHint]) -> Option<f64> {
        hints.iter().find_map(|hint| match hint {
            DelayHint::RetryAfter => self.retry_after_ms,
            DelayHint::Message => self.facts.message.as_deref().and_then(in_message),
        })
    }

    /// Whether the request was too long for the model.
    pub(super) fn is_overflow(&self) -> bool {
        self.facts.code.as_deref() == Some("context_length_exceeded")
    }

    /// For messages: `HTTP 503`, `response.failed (rate_limit_exceeded)`.
    pub(super) fn name(&self) -> String {
        let code = |name: &str| match &self.facts.code {
            Some(code) => format!("{name} ({code})"),
            None => name.to_owned(),
        };
        match (self.cause, self.facts.status) {
            (Cause::Status, Some(status)) => code(&format!("HTTP {status}")),
            (Cause::Status, None) => "an HTTP error".to_owned(),
            (Cause::NoResponse, _) => "a connection that ended before a status line".to_owned(),
            (Cause::Cut, _) => "a stream that broke off".to_owned(),
            (Cause::Stall, _) => "a stream that stalled".to_owned(),
            (Cause::UnreadableEnd, _) => "response.completed without an id".to_owned(),
            (Cause::Failed, _) => code("response.failed"),
            (Cause::Incomplete, _) => code("response.incomplete"),
            (Cause::ErrorEvent, _) => code("an error event"),
        }
    }
}

/// The delay of `Retry-After` in milliseconds: seconds, or a time (RFC 9110, section 10.2.3) with that of the response
/// (`Date`), which both are cut to whole seconds.
fn retry_after_ms(text: &str, date: Option<&str>) -> Option<f64> {
    if let Ok(seconds) = text.trim().parse::<f64>() {
        let is_delay = seconds.is_finite() && seconds >= 0.0;
        return is_delay.then_some(seconds * 1000.0);
    }
    let parse = |text: &str| jiff::fmt::rfc2822::parse(text.trim()).ok();
    let seconds = parse(text)?.timestamp().as_second() - parse(date?)?.timestamp().as_second();
    // At most a day: a later time is a wrong clock.
    let seconds = i32::try_from(seconds - 1)
        .ok()
        .filter(|seconds| *seconds < 86_400)?;
    Some(f64::from(seconds.max(0)) * 1000.0)
}

/// The delay in "Please try again in 1.5s", as Codex reads it (0.169.0): a number with `s`, `ms` or `seconds`.
fn in_message(message: &str) -> Option<f64> {
    static DELAY: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"(?i)try again in\s*(\d+(?:\.\d+)?)\s*(ms|s|seconds?)\b").ok()
    });
    let found = DELAY.as_ref()?.captures(message)?;
    let number: f64 = found[1].parse().ok()?;
    let is_ms = found[2].eq_ignore_ascii_case("ms");
    Some(if is_ms { number } else { number * 1000.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_time() {
        let date = Some("Sat, 21 Nov 2026 16:31:30 GMT");
        assert_eq!(retry_after_ms(" 1.5", None), Some(1500.0));
        assert_eq!(
            retry_after_ms("Sat, 21 Nov 2026 16:31:33 GMT", date),
            Some(2000.0)
        );
        assert_eq!(
            retry_after_ms("Sat, 21 Nov 2026 16:31:00 GMT", date),
            Some(0.0)
        );
        assert_eq!(retry_after_ms("Sat, 21 Nov 2026 16:31:33 GMT", None), None);
        assert_eq!(retry_after_ms("Sat, 21 Nov 2027 16:31:33 GMT", date), None);
        for none in ["soon", "inf", "NaN", "-1"] {
            assert_eq!(retry_after_ms(none, date), None);
        }
    }

    #[test]
    fn delays_are_read_out_of_messages() {
        assert_eq!(in_message("Please try again in 1.5s."), Some(1500.0));
        assert_eq!(in_message("Try again in 20 ms"), Some(20.0));
        assert_eq!(in_message("try again in 3 seconds"), Some(3000.0));
        assert_eq!(in_message("try again in 2 minutes"), None);
        assert_eq!(in_message("try again later"), None);
    }
}
