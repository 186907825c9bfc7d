//! What goes wrong on either side goes through as it is.

use std::net::TcpListener;
use std::time::Duration;

use crate::server::Limits;
use crate::server::tests::client::{Ended, outline};

use super::peers::{Upstream, captured, client, extra, options, proxy, start};

const HEAD: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// The upstream says this and then closes or resets; the client sees the same, and the capture has this outline.
fn check(said: &str, ended: Ended, expect: &str) -> Option<String> {
    let bytes = said.as_bytes().to_vec();
    let upstream = Upstream::start(move |mut peer| {
        peer.read_until(b"{}");
        peer.send(&bytes);
        if ended == Ended::Reset {
            peer.reset();
        }
    });
    let proxy = proxy(upstream.address);
    let mut client = client(&proxy);
    client.post("{}");
    assert_eq!(client.read_to_end(), (said.to_owned(), ended), "{expect}");
    upstream.join();
    let capture = captured(&proxy, 1);
    assert!(capture.problems.is_empty(), "{:?}", capture.problems);
    assert_eq!(outline(&capture.exchanges[0]), expect);
    extra(&capture.exchanges[0], "wire")
}

#[test]
fn a_reset_is_a_reset_and_a_cut_a_cut() {
    check("", Ended::Closed, "- NotRecorded closed");
    check("", Ended::Reset, "- NotRecorded reset");
    let cut = format!("{HEAD}9\r\ndata: 1\n\n\r\n20\r\ndata: 2");
    check(&cut, Ended::Closed, "200 message+\"data: 2\" closed");
    check(&cut, Ended::Reset, "200 message+\"data: 2\" reset");
    let short = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n[]";
    check(short, Ended::Closed, "200 [] closed");
    check(short, Ended::Reset, "200 [] reset");
    let no_end = "HTTP/1.1 200 OK\r\n\r\n[]";
    check(no_end, Ended::Closed, "200 [] complete");
    check(no_end, Ended::Reset, "200 [] reset");
}

#[test]
fn what_is_no_http_goes_through_and_is_noted() {
    let wire = check("SSH-2.0-x\r\n\r\n", Ended::Closed, "- NotRecorded closed");
    assert_eq!(wire.as_deref(), Some("\"SSH-2.0-x\\r\\n\\r\\n\""));
    let wire = check("HTTP/1.1 200 O", Ended::Closed, "- NotRecorded closed");
    assert_eq!(wire.as_deref(), Some("\"HTTP/1.1 200 O\""));
    let torn = format!("{HEAD}9\r\ndata: 1\n\n\r\nzz\r\nrest");
    let wire = check(&torn, Ended::Closed, "200 message closed");
    assert_eq!(wire.as_deref(), Some("\"zz\\r\\nrest\""));
    let more = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]more";
    let wire = check(more, Ended::Closed, "200 [] closed");
    assert_eq!(wire.as_deref(), Some("\"more\""));
    let endless = format!("HTTP/1.1 200 OK\r\n{}", "a: b\r\n".repeat(60_000));
    check(&endless, Ended::Closed, "- NotRecorded closed");
}

#[test]
fn an_upstream_that_is_not_there_is_named() {
    // A port that was free a moment ago.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
    let address = listener.local_addr().expect("it has an address");
    drop(listener);
    let proxy = proxy(address);
    let mut client = client(&proxy);
    for _ in 0..2 {
        client.post("{}");
        let response = client.read_response();
        assert!(response.starts_with("HTTP/1.1 502 "), "{response}");
        assert!(
            response.contains(&format!("http://{address}")),
            "{response}"
        );
        assert!(response.contains("x-trace-diff: proxy"), "{response}");
    }
    let capture = captured(&proxy, 2);
    let exchange = &capture.exchanges[0];
    assert_eq!(extra(exchange, "answered_by").as_deref(), Some("\"proxy\""));
    assert!(exchange.request.body.json().is_some());
}

#[test]
fn requests_that_can_be_read_in_two_ways_go_no_further() {
    let upstream = Upstream::listen(|listener| {
        listener.set_nonblocking(true).expect("it is set");
        listener
    });
    let proxy = proxy(upstream.address);
    for (request, status) in [
        (
            "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
            400,
        ),
        ("CONNECT h:1 HTTP/1.1\r\nhost: h:1\r\n\r\n", 405),
        ("PRI * HTTP/2.0\r\n\r\n", 400),
        ("\0\r\n\r\n", 400),
    ] {
        let mut client = client(&proxy);
        client.send(request.as_bytes());
        let (response, _) = client.read_to_end();
        assert!(
            response.starts_with(&format!("HTTP/1.1 {status} ")),
            "{response}"
        );
    }
    captured(&proxy, 4);
    assert!(upstream.join().accept().is_err());
}

