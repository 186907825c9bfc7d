//! Scripts of the corpus, played over sockets to the requests that were recorded: bytes and ends are those of then.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{Message, WebSocket};
use trace_diff::capture::{
    Body, Capture, Content, Direction, End, Exchange, Frame, FrameKind, read_capture,
};
use trace_diff::http::parse_sse;
use trace_diff::script::{Script, convert_raw_exchange_script};
use trace_diff::server::{Server, ServerOptions};
use walkdir::WalkDir;

use crate::samples::package;

/// Longest time for which bytes are waited for, and the time after which nothing more is taken for a stall.
const PATIENCE: Duration = Duration::from_secs(30);
const SILENCE: Duration = Duration::from_millis(150);

/// What a client saw of a response.
#[derive(Debug, PartialEq)]
struct Seen {
    status: Option<u16>,
    /// Names and data of events with the bytes behind the last, or the body.
    content: Vec<String>,
    end: &'static str,
}

fn scripts() -> Vec<PathBuf> {
    let top = package().join("../shared/corpus");
    if !top.is_dir() {
        println!("skipped: no corpus beside the package");
    }
    let files = WalkDir::new(top).sort_by_file_name().into_iter();
    files
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name() == "script.json")
        .map(walkdir::DirEntry::into_path)
        .collect()
}

/// JSON without what differs in how it was written.
fn normal(text: &str) -> String {
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(value) => value.to_string(),
        Err(_) => text.to_owned(),
    }
}

fn text_of(body: &Body) -> String {
    match body {
        Body::Json(json) => normal(json.value.text()),
        Body::Text(text) => text.clone(),
        _ => String::new(),
    }
}

fn recorded(exchange: &Exchange) -> Seen {
    let response = &exchange.response;
    let content = match &response.content {
        Content::Events(stream) => {
            let events = stream.events.iter();
            let mut all: Vec<String> = events
                .map(|event| format!("{:?} {}", event.name, text_of(&event.data)))
                .collect();
            all.extend(stream.partial_tail.clone().filter(|tail| !tail.is_empty()));
            all
        }
        Content::Body(_) if response.status.as_option() == Some(&None) => Vec::new(),
        Content::Body(body) => vec![text_of(body)],
        _ => Vec::new(),
    };
    let end = response.end.as_option().copied();
    Seen {
        status: response.status.as_option().copied().flatten(),
        content,
        end: match end {
            // What the agent did first this client does not.
            Some(End::PeerClosed | End::ServerStopped) | None => "any",
            Some(end) => end.name(),
        },
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn head_of(exchange: &Exchange) -> String {
    let request = &exchange.request;
    let mut head = format!("{} {} HTTP/1.1\r\n", request.method, request.target);
    for header in request.headers.as_option().unwrap().list.iter() {
        let name = header.name.to_ascii_lowercase();
        // The body is sent as it was recorded, decoded.
        if !matches!(name.as_str(), "content-length" | "content-encoding") {
            head.push_str(&format!("{}: {}\r\n", header.name, header.value));
        }
    }
    head
}

fn ask(address: SocketAddr, exchange: &Exchange) -> Seen {
    let mut stream = connect(address);
    let body = match &exchange.request.body {
        Body::Json(json) => json.value.text().as_bytes().to_vec(),
        Body::Text(text) => text.as_bytes().to_vec(),
        Body::Bytes(bytes) => bytes.clone(),
        _ => Vec::new(),
    };
    let length = body.len();
    let head = format!("{}content-length: {length}\r\n\r\n", head_of(exchange));
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&body).unwrap();
    if exchange.response.end.as_option() == Some(&End::Stall) {
        stream.set_read_timeout(Some(SILENCE)).unwrap();
    }
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    let end = loop {
        if is_complete(&bytes) {
            break "complete";
        }
        match stream.read(&mut buffer) {
            Ok(0) => break "closed",
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break "reset",
            Err(_) => break "stall",
        }
    };
    seen(&bytes, end)
}

/// Head, and the body with chunks undone; whether the body is whole.
fn parts(bytes: &[u8]) -> Option<(String, Vec<u8>, bool)> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = String::from_utf8(bytes[..end].to_vec())
        .unwrap()
        .to_ascii_lowercase();
    let mut rest = &bytes[end..];
    if let Some(length) = head.split("content-length: ").nth(1) {
        let length: usize = length.lines().next().unwrap().parse().unwrap();
        let is_whole = rest.len() >= length;
        return Some((head, rest.to_vec(), is_whole));
    }
    let mut body = Vec::new();
    while let Some(line) = rest.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&rest[..line]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        rest = &rest[line + 2..];
        if size == 0 {
            return Some((head, body, rest == b"\r\n"));
        }
        body.extend_from_slice(&rest[..size.min(rest.len())]);
        rest = rest.get(size + 2..).unwrap_or(&[]);
    }
    Some((head, body, false))
}

