//! Each rule of identity is found where it is broken, over HTTP and WebSockets, and nothing else with it.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use trace_diff::check::{Profile, Violation, check_capture};
use trace_diff::report::explain;

use crate::mutations::{Trace, read, trace_of};
use crate::samples::{self, Sample};

/// A way to break a rule in one request, by its number.
struct Kind {
    rule: &'static str,
    apply: fn(&mut Trace, usize) -> Option<Place>,
}

struct Place {
    unit: usize,
    pointer: String,
    /// The other of two places that differ, where nothing tells which of them is wrong.
    or: Option<String>,
}

const OTHER: &str = "01a1ffff-0000-7000-8000-000000000001";
const HEADERS: &str = "/request/headers";
const METADATA: &str = "/request/headers/x-codex-turn-metadata";
const CLIENT: &str = "/request/body/client_metadata";
const COPY: &str = "/request/body/client_metadata/x-codex-turn-metadata";

const KINDS: &[Kind] = &[
    kind("session-id-mismatch", |trace, unit| {
        let name = ["session-id", "session_id"]
            .into_iter()
            .find(|name| has(trace, unit, name))?;
        set(trace, unit, &format!("{HEADERS}/{name}"), OTHER)
    }),
    kind("session-id-mismatch", |trace, unit| {
        set(trace, unit, &format!("{METADATA}/session_id"), OTHER)
    }),
    kind("session-id-mismatch", |trace, unit| {
        set(trace, unit, &format!("{CLIENT}/session_id"), OTHER)
    }),
    kind("thread-id-mismatch", |trace, unit| {
        set(trace, unit, &format!("{HEADERS}/thread-id"), OTHER)
    }),
    kind("thread-id-mismatch", |trace, unit| {
        set(
            trace,
            unit,
            &format!("{HEADERS}/x-client-request-id"),
            OTHER,
        )
    }),
    kind("thread-id-mismatch", |trace, unit| {
        set(trace, unit, &format!("{CLIENT}/thread_id"), OTHER)
    }),
    kind("turn-id-mismatch", |trace, unit| {
        at(trace, unit, &format!("{CLIENT}/turn_id"))?;
        set(trace, unit, &format!("{METADATA}/turn_id"), OTHER)
            .or_else(|| set(trace, unit, &format!("{CLIENT}/turn_id"), OTHER))
    }),
    kind("turn-id-mismatch", |trace, unit| {
        set(trace, unit, &format!("{CLIENT}/root_turn_id"), OTHER)
    }),
    kind("window-id-mismatch", |trace, unit| {
        let pointer = format!("{HEADERS}/x-codex-window-id");
        let window = at(trace, unit, &pointer)?;
        let (thread, number) = window.rsplit_once(':')?;
        let number: u32 = number.parse().ok()?;
        let other = format!("{METADATA}/window_id");
        at(trace, unit, &other)?;
        let place = set(trace, unit, &pointer, &format!("{thread}:{}", number + 1))?;
        Some(Place {
            or: Some(other),
            ..place
        })
    }),
    kind("window-id-mismatch", |trace, unit| {
        if has(trace, unit, "thread-id") {
            return None;
        }
        set(
            trace,
            unit,
            &format!("{HEADERS}/x-codex-window-id"),
            &format!("{OTHER}:0"),
        )
    }),
    kind("installation-id-mismatch", |trace, unit| {
        at(trace, unit, &format!("{METADATA}/installation_id"))?;
        set(
            trace,
            unit,
            &format!("{CLIENT}/x-codex-installation-id"),
            OTHER,
        )
    }),
    kind("subagent-mark-mismatch", |trace, unit| {
        set(
            trace,
            unit,
            &format!("{HEADERS}/x-codex-parent-thread-id"),
            OTHER,
        )
    }),
    kind("turn-metadata-mismatch", |trace, unit| {
        at(trace, unit, &format!("{COPY}/sandbox"))?;
        set(trace, unit, &format!("{METADATA}/sandbox"), "seatbelt")
    }),
    kind("turn-metadata-incomplete", |trace, unit| {
        let mut found = None;
        for pointer in [COPY, METADATA] {
            let removed = trace.edit(unit, pointer, |value| {
                remove_inner(value, "sandbox");
            });
            found = removed.map(|()| place(unit, pointer)).or(found);
        }
        found
    }),
    kind("client-metadata-incomplete", |trace, unit| {
        let client = trace
            .body_mut(unit)
            .get_mut("client_metadata")?
            .as_object_mut()?;
        client.shift_remove("x-codex-installation-id")?;
        Some(place(unit, CLIENT))
    }),
    kind("request-kind-wrong", |trace, unit| {
        let pointer = format!("{METADATA}/request_kind");
        (at(trace, unit, &pointer)? == "compaction").then_some(())?;
        set(trace, unit, &format!("{COPY}/request_kind"), "turn");
        set(trace, unit, &pointer, "turn")
    }),
    kind("subagent-unmarked", |trace, unit| {
        remove_header(trace, unit, "x-openai-subagent")?;
        if let Some(client) = trace.body_mut(unit)["client_metadata"].as_object_mut() {
            client.shift_remove("x-openai-subagent");
        }
        Some(place(unit, HEADERS))
    }),
    kind("required-header-missing", |trace, unit| {
        remove_header(trace, unit, "originator")?;
        Some(place(unit, HEADERS))
    }),
    kind("required-header-missing", |trace, unit| {
        let id = |other: usize| at(trace, other, &format!("{HEADERS}/x-client-request-id"));
        let mut others = turns(trace).into_iter().filter(|other| *other != unit);
        others.any(|other| id(other) == id(unit)).then_some(())?;
        remove_header(trace, unit, "authorization")?;
        Some(place(unit, HEADERS))
    }),
    kind("session-header-wrong", |trace, unit| {
        let names = [("session-id", "session_id"), ("session_id", "session-id")];
        let (old, new) = names.into_iter().find(|(old, _)| has(trace, unit, old))?;
        let header = trace
            .headers_mut(unit)?
            .iter_mut()
            .find(|header| header[0] == old)?;
        header[0] = json!(new);
        Some(place(unit, &format!("{HEADERS}/{new}")))
    }),
    kind("cache-key-changed", |trace, unit| {
        let key = trace.body(unit)["prompt_cache_key"].clone();
        let same = |other: &usize| trace.body(*other)["prompt_cache_key"] == key;
        let is_later = trace
            .requests()
            .iter()
            .filter(|other| *other < &unit)
            .any(same);
        is_later.then_some(())?;
        set(trace, unit, "/request/body/prompt_cache_key", OTHER)
    }),
    kind("cache-key-wrong", |trace, unit| {
        let key = trace.body(unit)["prompt_cache_key"].clone();
        let same = |other: &usize| trace.body(*other)["prompt_cache_key"] == key;
        let first = turns(trace).into_iter().find(same);
        (first == Some(unit)).then_some(())?;
        let all = trace.requests().into_iter();
        for other in all
            .filter(|other| trace.body(*other)["prompt_cache_key"] == key)
            .collect::<Vec<_>>()
        {
            trace.body_mut(other)["prompt_cache_key"] = json!(OTHER);
        }
        Some(place(unit, "/request/body/prompt_cache_key"))
    }),
    kind("installation-id-changed", |trace, unit| {
        let pointer = format!("{CLIENT}/x-codex-installation-id");
        let id = at(trace, unit, &pointer)?;
        trace
            .requests()
            .iter()
            .any(|other| *other < unit)
            .then_some(())?;
        replace(trace, unit, &id, OTHER);
        let first = at(trace, unit, &format!("{METADATA}/installation_id"));
        let place_of_first = format!("{METADATA}/installation_id");
        Some(place(unit, first.map_or(&pointer, |_| &place_of_first)))
    }),
    kind("agent-name-changed", |trace, unit| {
        let turn = at(trace, unit, &format!("{METADATA}/turn_id"))?;
        let mut before = turns(trace).into_iter().filter(|other| *other < unit);
        let is_same =
            |other| at(trace, other, &format!("{METADATA}/turn_id")).as_ref() == Some(&turn);
        before.any(is_same).then_some(())?;
        set(
            trace,
            unit,
            &format!("{HEADERS}/user-agent"),
            "another/1.0.0 (somewhere)",
        )
    }),
    kind("turn-id-reused", |trace, unit| {
        let turn = at(trace, unit, &format!("{METADATA}/turn_id"))?;
        at(trace, unit, &format!("{METADATA}/turn_started_at_unix_ms"))?;
        let turn_of = |other| at(trace, other, &format!("{METADATA}/turn_id"));
        let before: Vec<usize> = trace
            .requests()
            .into_iter()
            .filter(|other| *other < unit)
            .collect();
        let last = turn_of(*before.last()?)?;
        (last != turn
            && before
                .iter()
                .all(|other| turn_of(*other).as_ref() != Some(&turn)))
        .then_some(())?;
        for other in turns(trace) {
            replace(trace, other, &turn, &last);
        }
        Some(place(unit, &format!("{METADATA}/turn_id")))
    }),
    kind("turn-id-changed", |trace, unit| {
        let pointer = format!("{METADATA}/turn_id");
        let turn = at(trace, unit, &pointer)?;
        at(trace, unit, &format!("{METADATA}/turn_started_at_unix_ms"))?;
        let turn_of = |other: usize| at(trace, other, &pointer);
        let mut before = turns(trace).into_iter().filter(|other| *other < unit);
        before
            .any(|other| turn_of(other).as_ref() == Some(&turn))
            .then_some(())?;
        // A change in the last request: behind it the first id would come back.
        (turns(trace).last() == Some(&unit)).then_some(())?;
        replace(trace, unit, &turn, OTHER);
        Some(place(unit, &pointer))
    }),
    kind("inference-id-reused", |trace, unit| {
        let pointer = format!("{HEADERS}/x-codex-inference-call-id");
        let mut before = turns(trace).into_iter().filter(|other| *other < unit);
        let id = before.find_map(|other| at(trace, other, &pointer))?;
        set(trace, unit, &pointer, &id)
    }),
    kind("item-id-missing", |trace, unit| {
        let index = new_item(trace, unit, true)?;
        let id = trace.input(unit)[index]["id"].clone();
        for other in turns(trace) {
            for item in trace.input_mut(other).into_iter().flatten() {
                if item["id"] == id {
                    item.as_object_mut()?.shift_remove("id");
                }
            }
        }
        Some(place(unit, &format!("/request/body/input/{index}")))
    }),
    kind("item-id-unexpected", |trace, unit| {
        let index = new_item(trace, unit, false)?;
        let item = trace.input(unit)[index].clone();
        let has_ids = |other: &usize| {
            trace
                .input(*other)
                .iter()
                .any(|item| item["id"].is_string())
        };
        (!turns(trace).iter().any(has_ids)).then_some(())?;
        let is_known = |other: &usize| trace.input(*other).contains(&item);
        (!trace
            .requests()
            .iter()
            .filter(|other| *other < &unit)
            .any(is_known))
        .then_some(())?;
        for other in turns(trace) {
            for one in trace.input_mut(other).into_iter().flatten() {
                if *one == item {
                    one["id"] = json!("item_0001");
                }
            }
        }
        Some(place(unit, &format!("/request/body/input/{index}/id")))
    }),
];

