//! Clients that break the rules: bounded, written down, and alone with it.

use std::net::Shutdown;
use std::time::Duration;

use crate::script::{Ending, Framing};
use crate::server::Limits;

use super::client::{Client, answer, body, captured, head, outline, serve, serve_within};

#[test]
fn bytes_that_are_no_request_are_written_down() {
    let server = serve(vec![]);
    let mut client = Client::new(&server);
    client.send(b"\x16\x03\x01 hello\r\n\r\n");
    let (got, _) = client.read_to_end();
    assert!(got.starts_with("HTTP/1.1 400 "), "{got}");
    let capture = captured(&server, 1);
    let extra = capture.exchanges[0].extra.as_ref().expect("it says why");
    assert!(extra.text().contains("refused"), "{}", extra.text());
}

#[test]
fn a_slow_head_is_given_up() {
    let limits = Limits {
        head_time: Duration::from_millis(50),
        ..Limits::default()
    };
    let server = serve_within(vec![], limits);
    let mut client = Client::new(&server);
    client.send(b"POST /resp");
    let (got, _) = client.read_to_end();
    assert_eq!(got, "");
    let capture = captured(&server, 1);
    assert!(
        outline(&capture.exchanges[0]).ends_with("closed"),
        "{}",
        outline(&capture.exchanges[0])
    );
}

#[test]
fn a_slow_body_is_given_up() {
    let limits = Limits {
        body_pause: Duration::from_millis(50),
        ..Limits::default()
    };
    let server = serve_within(vec![], limits);
    let mut client = Client::new(&server);
    client.send(b"POST /responses HTTP/1.1\r\nhost: h\r\ncontent-length: 100\r\n\r\nabc");
    let (got, _) = client.read_to_end();
    assert!(got.starts_with("HTTP/1.1 408 "), "{got}");
    assert!(outline(&captured(&server, 1).exchanges[0]).starts_with("408 "));
}

#[test]
fn a_body_that_breaks_off_is_kept_as_far_as_it_came() {
    let server = serve(vec![]);
    let mut client = Client::new(&server);
    client.send(b"POST /responses HTTP/1.1\r\nhost: h\r\ncontent-length: 100\r\n\r\nabc");
    client
        .stream()
        .shutdown(Shutdown::Write)
        .expect("it is open");
    let _ = client.read_to_end();
    let capture = captured(&server, 1);
    assert!(outline(&capture.exchanges[0]).starts_with("400 "));
    assert_eq!(
        capture.exchanges[0].request.wire_body_bytes.as_option(),
        Some(&3)
    );
}

#[test]
fn bad_chunks_and_floods_of_fields_harm_nobody_else() {
    let fine = || answer(vec![head(Framing::Length(2)), body("ok")], Ending::Complete);
    let server = serve(vec![fine(), fine()]);
    let mut patient = Client::new(&server);
    patient.post("{}");
    patient.expect(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 2\r\n\r\nok",
    );
    let mut chunks = Client::new(&server);
    chunks
        .send(b"POST /responses HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\nnope\r\n");
    let _ = chunks.read_to_end();
    let mut flood = Client::new(&server);
    flood.send(b"GET / HTTP/1.1\r\n");
    for n in 0..2000 {
        flood.send(format!("x-{n}: y\r\n").as_bytes());
    }
    flood.send(b"\r\n");
    let (got, _) = flood.read_to_end();
    assert!(got.starts_with("HTTP/1.1 431 "), "{got}");
    patient.post("{}");
    patient.expect("HTTP/1.1 200 OK\r\n");
    assert_eq!(captured(&server, 4).exchanges.len(), 4);
}
