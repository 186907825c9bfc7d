//! WebSockets: what is sent frame by frame, and what the client may do to it.

use std::net::TcpStream;

use bytes::Bytes;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{Message, WebSocket};

use crate::capture::{Content, Direction, Exchange, FrameKind};
use crate::script::{Ending, StepId, WsAnswer, WsFrame, WsOpcode, WsPiece};
use crate::server::Server;

use super::client::{Client, Ended, captured, serve_messages};

const ASK: &str = "GET /v1/responses HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-extensions: permessage-deflate\r\n\r\n";
/// The accept value is that of RFC 6455, section 1.3.
const GRANTED: &str = "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
const REQUEST: &str = r#"{"type":"response.create","input":[]}"#;

fn says(pieces: Vec<WsPiece>, ending: Ending) -> WsAnswer {
    let mut pieces = pieces;
    pieces.push(WsPiece::End(ending));
    WsAnswer {
        step: StepId::Step(0),
        pieces,
    }
}

fn frame(frame: WsFrame) -> WsPiece {
    WsPiece::Frame {
        frame,
        flush: false,
        ends_event: false,
    }
}

fn text(text: &str) -> WsPiece {
    frame(WsFrame::text(text))
}

/// A connection whose handshake is done.
fn connect(server: &Server) -> Client {
    let mut client = Client::new(server);
    client.send(ASK.as_bytes());
    client.expect(GRANTED);
    client
}

fn socket(client: &Client) -> WebSocket<TcpStream> {
    let stream = client.stream().try_clone().expect("the socket is open");
    WebSocket::from_raw_socket(stream, Role::Client, None)
}

/// The frames as `c:…` and `s:…`, and how it ended.
fn frames(exchange: &Exchange) -> Vec<String> {
    let Content::Frames(frames) = &exchange.response.content else {
        panic!("{exchange:?}");
    };
    let mut all: Vec<String> = frames
        .iter()
        .map(|frame| {
            let from = match frame.direction {
                Direction::ClientToServer => "c",
                Direction::ServerToClient => "s",
            };
            match &frame.kind {
                FrameKind::Close { code, reason } => {
                    format!("{from}:close {} {reason}", code.unwrap_or(0))
                }
                FrameKind::Text => {
                    let json = frame.data.json().map(|json| json.text().to_owned());
                    format!(
                        "{from}:{}",
                        json.unwrap_or_else(|| format!("{:?}", frame.data))
                    )
                }
                other => format!("{from}:{other:?}"),
            }
        })
        .collect();
    let end = exchange.response.end.as_option();
    all.push(end.map_or("-", |end| end.name()).to_owned());
    all
}

fn check(server: &Server, expect: &[&str]) {
    let capture = captured(server, 1);
    assert!(capture.problems.is_empty(), "{:?}", capture.problems);
    assert_eq!(frames(&capture.exchanges[0]), expect);
}

#[test]
fn messages_are_answered_until_the_client_closes() {
    let server = serve_messages(vec![
        says(vec![text("{\"n\":1}"), text("{\"n\":2}")], Ending::Complete),
        says(vec![text("{\"n\":3}")], Ending::Complete),
    ]);
    let client = connect(&server);
    let mut socket = socket(&client);
    for numbers in [&[1, 2][..], &[3]] {
        socket.send(Message::text(REQUEST)).expect("it is open");
        for number in numbers {
            let message = socket.read().expect("a message comes");
            assert_eq!(message, Message::text(format!("{{\"n\":{number}}}")));
        }
    }
    socket
        .send(Message::Ping(Bytes::from_static(b"p")))
        .expect("it is open");
    assert_eq!(
        socket.read().expect("a pong comes"),
        Message::Pong(Bytes::from_static(b"p"))
    );
    socket.close(None).expect("it is open");
    assert!(socket.read().is_ok_and(|message| message.is_close()));
    check(
        &server,
        &[
            &format!("c:{REQUEST}"),
            "s:{\"n\":1}",
            "s:{\"n\":2}",
            &format!("c:{REQUEST}"),
            "s:{\"n\":3}",
            "c:Ping",
            "s:Pong",
            "c:close 0 ",
            "s:close 0 ",
            "complete",
        ],
    );
}

