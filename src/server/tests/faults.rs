//! Every ending, at every place.

use std::time::Duration;

use crate::capture::{Body, Content};
use crate::script::{Ending, Framing, Piece};

use super::client::{Client, Ended, answer, body, captured, flushed, head, outline, serve, wire};

const HEAD: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// Plays one answer; the client sees these bytes and this end, and the capture this outline.
fn check(pieces: Vec<Piece>, ending: Ending, bytes: &str, ended: Ended, expect: &str) {
    let server = serve(vec![answer(pieces, ending)]);
    let mut client = Client::new(&server);
    client.post("{}");
    assert_eq!(client.read_to_end(), (bytes.to_owned(), ended));
    let capture = captured(&server, 1);
    assert!(capture.problems.is_empty(), "{:?}", capture.problems);
    assert_eq!(outline(&capture.exchanges[0]), expect);
}

#[test]
fn a_connection_is_closed_or_reset_before_the_head() {
    check(
        vec![],
        Ending::Close,
        "",
        Ended::Closed,
        "- NotRecorded closed",
    );
    check(
        vec![],
        Ending::Reset,
        "",
        Ended::Reset,
        "- NotRecorded reset",
    );
}

#[test]
fn a_stream_is_cut_between_events() {
    let sent = format!("{HEAD}b\r\ndata: {{}}\n\n\n\r\n");
    check(
        vec![head(Framing::Chunked), body("data: {}\n\n\n")],
        Ending::Close,
        &sent,
        Ended::Closed,
        "200 message closed",
    );
    check(
        vec![head(Framing::Chunked), body("data: {}\n\n\n")],
        Ending::Reset,
        &sent,
        Ended::Reset,
        "200 message reset",
    );
}

#[test]
fn blocks_without_name_and_data_are_no_events() {
    let stream = "retry: 3000\n\n: hello\n\nevent: ping\n\nid: 7\ndata: 1\n\n";
    let pieces = vec![head(Framing::Chunked), body(stream)];
    let server = serve(vec![answer(pieces, Ending::Close)]);
    let mut client = Client::new(&server);
    client.post("{}");
    assert_eq!(client.read_to_end().1, Ended::Closed);
    let capture = captured(&server, 1);
    assert_eq!(outline(&capture.exchanges[0]), "200 ping,message closed");
    let Content::Events(kept) = &capture.exchanges[0].response.content else {
        panic!("no stream");
    };
    assert_eq!(kept.raw.as_deref(), Some(stream));
    assert!(matches!(kept.events[0].data, Body::Empty));
}

#[test]
fn a_reset_in_the_middle_of_a_chunk_delivers_what_came_before_it() {
    check(
        vec![
            head(Framing::Chunked),
            flushed("event: a\ndata: 1\n\n"),
            wire(b"40\r\nevent: b\nda"),
        ],
        Ending::Reset,
        &format!("{HEAD}12\r\nevent: a\ndata: 1\n\n\r\n40\r\nevent: b\nda"),
        Ended::Reset,
        "200 a+\"event: b\\nda\" reset",
    );
}

#[test]
fn a_stream_is_cut_inside_a_character() {
    let server = serve(vec![answer(
        vec![head(Framing::Chunked), wire(b"9\r\ndata: \xc3")],
        Ending::Close,
    )]);
    let mut client = Client::new(&server);
    client.post("{}");
    client.expect(HEAD);
    client.expect("9\r\ndata: ");
    let (rest, ended) = client.read_to_end();
    assert_eq!((rest.as_str(), ended), ("\u{fffd}", Ended::Closed));
}

#[test]
fn lies_about_length_are_told_as_they_are() {
    check(
        vec![head(Framing::Length(99)), body("data: 1\n\n")],
        Ending::Close,
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 99\r\n\r\ndata: 1\n\n",
        Ended::Closed,
        "200 message closed",
    );
    check(
        vec![head(Framing::Length(2)), body("data: 1\n\n")],
        Ending::Complete,
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 2\r\n\r\ndata: 1\n\n",
        Ended::Closed,
        "200 message closed",
    );
    check(
        vec![head(Framing::UntilClose), body("data: 1\n\n")],
        Ending::Complete,
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\ndata: 1\n\n",
        Ended::Closed,
        "200 message complete",
    );
}

