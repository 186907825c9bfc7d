//! Scripts out of the corpus, played to the requests that its captures hold: what comes out is what was recorded.

use std::path::Path;
use std::sync::Arc;

use trace_diff::capture::{
    Body, Capture, Content, End, EventStream, Exchange, Transport, flatten, read_capture,
};
use trace_diff::http::{HeaderList, parse_sse};
use trace_diff::json::Value;
use trace_diff::rollout::RolloutSource;
use trace_diff::script::{
    Answer, Conversation, Ending, Player, PlayerOptions, RequestView, Script, Upgrade, WsAnswer,
    convert_raw_exchange_script, script_from_capture, script_from_rollout,
};
use walkdir::WalkDir;

use crate::samples::package;

/// The files of the corpus with this name; none without a corpus.
fn files(is_wanted: impl Fn(&str) -> bool) -> Vec<std::path::PathBuf> {
    let top = package().join("../shared/corpus");
    if !top.is_dir() {
        println!("skipped: no corpus beside the package");
        return Vec::new();
    }
    WalkDir::new(top)
        .sort_by_file_name()
        .into_iter()
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_str().is_some_and(&is_wanted))
        .map(walkdir::DirEntry::into_path)
        .collect()
}

/// What came back, in a form that both sides have: status, events as name and JSON, and how it ended.
#[derive(Debug, PartialEq)]
struct Heard {
    status: Option<u16>,
    events: Vec<(Option<String>, String)>,
    body: Option<String>,
    ending: &'static str,
}

fn normal(text: &str) -> String {
    serde_json::from_str::<serde_json::Value>(text)
        .map_or_else(|_| text.to_owned(), |value| value.to_string())
}

fn ending_name(ending: Ending) -> &'static str {
    match ending {
        Ending::Complete => "complete",
        Ending::Close => "closed",
        Ending::Reset => "reset",
        Ending::Stall(_) => "stall",
    }
}

fn body_text(body: &Body) -> String {
    match body {
        Body::Json(json) => normal(json.value.text()),
        Body::Text(text) => normal(text),
        _ => String::new(),
    }
}

fn recorded_events(stream: &EventStream) -> Vec<(Option<String>, String)> {
    let mut events: Vec<_> = stream
        .events
        .iter()
        .map(|event| (event.name.clone(), body_text(&event.data)))
        .collect();
    if let Some(tail) = &stream.partial_tail {
        events.push((Some("tail".to_owned()), tail.clone()));
    }
    events
}

fn recorded(exchange: &Exchange, answered: &'static str) -> Heard {
    let response = &exchange.response;
    let (events, body) = match &response.content {
        Content::Events(stream) => (recorded_events(stream), None),
        Content::Body(body) => (Vec::new(), Some(body_text(body))),
        _ => (Vec::new(), None),
    };
    let ending = match response.end.as_option() {
        Some(End::Complete) => "complete",
        Some(End::Closed) => "closed",
        Some(End::Reset) => "reset",
        Some(End::Stall) => "stall",
        // Who left first says nothing about what the server meant to do.
        _ => answered,
    };
    let status = response.status.as_option().copied().flatten();
    Heard {
        status,
        events,
        body: body.filter(|_| status.is_some()),
        ending,
    }
}

fn played(answer: &Answer) -> Heard {
    let bytes = answer.body();
    let text = String::from_utf8_lossy(&bytes);
    let is_stream = answer.pieces.iter().any(|piece| match piece {
        trace_diff::script::Piece::Head(head) => head
            .headers
            .get("content-type")
            .is_some_and(|kind| kind.starts_with("text/event-stream")),
        _ => false,
    });
    let parsed = parse_sse(&text);
    let mut events: Vec<_> = parsed
        .events
        .iter()
        .filter(|placed| placed.event.data.is_some())
        .map(|placed| {
            let data = placed.event.data.clone().unwrap_or_default();
            (placed.event.name.clone(), normal(&data))
        })
        .collect();
    if !parsed.partial_tail.is_empty() {
        events.push((Some("tail".to_owned()), parsed.partial_tail.clone()));
    }
    Heard {
        status: answer.status(),
        body: (!is_stream && answer.status().is_some()).then(|| normal(&text)),
        events: if is_stream { events } else { Vec::new() },
        ending: ending_name(answer.ending()),
    }
}

fn played_messages(answer: &WsAnswer) -> Vec<(Option<String>, String)> {
    answer
        .messages()
        .map(|message| (None, normal(message)))
        .collect()
}

