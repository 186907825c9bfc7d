//! One request: read, written down, and given its answer.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::{Request, Response};
use tokio::sync::mpsc;

use crate::capture::{self, Body, Headers, Recorded};
use crate::http::HeaderList;
use crate::script::{Answer, Ending, Framing, Head, Piece, StepId, Upgrade};

use super::body::{BodyProblem, RequestBody, Sent};
use super::control;
use super::exchange::Exchange;
use super::former::Former;
use super::head::RequestHead;
use super::patience::Patience;
use super::shared::Shared;
use super::stream::{self, PlayedBody};
use super::tap::Heads;
use super::websocket::{self, WebSocket};
use super::wire::{Takeover, WirePlay, content_kind};
use super::worker::elsewhere;

/// What the requests of one connection have in common.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) shared: Arc<Shared>,
    pub(super) number: u64,
    pub(super) heads: Heads,
    /// With bodies that do not come.
    pub(super) patience: Patience,
    pub(super) former: Former,
    /// Takes the socket from hyper.
    pub(super) takeover: mpsc::UnboundedSender<Takeover>,
}

impl Connection {
    /// Answers a request. A response that hyper would not send as it is goes out by `takeover`, and this never returns.
    pub(super) async fn serve(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<PlayedBody>, Infallible> {
        let shared = &self.shared;
        // The tap sees each head before hyper does.
        let Some((head, whole)) = self.heads.next() else {
            return std::future::pending().await;
        };
        let coding = head.headers.joined("content-encoding");
        let incoming = match whole {
            Some(bytes) => Sent::Whole(bytes),
            None => Sent::Streamed(request.into_body(), &self.patience),
        };
        let body = RequestBody::read(incoming, coding.as_deref(), shared).await;
        if control::is_control(&head.target) {
            return Ok(control::respond(shared, &head, self.heads.clone()));
        }
        let is_keep_alive = head.is_keep_alive();
        let is_upgrade = body.problem.is_none() && websocket::is_asked_for(&head);
        let wants_answer = body.problem.is_none() && !is_upgrade;
        let problem = body.problem;
        let (connection, shared, number) = (self.clone(), shared.clone(), self.number);
        let (length, wire_bytes) = (body.bytes.len(), body.wire_bytes);
        let (head, mut exchange, decision) = elsewhere(length, move || {
            let (body, new) = connection.former.parse(body.bytes);
            let captured = captured(&head, body, wire_bytes);
            let began = shared.ms(head.began);
            let exchange = Exchange::open(shared, &captured, new, number, began);
            connection.former.keep(&captured.body, &exchange);
            let decider = &exchange.shared.decider;
            let decision =
                wants_answer.then(|| decider.answer(exchange.number, &head, captured.body.json()));
            (head, exchange, decision)
        })
        .await;
        let decision = match (problem, decision) {
            (Some(problem), _) => {
                return self.play(exchange, refusal(&problem), false, &head).await;
            }
            (None, Some(decision)) => decision,
            (None, None) => match self.shared.decider.upgrade(exchange.number, &head) {
                Upgrade::Accept {
                    step,
                    headers,
                    before,
                } => {
                    exchange.step = Some(step);
                    let socket = WebSocket {
                        exchange,
                        head,
                        headers,
                        before,
                    };
                    return self.take(Takeover::WebSocket(Box::new(socket))).await;
                }
                Upgrade::Refuse(decision) => decision,
            },
        };
        exchange.violation = decision.violation.map(|v| v.message);
        self.play(exchange, decision.answer, is_keep_alive, &head)
            .await
    }

    async fn play(
        &self,
        mut exchange: Exchange,
        answer: Answer,
        is_keep_alive: bool,
        request: &RequestHead,
    ) -> Result<Response<PlayedBody>, Infallible> {
        exchange.step = Some(answer.step);
        exchange.know(&answer);
        let is_ordinary =
            is_keep_alive && request.version == Some("HTTP/1.1") && answer.is_ordinary();
        let mut pieces = answer.pieces;
        if is_ordinary && let [Piece::Head(head), ..] = &mut pieces[..] {
            let headers = framed(head);
            if let Some(builder) = stream::head(head.status, &headers) {
                let content = content_kind(&headers);
                exchange.head(Some(head.status), Some(headers), content);
                pieces.remove(0);
                let body = stream::body(exchange, pieces, self.heads.clone());
                if let Ok(response) = builder.body(body) {
                    return Ok(response);
                }
                // All parts were checked before.
                return std::future::pending().await;
            }
        }
        if request.version != Some("HTTP/1.1") {
            without_chunks(&mut pieces);
        }
        let play = WirePlay {
            exchange,
            pieces,
            is_keep_alive,
            is_bodiless: request.method == "HEAD",
        };
        self.take(Takeover::Wire(Box::new(play))).await
    }

    /// Has the socket taken from hyper, which drops this future.
    async fn take(&self, takeover: Takeover) -> Result<Response<PlayedBody>, Infallible> {
        // The connection task holds the other end as long as this runs.
        let _ = self.takeover.send(takeover);
        std::future::pending().await
    }
}

/// The header fields of a response with those of its framing.
pub(super) fn framed(head: &Head) -> HeaderList {
    let mut headers = head.headers.clone();
    match head.framing {
        Framing::Chunked => headers.push("transfer-encoding", "chunked"),
        Framing::Length(length) => headers.push("content-length", length.to_string()),
        Framing::UntilClose => headers.push("connection", "close"),
    }
    headers
}

/// An older client knows no chunks.
pub(super) fn without_chunks(pieces: &mut [Piece]) {
    for piece in pieces {
        if let Piece::Head(head) = piece
            && head.framing == Framing::Chunked
        {
            head.framing = Framing::UntilClose;
        }
    }
}

pub(super) fn captured(head: &RequestHead, body: Body, wire_bytes: u64) -> capture::Request {
    capture::Request {
        method: head.method.clone(),
        target: head.target.clone(),
        http_version: head.version.map(str::to_owned).into(),
        headers: Recorded::Yes(Headers::exact(head.headers.clone())),
        body,
        wire_body_bytes: Recorded::Yes(wire_bytes),
    }
}

/// What is said to a client whose body is of no use.
fn refusal(problem: &BodyProblem) -> Answer {
    let (status, message) = match problem {
        BodyProblem::TooLarge(limit) => (
            413,
            format!("The request body is larger than {limit} bytes."),
        ),
        BodyProblem::Timeout(pause) => (
            408,
            format!(
                "No part of the request body came for {} s.",
                pause.as_secs()
            ),
        ),
        BodyProblem::Coding(error) => (400, format!("The request body can't be read: {error}.")),
        BodyProblem::Broken(error) => (400, format!("The request body can't be read: {error}.")),
    };
    error_answer(status, &message)
}

/// An error in the form of the API.
pub(super) fn error_answer(status: u16, message: &str) -> Answer {
    let body = serde_json::json!({
        "error": {"message": message, "type": "invalid_request_error", "param": null, "code": null}
    });
    let body = Bytes::from(body.to_string());
    let mut headers = HeaderList::new();
    headers.push("content-type", "application/json");
    let head = Head {
        status,
        headers,
        framing: Framing::Length(body.len() as u64),
    };
    let content = Piece::Body {
        bytes: body,
        flush: false,
        ends_event: false,
    };
    Answer {
        step: StepId::Refused,
        pieces: vec![Piece::Head(head), content, Piece::End(Ending::Complete)],
        has_json_events: false,
        is_clean: false,
    }
}
