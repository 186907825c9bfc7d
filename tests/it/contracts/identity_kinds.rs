//! One way or more to break each rule of identity in a capture that keeps them all.

use serde_json::{Value, json};

use crate::mutations::Trace;

/// A way to break a rule in one request, by its number.
pub(super) struct Kind {
    pub(super) rule: &'static str,
    pub(super) apply: fn(&mut Trace, usize) -> Option<Place>,
}

pub(super) struct Place {
    pub(super) unit: usize,
    pub(super) pointer: String,
    /// The other of two places that differ, where nothing tells which of them is wrong.
    pub(super) or: Option<String>,
}

const OTHER: &str = "01a1ffff-0000-7000-8000-000000000001";
const HEADERS: &str = "/request/headers";
const METADATA: &str = "/request/headers/x-codex-turn-metadata";
const CLIENT: &str = "/request/body/client_metadata";
const COPY: &str = "/request/body/client_metadata/x-codex-turn-metadata";

pub(super) const KINDS: &[Kind] = &[
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
        // Memories have a rule of their own. It is the only mark of a review in 0.115.0.
        (!has(trace, unit, "x-openai-memgen-request")).then_some(())?;
        let is_alone = turns(trace).len() == 1 && !has(trace, unit, "x-codex-parent-thread-id");
        (!is_alone).then_some(())?;
        remove_header(trace, unit, "x-openai-subagent")?;
        if let Some(client) = trace.body_mut(unit)["client_metadata"].as_object_mut() {
            client.shift_remove("x-openai-subagent");
        }
        Some(place(unit, HEADERS))
    }),
    kind("subagent-unmarked", |trace, unit| {
        remove_header(trace, unit, "x-codex-parent-thread-id")?;
        Some(place(unit, HEADERS))
    }),
    kind("memory-unmarked", |trace, unit| {
        remove_header(trace, unit, "x-openai-memgen-request")?;
        Some(place(unit, HEADERS))
    }),
    kind("memory-unmarked", |trace, unit| {
        has(trace, unit, "x-openai-memgen-request").then_some(())?;
        remove_header(trace, unit, "x-openai-subagent")?;
        Some(place(unit, HEADERS))
    }),
    kind("memory-unmarked", |trace, unit| {
        has(trace, unit, "x-openai-memgen-request").then_some(())?;
        let client = trace.body_mut(unit)["client_metadata"].as_object_mut()?;
        client.shift_remove("x-openai-subagent")?;
        Some(place(unit, CLIENT))
    }),
    kind("memory-unmarked", |trace, unit| {
        has(trace, unit, "x-openai-memgen-request").then_some(())?;
        set(trace, unit, &format!("{COPY}/thread_source"), "user");
        set(trace, unit, &format!("{METADATA}/thread_source"), "user")?;
        Some(place(unit, METADATA))
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
        let is_later = turns(trace).iter().filter(|other| *other < &unit).any(same);
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
        // A fork has a session of its own.
        let key = |other: usize| trace.body(other)["prompt_cache_key"].as_str();
        let is_earlier = |other: &usize| *other < unit && key(*other) == key(unit);
        turns(trace).iter().any(is_earlier).then_some(())?;
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
        // What a port makes ids for, and what was continued over a WebSocket, it need not have.
        let is_of_codex = trace.headers(unit).iter().any(|header| {
            header[0] == "user-agent"
                && header[1]
                    .as_str()
                    .is_some_and(|agent| !agent.starts_with("codex-tui/"))
        });
        (is_of_codex || trace.input(unit)[index]["type"] != "additional_tools").then_some(())?;
        (!trace.headers(unit).is_empty()).then_some(())?;
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

/// The requests that ask for a stream and are no warm-ups.
pub(super) fn turns(trace: &Trace) -> Vec<usize> {
    let mut requests = trace.requests();
    let path = |unit: usize| trace.records[trace.units[unit].record]["path"].as_str();
    requests.retain(|unit| {
        let is_unary = path(*unit).is_some_and(|path| path.ends_with("/compact"));
        !is_unary && trace.body(*unit)["generate"] != false
    });
    requests
}

/// Rules that are broken with one.
pub(super) fn follows(rule: &str) -> &'static [&'static str] {
    match rule {
        // Over a WebSocket the handshake names the first installation.
        "installation-id-changed" => &["installation-id-mismatch"],
        // A compaction begins a new window.
        "window-id-mismatch" => &["compaction-window"],
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
    // What a model made has an id of the server's.
    let is_own = |item: &Value| {
        has_id
            || item["type"] != "reasoning"
                && item["role"] != "assistant"
                && !item["type"]
                    .as_str()
                    .is_some_and(|kind| kind.ends_with("_call"))
    };
    let found =
        items.find(|(_, item)| is_new(item) && is_own(item) && item["id"].is_string() == has_id)?;
    // The rule is about what is sent as a whole.
    trace
        .body(unit)
        .get("previous_response_id")
        .is_none()
        .then_some(found.0)
}