#[test]
fn frames_go_out_as_the_script_has_them() {
    let fragment = |opcode, is_final, payload| {
        frame(WsFrame {
            opcode,
            is_final,
            payload: Bytes::from_static(payload),
        })
    };
    let server = serve_messages(vec![says(
        vec![
            fragment(WsOpcode::Text, false, b"{\"n\""),
            frame(WsFrame::whole(WsOpcode::Ping, Bytes::from_static(b"!"))),
            fragment(WsOpcode::Continuation, true, b":1}"),
            WsPiece::Wire(Bytes::from_static(b"\x81\x20{\"torn")),
        ],
        Ending::Reset,
    )]);
    let mut client = connect(&server);
    socket(&client)
        .send(Message::text(REQUEST))
        .expect("it is open");
    client.expect("\u{1}\u{4}{\"n\"");
    let (rest, ended) = client.read_to_end();
    assert_eq!(
        (rest.as_str(), ended),
        (
            "\u{fffd}\u{1}!\u{fffd}\u{3}:1}\u{fffd}\u{20}{\"torn",
            Ended::Reset
        )
    );
    check(
        &server,
        &[&format!("c:{REQUEST}"), "s:Ping", "s:{\"n\":1}", "reset"],
    );
    let capture = captured(&server, 1);
    let extra = capture.exchanges[0].extra.as_ref().expect("it is kept");
    assert!(extra.text().contains(r#"{\"torn""#), "{}", extra.text());
}

#[test]
fn a_close_frame_has_the_code_that_the_script_says() {
    let server = serve_messages(vec![says(
        vec![frame(WsFrame::close(Some((1013, "later"))))],
        Ending::Close,
    )]);
    let client = connect(&server);
    let mut socket = socket(&client);
    socket.send(Message::text(REQUEST)).expect("it is open");
    let Message::Close(Some(close)) = socket.read().expect("it closes") else {
        panic!("no close frame");
    };
    assert_eq!(
        (u16::from(close.code), close.reason.as_str()),
        (1013, "later")
    );
    // tungstenite sends its answer when it is read again.
    assert!(socket.read().is_err());
    check(
        &server,
        &[
            &format!("c:{REQUEST}"),
            "s:close 1013 later",
            "c:close 1013 later",
            "complete",
        ],
    );
}

#[test]
fn a_connection_is_closed_without_a_close_frame() {
    let server = serve_messages(vec![says(vec![text("{}")], Ending::Close)]);
    let mut client = connect(&server);
    socket(&client)
        .send(Message::text(REQUEST))
        .expect("it is open");
    let (rest, ended) = client.read_to_end();
    assert_eq!((rest.as_str(), ended), ("\u{fffd}\u{2}{}", Ended::Closed));
    check(&server, &[&format!("c:{REQUEST}"), "s:{}", "closed"]);
}

#[test]
fn silence_lasts_until_the_client_goes_and_pings_are_still_answered() {
    let server = serve_messages(vec![says(vec![], Ending::Stall(None))]);
    let client = connect(&server);
    let mut socket = socket(&client);
    socket.send(Message::text(REQUEST)).expect("it is open");
    socket
        .send(Message::Ping(Bytes::new()))
        .expect("it is open");
    assert_eq!(
        socket.read().expect("a pong comes"),
        Message::Pong(Bytes::new())
    );
    drop((socket, client));
    check(
        &server,
        &[&format!("c:{REQUEST}"), "c:Ping", "s:Pong", "stall"],
    );
}

#[test]
fn a_gate_holds_messages_back_and_early_requests_wait() {
    let server = serve_messages(vec![
        says(
            vec![WsPiece::Gate("g".to_owned()), text("{\"n\":1}")],
            Ending::Complete,
        ),
        says(vec![text("{\"n\":2}")], Ending::Complete),
    ]);
    let mut client = connect(&server);
    let mut socket = socket(&client);
    socket.send(Message::text(REQUEST)).expect("it is open");
    socket
        .send(Message::text("{\"early\":1}"))
        .expect("it is open");
    assert!(client.is_quiet());
    server.gates().open("g");
    for number in [1, 2] {
        let message = socket.read().expect("a message comes");
        assert_eq!(message, Message::text(format!("{{\"n\":{number}}}")));
    }
    drop((socket, client));
    check(
        &server,
        &[
            &format!("c:{REQUEST}"),
            "s:{\"n\":1}",
            "c:{\"early\":1}",
            "s:{\"n\":2}",
            "peer_closed",
        ],
    );
}

#[test]
fn a_client_that_breaks_the_protocol_is_told_and_written_down() {
    let long = vec![b'x'; 200_000];
    let cases: [(&[u8], &str); 4] = [
        // Not masked.
        (b"\x81\x02hi", "1002"),
        // A reserved bit, as of compressed frames.
        (b"\xc1\x82\0\0\0\0hi", "1002"),
        // Not UTF-8.
        (b"\x81\x81\0\0\0\0\xff", "1007"),
        // Longer than any request may be.
        (b"\x82\xff\0\0\0\0\0\x03\x0d\x40\0\0\0\0", "1009"),
    ];
    for (bytes, code) in cases {
        let server = serve_messages(vec![]);
        let mut client = connect(&server);
        client.send(bytes);
        if code == "1009" {
            client.send(&long);
        }
        let _ = client.read_to_end();
        let capture = captured(&server, 1);
        let exchange = &capture.exchanges[0];
        assert_eq!(frames(exchange), [&format!("s:close {code} "), "closed"]);
        assert!(
            exchange
                .extra
                .as_ref()
                .is_some_and(|extra| extra.text().contains("violation"))
        );
    }
}

#[test]
fn a_client_that_vanishes_is_noticed() {
    let server = serve_messages(vec![]);
    drop(connect(&server));
    check(&server, &["peer_closed"]);
}

#[test]
fn each_message_is_answered_and_kept_as_what_it_was() {
    let says = |text_: &str| says(vec![text(text_)], Ending::Complete);
    let server = serve_messages(vec![says("1"), says("2")]);
    let client = connect(&server);
    let mut socket = socket(&client);
    for (message, answer) in [
        (Message::text("no JSON"), "1"),
        (Message::binary(REQUEST.as_bytes()), "2"),
    ] {
        socket.send(message).expect("it is open");
        assert_eq!(
            socket.read().expect("an answer comes"),
            Message::text(answer)
        );
    }
    drop((socket, client));
    check(
        &server,
        &[
            "c:Text(\"no JSON\")",
            "s:1",
            "c:Binary",
            "s:2",
            "peer_closed",
        ],
    );
}
