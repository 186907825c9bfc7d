//! Requests of our own: what comes back, and what is written down.

use std::time::Duration;

use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::capture::{Capture, Content, Direction, End, FrameKind, Recorded};
use crate::http::HeaderList;
use crate::server::tests::client::outline;
use crate::server::{Answer, Client, ClientOptions, Handshake, Outgoing, SendError, Told};

use super::peers::{Peer, Upstream, extra};

fn client(upstream: &str) -> Client {
    client_with(upstream, Duration::from_secs(60))
}

fn client_with(upstream: &str, time: Duration) -> Client {
    let mut options = ClientOptions::new(upstream.parse().expect("it is a URL"));
    options.answer_time = time;
    Client::new(options).expect("nothing is in its way")
}

fn post(body: &str) -> Outgoing {
    Outgoing {
        method: "POST".to_owned(),
        target: "/v1/responses".to_owned(),
        headers: [("content-type", "application/json"), ("Host", "recorded")]
            .into_iter()
            .collect(),
        body: body.into(),
    }
}

fn captured(client: &Client) -> Capture {
    client.capture().expect("it is in memory")
}

/// The upstream says this and closes; what the client makes of it, and the outline of the capture.
fn asked(said: &str) -> (Answer, String) {
    let bytes = said.as_bytes().to_vec();
    let upstream = Upstream::start(move |mut peer| {
        let head = peer.read_until(b"{}");
        peer.send(&bytes);
        head
    });
    let client = client(&format!("http://{}/api/v1", upstream.address));
    let answer = client.send(&post("{}")).expect("it is there");
    let head = upstream.join();
    assert!(
        head.starts_with("POST /api/v1/responses HTTP/1.1\r\nhost: 127.0.0.1:"),
        "{head}"
    );
    assert_eq!(head.matches("ost: ").count(), 1, "{head}");
    assert!(head.ends_with("content-length: 2\r\n\r\n{}"), "{head}");
    let capture = captured(&client);
    assert_eq!(capture.exchanges[0].request.target, "/api/v1/responses");
    (answer, outline(&capture.exchanges[0]))
}

#[test]
fn an_answer_is_read_to_its_end_and_written_down() {
    let check = |said: &str, content: &str, is_complete: bool, expect: &str| {
        let (answer, outline) = asked(said);
        assert_eq!(String::from_utf8_lossy(&answer.content), content, "{said}");
        assert_eq!(answer.is_complete, is_complete, "{said}");
        assert!(!answer.is_given_up);
        assert_eq!(outline, expect, "{said}");
    };
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let event = "9\r\ndata: 1\n\n\r\n";
    check(
        &format!("{head}{event}0\r\n\r\n"),
        "data: 1\n\n",
        true,
        "200 message complete",
    );
    check(
        &format!("{head}{event}5\r\nda"),
        "data: 1\n\nda",
        false,
        "200 message+\"da\" closed",
    );
    check(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]",
        "[]",
        true,
        "200 [] complete",
    );
    check("HTTP/1.1 200 OK\r\n\r\n[]", "[]", true, "200 [] complete");
    check(
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]more",
        "[]",
        false,
        "200 [] closed",
    );
    check("SSH-2.0-x\r\n\r\n", "", false, "- NotRecorded closed");
    check("", "", false, "- NotRecorded closed");
}

#[test]
fn a_server_may_answer_before_it_has_read_all() {
    let upstream = Upstream::start(|mut peer| {
        peer.read_head();
        peer.send(b"HTTP/1.1 413 X\r\ncontent-length: 0\r\n\r\n");
        peer
    });
    let client = client(&format!("http://{}", upstream.address));
    let large = format!("\"{}\"", "a".repeat(32 << 20));
    let answer = client.send(&post(&large)).expect("it is there");
    assert_eq!((answer.status, answer.is_complete), (Some(413), true));
    drop(upstream.join());
}

#[test]
fn who_says_nothing_is_given_up() {
    let upstream = Upstream::start(|mut peer| {
        peer.read_until(b"{}");
        peer.read_to_end()
    });
    let client = client_with(
        &format!("http://{}", upstream.address),
        Duration::from_millis(50),
    );
    let answer = client.send(&post("{}")).expect("it is there");
    assert!(answer.is_given_up && answer.status.is_none());
    assert_eq!(upstream.join(), b"", "the connection is closed");
    let end = captured(&client).exchanges[0].response.end;
    assert_eq!(end, Recorded::Yes(End::PeerClosed));
}

#[test]
fn what_is_not_sent_is_not_written_down() {
    let client = client("http://127.0.0.1:9");
    let error = client.send(&post("{}")).expect_err("nobody is there");
    assert!(
        matches!(&error, SendError::Connect { upstream, .. } if upstream == "http://127.0.0.1:9")
    );
    let mut odd = post("{}");
    odd.headers.push("x-a", "b\r\nc: d");
    let error = client.send(&odd).expect_err("that are two fields");
    assert_eq!(
        error,
        SendError::Field {
            name: "x-a".to_owned()
        }
    );
    assert!(captured(&client).exchanges.is_empty());
}