/// Sends the requests of a capture to a player; complaints are what it answers otherwise.
fn replay(name: &str, script: Script, capture: &Capture) -> Vec<String> {
    let mut player = Player::new(Arc::new(script), PlayerOptions::default());
    let mut complaints = Vec::new();
    let mut conversation = Conversation::default();
    let mut handshake: Option<(String, HeaderList)> = None;
    for (number, flat) in flatten(capture).iter().enumerate() {
        let exchange = &flat.exchange;
        let request = &exchange.request;
        let headers = request
            .headers
            .as_option()
            .map(|headers| headers.list.clone());
        let headers = headers.unwrap_or_default();
        let body = request.body.json().cloned();
        let view = |headers, body| RequestView {
            number,
            method: &request.method,
            target: &request.target,
            headers,
            body,
            now: 0,
        };
        let mut complain = |what: String| complaints.push(format!("{name} #{number}: {what}"));
        let is_upgrade = headers
            .get("upgrade")
            .is_some_and(|upgrade| upgrade.eq_ignore_ascii_case("websocket"));
        match flat.transport {
            Transport::WebSocket => {
                let (target, headers) = handshake.clone().unwrap_or_default();
                let message = RequestView {
                    target: &target,
                    ..view(&headers, body.as_ref())
                };
                let decision = player.answer_message(&mut conversation, &message);
                let Content::Events(stream) = &exchange.response.content else {
                    continue;
                };
                let expect = recorded_events(stream);
                let got = played_messages(&decision.answer);
                if expect != got {
                    complain(format!(
                        "{:?}\nexpected {expect:?}\ngot {got:?}",
                        decision.violation
                    ));
                }
            }
            _ if is_upgrade => {
                handshake = Some((request.target.clone(), headers.clone()));
                conversation = Conversation::default();
                let is_refused = exchange.response.status.as_option() != Some(&Some(101));
                match player.upgrade(&view(&headers, None)) {
                    Upgrade::Accept { .. } if !is_refused => {}
                    Upgrade::Refuse(_) if is_refused => {}
                    other => complain(format!("the upgrade got {other:?}")),
                }
            }
            _ => {
                let decision = player.answer(&view(&headers, body.as_ref()));
                let mut got = played(&decision.answer);
                let expect = recorded(exchange, got.ending);
                if exchange.response.end.as_option() == Some(&End::PeerClosed) {
                    // The agent went before it had heard everything.
                    got.events.truncate(expect.events.len());
                }
                if expect != got {
                    complain(format!(
                        "{:?}\nexpected {expect:?}\ngot {got:?}",
                        decision.violation
                    ));
                }
            }
        }
    }
    complaints
}

fn assert_none(complaints: &[String]) {
    let shown: Vec<String> = complaints
        .iter()
        .take(12)
        .map(|complaint| complaint.chars().take(1500).collect())
        .collect();
    assert!(
        complaints.is_empty(),
        "{} complaints:\n{}",
        complaints.len(),
        shown.join("\n")
    );
}

fn capture_beside(script: &Path) -> Option<Capture> {
    read_capture(&script.with_file_name("capture.jsonl").to_string_lossy()).ok()
}

#[test]
fn every_script_of_the_corpus_is_converted_and_plays_what_was_recorded() {
    let mut complaints = Vec::new();
    let mut count = 0;
    for path in files(|name| name == "script.json") {
        let name = path.parent().unwrap().display().to_string();
        let text = std::fs::read_to_string(&path).unwrap();
        let converted = match convert_raw_exchange_script(&text) {
            Ok(converted) => converted,
            Err(error) => {
                complaints.push(format!("{name}: {error:?}"));
                continue;
            }
        };
        let script = Script::parse("", &converted).unwrap();
        if let Some(capture) = capture_beside(&path) {
            count += 1;
            complaints.extend(replay(&name, script, &capture));
        }
    }
    println!("{count} scripts");
    assert_none(&complaints);
}

#[test]
fn every_capture_of_the_corpus_plays_its_own_responses() {
    let mut complaints = Vec::new();
    for path in files(|name| name == "capture.jsonl") {
        let name = path.parent().unwrap().display().to_string();
        let capture = read_capture(&path.to_string_lossy()).unwrap();
        let text = script_from_capture(&capture);
        let script = Script::parse(&name, &text).unwrap_or_else(|error| panic!("{name}: {error}"));
        complaints.extend(replay(&name, script, &capture));
    }
    assert_none(&complaints);
}

#[test]
fn every_rollout_of_the_corpus_makes_a_script() {
    let mut count = 0;
    for path in files(|name| name.starts_with("rollout-") && name.ends_with(".jsonl")) {
        let source = RolloutSource::file(&path).unwrap();
        let text = script_from_rollout(&source).unwrap();
        let script = Script::parse("", &text);
        let script = script.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        count += usize::from(!script.steps.is_empty());
        let value = Value::parse(text).unwrap();
        assert!(value.node().get("version").is_some());
    }
    println!("{count} rollouts with responses");
}

