//! Each mutation of a session, the rule that has to find it, and where.

use serde_json::{Value, json};
use trace_diff::check::Violation;
use trace_diff::report::Level;

use super::STYLES;
use super::session::{Session, Style, message, text};

/// Where a finding has to be.
enum Place {
    /// In a record, by number.
    Record(usize),
    /// In an exchange, by number.
    Exchange(usize),
}

/// Changes the session and says what is to be found; `None` where the style has nothing to change.
type Mutation = fn(&mut Session) -> Option<(&'static str, Place)>;

fn found_in_record(rule: &'static str, record: usize) -> Option<(&'static str, Place)> {
    Some((rule, Place::Record(record)))
}

fn found_in_exchange(rule: &'static str, exchange: usize) -> Option<(&'static str, Place)> {
    Some((rule, Place::Exchange(exchange)))
}

fn payload(session: &mut Session, record: usize) -> &mut Value {
    &mut session.records[record]["payload"]
}

/// The first item of a type in an input.
fn position(session: &mut Session, exchange: usize, kind: &str) -> usize {
    let is_it = |item: &Value| item["type"] == kind;
    session
        .input(exchange)
        .iter()
        .position(is_it)
        .expect("the input has one")
}

const ON_DISK: &[(&str, Mutation)] = &[
    ("answer dropped", |s| {
        let at = s.find_record("Two lines.");
        s.records.remove(at);
        found_in_exchange("rollout-delivery-missing", 1)
    }),
    ("answer altered", |s| {
        let at = s.find_record("Two lines.");
        payload(s, at)["content"][0]["text"] = json!("Three lines.");
        found_in_record("rollout-delivery-changed", at)
    }),
    ("answer twice", |s| {
        let at = s.find_record("Two lines.");
        s.records.insert(at, s.records[at].clone());
        found_in_record("rollout-item-invented", at + 1)
    }),
    ("answer invented at the end", |s| {
        let at = s.find_record("Written.");
        let mut record = s.records[at].clone();
        record["payload"] = message("msg_x", "Invented.");
        s.records.insert(at + 1, record);
        found_in_record("rollout-item-invented", at + 1)
    }),
    ("call dropped", |s| {
        let at = s.find_record("ls\\\"");
        s.records.remove(at);
        found_in_exchange("rollout-delivery-missing", 0)
    }),
    ("arguments altered", |s| {
        let at = s.find_record("pwd");
        payload(s, at)["arguments"] = json!(json!({"cmd": "whoami"}).to_string());
        found_in_record("rollout-delivery-changed", at)
    }),
    ("tool renamed", |s| {
        let at = s.find_record("pwd");
        payload(s, at)["name"] = json!("shell");
        found_in_record("rollout-delivery-changed", at)
    }),
    ("call id altered", |s| {
        let at = s.find_record("pwd");
        payload(s, at)["call_id"] = json!("call_9");
        found_in_record("rollout-delivery-changed", at)
    }),
    ("reasoning dropped", |s| {
        let at = s.find_record("gAAAA-one");
        s.records.remove(at);
        found_in_exchange("rollout-delivery-missing", 0)
    }),
    ("reasoning altered", |s| {
        let at = s.find_record("gAAAA-one");
        payload(s, at)["encrypted_content"] = json!("gAAAA-two");
        found_in_record("rollout-delivery-changed", at)
    }),
    ("patch altered", |s| {
        let at = s.find_record("*** Begin Patch");
        payload(s, at)["input"] = json!("*** End Patch");
        found_in_record("rollout-delivery-changed", at)
    }),
    ("output dropped", |s| {
        let at = s.find_record("\"/w\"");
        s.records.remove(at);
        found_in_exchange(
            match s.style {
                Style::Pycodex => "rollout-input-added",
                _ => "rollout-input-changed",
            },
            1,
        )
    }),
    ("output altered", |s| {
        let at = s.find_record("\"/w\"");
        payload(s, at)["output"] = json!("/x");
        found_in_record("rollout-input-changed", at)
    }),
    ("output twice", |s| {
        let at = s.find_record("\"Done\"");
        s.records.insert(at, s.records[at].clone());
        found_in_record("rollout-input-missing", at + 1)
    }),
    ("outputs swapped", |s| {
        let at = s.find_record("\"a.txt\"");
        s.records.swap(at, at + 1);
        found_in_exchange("rollout-input-order", 1)
    }),
    ("user message dropped", |s| {
        let at = s.find_record("Write one.");
        s.records.remove(at);
        found_in_exchange("rollout-input-added", 3)
    }),
    ("user message altered", |s| {
        let at = s.find_record("Write one.");
        payload(s, at)["content"][0]["text"] = json!("Write two.");
        found_in_record("rollout-input-changed", at)
    }),
    ("user message added", |s| {
        let at = s.find_record("Write one.");
        let mut record = s.records[at].clone();
        record["payload"] = text("user", "And another.");
        s.records.insert(at, record);
        found_in_record("rollout-input-missing", at)
    }),
    ("context altered", |s| {
        (s.style != Style::Pycodex).then_some(())?;
        let at = s.find_record("<permissions");
        payload(s, at)["content"][0]["text"] = json!("<permissions instructions>\nNone.");
        found_in_record("rollout-input-changed", at)
    }),
    ("compaction dropped", |s| {
        let at = s.record_of_type("compacted");
        s.records.remove(at);
        found_in_exchange("rollout-input-missing", 3)
    }),
    ("item of the compaction dropped", |s| {
        (s.style != Style::Pycodex).then_some(())?;
        let at = s.record_of_type("compacted");
        let kept = payload(s, at)["replacement_history"]
            .as_array_mut()
            .unwrap();
        kept.remove(0);
        found_in_record("rollout-compaction-changed", at)
    }),
    ("summary altered", |s| {
        let at = s.record_of_type("compacted");
        let kept = payload(s, at)["replacement_history"]
            .as_array_mut()
            .unwrap();
        kept.last_mut().unwrap()["content"][0]["text"] = json!("Another summary.");
        found_in_record("rollout-compaction-changed", at)
    }),
    ("tokens altered", |s| {
        let kind = match s.style {
            Style::Old => "last_token_usage",
            Style::New => "response_id",
            Style::Pycodex => return None,
        };
        let is_it = |record: &Value| record["payload"].to_string().contains(kind);
        let at = s.records.iter().rposition(is_it).unwrap();
        let payload = payload(s, at);
        let pointer = ["/usage", "/info/last_token_usage"];
        let usage = pointer
            .iter()
            .find(|pointer| payload.pointer(pointer).is_some())
            .unwrap();
        payload.pointer_mut(usage).unwrap()["cached_input_tokens"] = json!(77);
        found_in_record("rollout-usage-changed", at)
    }),
    ("tokens dropped", |s| {
        (s.style == Style::New).then_some(())?;
        let at = s.record_of_type("token_usage_record");
        s.records.remove(at);
        found_in_exchange("rollout-usage-missing", 0)
    }),
    ("thread id altered", |s| {
        payload(s, 0)["id"] = json!("01a1fbdd-0000-7000-8000-000000000000");
        found_in_record("rollout-id-changed", 0)
    }),
    ("session id altered", |s| {
        (s.style == Style::New).then_some(())?;
        payload(s, 0)["session_id"] = json!("01a1fbdd-0000-7000-8000-000000000000");
        found_in_record("rollout-id-changed", 0)
    }),
    ("turn id altered", |s| {
        (s.style != Style::Pycodex).then_some(())?;
        let is_it = |record: &Value| record["payload"]["type"] == "task_started";
        let at = s.records.iter().position(is_it).unwrap();
        payload(s, at)["turn_id"] = json!("turn-x");
        found_in_record("rollout-id-changed", at)
    }),
    ("window id altered", |s| {
        (s.style == Style::New).then_some(())?;
        let at = s.record_of_type("compacted");
        payload(s, at)["window_id"] = json!("window-x");
        found_in_record("rollout-id-changed", at)
    }),
    ("item id altered", |s| {
        (s.style != Style::Old).then_some(())?;
        let at = s.find_record("Two lines.");
        payload(s, at)["id"] = json!("msg_x");
        found_in_record("rollout-delivery-changed", at)
    }),
    ("item id dropped", |s| {
        (s.style == Style::New).then_some(())?;
        let at = s.find_record("Written.");
        payload(s, at).as_object_mut().unwrap().remove("id");
        found_in_record("rollout-delivery-changed", at)
    }),
];

const ON_THE_WIRE: &[(&str, Mutation)] = &[
    ("argument altered when sent", |s| {
        let at = position(s, 1, "function_call");
        s.input(1)[at]["arguments"] = json!(json!({"cmd": "rm"}).to_string());
        found_in_exchange("rollout-input-changed", 1)
    }),
    ("output not sent", |s| {
        let at = position(s, 1, "function_call_output");
        s.input(1).remove(at);
        found_in_exchange("rollout-input-missing", 1)
    }),
    ("call sent twice", |s| {
        let at = position(s, 1, "function_call");
        let item = s.input(1)[at].clone();
        s.input(1).insert(at, item);
        found_in_exchange("rollout-input-added", 1)
    }),
    ("calls sent in another order", |s| {
        let at = position(s, 1, "function_call");
        s.input(1).swap(at, at + 1);
        found_in_exchange("rollout-input-order", 1)
    }),
    ("reasoning not sent", |s| {
        let at = position(s, 1, "reasoning");
        s.input(1).remove(at);
        found_in_exchange("rollout-input-missing", 1)
    }),
    ("answer invented when sent", |s| {
        s.input(4).push(message("msg_x", "Invented."));
        found_in_exchange("rollout-input-added", 4)
    }),
    ("summary altered when sent", |s| {
        let is_it = |item: &Value| item.to_string().contains("Another language model");
        let at = s.input(3).iter().position(is_it).unwrap();
        s.input(3)[at]["content"][0]["text"] = json!("Another summary.");
        found_in_exchange("rollout-compaction-changed", 3)
    }),
    ("id not sent", |s| {
        (s.style == Style::New).then_some(())?;
        let at = position(s, 1, "function_call");
        s.input(1)[at].as_object_mut().unwrap().remove("id");
        found_in_exchange("rollout-input-changed", 1)
    }),
    ("another answer delivered", |s| {
        s.events(4)[0]["data"]["item"]["content"][0]["text"] = json!("Nothing.");
        found_in_exchange("rollout-delivery-changed", 4)
    }),
    ("more delivered", |s| {
        let mut event = s.events(4)[0].clone();
        event["data"]["item"] = message("msg_x", "More.");
        s.events(4).insert(1, event);
        found_in_exchange("rollout-delivery-missing", 4)
    }),
    ("less delivered", |s| {
        s.events(1).remove(0);
        found_in_exchange("rollout-item-invented", 1)
    }),
    ("another summary delivered", |s| {
        s.events(2)[0]["data"]["item"]["content"][0]["text"] = json!("Nothing happened.");
        found_in_exchange("rollout-compaction-changed", 2)
    }),
    ("other tokens told of", |s| {
        (s.style != Style::Pycodex).then_some(())?;
        let last = s.events(4).len() - 1;
        s.events(4)[last]["data"]["response"]["usage"]["output_tokens"] = json!(6);
        found_in_exchange("rollout-usage-changed", 4)
    }),
];

/// What is wrong with what was found.
fn complaint(session: &Session, rule: &str, place: &Place) -> Option<String> {
    let check = session.check();
    let counting: Vec<_> = check
        .violations
        .iter()
        .filter(|violation| violation.level != Level::Note)
        .collect();
    let is_there = counting.iter().any(|violation| {
        violation.rule == rule
            && match place {
                Place::Record(number) => violation
                    .place
                    .as_ref()
                    .is_some_and(|place| place.record == *number),
                Place::Exchange(number) => violation.exchange == Some(*number),
            }
    });
    let told = |violation: &&Violation| {
        let record = violation.place.as_ref().map(|place| place.record);
        format!(
            "\n    {} exchange {:?}, record {record:?}: {}",
            violation.rule, violation.exchange, violation.message
        )
    };
    (!is_there).then(|| {
        let told: String = counting.iter().map(told).collect();
        format!("{rule} is not there, but:{told}")
    })
}

#[test]
fn each_mutation_is_found_at_its_place() {
    let mut complaints = Vec::new();
    let mut count = 0;
    for (name, mutate) in ON_DISK.iter().chain(ON_THE_WIRE) {
        for style in STYLES {
            let mut session = Session::two_turns(style);
            let Some((rule, place)) = mutate(&mut session) else {
                continue;
            };
            count += 1;
            let complaint = complaint(&session, rule, &place);
            complaints.extend(complaint.map(|text| format!("{name}, {style:?}: {text}")));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n\n"));
    assert!(count > 100, "{count} mutations");
}

#[test]
fn a_mutation_that_recurs_is_told_once() {
    for style in STYLES {
        let mut session = Session::two_turns(style);
        let at = session.find_record("\"/w\"");
        payload(&mut session, at)["output"] = json!("/x");
        let check = session.check();
        assert_eq!(
            check.violations.len(),
            1,
            "{style:?}: {:#?}",
            check.violations
        );
        assert_eq!(check.violations[0].exchange, Some(1));
        assert_eq!(check.violations[0].recurs, [2]);
        assert_eq!(check.violations[0].expected.as_deref(), Some("/x"));
        assert_eq!(check.violations[0].found.as_deref(), Some("/w"));
    }
}
