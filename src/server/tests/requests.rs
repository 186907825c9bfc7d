//! What is kept of requests.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use crate::capture::Body;
use crate::script::{Ending, Framing};
use crate::server::{CaptureTarget, Limits, Server, ServerOptions};

use super::client::{Client, answer, body, captured, head, outline, serve, serve_within};

fn ok() -> crate::script::Answer {
    answer(
        vec![head(Framing::Length(9)), body("data: 1\n\n")],
        Ending::Complete,
    )
}

const OK: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 9\r\n\r\ndata: 1\n\n";

#[test]
fn heads_are_kept_as_sent() {
    let server = serve(vec![ok()]);
    let mut client = Client::new(&server);
    client.send(b"POST /any/prefix/responses?x=%20 HTTP/1.1\r\nHost: h\r\nX-b:  two \r\nx-A: 1\r\nX-B: three\r\nContent-Length: 4\r\n\r\n[1]\n");
    client.expect(OK);
    let capture = captured(&server, 1);
    let request = &capture.exchanges[0].request;
    assert_eq!(request.method, "POST");
    assert_eq!(request.target, "/any/prefix/responses?x=%20");
    let headers = request.headers.as_option().expect("headers are kept");
    let fields: Vec<String> = headers
        .list
        .iter()
        .map(|header| format!("{}={}", header.name, header.value))
        .collect();
    assert_eq!(
        fields,
        [
            "Host=h",
            "X-b=two",
            "x-A=1",
            "X-B=three",
            "Content-Length=4"
        ]
    );
    assert!(headers.has_order && headers.has_case && headers.has_repeats);
    assert_eq!(request.wire_body_bytes.as_option(), Some(&4));
}

#[test]
fn bodies_are_kept_with_their_coding_undone() {
    let text = r#"{"model":"m","input":[]}"#;
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(text.as_bytes()).expect("it is compressed");
    let gzip = gzip.finish().expect("it is compressed");
    let zstd = compress_to_vec(text.as_bytes(), CompressionLevel::Fastest);
    let both = compress_to_vec(&gzip[..], CompressionLevel::Fastest);
    for (coding, bytes) in [
        ("zstd", zstd),
        ("gzip", gzip),
        ("gzip\r\ncontent-encoding: zstd", both),
        ("identity", text.as_bytes().to_vec()),
    ] {
        let server = serve(vec![ok()]);
        let mut client = Client::new(&server);
        let head = format!(
            "POST /responses HTTP/1.1\r\nhost: h\r\ncontent-encoding: {coding}\r\ntransfer-encoding: chunked\r\n\r\n"
        );
        client.send(head.as_bytes());
        for part in bytes.chunks(5) {
            client.send(format!("{:X}\r\n", part.len()).as_bytes());
            client.send(part);
            client.send(b"\r\n");
        }
        client.send(b"0\r\n\r\n");
        client.expect(OK);
        let capture = captured(&server, 1);
        let request = &capture.exchanges[0].request;
        assert_eq!(
            request.body.json().map(|v| v.text()),
            Some(text),
            "{coding}"
        );
        assert_eq!(
            request.wire_body_bytes.as_option(),
            Some(&(bytes.len() as u64))
        );
    }
}

#[test]
fn a_body_that_is_too_large_is_refused() {
    let limits = Limits {
        body_bytes: 1000,
        ..Limits::default()
    };
    let bomb = compress_to_vec(&vec![0_u8; 100_000][..], CompressionLevel::Fastest);
    assert!(bomb.len() < 1000);
    let server = serve_within(vec![], limits);
    for (coding, bytes) in [("zstd", bomb), ("identity", vec![b'x'; 100_000])] {
        let mut client = Client::new(&server);
        let length = bytes.len();
        let head = format!(
            "POST /responses HTTP/1.1\r\nhost: h\r\ncontent-encoding: {coding}\r\ncontent-length: {length}\r\n\r\n"
        );
        client.send(head.as_bytes());
        client.send(&bytes);
        let (got, _) = client.read_to_end();
        assert!(
            got.starts_with("HTTP/1.1 413 Content Too Large\r\n"),
            "{got}"
        );
        assert!(got.contains("larger than 1000 bytes"), "{got}");
    }
    let mut client = Client::new(&server);
    client.send(b"POST /responses HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: 1001\r\n\r\n");
    let (got, _) = client.read_to_end();
    assert!(got.starts_with("HTTP/1.1 413 "), "{got}");
    for exchange in captured(&server, 3).exchanges {
        assert!(
            outline(&exchange).starts_with("413 "),
            "{}",
            outline(&exchange)
        );
    }
}

