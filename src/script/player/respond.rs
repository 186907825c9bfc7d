//! The answer of a step.

use bytes::Bytes;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use crate::http::HeaderList;
use crate::script::answer::{Ending, Framing, Head, Piece, WsFrame, WsPiece};
use crate::script::encode::{message_pieces, stream_pieces};
use crate::script::fault::{
    Ends, ErrorInfo, FaultError, FaultKind, Random, active, apply_to_events, apply_to_frames,
    apply_to_pieces, error_answer, error_body, error_frame, text_style,
};
use crate::script::matcher::Facts;
use crate::script::model::{Beat, Entry, Reply, Response, Script, Step};
use crate::script::names::Names;
use crate::script::reply::{Rendered, filled, render_response, response_object};
use crate::script::template::Values;

/// One answer to be made.
pub(super) struct Task<'a> {
    pub(super) script: &'a Script,
    pub(super) step: &'a Step,
    pub(super) facts: &'a Facts<'a>,
    pub(super) values: Values,
    pub(super) names: Names,
    /// Which answer of the step it is, from 1.
    pub(super) count: u32,
    pub(super) random: Random,
    /// Whether all data of the events that were made is JSON.
    pub(super) has_json_events: bool,
}

/// What a step says to a WebSocket handshake.
pub(super) enum Handshake {
    Accept {
        headers: HeaderList,
        before: Vec<Piece>,
    },
    Refuse(Vec<Piece>),
}

