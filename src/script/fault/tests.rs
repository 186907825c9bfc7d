use std::time::Duration;

use super::*;
use crate::http::HeaderList;
use crate::script::answer::{Ending, Framing, Head, Piece};
use crate::script::model::{Beat, StreamEvent};
use crate::script::wire::{chunk, head_bytes};

/// What a client sees on the socket, with waits and the end in brackets. Body pieces that are not flushed are joined, as
/// a server does.
fn on_the_wire(pieces: &[Piece]) -> String {
    let mut out = Vec::new();
    let mut framing = None;
    let mut pending = Vec::new();
    for piece in pieces {
        if !matches!(piece, Piece::Body { flush: false, .. }) {
            let held: Vec<u8> = std::mem::take(&mut pending);
            out.extend_from_slice(&framed(framing, &held));
        }
        match piece {
            Piece::Head(head) => {
                framing = Some(head.framing);
                out.extend_from_slice(&head_bytes(head));
            }
            Piece::Body { bytes, flush, .. } => {
                pending.extend_from_slice(bytes);
                if *flush {
                    let held = std::mem::take(&mut pending);
                    out.extend_from_slice(&framed(framing, &held));
                }
            }
            Piece::Wire(bytes) => out.extend_from_slice(bytes),
            Piece::Wait(wait) => out.extend_from_slice(format!("[{wait:?}]").as_bytes()),
            Piece::Gate(name) => out.extend_from_slice(format!("[gate {name}]").as_bytes()),
            Piece::End(Ending::Complete) if framing == Some(Framing::Chunked) => {
                out.extend_from_slice(b"0\r\n\r\n[complete]");
            }
            Piece::End(ending) => {
                out.extend_from_slice(format!("[{ending:?}]").to_lowercase().as_bytes());
            }
        }
    }
    shown(&out)
}

fn framed(framing: Option<Framing>, bytes: &[u8]) -> Vec<u8> {
    match framing {
        Some(Framing::Chunked) => chunk(bytes).to_vec(),
        _ => bytes.to_vec(),
    }
}

/// Bytes with line ends and what is no UTF-8 made visible.
fn shown(bytes: &[u8]) -> String {
    bytes
        .utf8_chunks()
        .map(|part| {
            let torn: String = part
                .invalid()
                .iter()
                .map(|b| format!("<{b:02x}>"))
                .collect();
            part.valid().replace('\r', "␍").replace('\n', "␊") + &torn
        })
        .collect()
}

const HEAD: &str = "HTTP/1.1 200 OK␍␊content-type: t␍␊transfer-encoding: chunked␍␊␍␊";

/// Three events `aa`, `bé`, `cc`, each in a chunk of its own.
fn answer(framing: Framing) -> Vec<Piece> {
    let mut pieces = vec![Piece::Head(Head {
        status: 200,
        headers: HeaderList::from_iter([("content-type", "t")]),
        framing,
    })];
    pieces.extend(["aa", "bé", "cc"].map(|text| Piece::Body {
        bytes: text.into(),
        flush: true,
        ends_event: true,
    }));
    pieces.push(Piece::End(Ending::Complete));
    pieces
}

fn applied(kind: &FaultKind, framing: Framing) -> Result<String, FaultError> {
    let mut pieces = answer(framing);
    apply_to_pieces(kind, &mut pieces, &mut Random::new(1, 0, 0))?;
    Ok(on_the_wire(&pieces))
}

fn check(kind: FaultKind, expect: &str) {
    let got = applied(&kind, Framing::Chunked).unwrap();
    let expect = match expect.strip_prefix('^') {
        Some(rest) => format!("{HEAD}{rest}"),
        None => expect.to_owned(),
    };
    assert_eq!(got, expect, "{kind:?}");
}

fn cut(ending: Ending, at: Place) -> FaultKind {
    FaultKind::Cut { ending, at }
}

fn exact(number: u64) -> Count {
    Count::Exact(number)
}

