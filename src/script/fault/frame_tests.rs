use std::time::Duration;

use super::*;
use crate::script::answer::{Ending, WsFrame, WsPiece};

fn cut(ending: Ending, at: Place) -> FaultKind {
    FaultKind::Cut { ending, at }
}

fn exact(number: u64) -> Count {
    Count::Exact(number)
}

/// Two messages, `ab` and `cde`.
fn messages() -> Vec<WsPiece> {
    let mut pieces: Vec<WsPiece> = ["ab", "cde"]
        .map(|text| WsPiece::Frame {
            frame: WsFrame::text(text),
            flush: false,
            ends_event: true,
        })
        .to_vec();
    pieces.push(WsPiece::End(Ending::Complete));
    pieces
}

fn frames_after(kind: &FaultKind) -> String {
    let mut pieces = messages();
    apply_to_frames(kind, &mut pieces, &mut Random::new(1, 0, 0)).unwrap();
    let parts = pieces.iter().map(|piece| match piece {
        WsPiece::Frame { frame, .. } => hex(&frame.to_bytes()),
        WsPiece::Wire(bytes) => format!("torn {}", hex(bytes)),
        WsPiece::Wait(wait) => format!("[{wait:?}]"),
        WsPiece::Gate(name) => format!("[gate {name}]"),
        WsPiece::End(ending) => format!("[{ending:?}]").to_lowercase(),
    });
    parts.collect::<Vec<_>>().join(" | ")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[test]
fn frames_are_torn_fragmented_closed_and_pinged() {
    let check = |kind: FaultKind, expect: &str| assert_eq!(frames_after(&kind), expect, "{kind:?}");
    let close = Ending::Close;
    check(cut(close, Place::BeforeHead), "[close]");
    check(
        cut(close, Place::AfterEvent(exact(1))),
        "81026162 | [close]",
    );
    check(
        cut(close, Place::InEvent(exact(2), Some(2))),
        "81026162 | torn 81036364 | [close]",
    );
    check(
        cut(close, Place::InChunk(exact(1))),
        "torn 810261 | [close]",
    );
    check(
        cut(Ending::Reset, Place::AfterBytes(exact(3))),
        "81026162 | torn 810363 | [reset]",
    );
    check(
        cut(Ending::Stall(None), Place::AtEnd),
        "81026162 | 8103636465 | [stall(none)]",
    );
    check(
        FaultKind::CloseFrame {
            code: Some(1011),
            reason: "no".into(),
            after_event: Some(exact(1)),
        },
        "81026162 | 880403f36e6f | [close]",
    );
    check(
        FaultKind::CloseFrame {
            code: None,
            reason: String::new(),
            after_event: None,
        },
        "81026162 | 8103636465 | 8800 | [close]",
    );
    check(
        FaultKind::Ping {
            after_event: exact(0),
        },
        "890a74726163652d64696666 | 81026162 | 8103636465 | [complete]",
    );
    check(
        FaultKind::Fragments(2),
        "81026162 | 01026364 | 800165 | [complete]",
    );
    check(
        FaultKind::BinaryFrames,
        "82026162 | 8203636465 | [complete]",
    );
    check(
        FaultKind::Pause {
            wait: Duration::from_secs(1),
            at: Place::InEvent(exact(2), Some(1)),
        },
        "81026162 | torn 810363 | [1s] | torn 6465 | [complete]",
    );
}
