//! A server with fixed answers, and a client that sees bytes.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;

use crate::capture::{Capture, Content, Exchange};
use crate::http::HeaderList;
use crate::script::{Answer, Ending, Framing, Head, Piece, Player, StepId, WsAnswer};
use crate::server::decide::{Decider, Fixed};
use crate::server::{CaptureTarget, Limits, Server, ServerOptions};

/// Longest time for which a test waits for bytes.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) fn serve(answers: Vec<Answer>) -> Server {
    serve_within(answers, Limits::default())
}

/// A server that says this to messages on a WebSocket.
pub(super) fn serve_messages(messages: Vec<WsAnswer>) -> Server {
    let options = ServerOptions {
        capture: CaptureTarget::Memory,
        threads: 2,
        limits: Limits {
            body_bytes: 100_000,
            ..Limits::default()
        },
        ..ServerOptions::default()
    };
    start(
        options,
        Fixed {
            answers: Mutex::default(),
            messages: Mutex::new(messages.into()),
        },
    )
}

pub(super) fn serve_within(answers: Vec<Answer>, limits: Limits) -> Server {
    let options = ServerOptions {
        capture: CaptureTarget::Memory,
        threads: 2,
        limits,
        ..ServerOptions::default()
    };
    start(
        options,
        Fixed {
            answers: Mutex::new(answers.into()),
            messages: Mutex::default(),
        },
    )
}

fn start(options: ServerOptions, fixed: Fixed) -> Server {
    let player = Player::new(options.script.clone(), options.play.clone());
    let mut decider = Decider::new(player, None);
    decider.fixed = Some(fixed);
    Server::start_with(options, decider).expect("a loopback port is free")
}

pub(super) fn head(framing: Framing) -> Piece {
    let mut headers = HeaderList::new();
    headers.push("content-type", "text/event-stream");
    Piece::Head(Head {
        status: 200,
        headers,
        framing,
    })
}

pub(super) fn body(text: &'static str) -> Piece {
    Piece::Body {
        bytes: Bytes::from_static(text.as_bytes()),
        flush: false,
        ends_event: false,
    }
}

pub(super) fn flushed(text: &'static str) -> Piece {
    Piece::Body {
        bytes: Bytes::from_static(text.as_bytes()),
        flush: true,
        ends_event: true,
    }
}

pub(super) fn wire(bytes: &'static [u8]) -> Piece {
    Piece::Wire(Bytes::from_static(bytes))
}

pub(super) fn answer(pieces: Vec<Piece>, ending: Ending) -> Answer {
    let mut pieces = pieces;
    pieces.push(Piece::End(ending));
    Answer {
        step: StepId::Step(0),
        pieces,
        has_json_events: false,
        is_clean: false,
    }
}

/// How a connection ended for the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) enum Ended {
    Closed,
    Reset,
}

pub(in crate::server) struct Client(TcpStream);

impl Client {
    pub(super) fn new(server: &Server) -> Self {
        Self::to(server.address())
    }

    pub(in crate::server) fn to(address: std::net::SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("a time is set");
        Self(stream)
    }

    pub(in crate::server) fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).expect("the server reads");
    }

    /// Sends a POST with this body.
    pub(in crate::server) fn post(&mut self, body: &str) {
        let length = body.len();
        let request = format!(
            "POST /v1/responses HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        self.send(request.as_bytes());
    }

    /// Reads exactly so many bytes as the expected text has.
    pub(in crate::server) fn expect(&mut self, text: &str) {
        let mut bytes = vec![0; text.len()];
        self.0.read_exact(&mut bytes).expect("as many bytes come");
        assert_eq!(String::from_utf8_lossy(&bytes), text);
    }

    /// Reads so many bytes.
    pub(in crate::server) fn read_bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.0.read_exact(&mut bytes).expect("as many bytes come");
        bytes
    }

    /// Everything to the end, and how it ended.
    pub(in crate::server) fn read_to_end(&mut self) -> (String, Ended) {
        let mut all = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            match self.0.read(&mut buffer) {
                Ok(0) => return (text(&all), Ended::Closed),
                Ok(count) => all.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                    return (text(&all), Ended::Reset);
                }
                Err(error) => panic!("{error} after {:?}", text(&all)),
            }
        }
    }

    /// What comes until the connection ends.
    ///
    /// # Panics
    ///
    /// When it is still open after this long.
    pub(super) fn read_for(&mut self, time: Duration) -> String {
        let time = Some(time);
        self.0.set_read_timeout(time).expect("a time is set");
        self.read_to_end().0
    }

    /// Reads one response whose length its head tells.
    pub(in crate::server) fn read_response(&mut self) -> String {
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.0.read_exact(&mut byte).expect("a head comes");
            bytes.extend(byte);
        }
        let head = text(&bytes);
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let length = length.and_then(|length| length.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).expect("the body comes");
        head + &text(&body)
    }

    /// Whether nothing comes for a while.
    pub(in crate::server) fn is_quiet(&mut self) -> bool {
        let short = Some(Duration::from_millis(60));
        self.0.set_read_timeout(short).expect("a time is set");
        let got = self.0.read(&mut [0]);
        self.0
            .set_read_timeout(Some(PATIENCE))
            .expect("a time is set");
        matches!(got, Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
    }

    pub(in crate::server) fn stream(&self) -> &TcpStream {
        &self.0
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The capture, once it has so many ended exchanges.
pub(super) fn captured(server: &Server, count: usize) -> Capture {
    const PAUSE: Duration = Duration::from_millis(2);
    let tries = PATIENCE.as_millis() / PAUSE.as_millis();
    for _ in 0..tries {
        let capture = server.capture().expect("the capture is in memory");
        let ended = |exchange: &&Exchange| exchange.response.end.as_option().is_some();
        if capture.exchanges.iter().filter(ended).count() >= count {
            return capture;
        }
        std::thread::sleep(PAUSE);
    }
    panic!("{:?}", server.capture());
}

/// An exchange in short: status, names of events or text of the body, `+` and the tail, how it ended.
pub(in crate::server) fn outline(exchange: &Exchange) -> String {
    let response = &exchange.response;
    let status = match response.status.as_option() {
        Some(Some(status)) => status.to_string(),
        _ => "-".to_owned(),
    };
    let content = match &response.content {
        Content::Events(stream) => {
            let kinds: Vec<_> = stream.events.iter().map(|event| event.kind()).collect();
            let tail = stream.partial_tail.as_ref();
            format!(
                "{}{}",
                kinds.join(","),
                tail.map_or_else(String::new, |tail| format!("+{tail:?}"))
            )
        }
        Content::Body(body) => body
            .json()
            .map_or_else(|| format!("{body:?}"), |v| v.text().to_owned()),
        other => format!("{other:?}"),
    };
    let end = response.end.as_option().map_or("-", |end| end.name());
    format!("{status} {content} {end}")
}