#[test]
fn an_answer_is_cut_at_the_byte_that_was_asked_for() {
    use Ending::{Close, Complete, Reset, Stall};
    check(cut(Close, Place::BeforeHead), "[close]");
    check(cut(Reset, Place::BeforeHead), "[reset]");
    check(cut(Close, Place::AfterHead), "^[close]");
    check(cut(Close, Place::AfterEvent(exact(0))), "^[close]");
    check(
        cut(Close, Place::AfterEvent(exact(2))),
        "^2␍␊aa␍␊3␍␊bé␍␊[close]",
    );
    check(
        cut(Complete, Place::AfterEvent(exact(1))),
        "^2␍␊aa␍␊0␍␊␍␊[complete]",
    );
    check(
        cut(Stall(None), Place::AfterEvent(exact(1))),
        "^2␍␊aa␍␊[stall(none)]",
    );
    check(cut(Reset, Place::AtEnd), "^2␍␊aa␍␊3␍␊bé␍␊2␍␊cc␍␊[reset]");
    check(cut(Close, Place::AfterBytes(exact(0))), "^[close]");
    check(
        cut(Close, Place::AfterBytes(exact(3))),
        "^2␍␊aa␍␊1␍␊b␍␊[close]",
    );
    check(
        cut(Close, Place::AfterBytes(exact(5))),
        "^2␍␊aa␍␊3␍␊bé␍␊[close]",
    );
    check(
        cut(Close, Place::InEvent(exact(2), None)),
        "^2␍␊aa␍␊1␍␊b␍␊[close]",
    );
    check(
        cut(Close, Place::InEvent(exact(3), Some(1))),
        "^2␍␊aa␍␊3␍␊bé␍␊1␍␊c␍␊[close]",
    );
    check(
        cut(Close, Place::InCharacter(exact(1))),
        "^2␍␊aa␍␊2␍␊b<c3>␍␊[close]",
    );
    check(cut(Reset, Place::InChunk(exact(1))), "^2␍␊a[reset]");
}

#[test]
fn a_place_that_is_not_there_is_an_error() {
    let check = |at: Place, expect: &str| {
        let error = applied(&cut(Ending::Close, at), Framing::Chunked).unwrap_err();
        assert_eq!(error.to_string(), expect);
    };
    check(
        Place::AfterEvent(exact(4)),
        "the fault `cut` is at event 4, but the answer has 3 events",
    );
    check(
        Place::AfterBytes(exact(8)),
        "the fault `cut` is at byte 8, but there are 7 bytes",
    );
    check(
        Place::InEvent(exact(1), Some(3)),
        "the fault `cut` is at byte 3, but there are 2 bytes",
    );
    check(
        Place::InCharacter(exact(2)),
        "the fault `cut` is inside the character 2 of those with more than one byte, but there are 1",
    );
    let kind = cut(Ending::Close, Place::InChunk(exact(1)));
    assert_eq!(
        applied(&kind, Framing::Length(7)).unwrap_err().to_string(),
        "the fault `cut` is about a chunk, but the answer is not sent in chunks"
    );
}

#[test]
fn a_pause_lies_where_it_was_put_and_nothing_is_lost() {
    let pause = |at: Place| FaultKind::Pause {
        wait: Duration::from_secs(1),
        at,
    };
    check(
        pause(Place::BeforeHead),
        &format!("[1s]{HEAD}2␍␊aa␍␊3␍␊bé␍␊2␍␊cc␍␊0␍␊␍␊[complete]"),
    );
    check(
        pause(Place::AfterEvent(exact(1))),
        "^2␍␊aa␍␊[1s]3␍␊bé␍␊2␍␊cc␍␊0␍␊␍␊[complete]",
    );
    check(
        pause(Place::InCharacter(exact(1))),
        "^2␍␊aa␍␊2␍␊b<c3>␍␊[1s]1␍␊<a9>␍␊2␍␊cc␍␊0␍␊␍␊[complete]",
    );
    check(
        pause(Place::InChunk(exact(3))),
        "^2␍␊aa␍␊3␍␊bé␍␊2␍␊c[1s]c␍␊0␍␊␍␊[complete]",
    );
}

