//! What responses delivered against what the rollout holds.

use std::sync::Arc;

use crate::capture::DeliveredItem;
use crate::json::{Kind, Node, Pointer};
use crate::normalize::{Level, embedded_json};
use crate::responses::RequestKind;
use crate::rollout::What;

use super::super::request::{Outcome, Request};
use super::super::same::Difference;
use super::super::violation::Violation;
use super::item::{Facts, ItemFacts, delivery_difference};
use super::label::{excerpt, label, the};
use super::pairs::is_version;
use super::replay::Position;
use super::stored::StoredRollout;
use super::stretch::Sampled;

/// What is known of a thread when its items are compared.
pub(super) struct Delivery<'a> {
    pub(super) files: &'a [StoredRollout],
    /// In the order in which they were made.
    pub(super) sampled: &'a [Sampled<'a>],
    /// Whether responses may be missing: the capture is damaged or does not hold all requests.
    pub(super) is_partial: bool,
    /// Whether the capture has no local compactions: rollout-trace bundles.
    pub(super) lacks_compactions: bool,
}

/// An item in a record that a model made.
struct Made<'a> {
    at: Position,
    facts: &'a ItemFacts,
    /// Whether the turn that it is in has a request in the capture.
    is_judged: bool,
    is_matched: bool,
}

/// A delivered item that waits for its record.
struct Waiting<'a> {
    request: &'a Request,
    item: &'a DeliveredItem,
    facts: Arc<ItemFacts>,
    is_required: bool,
}

