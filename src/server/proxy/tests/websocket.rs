//! WebSockets: frames go through as they are, messages are written down.

use flate2::{Compress, Compression, FlushCompress};

use crate::capture::{Content, Direction, Frame, FrameKind};
use crate::server::tests::client::Ended;

use super::peers::{Upstream, captured, client, extra, proxy};

pub(super) const ASK: &str = "GET /v1/responses HTTP/1.1\r\nhost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n";

fn accepted(extensions: &str) -> String {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n{extensions}\r\n"
    )
}

/// A frame with its first byte; masked as a client does.
pub(super) fn frame(first: u8, payload: &[u8], is_masked: bool) -> Vec<u8> {
    let mut out = vec![first];
    let bit = if is_masked { 0x80 } else { 0 };
    match payload.len() {
        length @ 0..126 => out.push(bit | length as u8),
        length => {
            out.push(bit | 126);
            out.extend((length as u16).to_be_bytes());
        }
    }
    if is_masked {
        let mask = [1, 2, 3, 4];
        out.extend(mask);
        out.extend(payload.iter().zip(mask.iter().cycle()).map(|(a, b)| a ^ b));
    } else {
        out.extend(payload);
    }
    out
}

fn deflated(compress: &mut Compress, text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    compress
        .compress_vec(text.as_bytes(), &mut out, FlushCompress::Sync)
        .expect("it is compressed");
    assert!(out.ends_with(&[0, 0, 0xff, 0xff]));
    out.truncate(out.len() - 4);
    out
}

pub(super) fn told(frame: &Frame) -> String {
    let from = match frame.direction {
        Direction::ClientToServer => ">",
        Direction::ServerToClient => "<",
    };
    let data = match (&frame.kind, frame.data.json()) {
        (FrameKind::Close { code, reason }, _) => format!("close {code:?} {reason}"),
        (_, Some(json)) => json.text().to_owned(),
        _ => format!("{:?}", frame.data),
    };
    format!("{from}{data}")
}

/// Each side's bytes go through; the messages and the end that were written down are these.
fn check(
    extensions: &'static str,
    sent: Vec<u8>,
    said: Vec<u8>,
    expect: &[&str],
    end: &str,
) -> Option<String> {
    let (wanted, answer) = (sent.clone(), said.clone());
    let upstream = Upstream::start(move |mut peer| {
        peer.read_head();
        peer.send(accepted(extensions).as_bytes());
        let mut seen = vec![0; wanted.len()];
        std::io::Read::read_exact(&mut peer.0, &mut seen).expect("all comes");
        assert_eq!(seen, wanted);
        peer.send(&answer);
    });
    let proxy = proxy(upstream.address);
    let mut client = client(&proxy);
    client.send(ASK.as_bytes());
    client.expect(&accepted(extensions));
    // In pieces that no frame ends with.
    for piece in sent.chunks(7) {
        client.send(piece);
    }
    assert_eq!(client.read_bytes(said.len()), said);
    assert_eq!(client.read_to_end(), (String::new(), Ended::Closed));
    upstream.join();
    let capture = captured(&proxy, 1);
    let exchange = &capture.exchanges[0];
    let Content::Frames(frames) = &exchange.response.content else {
        panic!("{exchange:?}");
    };
    let frames: Vec<_> = frames.iter().map(told).collect();
    assert_eq!(frames, expect);
    assert_eq!(
        exchange.response.end.as_option().map(|end| end.name()),
        Some(end)
    );
    extra(exchange, "wire").or(extra(exchange, "websocket"))
}

#[test]
fn messages_are_put_together() {
    let long = format!("[\"{}\"]", "a".repeat(300));
    let sent = [
        frame(0x01, b"{\"a\"", true),
        frame(0x89, b"p", true),
        frame(0x80, b":1}", true),
        frame(0x81, long.as_bytes(), true),
        frame(0x88, b"\x03\xe8bye", true),
    ];
    let said = [
        frame(0x8a, b"p", false),
        frame(0x82, b"\xff\xfe", false),
        frame(0x88, b"\x03\xe8", false),
    ];
    let expect = [
        ">Text(\"p\")",
        ">{\"a\":1}",
        &format!(">{long}"),
        ">close Some(1000) bye",
        "<Text(\"p\")",
        "<Bytes([255, 254])",
        "<close Some(1000) ",
    ];
    check("", sent.concat(), said.concat(), &expect, "complete");
}

#[test]
fn compressed_messages_are_decompressed() {
    let mut client = Compress::new(Compression::default(), false);
    let mut server = Compress::new(Compression::default(), false);
    let sent = [
        frame(
            0xc1,
            &deflated(&mut client, "{\"text\":\"once upon a time\"}"),
            true,
        ),
        frame(
            0xc1,
            &deflated(&mut client, "{\"text\":\"once upon a time\"}"),
            true,
        ),
        frame(0x81, b"[1]", true),
    ];
    let first = deflated(&mut server, "[\"again and again and again\"]");
    let (one, two) = first.split_at(5);
    server.reset();
    let said = [
        frame(0x41, one, false),
        frame(0x80, two, false),
        frame(0xc1, &deflated(&mut server, "[2]"), false),
    ];
    let expect = [
        ">{\"text\":\"once upon a time\"}",
        ">{\"text\":\"once upon a time\"}",
        ">[1]",
        "<[\"again and again and again\"]",
        "<[2]",
    ];
    let extensions = "sec-websocket-extensions: permessage-deflate; server_no_context_takeover\r\n";
    check(extensions, sent.concat(), said.concat(), &expect, "closed");
}

#[test]
fn what_is_no_frame_goes_through_and_is_noted() {
    let sent = frame(0x81, b"[1]", true);
    let cut = frame(0x81, b"[12345]", false)[..6].to_vec();
    let wire = check("", sent.clone(), cut, &[">[1]"], "closed");
    assert_eq!(wire.as_deref(), Some("\"[123\""));
    let said = [frame(0x81, b"[2]", false), frame(0xf1, b"x", false)].concat();
    let noted = check("", sent, said, &[">[1]", "<[2]"], "closed");
    assert!(noted.is_some());
}

#[test]
fn an_upstream_that_does_not_see_its_client_go_is_left() {
    let upstream = Upstream::start(|mut peer| {
        peer.read_head();
        peer.send(accepted("").as_bytes());
        peer.send(&frame(0x81, b"[1]", false));
        // It sees the end and does nothing.
        assert!(peer.read_to_end().is_empty());
        std::thread::park_timeout(std::time::Duration::from_secs(3));
    });
    let proxy = proxy(upstream.address);
    let mut client = client(&proxy);
    client.send(ASK.as_bytes());
    client.expect(&accepted(""));
    client.read_bytes(5);
    drop(client);
    let capture = captured(&proxy, 1);
    let end = capture.exchanges[0].response.end;
    assert_eq!(end.as_option().map(|end| end.name()), Some("peer_closed"));
    drop(upstream);
}
