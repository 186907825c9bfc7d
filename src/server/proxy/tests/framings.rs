//! Every framing, in both directions.

use std::io::{Read, Write};

use crate::server::tests::client::{Ended, outline};

use super::peers::{Upstream, captured, client, extra, proxy};

const GET: &str = "GET /v1/models?a=1 HTTP/1.1\r\nHOST: agent\r\nX-A: 1\r\nx-a:  2\r\nAuthorization: Bearer made-up-credential\r\n\r\n";

/// One response goes through byte for byte; what the capture says of it is given.
fn check(request: &str, response: &'static str, ended: Ended, expect: &str) {
    let length = request.len();
    let upstream = Upstream::start(move |mut peer| {
        let seen = peer.read_until(b"\r\n\r\n");
        peer.send(response.as_bytes());
        drop(peer);
        seen
    });
    let address = upstream.address;
    let proxy = proxy(address);
    let mut client = client(&proxy);
    client.send(request.as_bytes());
    assert_eq!(client.read_to_end(), (response.to_owned(), ended));
    let seen = upstream.join();
    assert_eq!(
        seen,
        request.replace("HOST: agent", &format!("HOST: {address}"))
    );
    assert!(seen.len() >= length);
    let capture = captured(&proxy, 1);
    assert!(capture.problems.is_empty(), "{:?}", capture.problems);
    assert_eq!(outline(&capture.exchanges[0]), expect, "{response:?}");
}

#[test]
fn what_is_sent_goes_through_byte_for_byte() {
    check(
        GET,
        "HTTP/1.1 200 Fine\r\nX-Codex-Turn-State: s\r\nset-cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 2\r\n\r\n{}",
        Ended::Closed,
        "200 {} complete",
    );
    check(
        GET,
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n01;x=y\r\n[\r\n001\r\n]\r\n0\r\nX-End: 1\r\n\r\n",
        Ended::Closed,
        "200 [] complete",
    );
    check(
        GET,
        "HTTP/1.0 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: 1\n\n",
        Ended::Closed,
        "200 message complete",
    );
    check(
        GET,
        "HTTP/1.1 204 No Content\r\n\r\n",
        Ended::Closed,
        "204 Empty complete",
    );
    check(
        GET,
        "HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n",
        Ended::Closed,
        "304 Empty complete",
    );
    check(
        &GET.replace("GET", "HEAD"),
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n",
        Ended::Closed,
        "200 Empty complete",
    );
    check(
        GET,
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        Ended::Closed,
        "200 Empty complete",
    );
}