const fn kind(rule: &'static str, apply: fn(&mut Trace, usize) -> Option<Place>) -> Kind {
    Kind { rule, apply }
}

fn place(unit: usize, pointer: &str) -> Place {
    Place {
        unit,
        pointer: pointer.to_owned(),
        or: None,
    }
}

/// The requests that are no warm-ups.
fn turns(trace: &Trace) -> Vec<usize> {
    let mut requests = trace.requests();
    requests.retain(|unit| trace.body(*unit)["generate"] != false);
    requests
}

/// Rules that are broken with one.
fn follows(rule: &str) -> &'static [&'static str] {
    match rule {
        // Over a WebSocket the handshake names the first installation.
        "installation-id-changed" => &["installation-id-mismatch"],
        _ => &[],
    }
}

fn has(trace: &Trace, unit: usize, name: &str) -> bool {
    trace.headers(unit).iter().any(|header| header[0] == name)
}

/// The text at a pointer of a request, inside JSON in strings, too.
fn at(trace: &Trace, unit: usize, pointer: &str) -> Option<String> {
    let leaf = trace
        .leaves(unit)
        .into_iter()
        .find(|leaf| leaf.pointer == pointer)?;
    match leaf.value {
        Value::String(text) => (!text.is_empty()).then_some(text),
        other => Some(other.to_string()),
    }
}

