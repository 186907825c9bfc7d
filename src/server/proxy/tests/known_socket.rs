//! WebSockets that are known from a capture.

use crate::capture::{Content, Exchange};
use crate::server::Proxy;
use crate::server::tests::client::{Client, Ended};

use super::peers::{Upstream, captured, client, extra, options, proxy, start};
use super::websocket::{ASK, frame, told};

const ID: &str = "0199a1b2-0000-7000-8000-00000000000";
/// What is accepted for the key of [`ASK`] (RFC 6455, section 1.3).
const ACCEPTED: &str = "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nx-codex-turn-state: s\r\n\r\n";

fn create(id: &str, more: &str) -> Vec<u8> {
    let text = format!(r#"{{"type":"response.create","prompt_cache_key":"{ID}{id}"{more}}}"#);
    frame(0x81, text.as_bytes(), true)
}

/// A response in which the thread is named, as the API does.
fn completed(response: &str, id: &str) -> Vec<u8> {
    let text = format!(
        r#"{{"type":"response.completed","response":{{"id":"{response}"}},"key":"{ID}{id}"}}"#
    );
    frame(0x81, text.as_bytes(), false)
}

/// A proxy that knows how one message on a WebSocket was answered.
fn knowing<T: Send + 'static>(upstream: &Upstream<T>, keeps_known: bool) -> Proxy {
    let recorded = Upstream::start(|mut peer| {
        peer.read_head();
        peer.send(ACCEPTED.as_bytes());
        let mut message = vec![0; create("a", "").len()];
        std::io::Read::read_exact(&mut peer.0, &mut message).expect("the message comes");
        peer.send(&completed("resp_1", "a"));
    });
    let before = proxy(recorded.address);
    let mut asking = client(&before);
    open(&mut asking);
    ask(&mut asking, &create("a", ""), &completed("resp_1", "a"));
    asking.read_to_end();
    recorded.join();
    let mut options = options(upstream.address);
    options.known = Some(captured(&before, 1));
    options.keeps_known = keeps_known;
    start(options)
}

fn open(client: &mut Client) {
    client.send(ASK.as_bytes());
    client.expect(ACCEPTED);
}

fn ask(client: &mut Client, message: &[u8], answer: &[u8]) {
    client.send(message);
    assert_eq!(client.read_bytes(answer.len()), answer);
}

/// Grants a WebSocket, takes one message and answers it; the head of the request and the text of the message.
fn answering() -> Upstream<(String, String)> {
    Upstream::start(|mut peer| {
        let head = peer.read_head();
        peer.send(b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n");
        let message = peer.read_until(b"}");
        peer.send(&completed("resp_9", "c"));
        (head, message)
    })
}

fn frames(exchange: &Exchange) -> Vec<String> {
    let Content::Frames(frames) = &exchange.response.content else {
        panic!("{exchange:?}");
    };
    let words = |text: String| text.chars().take(29).collect();
    frames.iter().map(told).map(words).collect()
}

const CREATE: &str = r#">{"type":"response.create","pr"#;
const COMPLETED: &str = r#"<{"type":"response.completed",""#;

#[test]
fn known_messages_are_answered_and_others_go_to_the_upstream() {
    let upstream = answering();
    let proxy = knowing(&upstream, true);
    let mut first = client(&proxy);
    open(&mut first);
    ask(&mut first, &create("b", ""), &completed("resp_1", "b"));
    // The upstream does not know the response that this continues: the agent is to send the whole.
    first.send(&create("b", r#","previous_response_id":"resp_1","x":1"#));
    assert_eq!(first.read_to_end(), (String::new(), Ended::Closed));
    let mut second = client(&proxy);
    open(&mut second);
    ask(&mut second, &create("c", ""), &completed("resp_1", "c"));
    ask(
        &mut second,
        &create("c", r#","x":1"#),
        &completed("resp_9", "c"),
    );
    let (head, message) = upstream.join();
    assert!(head.starts_with("GET /v1/responses HTTP/1.1\r\n"), "{head}");
    assert!(!head.to_lowercase().contains("extensions"), "{head}");
    assert!(message.ends_with(r#""x":1}"#), "{message}");
    second.read_to_end();
    let capture = captured(&proxy, 2);
    let cut = |text: &str| text.chars().take(29).collect::<String>();
    assert_eq!(frames(&capture.exchanges[0]), [cut(CREATE), cut(COMPLETED)]);
    assert_eq!(
        frames(&capture.exchanges[1]),
        [cut(CREATE), cut(COMPLETED), cut(CREATE), cut(COMPLETED)]
    );
    let noted = |name: &str| [0, 1].map(|number| extra(&capture.exchanges[number], name));
    assert_eq!(noted("answered_by"), [Some("\"capture\"".to_owned()), None]);
    assert_eq!(
        noted("known_messages"),
        ["1", "1"].map(|count| Some(count.to_owned()))
    );
}

#[test]
fn only_what_is_new_is_written_where_known_exchanges_are_not_kept() {
    let upstream = answering();
    let proxy = knowing(&upstream, false);
    let mut first = client(&proxy);
    open(&mut first);
    ask(&mut first, &create("b", ""), &completed("resp_1", "b"));
    // A close is answered by one.
    ask(
        &mut first,
        &frame(0x88, b"\x03\xe8", true),
        &frame(0x88, b"\x03\xe8", false),
    );
    first.read_to_end();
    let mut second = client(&proxy);
    open(&mut second);
    ask(&mut second, &create("c", ""), &completed("resp_1", "c"));
    ask(
        &mut second,
        &create("c", r#","x":1"#),
        &completed("resp_9", "c"),
    );
    upstream.join();
    second.read_to_end();
    let capture = captured(&proxy, 1);
    assert_eq!(capture.exchanges.len(), 1);
    assert_eq!(frames(&capture.exchanges[0]).len(), 2);
    assert_eq!(capture.problems, []);
}

#[test]
fn an_upstream_that_grants_no_websocket_ends_it() {
    let upstream = Upstream::start(|mut peer| {
        peer.read_head();
        peer.send(b"HTTP/1.1 426 Upgrade Required\r\ncontent-length: 0\r\n\r\n");
    });
    let proxy = knowing(&upstream, true);
    let mut client = client(&proxy);
    open(&mut client);
    client.send(&create("c", r#","x":1"#));
    assert_eq!(client.read_to_end(), (String::new(), Ended::Closed));
    upstream.join();
    let capture = captured(&proxy, 1);
    let told = extra(&capture.exchanges[0], "upstream");
    assert_eq!(
        told.as_deref(),
        Some("\"it grants no WebSocket: status 426\"")
    );
}