#[test]
fn heads_and_trailers_beside_the_response_are_noted() {
    let upstream = Upstream::start(|mut peer| {
        peer.read_head();
        peer.send(b"HTTP/1.1 103 Early Hints\r\nset-cookie: a=opaque-value\r\n\r\n");
        peer.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nX-End: 1\r\n\r\n");
    });
    let proxy = proxy(upstream.address);
    let mut client = client(&proxy);
    client.send(GET.as_bytes());
    client.read_to_end();
    let capture = captured(&proxy, 1);
    let noted = |name| extra(&capture.exchanges[0], name).unwrap_or_default();
    assert_eq!(
        noted("interim"),
        r#"[{"status":103,"headers":[["set-cookie","a=<secret 2>"]]}]"#
    );
    assert_eq!(noted("trailers"), r#"[["X-End","1"]]"#);
    upstream.join();
}

#[test]
fn requests_follow_each_other_on_one_connection() {
    let upstream = Upstream::start(|mut peer| {
        let mut seen = Vec::new();
        for number in 0..3 {
            let head = peer.read_head();
            let body = match number {
                1 => peer.read_until(b"0\r\nx-t: 1\r\n\r\n"),
                _ => String::new(),
            };
            seen.push(head.lines().next().unwrap_or_default().to_owned() + &body);
            peer.send(format!("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n{number}").as_bytes());
        }
        assert!(peer.read_to_end().is_empty());
        seen
    });
    let proxy = proxy(upstream.address);
    let mut client = client(&proxy);
    // Both at once, and the third later.
    client.send(b"GET /a HTTP/1.1\r\nhost: x\r\n\r\nPOST /b HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nx-t: 1\r\n\r\n");
    for number in 0..3 {
        client.expect(&format!(
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n{number}"
        ));
        if number == 1 {
            client.send(b"GET /c HTTP/1.1\r\nhost: x\r\n\r\n");
        }
    }
    drop(client);
    assert_eq!(
        upstream.join(),
        [
            "GET /a HTTP/1.1",
            "POST /b HTTP/1.12\r\n{}\r\n0\r\nx-t: 1\r\n\r\n",
            "GET /c HTTP/1.1"
        ]
    );
    let capture = captured(&proxy, 3);
    let told: Vec<_> = capture.exchanges.iter().map(outline).collect();
    assert_eq!(told, ["200 0 complete", "200 1 complete", "200 2 complete"]);
    let trailers = extra(&capture.exchanges[1], "request_trailers");
    assert_eq!(trailers.as_deref(), Some(r#"[["x-t","1"]]"#));
    let body = capture.exchanges[1]
        .request
        .body
        .json()
        .map(|body| body.text().to_owned());
    assert_eq!(body.as_deref(), Some("{}"));
}

#[test]
fn a_body_that_waits_for_leave_gets_it_from_the_upstream() {
    let upstream = Upstream::start(|mut peer| {
        peer.read_head();
        peer.send(b"HTTP/1.1 100 Continue\r\n\r\n");
        peer.read_until(b"{}");
        peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    });
    let proxy = proxy(upstream.address);
    let mut client = client(&proxy);
    client.send(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n");
    client.expect("HTTP/1.1 100 Continue\r\n\r\n");
    client.send(b"{}");
    client.expect("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    upstream.join();
}

#[test]
fn a_response_may_come_before_its_request_is_complete() {
    let upstream = Upstream::start(|mut peer| {
        peer.read_head();
        peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]");
        peer.read_until(b"{}");
        peer.read_head();
        peer.send(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    });
    let proxy = proxy(upstream.address);
    let mut client = client(&proxy);
    client.send(b"POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n");
    client.expect("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]");
    client.send(b"{}POST /b HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nab");
    let (text, _) = client.read_to_end();
    assert!(text.starts_with("HTTP/1.1 413"), "{text}");
    let capture = captured(&proxy, 2);
    let [first, second] = &capture.exchanges[..] else {
        panic!("{capture:?}");
    };
    assert_eq!(outline(first), "200 [] complete");
    assert_eq!(outline(second), "413 Empty complete");
    assert!(extra(second, "request").is_some());
    upstream.join();
}

#[test]
fn events_are_in_the_capture_before_the_client_sees_them() {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let upstream = Upstream::start(move |mut peer| {
        peer.read_head();
        peer.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n");
        for number in 1..=3 {
            peer.send(format!("9\r\ndata: {number}\n\n\r\n").as_bytes());
            wait.recv().expect("the test goes on");
        }
        peer.send(b"0\r\n\r\n");
    });
    let proxy = proxy(upstream.address);
    let mut client = client(&proxy);
    client.send(GET.as_bytes());
    client.expect(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
    );
    for number in 1..=3 {
        client.expect(&format!("9\r\ndata: {number}\n\n\r\n"));
        let capture = proxy.capture().expect("it is in memory");
        let expect = format!("200 {} -", ["message"; 3][..number].join(","));
        assert_eq!(outline(&capture.exchanges[0]), expect);
        go.send(()).expect("the upstream waits");
    }
    client.expect("0\r\n\r\n");
    let capture = proxy.capture().expect("it is in memory");
    assert_eq!(
        outline(&capture.exchanges[0]),
        "200 message,message,message complete"
    );
    upstream.join();
}

#[test]
fn codings_go_through_and_are_undone_for_the_capture() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder
        .write_all(b"event: a\ndata: {}\n\n")
        .expect("it is written");
    encoder.flush().expect("it is flushed");
    let first = std::mem::take(encoder.get_mut());
    let rest = encoder.finish().expect("it ends");
    let body = ruzstd::encoding::compress_to_vec(
        &b"{\"a\":1}"[..],
        ruzstd::encoding::CompressionLevel::Fastest,
    );
    let (one, two, length) = (first.clone(), rest.clone(), body.len());
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let upstream = Upstream::start(move |mut peer| {
        peer.read_head();
        let mut sent = vec![0; length];
        peer.0.read_exact(&mut sent).expect("the body comes");
        peer.send(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip\r\n\r\n",
        );
        peer.send(&one);
        wait.recv().expect("the test goes on");
        peer.send(&two);
    });
    let proxy = proxy(upstream.address);
    let mut client = client(&proxy);
    let head = format!(
        "POST / HTTP/1.1\r\nhost: x\r\ncontent-encoding: zstd\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    client.send(&[head.as_bytes(), &body].concat());
    client.expect(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip\r\n\r\n",
    );
    assert_eq!(client.read_bytes(first.len()), first);
    let capture = proxy.capture().expect("it is in memory");
    assert_eq!(outline(&capture.exchanges[0]), "200 a -");
    go.send(()).expect("the upstream waits");
    assert_eq!(client.read_bytes(rest.len()), rest);
    let capture = captured(&proxy, 1);
    let exchange = &capture.exchanges[0];
    assert_eq!(outline(exchange), "200 a complete");
    let sent = exchange
        .request
        .body
        .json()
        .map(|body| body.text().to_owned());
    assert_eq!(sent.as_deref(), Some("{\"a\":1}"));
    assert_eq!(
        exchange.request.wire_body_bytes.as_option(),
        Some(&(body.len() as u64))
    );
    upstream.join();
}