#[test]
fn the_framing_lies_as_told() {
    let length = |length| FaultKind::ContentLength(length);
    let with = |framing: &str, body: &str| {
        format!("HTTP/1.1 200 OK␍␊content-type: t␍␊{framing}␍␊␍␊{body}")
    };
    check(
        length(ContentLength::Exactly(100)),
        &with("content-length: 100", "aabécc[complete]"),
    );
    check(
        length(ContentLength::More(-3)),
        &with("content-length: 4", "aabécc[complete]"),
    );
    check(
        FaultKind::UntilClose,
        &with("connection: close", "aabécc[close]"),
    );
    check(
        FaultKind::ContentType("text/html".into()),
        "HTTP/1.1 200 OK␍␊content-type: text/html␍␊transfer-encoding: chunked␍␊␍␊2␍␊aa␍␊3␍␊bé␍␊2␍␊cc␍␊0␍␊␍␊[complete]",
    );
    let bad = |kind, after| FaultKind::BadChunk {
        kind,
        after_event: exact(after),
    };
    check(
        bad(BadChunk::Size, 1),
        "^2␍␊aa␍␊zz␍␊3␍␊bé␍␊2␍␊cc␍␊0␍␊␍␊[complete]",
    );
    check(bad(BadChunk::End, 0), "^2␍␊aa3␍␊bé␍␊2␍␊cc␍␊0␍␊␍␊[complete]");
    check(
        bad(BadChunk::Longer, 2),
        "^2␍␊aa␍␊3␍␊bé␍␊12␍␊cc␍␊0␍␊␍␊[complete]",
    );
    check(
        bad(BadChunk::Shorter, 2),
        "^2␍␊aa␍␊3␍␊bé␍␊1␍␊cc␍␊0␍␊␍␊[complete]",
    );
}

#[test]
fn a_body_is_cut_up_in_the_sizes_wanted() {
    let chunks = |sizes: &[u32], every| FaultKind::Chunks {
        sizes: sizes.to_vec(),
        every: Duration::from_millis(every),
    };
    check(
        chunks(&[1, 3], 0),
        "^1␍␊a␍␊3␍␊ab<c3>␍␊1␍␊<a9>␍␊2␍␊cc␍␊0␍␊␍␊[complete]",
    );
    check(
        chunks(&[4], 5),
        "^4␍␊aab<c3>␍␊[5ms]3␍␊<a9>cc␍␊0␍␊␍␊[complete]",
    );
    let random = applied(&chunks(&[], 0), Framing::Chunked).unwrap();
    assert_eq!(random, applied(&chunks(&[], 0), Framing::Chunked).unwrap());
}

#[test]
fn a_slow_head_comes_late_or_in_drops() {
    let slow = |drip| FaultKind::SlowHead {
        wait: Duration::from_secs(2),
        drip,
    };
    check(
        slow(None),
        &format!("[2s]{HEAD}2␍␊aa␍␊3␍␊bé␍␊2␍␊cc␍␊0␍␊␍␊[complete]"),
    );
    let mut pieces = answer(Framing::Chunked);
    let drip = slow(Some((30, Duration::from_millis(7))));
    apply_to_pieces(&drip, &mut pieces, &mut Random::new(1, 0, 0)).unwrap();
    assert!(
        !pieces
            .iter()
            .any(|piece| matches!(piece, Piece::Head(_) | Piece::Body { .. }))
    );
    assert_eq!(
        on_the_wire(&pieces),
        "[2s]HTTP/1.1 200 OK␍␊content-type:[7ms] t␍␊transfer-encoding: chunked[7ms]␍␊␍␊\
         2␍␊aa␍␊3␍␊bé␍␊2␍␊cc␍␊0␍␊␍␊[complete]"
    );
}

#[test]
fn random_places_depend_on_the_seed_only() {
    let kind = cut(Ending::Close, Place::AfterBytes(Count::Random));
    let with = |seed: u64| {
        let mut pieces = answer(Framing::Chunked);
        apply_to_pieces(&kind, &mut pieces, &mut Random::new(seed, 0, 0)).unwrap();
        on_the_wire(&pieces)
    };
    assert_eq!(with(1), with(1));
    let different: std::collections::BTreeSet<_> = (0..40).map(with).collect();
    assert_eq!(different.len(), 8, "each of the 8 places comes up");
}

fn beats() -> Vec<Beat> {
    let event = |kind: &str| {
        Beat::Event(StreamEvent::of(
            &serde_json::json!({ "type": kind, "n": 1 }),
        ))
    };
    ["created", "delta", "item", "completed"]
        .map(event)
        .to_vec()
}

fn events_after(kind: &FaultKind) -> Result<Vec<String>, FaultError> {
    let mut beats = beats();
    let response = serde_json::json!({ "id": "r", "status": "in_progress", "error": null });
    let finished = serde_json::json!({ "usage": { "total_tokens": 9 } });
    let ends = Ends {
        response: Some(&response),
        finished: Some(&finished),
    };
    apply_to_events(kind, &mut beats, &ends, &mut Random::new(3, 0, 0))?;
    Ok(beats
        .iter()
        .map(|beat| match beat {
            Beat::Event(event) => event.data.clone(),
            other => format!("{other:?}"),
        })
        .collect())
}

