//! HAR files.

use trace_diff::capture::import::detect_har;
use trace_diff::capture::{Body, Content, Direction, End, FrameKind, Recorded};

use super::{fixture, har, header_pairs, kinds, problems, status, targets, text_of};

#[test]
fn a_har_gives_what_it_holds_and_marks_the_rest_as_not_recorded() {
    let bytes = fixture("har/small.har");
    assert!(detect_har(&bytes[..200]));
    let capture = har(bytes.clone());
    assert_eq!(
        targets(&capture),
        ["/v1/responses?x=1", "/", "/v1/responses", "/v1/models"]
    );

    let turn = &capture.exchanges[0];
    assert_eq!(turn.request.method, "POST");
    assert_eq!(
        turn.request.http_version,
        Recorded::Yes("HTTP/2".to_owned())
    );
    let names: Vec<_> = header_pairs(turn)
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["x-a", "X-A", "content-type"]);
    assert!(turn.request.body.json().unwrap().get("input").is_some());
    assert_eq!(status(turn), Some(Some(200)));
    assert_eq!(kinds(turn), ["response.created", "response.completed"]);
    assert_eq!(turn.response.end, Recorded::NotRecorded);
    assert_eq!(
        (turn.started_ms, turn.response.ended_ms),
        (Recorded::Yes(0.0), Recorded::Yes(12.5))
    );
    assert_eq!(turn.connection, Recorded::Yes(443));
    let extra = turn.extra.as_ref().unwrap();
    assert_eq!(extra.node().get_string("_priority").unwrap(), "High");
    assert_eq!(
        extra
            .get("request")
            .unwrap()
            .node()
            .get_string("url")
            .unwrap(),
        "https://api.example.test/v1/responses?x=1#f"
    );
}