/// What an item says, in a form that capture and rollout share: its text, call or sealed content.
fn gist(item: &serde_json::Value) -> Option<String> {
    let kind = item["type"].as_str()?;
    let text = match kind {
        "message" => item.pointer("/content/0/text"),
        "reasoning" => item.get("encrypted_content"),
        "compaction" => item.get("encrypted_content"),
        _ => item.get("call_id").or_else(|| item.get("id")),
    };
    Some(format!(
        "{kind} {}",
        text.and_then(serde_json::Value::as_str)?
    ))
}

/// What the completed responses of a capture said, response by response.
fn said_in_capture(capture: &Capture) -> Vec<Vec<String>> {
    let mut responses = Vec::new();
    for flat in flatten(capture) {
        let Content::Events(stream) = &flat.exchange.response.content else {
            continue;
        };
        let mut items = Vec::new();
        let mut is_completed = false;
        for event in &stream.events {
            let Some(data) = event.data.json() else {
                continue;
            };
            let data: serde_json::Value = serde_json::from_str(data.text()).unwrap();
            match data["type"].as_str() {
                Some("response.output_item.done") => items.extend(gist(&data["item"])),
                Some("response.completed") => is_completed = true,
                _ => {}
            }
        }
        if is_completed && !items.is_empty() {
            responses.push(items);
        }
    }
    responses
}

#[test]
fn a_rollout_plays_what_the_capture_of_its_run_delivered() {
    let mut complaints = Vec::new();
    let mut count = 0;
    for path in files(|name| name == "capture.jsonl") {
        let rollouts: Vec<_> = WalkDir::new(path.with_file_name("rollouts"))
            .into_iter()
            .filter_map(Result::ok)
            .filter(|entry| {
                entry
                    .file_name()
                    .to_str()
                    .is_some_and(|n| n.ends_with(".jsonl"))
            })
            .map(walkdir::DirEntry::into_path)
            .collect();
        let name = path.parent().unwrap().display().to_string();
        let number = name
            .rsplit('/')
            .next()
            .unwrap()
            .get(..2)
            .unwrap_or_default();
        // Runs without retries, forks, interrupts, unknown items and remote answers that are no stream.
        let is_plain =
            ["01", "02", "03", "04", "17", "18", "19", "22", "23", "36"].contains(&number);
        let ([rollout], true) = (&rollouts[..], is_plain) else {
            continue;
        };
        let capture = read_capture(&path.to_string_lossy()).unwrap();
        let text = script_from_rollout(&RolloutSource::file(rollout).unwrap()).unwrap();
        let script: serde_json::Value = serde_json::from_str(&text).unwrap();
        let steps = script["step"].as_array().cloned().unwrap_or_default();
        let said = steps.iter().map(|step| {
            let entries = step["reply"].as_array().unwrap().iter();
            entries.filter_map(|entry| gist(&entry["item"])).collect()
        });
        // A step that only fails has pycodex compact, which wrote no usage to disk that would.
        let got: Vec<Vec<String>> = said.filter(|said: &Vec<String>| !said.is_empty()).collect();
        let expect = said_in_capture(&capture);
        count += 1;
        if got != expect {
            complaints.push(format!("{name}\nexpected {expect:?}\ngot {got:?}"));
        }
    }
    println!("{count} runs");
    assert_none(&complaints);
}

#[test]
fn a_strict_server_accepts_what_codex_sends() {
    let mut refused = Vec::new();
    let mut count = 0;
    for path in files(|name| name == "capture.jsonl") {
        let name = path.parent().unwrap().display().to_string();
        let capture = read_capture(&path.to_string_lossy()).unwrap();
        let script = Script::parse("", "version = 1").unwrap();
        let options = PlayerOptions {
            is_strict_api: true,
            ..PlayerOptions::default()
        };
        let mut player = Player::new(Arc::new(script), options);
        for (number, flat) in flatten(&capture).iter().enumerate() {
            let request = &flat.exchange.request;
            let Some(body) = request.body.json() else {
                continue;
            };
            if flat.transport != Transport::Http || request.method != "POST" {
                continue;
            }
            count += 1;
            let decision = player.answer(&RequestView {
                number,
                method: &request.method,
                target: &request.target,
                headers: &HeaderList::new(),
                body: Some(body),
                now: 0,
            });
            refused.extend(
                decision
                    .violation
                    .map(|violation| format!("{name}: {violation}")),
            );
        }
    }
    println!("{count} requests");
    assert_none(&refused);
}