impl Task<'_> {
    /// The answer to an HTTP request.
    pub(super) fn over_http(&mut self) -> Result<Vec<Piece>, FaultError> {
        let faults = active(&self.step.faults, self.count, &mut self.random);
        self.http(&faults)
    }

    /// The answer to a handshake: a step that says nothing against it accepts it.
    pub(super) fn handshake(&mut self) -> Result<Handshake, FaultError> {
        let faults = active(&self.step.faults, self.count, &mut self.random);
        let refuses =
            |fault: &&FaultKind| matches!(fault, FaultKind::Status { .. } | FaultKind::Cut { .. });
        if matches!(self.step.reply, Reply::Body { .. }) || faults.iter().any(refuses) {
            return self.http(&faults).map(Handshake::Refuse);
        }
        let mut before = before(self.step);
        for fault in faults {
            if let FaultKind::SlowHead { wait, .. } = fault {
                before.push(Piece::Wait(*wait));
            }
        }
        Ok(Handshake::Accept {
            headers: self.extra_headers(HeaderList::new()),
            before,
        })
    }

    /// The answer to a message on a WebSocket.
    pub(super) fn over_websocket(&mut self) -> Result<Vec<WsPiece>, FaultError> {
        let faults = active(&self.step.faults, self.count, &mut self.random);
        let mut pieces = match self.error_message(&faults) {
            Some(message) => vec![WsPiece::Frame {
                frame: WsFrame::text(message),
                flush: true,
                ends_event: true,
            }],
            None => {
                let (beats, _) = self.events(&faults)?;
                message_pieces(&beats, self.step.is_flushed)
            }
        };
        pieces.push(WsPiece::End(Ending::Complete));
        for fault in staged(&faults) {
            apply_to_frames(fault, &mut pieces, &mut self.random)?;
        }
        let waits = self.step.before.iter().filter_map(|beat| match beat {
            Beat::Wait(wait) => Some(WsPiece::Wait(*wait)),
            Beat::Gate(name) => Some(WsPiece::Gate(name.clone())),
            _ => None,
        });
        Ok(waits.chain(pieces).collect())
    }

    fn http(&mut self, faults: &[&FaultKind]) -> Result<Vec<Piece>, FaultError> {
        let mut pieces = match self.error_pieces(faults) {
            Some(pieces) => pieces,
            None => self.reply_pieces(faults)?,
        };
        for fault in staged(faults) {
            apply_to_pieces(fault, &mut pieces, &mut self.random)?;
        }
        Ok(before(self.step).into_iter().chain(pieces).collect())
    }

    fn reply_pieces(&mut self, faults: &[&FaultKind]) -> Result<Vec<Piece>, FaultError> {
        if let Reply::Body {
            status,
            body,
            content_type,
        } = &self.step.reply
        {
            let body = match *content_type {
                "application/json" => self.values.fill_json(body),
                _ => self.values.fill(body),
            };
            let headers = self.headers(content_type);
            return Ok(error_answer(*status, body.into_owned(), headers, None, 0));
        }
        let is_compact = self.facts.endpoint == "/responses/compact";
        let (beats, rendered) = self.events(faults)?;
        match rendered {
            Some(_) if is_compact || !self.wants_stream() => {
                let (status, body) = whole(&beats, is_compact);
                let headers = self.headers("application/json");
                Ok(error_answer(status, body, headers, None, 0))
            }
            _ => {
                let style = text_style(faults);
                let mut pieces = vec![Piece::Head(Head {
                    status: 200,
                    headers: self.headers("text/event-stream; charset=utf-8"),
                    framing: Framing::Chunked,
                })];
                pieces.extend(stream_pieces(&beats, &style, self.step.is_flushed));
                pieces.push(Piece::End(Ending::Complete));
                Ok(pieces)
            }
        }
    }

    /// The events with the faults that are in them, and the response if the step makes one.
    fn events(
        &mut self,
        faults: &[&FaultKind],
    ) -> Result<(Vec<Beat>, Option<Rendered>), FaultError> {
        let model = self.script.model.as_deref();
        let (mut beats, rendered) = match &self.step.reply {
            Reply::Response(response) => {
                let mut rendered =
                    render_response(response, model, self.facts, &self.names, &self.values);
                (std::mem::take(&mut rendered.beats), Some(rendered))
            }
            Reply::Events(beats) => {
                let beats = beats.iter().map(|beat| filled(beat, &self.values));
                (beats.collect(), None)
            }
            Reply::Body { .. } => (Vec::new(), None),
        };
        if faults.is_empty() {
            self.has_json_events = rendered.is_some() && has_only_items(&self.step.reply);
            return Ok((beats, rendered));
        }
        let plain = Response::default();
        let response = match &self.step.reply {
            Reply::Response(response) => response,
            _ => &plain,
        };
        let begun = response_object(response, model, self.facts, &self.names, &self.values);
        let begun = begun.to_value();
        let finished = rendered
            .as_ref()
            .map(|rendered| rendered.response.to_value());
        let ends = Ends {
            response: Some(&begun),
            finished: finished.as_ref(),
        };
        for fault in faults {
            apply_to_events(fault, &mut beats, &ends, &mut self.random)?;
        }
        Ok((beats, rendered))
    }

    /// The answer of a status fault.
    fn error_pieces(&self, faults: &[&FaultKind]) -> Option<Vec<Piece>> {
        faults.iter().find_map(|fault| match fault {
            FaultKind::Status {
                status,
                body,
                error,
                retry_after,
                headers,
            } => {
                let body = self.fault_body(*status, body.as_deref(), error);
                let mut all = HeaderList::new();
                all.push("x-request-id", self.names.request_id());
                let all = merged(self.extra_headers(all), headers);
                let now = self.facts.request.now;
                Some(error_answer(*status, body, all, retry_after.as_ref(), now))
            }
            _ => None,
        })
    }

    /// The body of a status fault: the one that is given, or an error as the API words it.
    fn fault_body(&self, status: u16, body: Option<&str>, error: &ErrorInfo) -> String {
        match body {
            Some(body) if serde_json::from_str::<IgnoredAny>(body).is_err() => {
                self.values.fill(body).into_owned()
            }
            Some(body) => self.values.fill_json(body).into_owned(),
            None => self
                .values
                .fill_json(&error_body(status, error))
                .into_owned(),
        }
    }

    /// The message that stands for a status on a WebSocket.
    fn error_message(&self, faults: &[&FaultKind]) -> Option<String> {
        let fault = faults.iter().find_map(|fault| match fault {
            FaultKind::Status {
                status,
                body,
                error,
                retry_after,
                headers,
            } => {
                let body = self.fault_body(*status, body.as_deref(), error);
                let now = self.facts.request.now;
                Some(error_frame(
                    *status,
                    &body,
                    headers,
                    retry_after.as_ref(),
                    now,
                ))
            }
            _ => None,
        });
        fault.or_else(|| match &self.step.reply {
            Reply::Body { status, body, .. } => {
                let body = self.values.fill_json(body);
                Some(error_frame(*status, &body, &self.step.headers, None, 0))
            }
            _ => None,
        })
    }

    /// Whether the request asks for a stream; one without a body is taken for one that does.
    fn wants_stream(&self) -> bool {
        match self.facts.body() {
            Some(body) => body.get("stream").and_then(|stream| stream.boolean()) == Some(true),
            None => true,
        }
    }

    fn headers(&self, content_type: &str) -> HeaderList {
        let mut headers = HeaderList::new();
        headers.push("content-type", content_type);
        if content_type.starts_with("text/event-stream") {
            headers.push("cache-control", "no-cache");
        }
        headers.push("x-request-id", self.names.request_id());
        self.extra_headers(headers)
    }

    /// The fields of script and step, in place of those with their names.
    fn extra_headers(&self, headers: HeaderList) -> HeaderList {
        let mut all = merged(merged(headers, &self.script.headers), &self.step.headers);
        for field in &mut all.entries {
            // What a request held may have line ends, which would begin another field.
            let value = self.values.fill(&field.value);
            field.value = value.replace(['\r', '\n', '\0'], " ");
        }
        all
    }
}

