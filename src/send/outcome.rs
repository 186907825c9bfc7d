//! How an answer ended.

use crate::capture::{Content, End, Response, is_terminal};
use crate::json::Node;

/// How an answer ended, to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is complete and says that all is well.
    Good,
    /// Its status says that it is not.
    Status(u16),
    /// Its last event does: `response.failed`, …, with what it says.
    Failed(String, String),
    /// It broke off.
    Cut(End),
    /// There was none.
    Missing,
    /// It is complete, and its stream has no last event.
    Endless,
    /// The capture does not say.
    Unknown,
}

impl Outcome {
    pub(super) fn of(response: &Response) -> Self {
        match response.status.as_option() {
            Some(None) => return Outcome::Missing,
            Some(Some(status)) if !(200..300).contains(status) && *status != 101 => {
                return Outcome::Status(*status);
            }
            _ => {}
        }
        let end = response.end.as_option().copied();
        let cut = |end: Option<End>| match end {
            Some(End::Complete) | None => Outcome::Unknown,
            Some(end) => Outcome::Cut(end),
        };
        let Content::Events(stream) = &response.content else {
            return match &response.content {
                Content::NotRecorded => Outcome::Unknown,
                _ => match cut(end) {
                    Outcome::Unknown => Outcome::Good,
                    other => other,
                },
            };
        };
        let last = stream
            .events
            .iter()
            .find(|event| is_terminal(&event.kind()));
        let Some(last) = last else {
            return match end {
                Some(End::Complete) => Outcome::Endless,
                end => cut(end),
            };
        };
        match &*last.kind() {
            "response.completed" | "response.done" => Outcome::Good,
            kind => {
                let said = last.data.json().map(|data| reason(data.node()));
                Outcome::Failed(kind.to_owned(), said.unwrap_or_default())
            }
        }
    }

    /// In a few words.
    pub(super) fn in_words(&self) -> String {
        match self {
            Outcome::Good => "completed".to_owned(),
            Outcome::Status(status) => status.to_string(),
            Outcome::Failed(kind, said) if said.is_empty() => kind.clone(),
            Outcome::Failed(kind, said) => format!("{kind}: {said}"),
            Outcome::Cut(end) => format!("broken off ({})", end.name()),
            Outcome::Missing => "no answer".to_owned(),
            Outcome::Endless => "a stream without an end event".to_owned(),
            Outcome::Unknown => "not recorded".to_owned(),
        }
    }
}

/// Code and message of the error in an event, or the reason why it is incomplete.
fn reason(data: Node<'_>) -> String {
    let response = data.get("response").unwrap_or(data);
    let text = |node: Option<Node<'_>>, key: &str| {
        node.and_then(|node| node.get_string(key))
            .map(|text| text.into_owned())
    };
    let error = response.get("error").filter(|error| !error.is_null());
    let details = response.get("incomplete_details");
    let parts = [
        text(error, "code"),
        text(error, "message"),
        text(details, "reason"),
        text(Some(data), "message").filter(|_| error.is_none()),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    parts.join(": ")
}
