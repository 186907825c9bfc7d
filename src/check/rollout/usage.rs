//! Tokens that responses told of against those that the rollout has.

use crate::json::{Node, Pointer};
use crate::normalize::Level;
use crate::responses::RequestKind;
use crate::rollout::RecordKind;

use super::super::request::Outcome;
use super::super::violation::Violation;
use super::stored::StoredRecord;
use super::stretch::Stretch;

/// Tells where a response's usage is recorded otherwise, or not at all.
///
/// Codex from 0.153 on writes a `token_usage_record` for each completed response; before, a `token_count` event holds
/// the usage of the last one. pycodex writes none.
pub(super) fn check_usage(stretch: &Stretch<'_>, violations: &mut Vec<Violation>) {
    let response = &stretch.request.response;
    let (Some((pointer, delivered)), Some(file)) = (&response.usage, stretch.file()) else {
        return;
    };
    let is_completed = response.outcome == Outcome::Completed;
    let has_records = file.has_usage_records();
    let records = match has_records {
        true => stretch.usage_records(),
        false if is_completed => stretch.token_counts(),
        false => Vec::new(),
    };
    let differences = records
        .iter()
        .map(|record| first_difference(record, delivered.node()));
    let differences: Vec<Option<Difference>> = differences.collect();
    if differences.iter().any(Option::is_none) {
        return;
    }
    if let Some((record, Some(difference))) = records.iter().zip(differences).next() {
        let exchange = Some(stretch.request.exchange);
        let at = pointer.join(&difference.pointer);
        let mut violation = Violation::new("rollout-usage-changed", Level::Error, exchange, at);
        let place = file.own_place(record.number, record.pointer.key(difference.key));
        violation.message = format!(
            "the rollout has other {} than the response told of",
            difference.key.replace('_', " ")
        );
        violation.place = Some(place);
        violation.expected = difference.recorded;
        violation.found = difference.delivered;
        violations.push(violation);
    } else if has_records && is_completed && stretch.has_ended() {
        let exchange = Some(stretch.request.exchange);
        let mut violation = Violation::new(
            "rollout-usage-missing",
            Level::Warning,
            exchange,
            pointer.clone(),
        );
        violation.message = "the rollout has no record of the tokens of the response".to_owned();
        let last = stretch
            .records()
            .last()
            .map_or(stretch.from.record, |(number, _)| number);
        violation.place = Some(file.own_place(last, Pointer::root()));
        violation.found = Some(delivered.text().to_owned());
        violations.push(violation);
    }
}

/// A record that has the usage of one response.
struct UsageRecord<'a> {
    number: usize,
    /// Where the usage stands in the record.
    pointer: Pointer,
    usage: Node<'a>,
}

impl<'a> Stretch<'a> {
    /// The record that names the response.
    fn usage_records(&self) -> Vec<UsageRecord<'a>> {
        let id = self.request.response.id.as_deref();
        let pointer = Pointer::root().key("payload").key("usage");
        let records = self.file().map_or(&[][..], |file| &file.records);
        let own = records.iter().enumerate().filter_map(|(number, record)| {
            let is_usage = record.kind == RecordKind::TokenUsageRecord;
            let payload = record.payload.as_ref().filter(|_| is_usage)?;
            let is_own = payload.node().get_string("response_id").as_deref() == id;
            Some((number, payload.node().get("usage").filter(|_| is_own)?))
        });
        own.map(|(number, usage)| UsageRecord {
            number,
            pointer: pointer.clone(),
            usage,
        })
        .collect()
    }

    /// The counts that may be the response's, the likeliest first. A remote compaction of the first kind has none
    /// (0.115.0–0.137.0).
    fn token_counts(&self) -> Vec<UsageRecord<'a>> {
        match (
            self.request.facts.endpoint.as_str(),
            self.request.facts.kind,
        ) {
            // What asks by a trigger counts nothing of its own before 0.153 (0.140.0–0.147.0).
            ("/responses", RequestKind::Compaction) if self.request.asks_by_trigger() => Vec::new(),
            // Before or behind the summary, by version; before it stand those of the response before.
            ("/responses", RequestKind::Compaction) => {
                let before = self
                    .records()
                    .take_while(|(_, record)| record.kind != RecordKind::Compacted);
                let mut counts: Vec<_> = before.filter_map(count).collect();
                counts.reverse();
                counts
            }
            // Before the answer stand those of the response before.
            ("/responses", _) => {
                let behind = self.records_to_next_answer();
                let answered = behind.skip_while(|(_, record)| !record.is_answer());
                answered.filter_map(count).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Whether the agent came to write of the tokens: one that was killed may not have.
    fn has_ended(&self) -> bool {
        let is_end = |(_, record): (usize, &StoredRecord)| record.event("task_complete").is_some();
        self.until.is_some() || self.records().any(is_end)
    }
}

/// The usage in a `token_count` event; some have only limits.
fn count((number, record): (usize, &StoredRecord)) -> Option<UsageRecord<'_>> {
    let payload = record.event("token_count")?;
    let pointer = Pointer::root().key("payload");
    Some(UsageRecord {
        number,
        pointer: pointer.key("info").key("last_token_usage"),
        usage: payload.node().get("info")?.get("last_token_usage")?,
    })
}

/// Where a recorded usage differs.
struct Difference {
    /// From the delivered usage.
    pointer: Pointer,
    /// In the recorded usage.
    key: &'static str,
    recorded: Option<String>,
    delivered: Option<String>,
}

/// Names of counts on disk, with where servers put them.
const COUNTS: [(&str, &[&str]); 5] = [
    ("input_tokens", &["input_tokens"]),
    (
        "cached_input_tokens",
        &["input_tokens_details", "cached_tokens"],
    ),
    ("output_tokens", &["output_tokens"]),
    (
        "reasoning_output_tokens",
        &["output_tokens_details", "reasoning_tokens"],
    ),
    ("total_tokens", &["total_tokens"]),
];

fn first_difference(record: &UsageRecord<'_>, delivered: Node<'_>) -> Option<Difference> {
    COUNTS.iter().find_map(|(key, path)| {
        let inner = path.iter().try_fold(delivered, |node, step| node.get(step));
        // A trace bundle has the names of the disk.
        let (steps, count) = match inner {
            Some(count) => (*path, Some(count)),
            None => (std::slice::from_ref(key), delivered.get(key)),
        };
        let recorded = record.usage.get(key);
        let number = |node: Option<Node<'_>>| node.and_then(Node::unsigned).unwrap_or(0);
        if number(recorded) == number(count) {
            return None;
        }
        let mut pointer = Pointer::root();
        steps.iter().for_each(|step| pointer.push_key(step));
        Some(Difference {
            pointer,
            key,
            recorded: recorded.map(|node| node.text().to_owned()),
            delivered: count.map(|node| node.text().to_owned()),
        })
    })
}