#[test]
fn a_body_whose_coding_is_a_lie_is_kept_as_sent_and_refused() {
    let server = serve(vec![]);
    let mut client = Client::new(&server);
    client.send(b"POST /responses HTTP/1.1\r\nhost: h\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\nabcd");
    let (got, _) = client.read_to_end();
    assert!(got.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{got}");
    let capture = captured(&server, 1);
    assert!(matches!(&capture.exchanges[0].request.body, Body::Text(text) if text == "abcd"));
}

#[test]
fn an_older_client_gets_no_chunks() {
    let server = serve(vec![answer(
        vec![head(Framing::Chunked), body("data: 1\n\n")],
        Ending::Complete,
    )]);
    let mut client = Client::new(&server);
    client.send(b"POST /responses HTTP/1.0\r\ncontent-length: 2\r\n\r\n{}");
    let (got, _) = client.read_to_end();
    assert_eq!(
        got,
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\ndata: 1\n\n"
    );
}

#[test]
fn a_client_that_waits_for_leave_gets_it() {
    let server = serve(vec![ok()]);
    let mut client = Client::new(&server);
    client.send(
        b"POST /responses HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n",
    );
    client.expect("HTTP/1.1 100 Continue\r\n\r\n");
    client.send(b"{}");
    client.expect(OK);
}

#[test]
fn only_a_head_answers_a_request_for_it() {
    for fields in ["HTTP/1.1\r\nhost: h\r\nconnection: close", "HTTP/1.0"] {
        let server = serve(vec![ok()]);
        let mut client = Client::new(&server);
        client.send(format!("HEAD /responses {fields}\r\n\r\n").as_bytes());
        let (got, _) = client.read_to_end();
        assert!(got.starts_with("HTTP/1.1 200 OK\r\n"), "{got}");
        assert!(got.ends_with("\r\n\r\n"), "{got}");
        let exchange = &captured(&server, 1).exchanges[0];
        assert_eq!(outline(exchange), "200  complete", "{fields}");
    }
}

/// A server without a script.
fn built_in() -> Server {
    let options = ServerOptions {
        capture: CaptureTarget::Memory,
        ..ServerOptions::default()
    };
    Server::start(options).expect("a loopback port is free")
}

#[test]
fn a_secret_among_bytes_that_are_no_text_is_not_kept() {
    let server = built_in();
    let mut client = Client::new(&server);
    let body = b"\xff{\"key\":\"sk-0123456789abcdefghij\"}\xfe";
    let length = body.len();
    let head = format!("POST /responses HTTP/1.1\r\nhost: h\r\ncontent-length: {length}\r\n\r\n");
    client.send(&[head.as_bytes(), body].concat());
    let capture = captured(&server, 1);
    let Body::Bytes(kept) = &capture.exchanges[0].request.body else {
        panic!("{:?}", capture.exchanges[0].request.body)
    };
    assert_eq!((kept[0], kept[kept.len() - 1]), (0xff, 0xfe));
    let kept = String::from_utf8_lossy(kept);
    assert!(kept.contains(r#"{"key":"<secret "#), "{kept}");
}

#[test]
fn what_a_plain_answer_repeats_of_a_secret_is_not_kept() {
    let server = built_in();
    let mut client = Client::new(&server);
    let key = "sk-0123456789abcdefghij";
    // Only the answer has it as it is.
    let spelt = key.replace('0', "\\u0030");
    // The looks of the last tell nothing; it is a secret for standing in the header.
    let models = ["m", &spelt, "m", key, "m", "ordinary-words", "m"];
    for model in models {
        let body = format!(r#"{{"model":"{model}","stream":true,"input":[]}}"#);
        let head = "POST /v1/responses HTTP/1.1\r\nhost: h\r\nauthorization: Bearer ordinary-words";
        client.send(format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).as_bytes());
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n0\r\n\r\n") {
            answer.extend(client.read_bytes(1));
        }
        let told = String::from_utf8_lossy(&answer).into_owned();
        let model = model.replace("\\u0030", "0");
        assert!(told.contains(&format!(r#""model":"{model}""#)));
    }
    captured(&server, models.len());
    let records = server.memory().expect("it is in memory").records();
    let records = String::from_utf8(records).expect("it is text");
    assert!(!records.contains(key) && !records.contains("ordinary-words"));
    assert_eq!(records.matches(r#""model":"m""#).count(), 4 * 4);
    assert_eq!(records.matches(r#""model":"<secret "#).count(), 4 * 3 - 1);
}