#[test]
fn a_head_that_drips_is_a_head() {
    let server = serve(vec![
        answer(
            vec![
                wire(b"HTTP/1.1 200 OK\r\ncontent-type: text/event"),
                Piece::Wait(Duration::from_millis(5)),
                wire(b"-stream\r\ntransfer-encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n0\r\n\r\n"),
            ],
            Ending::Complete,
        ),
        answer(vec![], Ending::Close),
    ]);
    let mut client = Client::new(&server);
    client.post("{}");
    client.expect(HEAD);
    client.expect("9\r\ndata: 1\n\n\r\n0\r\n\r\n");
    client.post("{}");
    assert_eq!(client.read_to_end(), (String::new(), Ended::Closed));
    let capture = captured(&server, 2);
    assert_eq!(outline(&capture.exchanges[0]), "200 message complete");
}

#[test]
fn a_chunk_size_that_is_none_is_sent_and_written_down() {
    let server = serve(vec![answer(
        vec![head(Framing::Chunked), wire(b"xyz\r\ndata: 1\n\n\r\n")],
        Ending::Close,
    )]);
    let mut client = Client::new(&server);
    client.post("{}");
    let sent = format!("{HEAD}xyz\r\ndata: 1\n\n\r\n");
    assert_eq!(client.read_to_end(), (sent, Ended::Closed));
    let capture = captured(&server, 1);
    let extra = capture.exchanges[0].extra.as_ref().expect("it is kept");
    assert!(
        extra.text().contains(r#""wire":"xyz\r\ndata: 1"#),
        "{}",
        extra.text()
    );
}

#[test]
fn a_stall_lasts_until_the_client_goes() {
    let server = serve(vec![answer(
        vec![head(Framing::Chunked), body("data: 1\n\n")],
        Ending::Stall(None),
    )]);
    let mut client = Client::new(&server);
    client.post("{}");
    client.expect(HEAD);
    client.expect("9\r\ndata: 1\n\n\r\n");
    assert!(client.is_quiet());
    assert_eq!(server.state().active, 1);
    drop(client);
    assert_eq!(
        outline(&captured(&server, 1).exchanges[0]),
        "200 message stall"
    );
}

#[test]
fn a_stall_with_a_time_ends_in_a_close() {
    check(
        vec![head(Framing::Chunked)],
        Ending::Stall(Some(Duration::from_millis(20))),
        HEAD,
        Ended::Closed,
        "200  stall",
    );
}

#[test]
fn the_connection_goes_on_after_bytes_that_hyper_would_not_send() {
    let mut odd = head(Framing::Chunked);
    if let Piece::Head(head) = &mut odd {
        head.headers.push("X-Odd-CASE", "1");
    }
    let server = serve(vec![
        answer(vec![odd, wire(b"3\r\nabc\r\n")], Ending::Complete),
        answer(
            vec![head(Framing::Chunked), body("data: 2\n\n")],
            Ending::Complete,
        ),
        answer(vec![], Ending::Close),
    ]);
    let mut client = Client::new(&server);
    client.post("{}");
    client.expect(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nX-Odd-CASE: 1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    );
    // Two requests at once: what hyper has not read is not lost when the socket is taken back.
    client.post("{}");
    client.post("{\"last\":true}");
    client.expect(HEAD);
    client.expect("9\r\ndata: 2\n\n\r\n0\r\n\r\n");
    assert_eq!(client.read_to_end(), (String::new(), Ended::Closed));
    let capture = captured(&server, 3);
    let bodies: Vec<&str> = capture
        .exchanges
        .iter()
        .filter_map(|exchange| exchange.request.body.json().map(|v| v.text()))
        .collect();
    assert_eq!(bodies, ["{}", "{}", "{\"last\":true}"]);
    let connections: Vec<_> = capture.exchanges.iter().map(|e| e.connection).collect();
    assert_eq!(connections[0], connections[2]);
}

#[test]
fn requests_that_come_before_their_turn_wait_for_it() {
    let odd = || {
        answer(
            vec![head(Framing::Chunked), wire(b"1\r\nx\r\n")],
            Ending::Complete,
        )
    };
    let plain = || answer(vec![head(Framing::Chunked), body("y")], Ending::Complete);
    let server = serve(vec![odd(), plain(), odd(), answer(vec![], Ending::Close)]);
    let mut client = Client::new(&server);
    let one = |n: usize| format!("POST /{n} HTTP/1.1\r\ncontent-length: 2\r\n\r\n{{}}");
    client.send((0..4).map(one).collect::<String>().as_bytes());
    for content in ["x", "y", "x"] {
        client.expect(HEAD);
        client.expect(&format!("1\r\n{content}\r\n0\r\n\r\n"));
    }
    assert_eq!(client.read_to_end(), (String::new(), Ended::Closed));
    let capture = captured(&server, 4);
    let targets: Vec<&str> = capture
        .exchanges
        .iter()
        .map(|e| e.request.target.as_str())
        .collect();
    assert_eq!(targets, ["/0", "/1", "/2", "/3"]);
}

#[test]
fn a_gate_holds_back_what_comes_after_it() {
    for has_odd_end in [false, true] {
        let pieces = vec![
            head(Framing::Chunked),
            body("data: 1\n\n"),
            Piece::Gate("one".to_owned()),
            body("data: 2\n\n"),
        ];
        let ending = if has_odd_end {
            Ending::Close
        } else {
            Ending::Complete
        };
        let server = serve(vec![answer(pieces, ending)]);
        let mut client = Client::new(&server);
        client.post("{}");
        client.expect(HEAD);
        client.expect("9\r\ndata: 1\n\n\r\n");
        assert!(client.is_quiet());
        assert_eq!(server.gates().waiting(), [("one".to_owned(), 1)]);
        server.gates().open("one");
        client.expect("9\r\ndata: 2\n\n\r\n");
        assert!(server.gates().waiting().is_empty());
    }
}

#[test]
fn a_client_that_goes_while_a_gate_is_closed_is_noticed() {
    for ending in [Ending::Complete, Ending::Close] {
        let pieces = vec![
            head(Framing::Chunked),
            body("data: 1\n\n"),
            Piece::Gate("never".to_owned()),
        ];
        let server = serve(vec![answer(pieces, ending)]);
        let mut client = Client::new(&server);
        client.post("{}");
        client.expect(HEAD);
        drop(client);
        let capture = captured(&server, 1);
        assert_eq!(outline(&capture.exchanges[0]), "200 message peer_closed");
        assert!(server.gates().waiting().is_empty());
    }
}

#[test]
fn pieces_that_are_flushed_are_chunks_of_their_own_and_others_are_joined() {
    for is_odd in [false, true] {
        let mut first = head(Framing::Chunked);
        if let (Piece::Head(head), true) = (&mut first, is_odd) {
            head.headers.entries[0].name = "Content-Type".to_owned();
        }
        let pieces = vec![
            first,
            flushed("data: 1\n\n"),
            flushed("data: 2\n\n"),
            body("data: 3\n"),
            body("\n"),
        ];
        let server = serve(vec![answer(pieces, Ending::Complete)]);
        let mut client = Client::new(&server);
        client.post("{}");
        let name = if is_odd {
            "Content-Type"
        } else {
            "content-type"
        };
        client.expect(&HEAD.replace("content-type", name));
        client.expect("9\r\ndata: 1\n\n\r\n9\r\ndata: 2\n\n\r\n9\r\ndata: 3\n\n\r\n0\r\n\r\n");
    }
}

#[test]
fn a_server_that_stops_cuts_what_still_runs_and_says_so() {
    let pieces = vec![head(Framing::Chunked), Piece::Gate("never".to_owned())];
    let server = serve(vec![answer(pieces, Ending::Complete)]);
    let mut client = Client::new(&server);
    client.post("{}");
    client.expect(HEAD);
    server.stop();
    let (_, _) = client.read_to_end();
    assert_eq!(
        outline(&captured(&server, 1).exchanges[0]),
        "200  server_stopped"
    );
}