/// Fields with those of another list in place of the ones of the same name.
fn merged(mut headers: HeaderList, over: &HeaderList) -> HeaderList {
    headers
        .entries
        .retain(|field| over.get(&field.name).is_none());
    headers.entries.extend(over.entries.iter().cloned());
    headers
}

/// Whether all events of a reply are made of its items.
fn has_only_items(reply: &Reply) -> bool {
    let is_event = |entry: &Entry| matches!(entry, Entry::Beat(Beat::Event(_) | Beat::Raw(_)));
    matches!(reply, Reply::Response(response) if !response.entries.iter().any(is_event))
}

fn before(step: &Step) -> Vec<Piece> {
    let pieces = step.before.iter().filter_map(|beat| match beat {
        Beat::Wait(wait) => Some(Piece::Wait(*wait)),
        Beat::Gate(name) => Some(Piece::Gate(name.clone())),
        _ => None,
    });
    pieces.collect()
}

/// The faults in the order in which they change what travels: what an answer promises first, then where it ends, then how
/// it is cut up.
fn staged<'f>(faults: &[&'f FaultKind]) -> Vec<&'f FaultKind> {
    let stage = |fault: &&FaultKind| match fault {
        FaultKind::Cut { .. } | FaultKind::CloseFrame { .. } => 1,
        FaultKind::Chunks { .. } | FaultKind::Fragments(_) => 2,
        FaultKind::SlowHead { .. } => 3,
        _ => 0,
    };
    let mut staged = faults.to_vec();
    staged.sort_by_key(stage);
    staged
}

/// What is said where the events hold no response.
const NO_RESPONSE: &str = "The server had an error while processing your request.";

/// Status and body of an answer that is no stream: the response of the last event.
fn whole(beats: &[Beat], is_compact: bool) -> (u16, String) {
    let last = beats.iter().rev().find_map(|beat| match beat {
        Beat::Event(event) => serde_json::from_str::<Value>(&event.data).ok(),
        _ => None,
    });
    let last = last.unwrap_or(Value::Null);
    match last.get("response") {
        Some(response) if is_compact => {
            let body = json!({
                "id": response["id"],
                "object": "response.compaction",
                "created_at": response["created_at"],
                "output": response["output"],
                "usage": response["usage"],
            });
            (200, body.to_string())
        }
        Some(response) => (200, response.to_string()),
        None => {
            let error = json!({
                "message": last["message"].as_str().unwrap_or(NO_RESPONSE),
                "type": "server_error",
                "param": last["param"],
                "code": last["code"],
            });
            (500, json!({ "error": error }).to_string())
        }
    }
}

/// A body of its own, for answers that no script makes.
pub(super) fn json_pieces(status: u16, body: &Value, request_id: Option<String>) -> Vec<Piece> {
    text_pieces(status, body.to_string(), request_id)
}

/// The same with a body that is JSON text.
pub(super) fn text_pieces(status: u16, body: String, request_id: Option<String>) -> Vec<Piece> {
    let mut headers = HeaderList::new();
    headers.push("content-type", "application/json");
    if let Some(id) = request_id {
        headers.push("x-request-id", id);
    }
    let bytes = Bytes::from(body);
    vec![
        Piece::Head(Head {
            status,
            headers,
            framing: Framing::Length(bytes.len() as u64),
        }),
        Piece::Body {
            bytes,
            flush: false,
            ends_event: true,
        },
        Piece::End(Ending::Complete),
    ]
}
