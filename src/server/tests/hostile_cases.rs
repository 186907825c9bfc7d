//! What hostile clients send, case by case: each is answered or dropped, leaves an entry in the capture that says what it
//! was, and harms nobody who is served meanwhile.

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::time::Instant;

use crate::capture::{Body, End, Exchange};
use crate::server::{CaptureTarget, Limits, Server, ServerOptions};

use super::client::{Client, captured, outline};

/// Most bytes of a body in these tests.
const LIMIT: u64 = 100_000;
/// No case takes longer: nobody waits for a time limit that is not the case's own.
const SOON: Duration = Duration::from_secs(10);

fn serve() -> Server {
    let options = ServerOptions {
        capture: CaptureTarget::Memory,
        threads: 1,
        limits: Limits {
            body_bytes: LIMIT,
            head_time: Duration::from_millis(100),
            body_pause: Duration::from_millis(100),
            ..Limits::default()
        },
        ..ServerOptions::default()
    };
    Server::start(options).expect("a loopback port is free")
}

/// Sends bytes to a server of their own, with a patient client before, meanwhile and behind; gives the exchange and the
/// bytes that came back.
fn exchanged(bytes: &[u8], is_half_closed: bool) -> (Exchange, String) {
    let server = serve();
    let mut patient = Client::new(&server);
    let mut ask = || {
        patient.post(r#"{"model":"m","stream":false,"input":[]}"#);
        let answer = patient.read_response();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    };
    ask();
    let begun = Instant::now();
    let mut hostile = Client::new(&server);
    // The server may stop reading before the end.
    let _ = (&mut hostile.stream()).write_all(bytes);
    ask();
    if is_half_closed {
        let _ = hostile.stream().shutdown(Shutdown::Write);
    }
    let got = hostile.read_for(SOON / 4);
    ask();
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    let capture = captured(&server, 4);
    let mut others = capture
        .exchanges
        .into_iter()
        .filter(|exchange| exchange.connection.as_option() != Some(&1));
    let exchange = others.next().expect("it is in the capture");
    (exchange, got)
}

fn post(fields: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("POST /v1/responses HTTP/1.1\r\nhost: h\r\n{fields}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

fn post_whole(fields: &str, body: &[u8]) -> Vec<u8> {
    post(&format!("{fields}content-length: {}", body.len()), body)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut coder = GzEncoder::new(Vec::new(), Compression::best());
    coder.write_all(bytes).expect("it is compressed");
    coder.finish().expect("it is compressed")
}

/// Status and ending as the capture tells them, with what it says to be refused.
fn told(exchange: &Exchange) -> String {
    let line = outline(exchange);
    let status = line.split(' ').next().unwrap_or_default();
    let end = line.rsplit(' ').next().unwrap_or_default();
    let refused = exchange
        .extra
        .as_ref()
        .and_then(|extra| extra.get("refused"));
    format!(
        "{status} {end}{}",
        if refused.is_some() { " refused" } else { "" }
    )
}

/// Name, bytes, whether the client then closes its side, and what the capture tells.
type Case = (&'static str, Vec<u8>, bool, &'static str);

fn check(cases: Vec<Case>) {
    let names: Vec<&str> = cases.iter().map(|(name, ..)| *name).collect();
    let expected: Vec<&str> = cases.iter().map(|(.., expect)| *expect).collect();
    let threads: Vec<_> = cases
        .into_iter()
        .map(|(_, bytes, is_half_closed, _)| {
            std::thread::spawn(move || told(&exchanged(&bytes, is_half_closed).0))
        })
        .collect();
    let found = threads.into_iter().map(|thread| thread.join());
    let found: Vec<String> = found
        .map(|told| told.unwrap_or_else(|_| "a panic".to_owned()))
        .collect();
    let wrong: Vec<_> = names
        .iter()
        .zip(found.iter().zip(&expected))
        .filter(|(_, (found, expect))| found != *expect)
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn heads_that_are_none_are_refused_and_written_down() {
    let fields: String = (0..600).map(|n| format!("x-{n}: y\r\n")).collect();
    let cases = vec![
        (
            "garbage",
            b"\0\x01\x02\xff\xfe\r\n\r\n".to_vec(),
            false,
            "- closed refused",
        ),
        (
            "a slow head",
            b"POST /v1/resp".to_vec(),
            false,
            "- closed refused",
        ),
        (
            "half a head",
            b"POST /v1/responses HTTP/1.1\r\nhost".to_vec(),
            true,
            "- closed refused",
        ),
        (
            "too many fields",
            post(&fields, b""),
            false,
            "- closed refused",
        ),
        (
            "a long field",
            post(&format!("x: {}", "y".repeat(400_000)), b""),
            false,
            "- closed refused",
        ),
        (
            "an endless line",
            vec![b'x'; 400_000],
            false,
            "- closed refused",
        ),
        (
            "another version",
            b"GET / HTTP/7.3\r\n\r\n".to_vec(),
            false,
            "- closed refused",
        ),
        (
            "two lengths",
            post("content-length: 2\r\ncontent-length: 3", b"{}x"),
            false,
            "- closed refused",
        ),
        (
            "no number",
            post("content-length: -1", b""),
            false,
            "- closed refused",
        ),
        (
            "a coding that is none",
            post("transfer-encoding: gzip", b"x"),
            false,
            "- closed refused",
        ),
    ];
    check(cases);
}

#[test]
fn bodies_that_are_of_no_use_are_refused_and_written_down() {
    let chunked = "transfer-encoding: chunked";
    let bomb = gzip(&vec![b' '; 20 << 20]);
    let twice = gzip(&bomb);
    let cases = vec![
        (
            "a slow body",
            post("content-length: 9", b"{"),
            false,
            "408 complete",
        ),
        (
            "half a body",
            post("content-length: 9", b"{"),
            true,
            "400 complete",
        ),
        (
            "a huge body",
            post_whole("", &vec![b'x'; 300_000]),
            false,
            "413 complete",
        ),
        (
            "an immense promise",
            post("content-length: 18446744073709551000", b"x"),
            false,
            "413 complete",
        ),
        (
            "a large promise",
            post("content-length: 99999999999", b"x"),
            true,
            "413 complete",
        ),
        ("no chunk", post(chunked, b"zz\r\n"), false, "400 complete"),
        (
            "an immense chunk",
            post(chunked, b"ffffffffffffffffff\r\nx"),
            false,
            "400 complete",
        ),
        (
            "a torn chunk",
            post(chunked, b"5\r\nhello, world\r\n0\r\n\r\n"),
            false,
            "400 complete",
        ),
        (
            "chunks without an end",
            post(chunked, b"2\r\n{}\r\n"),
            true,
            "400 complete",
        ),
        (
            "an endless extension",
            post(chunked, &[b"2;".as_slice(), &vec![b'x'; 300_000]].concat()),
            false,
            "400 complete",
        ),
        (
            "a bomb",
            post_whole("content-encoding: gzip\r\n", &bomb),
            false,
            "413 complete",
        ),
        (
            "a bomb in a bomb",
            post_whole("content-encoding: gzip, gzip\r\n", &twice),
            false,
            "413 complete",
        ),
        (
            "an unknown coding",
            post_whole("content-encoding: rot13\r\n", b"{}"),
            false,
            "400 complete",
        ),
        (
            "no UTF-8",
            post_whole("connection: close\r\n", b"{\"a\":\"\xff\xc3\"}"),
            false,
            "400 complete",
        ),
        (
            "no JSON",
            post_whole("connection: close\r\n", b"{]"),
            false,
            "400 complete",
        ),
    ];
    check(cases);
}

#[test]
fn what_was_sent_is_kept_whatever_it_is() {
    let (exchange, _) = exchanged(
        &post_whole("connection: close\r\nx-\u{e4}: 1\r\n", b"{\"a\":\"\xff\"}"),
        false,
    );
    assert_eq!(told(&exchange), "- closed refused");
    let bytes = post_whole("connection: close\r\nx: \u{fffd}\r\n", b"{\"a\":\"\xff\"}");
    let (exchange, _) = exchanged(&bytes, false);
    assert!(matches!(&exchange.request.body, Body::Bytes(bytes) if bytes == b"{\"a\":\"\xff\"}"));
    let deep = [vec![b'['; 40_000], vec![b']'; 40_000]].concat();
    let (exchange, _) = exchanged(&post_whole("connection: close\r\n", &deep), false);
    assert!(matches!(&exchange.request.body, Body::Text(text) if text.as_bytes() == deep));
}

#[test]
fn who_closes_its_side_is_answered_at_once_or_taken_for_gone() {
    let body = br#"{"model":"m","stream":true,"input":[]}"#;
    let (exchange, got) = exchanged(&post_whole("", body), true);
    if exchange.response.end.as_option() == Some(&End::Complete) {
        assert!(got.ends_with("0\r\n\r\n"), "{got}");
    }
}

#[test]
fn messages_that_break_the_protocol_are_answered_with_their_code_and_written_down() {
    const HANDSHAKE: &[u8] =
        b"GET /v1/responses HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
    let long_ping = [b"\x89\xfe\0\x7e\0\0\0\0".as_slice(), &[b'x'; 126]].concat();
    let fragments = {
        let first = [b"\x01\xfe\x40\0\0\0\0\0".as_slice(), &[b'x'; 0x4000]].concat();
        let more = [b"\0\xfe\x40\0\0\0\0\0".as_slice(), &[b'x'; 0x4000]].concat();
        [first, more.repeat(10)].concat()
    };
    let cases: [(&str, &[u8], &str); 8] = [
        ("a long ping", &long_ping, "1002"),
        ("a ping in pieces", b"\x09\x80\0\0\0\0", "1002"),
        ("an unknown opcode", b"\x83\x80\0\0\0\0", "1002"),
        ("the end of nothing", b"\x80\x80\0\0\0\0", "1002"),
        (
            "a message in a message",
            b"\x01\x81\0\0\0\0a\x81\x81\0\0\0\0b",
            "1002",
        ),
        (
            "an immense length",
            b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0",
            "1009",
        ),
        ("endless fragments", &fragments, "1009"),
        ("a torn character", b"\x81\x82\0\0\0\0\xc3(", "1007"),
    ];
    let threads = cases.map(|(name, bytes, expect)| {
        let bytes = [HANDSHAKE, bytes].concat();
        let thread = std::thread::spawn(move || exchanged(&bytes, false).0);
        (name, expect, thread)
    });
    for (name, expect, thread) in threads {
        let exchange = thread.join().unwrap_or_else(|_| panic!("{name}"));
        let frames = format!("{:?}", exchange.response.content);
        let code = format!("code: Some({expect})");
        assert!(frames.contains(&code), "{name}: {frames}");
        let extra = exchange.extra.as_ref();
        let violation = extra.and_then(|extra| extra.get("violation"));
        assert!(violation.is_some(), "{name}");
    }
}

#[test]
fn a_client_that_reads_nothing_holds_only_its_own_connection() {
    let server = serve();
    let idle = TcpStream::connect(server.address()).expect("the server listens");
    let body = br#"{"model":"m","stream":true,"input":[]}"#;
    idle.set_write_timeout(Some(Duration::from_millis(200)))
        .expect("a time is set");
    // Far more requests than the system keeps answers for.
    let request = post_whole("", body);
    for _ in 0..20_000 {
        if (&idle).write_all(&request).is_err() {
            break;
        }
    }
    let mut patient = Client::new(&server);
    patient.post(r#"{"model":"m","stream":false,"input":[]}"#);
    assert!(patient.read_response().starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(server.state().requests < 20_000);
}
