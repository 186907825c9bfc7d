//! Whatever an agent and its server say: the proxy between them never panics, ends when both have ended, and what it wrote
//! down can be read.
//!
//! The first byte of the input says where the server's part begins, in 256ths, and whether the proxy answers what it knows.
//! To be run with SIGPIPE ignored (`trap '' PIPE` in the shell), as every Rust program with a `main` of its own has it.

#![no_main]

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use trace_diff::capture::read_capture_bytes;
use trace_diff::server::{CaptureTarget, Limits, Proxy, ProxyOptions};

/// Runs after which the capture in memory is given up.
const RUNS: usize = 200;
const PATIENCE: Duration = Duration::from_secs(8);

const KNOWN: &str = r#"{"format":"raw-exchange/1","seq":1,"conn":1,"transport":"http","method":"POST","path":"/v1/responses","request":{"headers":[["host","h"]],"body_kind":"json-compact","body":{"input":"a"}},"response":{"status":200,"headers":[["content-type","text/event-stream"]],"events":[{"at_ms":1,"event":"response.completed","data":{"type":"response.completed"}}],"ended":"complete"}}
"#;

/// What the server says to a connection of the proxy.
static SAID: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Where the server is.
static UPSTREAM: LazyLock<String> = LazyLock::new(|| {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
    let address = listener.local_addr().expect("it is bound").to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let said = SAID.lock().expect("nothing panics while it is held").clone();
            // The proxy may have gone.
            let _ = answer(stream, &said);
        }
    });
    address
});

fn answer(mut stream: TcpStream, said: &[u8]) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut buffer = [0; 1 << 12];
    // A request has begun.
    let _ = stream.read(&mut buffer)?;
    stream.write_all(said)?;
    stream.shutdown(Shutdown::Write)?;
    while matches!(stream.read(&mut buffer), Ok(1..)) {}
    Ok(())
}

fn proxy(upstream: &str, knows: bool) -> Proxy {
    let url = format!("http://{upstream}/v1");
    let mut options = ProxyOptions::new(url.parse().expect("it is a URL"));
    options.capture = CaptureTarget::Memory;
    options.limits = Limits { body_bytes: 1 << 16, ..Limits::default() };
    options.known = knows.then(|| read_capture_bytes("-", KNOWN.into()).expect("it is a capture"));
    options.threads = 1;
    Proxy::start(options).expect("a loopback port is free")
}

static PROXIES: LazyLock<Mutex<[(usize, Option<Proxy>); 2]>> = LazyLock::new(|| Mutex::new([(0, None), (0, None)]));

fuzz_target!(|input: &[u8]| {
    let Some((&first, said)) = input.split_first() else {
        return;
    };
    let mut proxies = PROXIES.lock().expect("nothing panics while it is held");
    let (runs, running) = &mut proxies[usize::from(first & 1)];
    if *runs % RUNS == 0 {
        *running = Some(proxy(&UPSTREAM, first & 1 == 1));
    }
    *runs += 1;
    let Some(proxy) = running else { return };
    let (agent, server) = said.split_at(said.len() * usize::from(first) / 256);
    *SAID.lock().expect("nothing panics while it is held") = server.to_vec();
    let mut stream = TcpStream::connect(proxy.address()).expect("the proxy listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("it is no zero");
    if stream.write_all(agent).is_ok() && stream.shutdown(Shutdown::Write).is_ok() {
        let mut buffer = [0; 1 << 12];
        loop {
            match stream.read(&mut buffer) {
                Ok(1..) => {}
                Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock) => panic!("the proxy does not end"),
                _ => break,
            }
        }
    }
    let capture = proxy.capture().expect("what is written down can be read");
    assert!(capture.problems.is_empty(), "{:?}", capture.problems);
});
