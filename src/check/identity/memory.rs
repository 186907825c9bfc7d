//! Requests by which an agent puts its memories in order are marked as such.

use crate::check::profiles::Profile;
use crate::check::sink::Sink;
use crate::json::Pointer;

use super::places::SUBAGENT;
use super::rules;
use super::sent::{Place, Sent};
use super::subagent::names;

/// What marks say of such requests.
const MEMORY: &str = "memory_consolidation";

const MEMGEN: Place = Place::Header("x-openai-memgen-request");

/// Whether a request says in any place that it is about memories.
pub(super) fn says_memory(sent: &Sent<'_>) -> bool {
    let is_it = |place: &Place| sent.value(*place).is_some_and(|said| *said == *MEMORY);
    let in_metadata = |key: &str| sent.meta(key).is_some_and(|said| *said == *MEMORY);
    sent.value(MEMGEN).is_some()
        || SUBAGENT.iter().any(is_it)
        || ["thread_source", "turn_trigger"]
            .into_iter()
            .any(in_metadata)
}

/// Checks that a request that has one of the marks has all that the profile names.
pub(super) fn check(all: &[Sent<'_>], profile: &Profile, sink: &mut Sink) {
    let known = &profile.headers;
    if known.memory.is_empty() {
        return;
    }
    for sent in all
        .iter()
        .filter(|sent| sent.is_for_model() && sent.is_about_memories)
    {
        let request = Pointer::root().key("request");
        if sent.is_post_of_responses() {
            // Copies that differ are told by that.
            let has = |name: &str| sent.headers.is_some_and(|list| list.get(name).is_some());
            let missing = names(&known.memory, has);
            tell(sent, "its headers", (request.key("headers"), missing), sink);
        }
        if let Some(metadata) = sent.metadata() {
            let has = |key: &str| {
                metadata
                    .node()
                    .get_string(key)
                    .is_some_and(|said| said == MEMORY)
            };
            let missing = names(&known.memory_metadata, has);
            tell(
                sent,
                "its turn metadata",
                (sent.metadata_at(), missing),
                sink,
            );
        }
        let has = |key: &str| sent.client.is_some_and(|client| client.get(key).is_some());
        let missing = names(&known.memory_client_metadata, has);
        let client = request.key("body").key("client_metadata");
        tell(sent, "client_metadata", (client, missing), sink);
    }
}

fn tell(sent: &Sent<'_>, place: &str, (pointer, missing): (Pointer, Vec<&str>), sink: &mut Sink) {
    if missing.is_empty() {
        return;
    }
    let missing = missing.join(", ");
    let mut violation = rules::MEMORY_UNMARKED.at(sent.exchange, pointer);
    violation.message = format!(
        "{} is about memories, as one of its marks tells, but {missing} is missing in {place}",
        sent.label
    );
    violation.expected = Some(missing.clone());
    let thread = sent.request.and_then(|one| one.facts.thread.as_deref());
    let cause = format!("{} {place} {missing}", thread.unwrap_or_default());
    sink.tell(cause, violation);
}
