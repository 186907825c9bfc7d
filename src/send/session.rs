//! Sends what is planned, one request after the other.

use std::collections::HashMap;

use crate::http::HeaderList;
use crate::json::Value;
use crate::server::{Answer, Client, Handshake, Outgoing, SendError, Socket};

use super::chain::as_post;
use super::plan::{Plan, Step};
use super::received::{Received, TURN_STATE};

/// How a request was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Over HTTP, as it was recorded.
    Http,
    /// Over a WebSocket, as it was recorded.
    WebSocket,
    /// Over HTTP, because the endpoint opens no WebSocket.
    InsteadOfWebSocket,
}

/// A request that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Number of the recorded exchange.
    pub recorded: usize,
    /// Number of the exchange in the capture of the answers.
    pub answered: usize,
    /// How it was sent.
    pub way: Way,
    /// Whether the whole recorded history was sent where the recorded request continued a response.
    pub is_whole: bool,
    /// The status; `None` when there was no head. Of a message on a WebSocket that of its handshake.
    pub status: Option<u16>,
    /// Whether it was not waited for any longer.
    pub is_given_up: bool,
}

/// Why not all was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stopped {
    /// A request could not be sent.
    Unsent(SendError),
    /// The endpoint takes no request with these credentials: the status, and what it says.
    Unauthorized(u16, String),
}

/// What was sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Session {
    /// The requests, in the order in which they were sent.
    pub sent: Vec<Sent>,
    /// Handshakes that were asked for: numbers of the recorded and of the answered exchange.
    pub handshakes: Vec<(usize, usize)>,
    /// Recorded messages that only warm up a WebSocket, where there is none.
    pub without_use: Vec<usize>,
    /// The status that a WebSocket was refused with; `Some(None)` where nothing was answered.
    pub refused_websocket: Option<Option<u16>>,
    /// Why the rest was not sent.
    pub stopped: Option<Stopped>,
}

/// Sends the requests of a plan in order, each when the answer to the one before has ended.
///
/// `told` gets every request when it is answered. It ends early where the endpoint can't be reached, or says that the credentials
/// are no good and did not when it was recorded.
pub fn send(plan: &Plan, client: &Client, told: &mut dyn FnMut(&Sent)) -> Session {
    let mut sender = Sender {
        plan,
        client,
        session: Session::default(),
        next: 0,
        open: None,
        received: HashMap::new(),
    };
    for step in &plan.steps {
        let sent = match step.is_message() {
            true => sender.message(step),
            false => sender.request(step, Way::Http, step.headers.clone()),
        };
        match sent {
            Err(error) => sender.session.stopped = Some(Stopped::Unsent(error)),
            Ok(Some(sent)) => {
                told(&sent);
                sender.session.sent.push(sent);
            }
            Ok(None) => {}
        }
        if sender.session.stopped.is_some() {
            break;
        }
    }
    sender.close();
    sender.session
}

struct Sender<'a> {
    plan: &'a Plan,
    client: &'a Client,
    session: Session,
    /// The number that the next exchange has among the answers.
    next: usize,
    /// The WebSocket that is open.
    open: Option<Open<'a>>,
    /// What was received, by the numbers of the recorded exchanges.
    received: HashMap<usize, Received>,
}

struct Open<'a> {
    socket: Box<Socket<'a>>,
    /// The recorded handshake.
    handshake: usize,
    /// Recorded exchanges that were answered over it.
    answered: Vec<usize>,
}

impl<'a> Sender<'a> {
    fn number(&mut self) -> usize {
        self.next += 1;
        self.next - 1
    }

    fn close(&mut self) {
        if let Some(open) = self.open.take() {
            open.socket.close();
        }
    }

    /// Sends a request over HTTP.
    fn request(
        &mut self,
        step: &Step,
        way: Way,
        headers: HeaderList,
    ) -> Result<Option<Sent>, SendError> {
        let (body, is_whole) = self.body(step, way != Way::Http, &[]);
        let is_post = way == Way::InsteadOfWebSocket;
        let outgoing = Outgoing {
            method: if is_post {
                "POST".to_owned()
            } else {
                step.method.clone()
            },
            target: step.target.clone(),
            headers: self.with_turn_state(headers),
            body: match is_post {
                true => as_post(&String::from_utf8_lossy(&body)).into_bytes(),
                false => body,
            },
        };
        let answer = self.client.send(&outgoing)?;
        self.note_refusal(step, &answer);
        let received = Received::of_bytes(&answer.headers, &answer.content);
        self.received.insert(step.exchange, received);
        Ok(Some(Sent {
            recorded: step.exchange,
            answered: self.number(),
            way,
            is_whole,
            status: answer.status,
            is_given_up: answer.is_given_up,
        }))
    }

    /// Sends a message over a WebSocket; over HTTP where the endpoint has none.
    fn message(&mut self, step: &Step) -> Result<Option<Sent>, SendError> {
        let handshake = step.handshake.unwrap_or(step.exchange);
        if self.session.refused_websocket.is_none() {
            self.open(step, handshake)?;
        }
        let Some(mut open) = self.open.take() else {
            return self.instead(step);
        };
        let (body, is_whole) = self.body(step, false, &open.answered);
        let told = open.socket.ask(&String::from_utf8_lossy(&body));
        let mut received = Received::default();
        for message in &told.messages {
            if let Ok(data) = Value::parse(message.as_str()) {
                received.event(&data);
            }
        }
        self.received.insert(step.exchange, received);
        open.answered.push(step.exchange);
        if told.is_ended {
            self.open = Some(open);
        }
        Ok(Some(Sent {
            recorded: step.exchange,
            answered: self.number(),
            way: Way::WebSocket,
            is_whole,
            status: Some(101),
            is_given_up: told.is_given_up,
        }))
    }