fn set(trace: &mut Trace, unit: usize, pointer: &str, text: &str) -> Option<Place> {
    at(trace, unit, pointer)?;
    trace.edit(unit, pointer, |value| *value = json!(text))?;
    Some(place(unit, pointer))
}

/// Writes another text wherever one stands in a request.
fn replace(trace: &mut Trace, unit: usize, from: &str, to: &str) {
    for leaf in trace.leaves(unit) {
        // Items that name their turn are history.
        let is_history = leaf.pointer.starts_with("/request/body/input");
        if leaf.pointer.starts_with("/request") && !is_history && leaf.value == from {
            set(trace, unit, &leaf.pointer, to);
        }
    }
}

fn remove_header(trace: &mut Trace, unit: usize, name: &str) -> Option<()> {
    let headers = trace.headers_mut(unit)?;
    let index = headers.iter().position(|header| header[0] == name)?;
    headers.remove(index);
    Some(())
}

/// Takes a key out of an object that travels as a string.
fn remove_inner(value: &mut Value, key: &str) {
    let inner = value
        .as_str()
        .and_then(|text| serde_json::from_str::<Value>(text).ok());
    if let Some(Value::Object(mut members)) = inner {
        members.shift_remove(key);
        *value = json!(Value::Object(members).to_string());
    }
}