impl Delivery<'_> {
    /// Tells which items were lost, changed or invented between the responses and the disk.
    pub(super) fn check(&self, facts: &mut Facts, violations: &mut Vec<Violation>) {
        let mut left: Vec<Waiting<'_>> = Vec::new();
        for (number, sampled) in self.sampled.iter().enumerate() {
            let mut made = self.made_after(number);
            let request = sampled.request;
            let is_required = self.is_required(number);
            let delivered = request.response.delivered.iter().map(|item| {
                let facts = facts.of(&item.item);
                Waiting {
                    request,
                    item,
                    is_required: is_required && self.is_recorded(&facts),
                    facts,
                }
            });
            left.extend(delivered);
            let waiting = std::mem::take(&mut left);
            left = self.match_items(waiting, &mut made, sampled, violations);
            for made in made.iter().filter(|made| made.is_judged && !made.is_matched) {
                violations.extend(self.invented(made, sampled, violations));
            }
        }
    }

    /// The items that a model made between a request and the next one.
    fn made_after(&self, number: usize) -> Vec<Made<'_>> {
        let from = self.sampled[number].position;
        let until = self.sampled.get(number + 1).map(|next| next.position);
        let mut made: Vec<Made<'_>> = Vec::new();
        let mut turns = 0;
        let mut at = from;
        while until.is_none_or(|until| at < until) {
            let Some(file) = self.files.get(at.own) else {
                break;
            };
            let Some(entry) = file.index().entries.get(at.record) else {
                at = Position {
                    own: at.own + 1,
                    record: 0,
                };
                turns += 1;
                continue;
            };
            turns += usize::from(file.begins_turn(entry.what));
            let item = file.records[at.record].item.as_deref();
            if let Some(facts) = item.filter(|facts| facts.is_of_model()) {
                made.push(Made {
                    at,
                    facts,
                    is_judged: turns == 0,
                    is_matched: false,
                });
            }
            if file.begins_turn(entry.what) {
                // What a turn without requests of its own holds was delivered elsewhere.
                made.iter_mut().filter(|made| !made.is_judged).for_each(|made| made.is_matched = true);
            }
            at.record += 1;
        }
        // The last turn of the stretch is that of the next request.
        let has_next = until.is_some();
        made.iter_mut().for_each(|made| made.is_judged |= has_next && !made.is_matched);
        made
    }

    /// Whether all that a response delivered has to be on disk. What came before a stream broke off may be there
    /// (Codex from 0.125 on) or not; a compaction is in its own record.
    fn is_required(&self, number: usize) -> bool {
        let sampled = &self.sampled[number];
        sampled.request.response.outcome == Outcome::Completed
            && sampled.request.facts.kind == RequestKind::Turn
    }

    /// Whether the agent keeps such an item. What it can't read it drops, without a word.
    fn is_recorded(&self, facts: &ItemFacts) -> bool {
        let node = facts.item.node();
        let has = |keys: &[&str]| keys.iter().all(|key| node.get_string(key).is_some());
        let is_array = |key: &str| node.get(key).is_some_and(|value| value.kind() == Kind::Array);
        let is_pycodex = self.files.iter().any(|file| file.is_pycodex);
        match facts.kind.as_str() {
            "message" => has(&["role"]) && is_array("content") && has_known_parts(node),
            "reasoning" => is_array("summary"),
            // pycodex ends the turn where arguments are no object (0.1.13–0.5.1).
            "function_call" => {
                let arguments = node.get_string("arguments").unwrap_or_default();
                let is_readable = !is_pycodex || embedded_json(&arguments).is_some();
                has(&["name", "arguments", "call_id"]) && is_readable
            }
            "custom_tool_call" => has(&["name", "input", "call_id"]),
            "web_search_call" => !is_pycodex,
            _ => false,
        }
    }

    /// Matches what waits with what a model made; gives what still may come.
    fn match_items<'w>(
        &self,
        waiting: Vec<Waiting<'w>>,
        made: &mut [Made<'_>],
        sampled: &Sampled<'_>,
        violations: &mut Vec<Violation>,
    ) -> Vec<Waiting<'w>> {
        let mut left = Vec::new();
        for one in waiting {
            let is_same = |made: &&mut Made<'_>| {
                !made.is_matched && delivery_difference(made.facts, &one.facts).is_none()
            };
            match made.iter_mut().find(is_same) {
                Some(made) => made.is_matched = true,
                None => left.push(one),
            }
        }
        let mut lost = Vec::new();
        for one in left {
            let is_near = |made: &&mut Made<'_>| {
                !made.is_matched && made.is_judged && is_version(made.facts, &one.facts)
            };
            match made.iter_mut().find(is_near) {
                Some(made) => {
                    made.is_matched = true;
                    let difference = delivery_difference(made.facts, &one.facts);
                    violations.extend(difference.map(|found| self.changed(&one, made, &found)));
                }
                None if one.is_required => violations.push(self.lost(&one, made, sampled)),
                None => lost.push(one),
            }
        }
        lost
    }

    fn violation(&self, rule: &'static str, request: &Request, pointer: Pointer) -> Violation {
        let level = if self.is_partial {
            Level::Note
        } else {
            Level::Error
        };
        Violation::new(rule, level, Some(request.exchange), pointer)
    }

    fn changed(&self, one: &Waiting<'_>, made: &Made<'_>, difference: &Difference) -> Violation {
        let pointer = one.item.pointer.join(&difference.pointer);
        let in_record = Pointer::root().key("payload").join(&difference.pointer);
        let mut violation = self.violation("rollout-delivery-changed", one.request, pointer);
        violation.level = Level::Error;
        violation.place = Some(self.files[made.at.own].own_place(made.at.record, in_record));
        violation.subject = Some(label(&one.facts));
        violation.expected = difference.a.as_deref().map(excerpt);
        violation.found = difference.b.as_deref().map(excerpt);
        violation.message = format!(
            "{} stands otherwise in the rollout than it was delivered",
            the(&one.facts)
        );
        violation
    }

    fn lost(&self, one: &Waiting<'_>, made: &[Made<'_>], sampled: &Sampled<'_>) -> Violation {
        let pointer = one.item.pointer.clone();
        let mut violation = self.violation("rollout-delivery-missing", one.request, pointer);
        let last = made.iter().rev().find(|made| made.is_matched);
        let behind = last.map_or(sampled.position, |made| Position {
            record: made.at.record + 1,
            ..made.at
        });
        let record = behind.record.saturating_sub(1);
        violation.level = Level::Error;
        violation.place = Some(self.files[behind.own].own_place(record, Pointer::root()));
        violation.subject = Some(label(&one.facts));
        violation.found = Some(excerpt(one.facts.item.text()));
        violation.message = format!("{} was delivered and is not in the rollout", the(&one.facts));
        violation
    }

    fn invented(
        &self,
        made: &Made<'_>,
        sampled: &Sampled<'_>,
        violations: &[Violation],
    ) -> Option<Violation> {
        if self.lacks_compactions && self.is_before_compaction(made.at) {
            return None;
        }
        let pointer = Pointer::root().key("response");
        let mut violation = self.violation("rollout-item-invented", sampled.request, pointer);
        let in_record = Pointer::root().key("payload");
        let place = self.files[made.at.own].own_place(made.at.record, in_record);
        // One cause: the request that sends the item was told of already.
        let is_told = |other: &Violation| {
            other.rule == "rollout-input-missing" && other.place.as_ref() == Some(&place)
        };
        violation.recurs = violations
            .iter()
            .filter(|other| is_told(other))
            .filter_map(|other| other.exchange)
            .collect();
        violation.place = Some(place);
        violation.subject = Some(label(made.facts));
        violation.expected = Some(excerpt(made.facts.item.text()));
        violation.message = format!(
            "{} is in the rollout and no response of the capture delivered it",
            the(made.facts)
        );
        Some(violation)
    }

    /// Whether the next thing that happens to the history is a compaction.
    fn is_before_compaction(&self, at: Position) -> bool {
        let entries = self.files[at.own].index().entries.iter();
        let mut next = entries.skip(at.record + 1).map(|entry| entry.what);
        let next = next.find(|what| matches!(what, What::Item(_) | What::Compacted { .. }));
        matches!(next, Some(What::Compacted { .. }))
    }
}

/// Whether the parts of a message are of the types that agents know.
fn has_known_parts(message: Node<'_>) -> bool {
    let parts = message.get("content").into_iter().flat_map(Node::items);
    let mut kinds = parts.map(|part| (part.get_string("type"), part.get_string("text")));
    kinds.all(|(kind, text)| kind.as_deref() == Some("output_text") && text.is_some())
}
