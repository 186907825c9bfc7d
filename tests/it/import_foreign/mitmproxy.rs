//! mitmproxy flow files.

use proptest::prelude::*;
use trace_diff::capture::import::{detect_mitmproxy, read_mitmproxy};
use trace_diff::capture::{Body, Content, Direction, End, FrameKind, Recorded};

use super::{fixture, har, header_pairs, kinds, problems, status, targets, text_of};

#[test]
fn a_flow_file_gives_what_it_holds() {
    let bytes = fixture("mitmproxy/small.mitm");
    assert!(detect_mitmproxy(&bytes[..64]));
    assert!(!detect_mitmproxy(b"12:hello world!,"));
    let capture = read_mitmproxy("x.mitm", &bytes);
    assert!(capture.problems.is_empty(), "{:?}", capture.problems);
    let [turn, socket, lost] = capture.exchanges.as_slice() else {
        panic!("not three exchanges")
    };

    assert_eq!(
        (turn.request.method.as_str(), turn.request.target.as_str()),
        ("POST", "/v1/responses")
    );
    assert_eq!(
        header_pairs(turn)[2],
        ("X-Odd".to_owned(), "café".to_owned())
    );
    assert!(turn.request.body.json().unwrap().get("input").is_some());
    assert!(
        *turn.request.wire_body_bytes.as_option().unwrap()
            < text_of(&turn.request.body).len() as u64
    );
    assert_eq!(kinds(turn), ["response.created", "response.completed"]);
    assert_eq!(turn.response.end, Recorded::Yes(End::Complete));
    assert_eq!(turn.response.headers_ms, Recorded::Yes(1000.0));
    assert_eq!(turn.response.ended_ms, Recorded::Yes(1500.0));

    let Content::Frames(frames) = &socket.response.content else {
        panic!("no frames")
    };
    assert_eq!(frames.len(), 2);
    assert_eq!(
        (frames[0].direction, &frames[0].kind),
        (Direction::ClientToServer, &FrameKind::Text)
    );
    assert_eq!(
        (frames[1].at_ms, text_of(&frames[1].data)),
        (Recorded::Yes(3500.0), "[00, ff]".to_owned())
    );
    assert_eq!(socket.response.end, Recorded::NotRecorded);
    let websocket = socket.extra.as_ref().unwrap().get("websocket").unwrap();
    assert_eq!(websocket.get("close_code").unwrap().text(), "1000");

    assert!(matches!(lost.request.body, Body::NotRecorded));
    assert_eq!(status(lost), Some(None));
    assert_eq!(lost.response.end, Recorded::Yes(End::PeerClosed));
    let connections: Vec<_> = capture.exchanges.iter().map(|e| e.connection).collect();
    assert_eq!(
        connections,
        [Recorded::Yes(1), Recorded::Yes(2), Recorded::Yes(1)]
    );
}

#[test]
fn a_cut_flow_file_keeps_every_flow_before_the_cut() {
    let bytes = fixture("mitmproxy/small.mitm");
    let second = flow_end(&bytes, 0);
    for cut in (1..bytes.len()).step_by(13) {
        let capture = read_mitmproxy("x.mitm", &bytes[..cut]);
        let whole = usize::from(cut >= second) + usize::from(flow_end(&bytes, second) <= cut);
        let count = capture.exchanges.len();
        assert!(count == whole || count == whole + 1, "cut at {cut}");
        if cut != second && cut != flow_end(&bytes, second) {
            let problem = capture.problems.last().unwrap();
            assert_eq!(
                (problem.kind.as_str(), problem.span.end),
                ("truncated", cut as u64)
            );
        }
    }
    // Of a flow that is cut behind its request, that is used.
    let capture = read_mitmproxy("x.mitm", &bytes[..bytes.len() - 30]);
    assert_eq!(capture.exchanges.len(), 3);
    assert!(
        capture.problems[0]
            .message
            .ends_with("are complete and are used")
    );
}

#[test]
fn damage_inside_a_flow_file_costs_the_flow_that_it_is_in() {
    let bytes = fixture("mitmproxy/small.mitm");
    let second = flow_end(&bytes, 0);
    // Bytes taken out or changed somewhere in the second flow, its length included.
    for at in second..flow_end(&bytes, second) {
        let mut torn = bytes.clone();
        torn.remove(at);
        let capture = read_mitmproxy("x.mitm", &torn);
        assert_eq!(
            (capture.exchanges.len(), targets(&capture)[1]),
            (2, "/v1/responses"),
            "byte {at} out"
        );
        assert_eq!(
            problems(&capture),
            [("torn", second as u64..(flow_end(&bytes, second) - 1) as u64)]
        );

        let mut changed = bytes.clone();
        changed[at] ^= 0x15;
        let capture = read_mitmproxy("x.mitm", &changed);
        assert!(
            capture.exchanges.len() >= 2,
            "byte {at} changed: {:?}",
            capture.problems
        );
    }
    let mut huge = b"999999999999:".to_vec();
    huge.extend_from_slice(&bytes);
    assert_eq!(read_mitmproxy("x.mitm", &huge).exchanges.len(), 3);
    for garbage in [&b"not a flow file"[..], &[b'7'; 300_000], b"4:true!"] {
        let capture = read_mitmproxy("x.mitm", garbage);
        assert!(capture.exchanges.is_empty() && !capture.problems.is_empty());
    }
}

/// The place behind the flow that begins at `start`.
fn flow_end(bytes: &[u8], start: usize) -> usize {
    let colon = start + bytes[start..].iter().position(|&b| b == b':').unwrap();
    let length: usize = std::str::from_utf8(&bytes[start..colon])
        .unwrap()
        .parse()
        .unwrap();
    colon + 1 + length + 1
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn no_damage_makes_a_reader_panic(
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        hole in any::<(prop::sample::Index, prop::sample::Index)>(),
    ) {
        for file in ["har/small.har", "mitmproxy/small.mitm"] {
            let mut bytes = fixture(file);
            for (at, byte) in &edits {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            let (from, to) = (hole.0.index(bytes.len()), hole.1.index(bytes.len()));
            bytes.drain(from.min(to)..from.max(to));
            let length = bytes.len() as u64;
            let flows = read_mitmproxy("x", &bytes);
            for problem in har(bytes).problems.iter().chain(&flows.problems) {
                prop_assert!(problem.span.start <= problem.span.end && problem.span.end <= length);
            }
        }
    }
}