fn kinds_after(kind: &FaultKind) -> String {
    let events = events_after(kind).unwrap();
    let names = events.iter().map(|data| {
        let parsed: Option<serde_json::Value> = serde_json::from_str(data).ok();
        parsed.map_or(data.clone(), |data| {
            data["type"].as_str().unwrap_or("?").to_owned()
        })
    });
    names.collect::<Vec<_>>().join(" ")
}

#[test]
fn events_are_left_out_repeated_moved_and_broken() {
    let check = |kind: FaultKind, expect: &str| assert_eq!(kinds_after(&kind), expect, "{kind:?}");
    check(FaultKind::NoCompleted, "created delta item");
    check(
        FaultKind::Duplicate {
            event: exact(2),
            times: 2,
        },
        "created delta delta delta item completed",
    );
    check(
        FaultKind::Drop(vec![exact(1), exact(3), exact(1)]),
        "delta completed",
    );
    check(
        FaultKind::Swap(exact(1), exact(4)),
        "completed delta item created",
    );
    check(
        FaultKind::Unknown {
            kind: "x.y".into(),
            after_event: exact(0),
        },
        "x.y created delta item completed",
    );
    check(
        FaultKind::Malformed {
            event: exact(2),
            data: None,
        },
        r#"created {"type":"de item completed"#,
    );
    check(
        FaultKind::Malformed {
            event: exact(4),
            data: Some("nonsense".into()),
        },
        "created delta item nonsense",
    );
    let shuffled = kinds_after(&FaultKind::Shuffle);
    assert!(
        shuffled.starts_with("created ") && shuffled.ends_with(" completed"),
        "{shuffled}"
    );
    let error = events_after(&FaultKind::Drop(vec![exact(5)])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the fault `drop` is at event 5, but the answer has 4 events"
    );
}

#[test]
fn a_response_ends_otherwise_in_place_of_its_last_event_or_earlier() {
    let error = ErrorInfo {
        code: Some("rate_limit_exceeded".into()),
        message: Some("Please try again in 1s.".into()),
        ..ErrorInfo::default()
    };
    let last = |kind: &FaultKind| events_after(kind).unwrap().pop().unwrap();
    let failed = FaultKind::Failed {
        error: error.clone(),
        after_event: None,
    };
    assert_eq!(kinds_after(&failed), "created delta item response.failed");
    assert_eq!(
        last(&failed),
        r#"{"type":"response.failed","sequence_number":3,"response":{"id":"r","status":"failed","error":{"code":"rate_limit_exceeded","message":"Please try again in 1s."}}}"#
    );
    let incomplete = FaultKind::Incomplete {
        reason: "content_filter".into(),
        after_event: Some(exact(1)),
    };
    assert_eq!(
        events_after(&incomplete).unwrap()[1..],
        [
            r#"{"type":"response.incomplete","sequence_number":1,"response":{"id":"r","status":"incomplete","error":null,"incomplete_details":{"reason":"content_filter"},"usage":{"total_tokens":9}}}"#
        ]
    );
    let event = FaultKind::ErrorEvent {
        error,
        after_event: Some(exact(0)),
    };
    assert_eq!(
        events_after(&event).unwrap(),
        [
            r#"{"type":"error","sequence_number":0,"code":"rate_limit_exceeded","message":"Please try again in 1s.","param":null}"#
        ]
    );
}

#[test]
fn faults_are_counted_and_drawn() {
    let fault = |times, chance| Fault {
        kind: FaultKind::Nameless,
        times,
        chance,
    };
    let hits = |fault: &Fault| -> Vec<bool> {
        (1..=8)
            .map(|count| {
                let mut random = Random::new(5, 0, u64::from(count));
                !active(std::slice::from_ref(fault), count, &mut random).is_empty()
            })
            .collect()
    };
    assert_eq!(hits(&fault(Some(2), None))[..4], [true, true, false, false]);
    assert_eq!(hits(&fault(None, Some(0.0))), [false; 8]);
    let half = hits(&fault(None, Some(0.5)));
    assert!(half.contains(&true) && half.contains(&false), "{half:?}");
    assert!(is_random(&fault(None, Some(0.5))) && !is_random(&fault(Some(1), None)));
}
