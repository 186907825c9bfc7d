//! Whatever a client sends: the server never panics and always ends the connection, and answering a body never panics.
//!
//! To be run with SIGPIPE ignored (`trap '' PIPE` in the shell), as every Rust program with a `main` of its own has it: a
//! client that goes while the server writes would end the fuzzer.

#![no_main]

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use trace_diff::http::{HeaderList, decode};
use trace_diff::json::Value;
use trace_diff::script::{Conversation, Player, PlayerOptions, RequestView, Script};
use trace_diff::server::{CaptureTarget, Limits, Server, ServerOptions};

const HANDSHAKE: &[u8] = b"GET /v1/responses HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
const SCRIPT: &str = r#"
version = 1
token_budget = 100
[[step]]
when = { output_of = "call_1", contains = "x" }
reply = "{{request.model}} {{request/input/0/id}}"
[[default]]
when = { text = "a" }
reply = [{ reasoning = "r" }, { call = "f" }, "{{request.thread}}"]
"#;

static SERVER: LazyLock<Server> = LazyLock::new(|| {
    let null = OpenOptions::new().append(true).open("/dev/null").expect("it is there");
    let options = ServerOptions {
        capture: CaptureTarget::File(Arc::new(null)),
        limits: Limits { body_bytes: 1 << 16, ..Limits::default() },
        threads: 1,
        ..ServerOptions::default()
    };
    Server::start(options).expect("a loopback port is free")
});

static PLAYED: LazyLock<Arc<Script>> =
    LazyLock::new(|| Arc::new(Script::parse("fuzz.toml", SCRIPT).expect("it is a script")));

// The first byte says what the rest is.
fuzz_target!(|input: &[u8]| {
    let Some((&kind, input)) = input.split_first() else {
        return;
    };
    match kind {
        b'r' => over_a_socket(&[], input),
        b'w' => over_a_socket(HANDSHAKE, input),
        b'z' => drop(decode("zstd", input, 1 << 16)),
        b'g' => drop(decode("gzip, br", input, 1 << 16)),
        _ => answered(kind, input),
    }
});

/// Sends the bytes, then reads to the end; a server that keeps the connection open hangs.
fn over_a_socket(before: &[u8], input: &[u8]) {
    let Ok(mut stream) = TcpStream::connect(SERVER.address()) else {
        return;
    };
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a time is set");
    // The server may have ended the connection by now.
    let _ = stream.write_all(before).and_then(|()| stream.write_all(input));
    let _ = stream.shutdown(Shutdown::Write);
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut => panic!("the connection is kept open"),
                _ => return,
            },
        }
    }
}

/// Has a body answered, as a request and as a message, by a script or without one.
fn answered(kind: u8, input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let body = Value::parse(text).ok();
    let script = if kind % 2 == 0 { PLAYED.clone() } else { Arc::default() };
    let options = PlayerOptions { is_strict_api: kind % 4 < 2, ..PlayerOptions::default() };
    let mut player = Player::new(script, options);
    let headers = HeaderList::from_iter([("x-codex-turn-metadata", text), ("thread-id", "t")]);
    let request = RequestView {
        number: 0,
        method: "POST",
        target: if kind % 8 < 4 { "/v1/responses" } else { "/v1/responses/compact" },
        headers: &headers,
        body: body.as_ref(),
        now: 0,
    };
    let decision = player.answer(&request);
    assert!(decision.answer.is_ordinary());
    let mut conversation = Conversation::default();
    for _ in 0..2 {
        player.answer_message(&mut conversation, &request);
    }
    player.finish();
}
