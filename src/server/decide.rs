//! Which answer a request gets.

#[cfg(test)]
use std::collections::VecDeque;
#[cfg(test)]
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

use crate::http::HeaderList;
use crate::json::Value;
use crate::script::{Answer, Ending, Framing, Head, Piece, StepId};

use super::head::RequestHead;

/// Finds answers.
#[derive(Debug)]
pub(super) enum Decider {
    /// A script.
    BuiltIn,
    /// Answers in this order, whatever is asked.
    #[cfg(test)]
    Fixed(Mutex<VecDeque<Answer>>),
}

impl Decider {
    /// The answer to a request.
    pub(super) fn answer(&self, head: &RequestHead, body: Option<&Value>) -> Answer {
        match self {
            Decider::BuiltIn => built_in(head, body),
            #[cfg(test)]
            Decider::Fixed(answers) => {
                let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
                let next = answers.pop_front();
                next.unwrap_or_else(|| super::service::error_answer(500, "no answer is left"))
            }
        }
    }
}

fn built_in(head: &RequestHead, _body: Option<&Value>) -> Answer {
    if head.method != "POST" {
        return super::service::error_answer(404, "not found");
    }
    const EVENTS: &str = concat!(
        "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\"}}\n\n",
        "event: response.output_item.done\ndata: {\"type\":\"response.output_item.done\",\"output_index\":0,\"item\":{\"type\":\"message\",\"id\":\"msg_1\",\"role\":\"assistant\",\"status\":\"completed\",\"content\":[{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":\"OK\"}]}}\n\n",
        "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"resp_1\",\"usage\":null}}\n\n"
    );
    let mut headers = HeaderList::new();
    headers.push("content-type", "text/event-stream; charset=utf-8");
    headers.push("cache-control", "no-cache");
    Answer {
        step: StepId::BuiltIn,
        pieces: vec![
            Piece::Head(Head {
                status: 200,
                headers,
                framing: Framing::Chunked,
            }),
            Piece::Body {
                bytes: Bytes::from_static(EVENTS.as_bytes()),
                flush: false,
                is_event: false,
            },
            Piece::End(Ending::Complete),
        ],
    }
}
