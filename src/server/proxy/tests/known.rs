//! Requests that are known from a capture.

use crate::server::tests::client::outline;

use super::peers::{Upstream, captured, client, extra, options, proxy, start};

const ID: &str = "0199a1b2-0000-7000-8000-00000000000";

#[test]
fn known_requests_never_reach_the_upstream() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-codex-turn-state: s\r\ntransfer-encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n0\r\n\r\n";
    let upstream = Upstream::start(move |mut peer| {
        peer.read_until(b"\"}");
        peer.send(answer.as_bytes());
    });
    let before = proxy(upstream.address);
    let mut asking = client(&before);
    asking.post(&format!("{{\"prompt_cache_key\":\"{ID}a\"}}"));
    asking.read_to_end();
    upstream.join();
    let known = captured(&before, 1);

    let upstream = Upstream::start(|mut peer| {
        let head = peer.read_head();
        peer.read_until(b"[9]");
        peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
        head
    });
    let mut options = options(upstream.address);
    options.known = Some(known);
    let proxy = start(options);
    let mut client = client(&proxy);
    for end in ["b", "c"] {
        client.post(&format!("{{\"prompt_cache_key\":\"{ID}{end}\"}}"));
        client.expect("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-codex-turn-state: s\r\ntransfer-encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n0\r\n\r\n");
    }
    client.post("[9]");
    client.expect("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
    assert!(upstream.join().contains("content-length: 3\r\n"));
    let capture = captured(&proxy, 3);
    let told: Vec<_> = capture.exchanges.iter().map(outline).collect();
    assert_eq!(
        told,
        [
            "200 message complete",
            "200 message complete",
            "200 {} complete"
        ]
    );
    let by = |number: usize| extra(&capture.exchanges[number], "answered_by");
    assert_eq!(by(0).as_deref(), Some("\"capture\""));
    assert_eq!(by(2), None);
}
