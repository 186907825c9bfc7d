//! What the response to a compaction delivered.

use crate::responses::{item_type, message_text};

use super::super::profiles::{EmptySummary, Profile};
use super::super::request::Outcome;
use super::episode::{Episode, Form};

/// What is to stand in the place of the history.
pub(super) enum Answer {
    /// The summary of a local compaction.
    Text(String),
    /// The `encrypted_content` of the one `compaction` item.
    Sealed(String),
    /// It is not known: an endpoint that gave no `compaction` item, a summary that is the model's last answer.
    Unknown,
    /// The turn has to fail, because of this.
    Unusable(String),
    /// The compaction failed.
    Failed,
    /// The capture does not show how the response ended.
    Lost,
}

impl Answer {
    pub(super) fn of(episode: &Episode<'_>, profile: &Profile) -> Self {
        let response = &episode.last().request.response;
        match response.outcome {
            Outcome::Failed if episode.last().failure().is_some() => return Self::Failed,
            // It broke off, and not because of the server.
            Outcome::Failed | Outcome::Unknown => return Self::Lost,
            Outcome::Completed => {}
        }
        match episode.form {
            Form::Local => Self::of_texts(episode, profile),
            Form::Trigger => match sealed(episode).as_slice() {
                [one] => Self::Sealed(one.clone()),
                several => Self::Unusable(format!("{} compaction items", several.len())),
            },
            Form::Endpoint => match sealed(episode).pop() {
                Some(one) => Self::Sealed(one),
                None => Self::Unknown,
            },
        }
    }

    fn of_texts(episode: &Episode<'_>, profile: &Profile) -> Self {
        let delivered = episode.last().request.response.delivered.iter();
        let answer = delivered.rev().find(|one| {
            let node = one.item.node();
            item_type(node) == "message" && node.get_string("role").as_deref() == Some("assistant")
        });
        let text = answer.map(|one| message_text(one.item.node()).trim().to_owned());
        match text.filter(|text| !text.is_empty()) {
            Some(text) => Self::Text(text),
            None if profile.compaction.empty_summary == Some(EmptySummary::Fail) => {
                Self::Unusable("no text".to_owned())
            }
            None => Self::Unknown,
        }
    }

    /// Whether the history has to be replaced by it.
    pub(super) fn is_usable(&self) -> bool {
        matches!(self, Self::Text(_) | Self::Sealed(_) | Self::Unknown)
    }
}

/// The contents of the `compaction` items that were delivered.
fn sealed(episode: &Episode<'_>) -> Vec<String> {
    let delivered = episode.last().request.response.delivered.iter();
    let sealed = delivered.filter_map(|one| {
        let node = one.item.node();
        let is_it = matches!(
            item_type(node).as_ref(),
            "compaction" | "compaction_summary" | "context_compaction"
        );
        let content = || node.get_string("encrypted_content").unwrap_or_default();
        is_it.then(|| content().into_owned())
    });
    sealed.collect()
}