fn is_complete(bytes: &[u8]) -> bool {
    parts(bytes).is_some_and(|(_, _, is_whole)| is_whole)
}

fn seen(bytes: &[u8], end: &'static str) -> Seen {
    let Some((head, body, _)) = parts(bytes) else {
        return Seen {
            status: None,
            content: Vec::new(),
            end,
        };
    };
    let text = String::from_utf8_lossy(&body).into_owned();
    let content = if head.contains("content-type: text/event-stream") {
        let parsed = parse_sse(&text);
        let events = parsed.events.iter().map(|placed| &placed.event);
        let mut all: Vec<String> = events
            .filter(|event| event.data.is_some())
            .map(|event| {
                let data = event.data.as_deref().unwrap_or_default();
                format!("{:?} {}", event.name, normal(data))
            })
            .collect();
        all.extend(Some(parsed.partial_tail).filter(|tail| !tail.is_empty()));
        all
    } else {
        vec![normal(&text)]
    };
    Seen {
        status: head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok()),
        content,
        end,
    }
}

/// Sends what the agent sent on a WebSocket; complaints are messages that are not what came then.
fn talk(address: SocketAddr, exchange: &Exchange, frames: &[Frame]) -> Vec<String> {
    let mut stream = connect(address);
    let head = format!("{}\r\n", head_of(exchange));
    stream.write_all(head.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        bytes.push(byte[0]);
    }
    if !bytes.starts_with(b"HTTP/1.1 101 ") {
        return vec![String::from_utf8_lossy(&bytes).into_owned()];
    }
    let mut socket = WebSocket::from_raw_socket(stream, Role::Client, None);
    let mut complaints = Vec::new();
    for frame in frames.iter().filter(|frame| frame.kind == FrameKind::Text) {
        let text = text_of(&frame.data);
        if frame.direction == Direction::ClientToServer {
            if socket.send(Message::text(text)).is_err() {
                complaints.push("the server closed too early".to_owned());
            }
            continue;
        }
        match socket.read() {
            Ok(Message::Text(got)) if normal(got.as_str()) == text => {}
            other => complaints.push(format!("expected {text}\ngot {other:?}")),
        }
    }
    complaints
}

fn check(name: &str, script: &str, capture: &Capture) -> Vec<String> {
    let options = ServerOptions {
        script: Arc::new(Script::parse("", script).unwrap()),
        threads: 1,
        ..ServerOptions::default()
    };
    let server = Server::start(options).unwrap();
    let mut complaints = Vec::new();
    for (number, exchange) in capture.exchanges.iter().enumerate() {
        let place = |what: String| format!("{name} #{number}: {what}");
        if let Content::Frames(frames) = &exchange.response.content {
            complaints.extend(
                talk(server.address(), exchange, frames)
                    .into_iter()
                    .map(place),
            );
            continue;
        }
        let mut expect = recorded(exchange);
        let mut got = ask(server.address(), exchange);
        if got.status == Some(426) {
            // Scripts of the recorders say whether an upgrade is refused, not in which words.
            expect.content.clear();
            got.content.clear();
        }
        if expect.end == "any" {
            // That agent went before the response was at its end.
            expect.end = got.end;
            got.content.truncate(expect.content.len());
        }
        if expect != got {
            complaints.push(place(format!("expected {expect:?}\ngot {got:?}")));
        }
    }
    complaints
}

#[test]
fn clients_see_what_the_recorded_agents_saw() {
    let scripts = scripts();
    let next = std::sync::atomic::AtomicUsize::new(0);
    let complaints = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    let Some(path) = scripts.get(index) else {
                        break;
                    };
                    let capture = path.with_file_name("capture.jsonl");
                    let capture = read_capture(&capture.to_string_lossy()).unwrap();
                    let text = std::fs::read_to_string(path).unwrap();
                    let script = convert_raw_exchange_script(&text).unwrap();
                    let name = path.parent().unwrap().display().to_string();
                    let found = check(&name, &script, &capture);
                    complaints.lock().unwrap().extend(found);
                }
            });
        }
    });
    println!("{} scripts", scripts.len());
    let complaints = complaints.into_inner().unwrap();
    let shown: Vec<String> = complaints
        .iter()
        .take(8)
        .map(|complaint| complaint.chars().take(1500).collect())
        .collect();
    assert!(
        complaints.is_empty(),
        "{} complaints:\n{}",
        complaints.len(),
        shown.join("\n")
    );
}