/// Position of the first item of a request that the one before it in the thread did not send, with an id or without.
fn new_item(trace: &Trace, unit: usize, has_id: bool) -> Option<usize> {
    let key = &trace.body(unit)["prompt_cache_key"];
    let mut before = turns(trace).into_iter().filter(|other| *other < unit);
    let base = before.rfind(|other| trace.body(*other)["prompt_cache_key"] == *key)?;
    let known = trace.input(base);
    let is_new = |item: &&Value| !known.contains(item);
    let last = trace.input(unit).len() - 1;
    let mut items = trace.input(unit).iter().enumerate().take(last);
    let found = items.find(|(_, item)| is_new(item) && item["id"].is_string() == has_id)?;
    // The rule is about what is sent as a whole.
    trace
        .body(unit)
        .get("previous_response_id")
        .is_none()
        .then_some(found.0)
}

#[derive(Default)]
struct Row {
    cases: usize,
    found: usize,
    complaints: Vec<String>,
}

/// Cases of one kind in one sample; more show the same.
const MOST: usize = 3;

fn run(kind: &Kind, samples: &[(Profile, &str, Trace)], row: &mut Row) {
    for (profile, name, source) in samples {
        let mut cases = 0;
        for unit in turns(source) {
            let mut trace = source.clone();
            let Some(place) = (kind.apply)(&mut trace, unit) else {
                continue;
            };
            let capture = read(name, trace.into_bytes());
            let contracts = check_capture(&capture, profile);
            judge(kind.rule, &place, &contracts.violations, name, row);
            cases += 1;
            if cases == MOST {
                break;
            }
        }
    }
}

fn judge(rule: &str, place: &Place, violations: &[Violation], name: &str, row: &mut Row) {
    row.cases += 1;
    let is_it = |one: &&Violation| {
        one.rule == rule
            && one.exchange == Some(place.unit)
            && (one.pointer.as_str() == place.pointer
                || place.or.as_deref() == Some(one.pointer.as_str()))
            && explain(one.rule).is_ok_and(|rule| rule.level == one.level)
    };
    // Between attempts the same change breaks the contracts of retries, too; streams are a server's.
    let is_other = |rule: &str| rule.starts_with("retry-") || rule.starts_with("stream-");
    let others =
        |one: &&Violation| !is_it(one) && !is_other(one.rule) && !follows(rule).contains(&one.rule);
    let found = violations.iter().filter(is_it).count();
    let extra: Vec<String> = violations
        .iter()
        .filter(others)
        .map(|one| format!("{} #{:?} {}", one.rule, one.exchange, one.pointer))
        .collect();
    row.found += usize::from(found == 1);
    if found != 1 || !extra.is_empty() {
        let at = format!("{name} #{} {}", place.unit, place.pointer);
        row.complaints
            .push(format!("{rule} {at}: found {found}, extra {extra:?}"));
    }
}

fn assert_found(title: &str, samples: &[Sample], fewest: usize) {
    let mut rows: BTreeMap<&str, Row> = BTreeMap::new();
    let source = |sample: &'_ Sample| {
        let trace = trace_of(sample);
        let clean = read(&sample.name, trace.clone().into_bytes());
        (Profile::of(&clean), trace)
    };
    let sources: Vec<_> = samples
        .iter()
        .map(|sample| (source(sample), sample))
        .collect();
    let samples: Vec<_> = sources
        .into_iter()
        .map(|((profile, trace), sample)| (profile, sample.name.as_str(), trace))
        .collect();
    for kind in KINDS {
        run(kind, &samples, rows.entry(kind.rule).or_default());
    }
    println!("\n{title}\n{:<28} {:>6} {:>6}", "rule", "cases", "found");
    let mut complaints = Vec::new();
    for (rule, row) in rows {
        println!("{rule:<28} {:>6} {:>6}", row.cases, row.found);
        if row.cases < fewest {
            complaints.push(format!("{rule}: only {} cases", row.cases));
        }
        complaints.extend(row.complaints);
    }
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn each_rule_of_identity_is_found_where_it_is_broken() {
    assert_found("mutations of fixtures", &samples::fixtures(), 1);
}

#[test]
fn each_rule_of_identity_is_found_in_the_corpus() {
    let samples = samples::corpus();
    if !samples.is_empty() {
        assert_found("mutations of the corpus", &samples, 2);
    }
}

#[test]
fn every_rule_of_identity_is_broken_once() {
    let broken: Vec<&str> = KINDS.iter().map(|kind| kind.rule).collect();
    let names = crate::explain::IDENTITY_RULES.split_whitespace();
    let unbroken: Vec<&str> = names.filter(|name| !broken.contains(name)).collect();
    assert!(unbroken.is_empty(), "{unbroken:?}");
}