#[test]
fn a_har_tells_of_failures_and_sockets() {
    let bytes = fixture("har/small.har");
    let capture = har(bytes.clone());
    let failed = &capture.exchanges[1];
    assert!(matches!(failed.request.body, Body::NotRecorded));
    assert_eq!(failed.request.headers, Recorded::NotRecorded);
    assert_eq!(failed.started_ms, Recorded::Yes(1250.0));
    assert!(
        matches!(&failed.response.content, Content::Body(body) if text_of(body) == r#"{"error":"no"}"#)
    );

    let Content::Frames(frames) = &capture.exchanges[2].response.content else {
        panic!("no frames")
    };
    assert_eq!(frames.len(), 2);
    assert_eq!(frames[0].direction, Direction::ClientToServer);
    assert_eq!(frames[0].at_ms, Recorded::Yes(2500.0));
    assert_eq!(text_of(&frames[0].data), r#"{"type":"response.create"}"#);
    assert_eq!(
        (frames[1].direction, &frames[1].kind),
        (Direction::ServerToClient, &FrameKind::Binary)
    );
    assert_eq!(text_of(&frames[1].data), "[00, ff]");
    assert_eq!(
        capture.exchanges[2].response.ended_ms,
        Recorded::NotRecorded
    );

    let lost = &capture.exchanges[3];
    assert_eq!(status(lost), Some(None));
    assert_eq!(lost.response.end, Recorded::Yes(End::Reset));
    assert!(matches!(lost.request.body, Body::Empty));

    // Only the WebSocket message that is no message.
    let text = String::from_utf8(bytes).unwrap();
    assert_eq!(capture.problems.len(), 1, "{:?}", capture.problems);
    let span = capture.problems[0].span.clone();
    assert!(text[span.start as usize..span.end as usize].contains("\"lost\""));
}

#[test]
fn a_har_without_bodies_does_not_say_they_were_empty() {
    let entry = |request: &str, response: &str| {
        let text = format!(
            r#"{{"log":{{"version":"1.2","entries":[{{"request":{{"method":"POST","url":"/r","headers":[],{request}}},"response":{{"status":200,{response}}}}}]}}}}"#
        );
        let capture = har(text);
        let exchange = capture.exchanges.into_iter().next().unwrap();
        let content = match exchange.response.content {
            Content::NotRecorded => "(not recorded)".to_owned(),
            Content::Body(body) => text_of(&body),
            other => format!("{other:?}"),
        };
        (text_of(&exchange.request.body), content)
    };
    let not = || "(not recorded)".to_owned();
    assert_eq!(
        entry(r#""bodySize":9"#, r#""content":{"size":9}"#),
        (not(), not())
    );
    assert_eq!(
        entry(r#""bodySize":-1"#, r#""content":{"size":0},"bodySize":-1"#),
        (not(), not())
    );
    assert_eq!(
        entry(r#""bodySize":0"#, r#""content":{"size":0},"bodySize":0"#),
        (String::new(), String::new())
    );
    assert_eq!(
        entry(
            r#""bodySize":3,"postData":{"params":[{"name":"a","value":"b"}]}"#,
            r#""content":{"size":2,"text":"ok"}"#
        ),
        (not(), "ok".to_owned())
    );
    assert_eq!(
        entry(
            r#""bodySize":3,"postData":{"encoding":"base64","text":"/wA="}"#,
            r#""content":{"size":2,"encoding":"base64","text":"*"}"#
        ),
        ("[ff, 00]".to_owned(), not())
    );
}

#[test]
fn a_cut_har_keeps_every_entry_before_the_cut() {
    let bytes = fixture("har/small.har");
    let whole = har(bytes.clone());
    let mut seen = 0;
    for cut in (0..bytes.len() - 2).step_by(7) {
        let capture = har(&bytes[..cut]);
        let count = capture.exchanges.len();
        assert!(count >= seen, "cut at {cut}");
        seen = count;
        assert_eq!(targets(&capture), targets(&whole)[..count], "cut at {cut}");
        let problem = capture.problems.last().unwrap();
        let is_empty = bytes[..cut].is_empty();
        assert!(
            is_empty || problem.kind == "truncated",
            "cut at {cut}: {problem:?}"
        );
        assert_eq!(problem.span.end, cut as u64);
    }
    assert_eq!(seen, 4);

    let text = String::from_utf8(bytes).unwrap();
    let capture = har(&text[..text.find("\"statusText\"").unwrap()]);
    let exchange = &capture.exchanges[0];
    assert!(exchange.request.body.json().is_some());
    assert_eq!(status(exchange), Some(Some(200)));
    assert!(matches!(exchange.response.content, Content::NotRecorded));
    let messages = text.find("\"type\": \"receive\"").unwrap();
    let capture = har(&text[..messages]);
    assert!(
        matches!(&capture.exchanges[2].response.content, Content::Frames(frames) if frames.len() == 1)
    );
    let before = text[..messages].rfind("\"_webSocketMessages\"").unwrap();
    assert!(matches!(
        har(&text[..before]).exchanges[2].response.content,
        Content::NotRecorded
    ));
}

#[test]
fn damage_inside_a_har_costs_the_entry_that_it_is_in() {
    let text = String::from_utf8(fixture("har/small.har")).unwrap();
    let compact = serde_json::from_str::<serde_json::Value>(&text)
        .unwrap()
        .to_string();
    for text in [text, compact] {
        let entries: Vec<_> = text
            .match_indices("\"startedDateTime\"")
            .map(|(at, _)| text[..at].rfind('{').unwrap())
            .collect();
        let second = entries[1]..entries[2];
        for (start, length) in [(10, 40), (80, 5), (100, 250), (200, 1), (300, 60)] {
            let hole = second.start + start..second.start + start + length;
            let torn = format!("{}{}", &text[..hole.start], &text[hole.end..]);
            let capture = har(torn);
            let got = targets(&capture);
            let without = ["/v1/responses?x=1", "/v1/responses", "/v1/models"];
            // A hole may leave JSON behind; then the entry is read as what it is now.
            if got.len() == 3 {
                assert_eq!(got, without, "hole {hole:?}");
                let spans = problems(&capture);
                assert!(
                    spans
                        .iter()
                        .any(|(kind, span)| *kind == "torn" && span.start == second.start as u64),
                    "{spans:?}"
                );
            } else {
                assert_eq!(
                    (got.len(), got[0], got[2], got[3]),
                    (4, without[0], without[1], without[2]),
                    "hole {hole:?}"
                );
            }
        }
    }
}

#[test]
fn malformed_entries_are_problems_and_the_rest_is_used() {
    let capture = har(
        r#"{"log":{"version":"9.0","entries":[17,{"response":{}},{"request":{"method":"GET","url":"https://h/a","headers":[{"name":"x"}]}},{"startedDateTime":"soon","request":{"method":"GET","url":"https://h/b"},"response":{"status":204,"content":{"size":0}}}]}} tail"#,
    );
    assert_eq!(targets(&capture), ["/a", "/b"]);
    let kinds: Vec<_> = capture.problems.iter().map(|p| p.kind.as_str()).collect();
    assert_eq!(
        kinds,
        [
            "garbage",
            "incomplete-exchange",
            "incomplete-exchange",
            "incomplete-exchange",
            "incomplete-exchange",
            "garbage"
        ]
    );
    assert_eq!(capture.problems[0].span, 35..37);
    assert!(matches!(
        &capture.exchanges[1].response.content,
        Content::Body(Body::Empty)
    ));

    let capture = har(&b"{\"log\":{\"entries\":[{\"request\":{\"method\":\"P\xff\",\"url\":\"/\"},\"response\":{\"status\":200}}]}}"[..]);
    assert_eq!(problems(&capture), [("invalid-utf8", 42..43)]);
    assert_eq!(capture.exchanges[0].request.method, "P?");

    for (text, kind) in [
        ("", "garbage"),
        ("[]", "garbage"),
        ("{\"a\":1}", "garbage"),
        ("{\"log\":{\"version\":", "truncated"),
    ] {
        assert_eq!(
            problems(&har(text)),
            [(kind, 0..text.len() as u64)],
            "{text}"
        );
    }
    assert!(!detect_har(
        b"{\"format\":\"raw-exchange/1\",\"log\":{\"x\":1}}"
    ));
    assert!(!detect_har(
        b"{\"model\":\"m\",\"input\":[{\"log\":{\"entries\":[]}}]}"
    ));
}

#[test]
fn hostile_hars_are_read_in_linear_time() {
    let mut text = "{\"log\":{\"entries\":[".to_owned();
    text.push_str(&"{\"request\":".repeat(200_000));
    assert!(har(text).exchanges.is_empty());
    let text = format!("{{\"log\":{{\"entries\":[{}", "[{\"\",".repeat(200_000));
    assert!(har(text).exchanges.is_empty());
    let text = format!(
        "{{\"log\":{{\"entries\":[{}",
        "{\"a\u{1}\"},".repeat(100_000)
    );
    assert!(har(text).exchanges.is_empty());
}