#[test]
fn a_client_that_goes_ends_the_upstream_too() {
    let upstream = Upstream::start(|mut peer| {
        peer.read_until(b"{}");
        peer.send(format!("{HEAD}9\r\ndata: 1\n\n\r\n").as_bytes());
        peer.read_to_end()
    });
    let proxy = proxy(upstream.address);
    let mut client = client(&proxy);
    client.post("{}");
    client.expect(HEAD);
    drop(client);
    assert!(upstream.join().is_empty());
    let capture = captured(&proxy, 1);
    assert_eq!(outline(&capture.exchanges[0]), "200 message peer_closed");
}

#[test]
fn an_upstream_that_has_closed_meanwhile_is_connected_to_again() {
    let upstream = Upstream::listen(|listener| {
        for _ in 0..2 {
            let mut peer = super::peers::accept(&listener);
            peer.read_until(b"{}");
            peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        }
    });
    let proxy = proxy(upstream.address);
    let mut first = client(&proxy);
    first.post("{}");
    // The upstream closes behind its answer, and so does the proxy; who asks at once may be faster.
    first.expect("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    assert_eq!(first.read_to_end(), (String::new(), Ended::Closed));
    let mut second = client(&proxy);
    second.post("{}");
    second.expect("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    upstream.join();
}

#[test]
fn a_head_that_does_not_end_is_given_up() {
    let upstream = Upstream::listen(|_| ());
    let mut options = options(upstream.address);
    options.limits = Limits {
        head_time: Duration::from_millis(50),
        ..Limits::default()
    };
    let proxy = start(options);
    let mut slow = client(&proxy);
    slow.send(b"GET / HTTP/1.1\r\nhost");
    assert_eq!(slow.read_to_end(), (String::new(), Ended::Closed));
    let mut long = client(&proxy);
    long.send(&[b'a'; 300 << 10]);
    let (response, _) = long.read_to_end();
    assert!(response.starts_with("HTTP/1.1 400 "), "{response}");
    captured(&proxy, 2);
}

#[test]
fn bodies_beyond_the_bound_pass_and_are_not_kept() {
    let upstream = Upstream::start(|mut peer| {
        peer.read_head();
        let mut body = vec![0; 5000];
        std::io::Read::read_exact(&mut peer.0, &mut body).expect("the body comes");
        peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 6000\r\n\r\n");
        peer.send(&[b'x'; 6000]);
    });
    let mut options = options(upstream.address);
    options.limits.body_bytes = 4096;
    let proxy = start(options);
    let mut client = client(&proxy);
    client.post(&"y".repeat(5000));
    let (response, _) = client.read_to_end();
    assert!(response.ends_with(&"x".repeat(6000)));
    let capture = captured(&proxy, 1);
    let exchange = &capture.exchanges[0];
    assert_eq!(outline(exchange), "200 NotRecorded complete");
    assert!(extra(exchange, "body").is_some() && extra(exchange, "request_body").is_some());
    upstream.join();
}

#[test]
fn what_is_under_way_when_the_proxy_stops_is_written_down() {
    let upstream = Upstream::start(|mut peer| {
        peer.read_until(b"{}");
        peer.send(format!("{HEAD}9\r\ndata: 1\n\n\r\n").as_bytes());
        peer.read_to_end();
    });
    let mut options = options(upstream.address);
    options.limits.stop_grace = Duration::from_millis(20);
    let file = tempfile::NamedTempFile::new().expect("a file is made");
    let opened = file.reopen().expect("it is opened");
    options.capture = crate::server::CaptureTarget::File(std::sync::Arc::new(opened));
    let proxy = start(options);
    let mut client = client(&proxy);
    client.post("{}");
    client.expect(HEAD);
    proxy.stop();
    proxy.wait().expect("the capture is written");
    upstream.join();
    let path = file.path().to_str().expect("it is text");
    let capture = crate::read_capture(path).expect("it is a capture");
    assert_eq!(outline(&capture.exchanges[0]), "200 message server_stopped");
}