    /// Opens the WebSocket that a message was recorded on, unless it is open.
    fn open(&mut self, step: &Step, handshake: usize) -> Result<(), SendError> {
        let is_open = self
            .open
            .as_ref()
            .is_some_and(|open| open.handshake == handshake);
        if is_open {
            return Ok(());
        }
        self.close();
        let headers = self.with_turn_state(step.headers.clone());
        let opened = self.client.open(&step.target, &headers)?;
        let number = self.number();
        self.session.handshakes.push((handshake, number));
        match opened {
            Handshake::Open(socket) => {
                self.open = Some(Open {
                    socket,
                    handshake,
                    answered: Vec::new(),
                });
            }
            Handshake::Refused(answer) => {
                self.note_refusal(step, &answer);
                self.session.refused_websocket = Some(answer.status);
            }
        }
        Ok(())
    }

    /// Sends a message over HTTP, unless it only warms up the WebSocket that there is not.
    fn instead(&mut self, step: &Step) -> Result<Option<Sent>, SendError> {
        if self.session.stopped.is_some() {
            return Ok(None);
        }
        let message = Value::parse(String::from_utf8_lossy(&step.body)).ok();
        let generate = message.as_ref().and_then(|message| message.get("generate"));
        if generate.is_some_and(|generate| generate.node().boolean() == Some(false)) {
            self.session.without_use.push(step.exchange);
            return Ok(None);
        }
        let mut headers = HeaderList::new();
        let kept = step
            .headers
            .iter()
            .filter(|field| !is_of_websocket(&field.name));
        for field in kept {
            headers.push(field.name.as_str(), field.value.as_str());
        }
        for (name, value) in [
            ("content-type", "application/json"),
            ("accept", "text/event-stream"),
        ] {
            if headers.get(name).is_none() {
                headers.push(name, value);
            }
        }
        self.request(step, Way::InsteadOfWebSocket, headers)
    }

    /// The body that is sent, and whether it has the whole history where a response was continued. `on` are the exchanges
    /// that were answered over the same WebSocket, to which alone a message can refer.
    fn body(&self, step: &Step, is_alone: bool, on: &[usize]) -> (Vec<u8>, bool) {
        let chain = &self.plan.chain;
        if !chain.is_continuing(step.exchange) {
            return (step.body.clone(), false);
        }
        let Ok(body) = Value::parse(String::from_utf8_lossy(&step.body)) else {
            return (step.body.clone(), false);
        };
        let previous = chain.previous(step.exchange);
        let is_near = |previous: &usize| !step.is_message() || on.contains(previous);
        let received = previous
            .filter(is_near)
            .filter(|_| !is_alone)
            .and_then(|previous| self.received.get(&previous));
        let continued =
            received.and_then(|received| chain.continued(step.exchange, &body, received));
        match continued {
            Some(text) => (text.into_bytes(), false),
            None => (chain.whole(step.exchange, &body).into_bytes(), true),
        }
    }

    /// The state of a turn is what this server told for it; a recorded one would be another server's.
    fn with_turn_state(&self, headers: HeaderList) -> HeaderList {
        let Some(recorded) = headers.get(TURN_STATE) else {
            return headers;
        };
        let teller = self.plan.chain.teller_of(recorded);
        let told = teller.and_then(|teller| self.received.get(&teller));
        let now = told.and_then(|received| received.turn_state.clone());
        let mut out = HeaderList::new();
        for field in headers.iter() {
            match field.name.eq_ignore_ascii_case(TURN_STATE) {
                false => out.push(field.name.as_str(), field.value.as_str()),
                true => now
                    .iter()
                    .for_each(|now| out.push(field.name.as_str(), now.as_str())),
            }
        }
        out
    }

    /// Ends the session where the endpoint says that the credentials are no good, unless it did so when it was recorded.
    fn note_refusal(&mut self, step: &Step, answer: &Answer) {
        let Some(status @ (401 | 403)) = answer.status else {
            return;
        };
        if !self.plan.was_refused.contains(&step.exchange) {
            let message = said(&answer.content);
            self.session.stopped = Some(Stopped::Unauthorized(status, message));
        }
    }
}

/// Fields of a handshake that a request of its own does not have.
fn is_of_websocket(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with("sec-websocket-") || name == "openai-beta"
}

/// The message of an error in the form of the API; else the first words of a text.
pub(super) fn said(content: &[u8]) -> String {
    const LONGEST: usize = 200;
    let text = String::from_utf8_lossy(content);
    let message = Value::parse(text.as_ref()).ok().and_then(|body| {
        let error = body.get("error")?;
        let message = error.node().get_string("message");
        message
            .or_else(|| error.node().string())
            .map(|text| text.into_owned())
    });
    let told = message.unwrap_or_else(|| text.trim().to_owned());
    told.chars().take(LONGEST).collect()
}