/// Takes the head of a handshake and grants it.
fn grant(peer: &mut Peer) {
    let head = peer.read_head();
    let key = head
        .split("sec-websocket-key: ")
        .nth(1)
        .expect("it has a key");
    let key = key.split("\r\n").next().unwrap_or_default();
    assert!(head.contains("\r\nopenai-beta: x\r\n"), "{head}");
    let accept = derive_accept_key(key.as_bytes());
    let head = format!(
        "HTTP/1.1 101 X\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: {accept}\r\n\r\n"
    );
    peer.send(head.as_bytes());
}

fn text(text: &str) -> Vec<u8> {
    [
        &[0x81, u8::try_from(text.len()).expect("it is short")],
        text.as_bytes(),
    ]
    .concat()
}

fn fields() -> HeaderList {
    [("openai-beta", "x")].into_iter().collect()
}

fn open(client: &Client) -> Handshake<'_> {
    client
        .open("/v1/responses", &fields())
        .expect("it is there")
}

#[test]
fn messages_are_asked_and_answered_up_to_the_end_of_a_response() {
    let upstream = Upstream::start(|mut peer| {
        grant(&mut peer);
        // A masked frame of six bytes has twelve.
        peer.0.set_nodelay(true).expect("it is set");
        let mut frame = [0; 12];
        std::io::Read::read_exact(&mut peer.0, &mut frame).expect("a message comes");
        peer.send(&text(r#"{"type":"response.created"}"#));
        peer.send(&[0x89, 0]);
        peer.send(&text(r#"{"type":"response.completed"}"#));
        std::io::Read::read_exact(&mut peer.0, &mut [0; 6]).expect("a pong comes");
        std::io::Read::read_exact(&mut peer.0, &mut frame).expect("a message comes");
        peer.send(&text("{}"));
    });
    let client = client(&format!("http://{}", upstream.address));
    let Handshake::Open(mut socket) = open(&client) else {
        panic!("it is granted")
    };
    let told = socket.ask("123456");
    assert_eq!((told.messages.len(), told.is_ended), (2, true));
    let told = socket.ask("123456");
    let expect = Told {
        messages: vec!["{}".to_owned()],
        ..Told::default()
    };
    assert_eq!(told, expect, "the connection has ended");
    upstream.join();
    drop(socket);
    let capture = captured(&client);
    let response = &capture.exchanges[0].response;
    let Content::Frames(frames) = &response.content else {
        panic!("{response:?}")
    };
    let kinds: Vec<_> = frames
        .iter()
        .map(|frame| (frame.direction, &frame.kind))
        .collect();
    use Direction::{ClientToServer, ServerToClient};
    assert_eq!(
        kinds,
        [
            (ClientToServer, &FrameKind::Text),
            (ServerToClient, &FrameKind::Text),
            (ServerToClient, &FrameKind::Ping),
            (ServerToClient, &FrameKind::Text),
            (ClientToServer, &FrameKind::Text),
            (ServerToClient, &FrameKind::Text),
        ]
    );
    assert_eq!(response.end, Recorded::Yes(End::Closed));
}

#[test]
fn a_websocket_may_be_refused() {
    let check = |said: &'static str, status: Option<u16>| {
        let upstream = Upstream::start(move |mut peer| {
            peer.read_head();
            peer.send(said.as_bytes());
        });
        let client = client(&format!("http://{}", upstream.address));
        let Handshake::Refused(answer) = open(&client) else {
            panic!("{said} is no grant")
        };
        assert_eq!(answer.status, status, "{said}");
        upstream.join();
        assert_eq!(captured(&client).exchanges.len(), 1);
    };
    check("HTTP/1.1 426 X\r\ncontent-length: 2\r\n\r\nno", Some(426));
    check("HTTP/1.1 200 X\r\ncontent-length: 0\r\n\r\n", Some(200));
    check(
        "HTTP/1.1 101 X\r\nsec-websocket-accept: x\r\n\r\n",
        Some(101),
    );
    check("", None);
}

#[test]
fn a_key_is_sent_and_not_written_down() {
    let key = "made-up-key-000000";
    let upstream = Upstream::start(move |mut peer| {
        let head = peer.read_until(b"{}");
        peer.send(
            format!(
                "HTTP/1.1 401 X\r\ncontent-length: {}\r\n\r\n{key}",
                key.len()
            )
            .as_bytes(),
        );
        head
    });
    let client = client(&format!("http://{}", upstream.address));
    let mut outgoing = post("{}");
    outgoing
        .headers
        .push("authorization", format!("Bearer {key}"));
    client.send(&outgoing).expect("it is there");
    assert!(upstream.join().contains(key));
    let capture = format!("{:?}", captured(&client));
    assert!(!capture.contains(key), "{capture}");
    assert!(extra(&captured(&client).exchanges[0], "wire").is_none());
}
