//! Which answer a request gets.

#[cfg(test)]
use std::collections::VecDeque;
#[cfg(test)]
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

use crate::http::HeaderList;
use crate::json::Value;
use crate::script::{Answer, Ending, Framing, Head, Piece, StepId, WsAnswer};

use super::head::RequestHead;

/// Finds answers.
#[derive(Debug)]
pub(super) enum Decider {
    /// A script.
    BuiltIn,
    /// Answers in this order, whatever is asked.
    #[cfg(test)]
    Fixed {
        answers: Mutex<VecDeque<Answer>>,
        messages: Mutex<VecDeque<WsAnswer>>,
    },
}

/// Whether a WebSocket is granted.
#[derive(Debug)]
pub(super) enum Upgrade {
    Accept(Accepted),
    Refuse(Answer),
}

/// A WebSocket that is granted.
#[derive(Debug)]
pub(super) struct Accepted {
    /// Which part of the script grants it.
    pub(super) step: Option<StepId>,
    /// Further fields of the response head.
    pub(super) headers: HeaderList,
    /// What is waited for before the response head.
    pub(super) before: Vec<Piece>,
}

/// What is said to a message on a WebSocket.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) answer: WsAnswer,
    /// The request that the message stands for, where it continues an earlier response.
    pub(super) expanded: Option<Value>,
}

#[derive(Debug, Default)]
pub(super) struct Conversation;

impl Decider {
    /// The answer to a request.
    pub(super) fn answer(&self, head: &RequestHead, body: Option<&Value>) -> Answer {
        match self {
            Decider::BuiltIn => built_in(head, body),
            #[cfg(test)]
            Decider::Fixed { answers, .. } => {
                let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
                let next = answers.pop_front();
                next.unwrap_or_else(|| super::service::error_answer(500, "no answer is left"))
            }
        }
    }

    /// Whether a WebSocket is granted.
    pub(super) fn upgrade(&self, head: &RequestHead) -> Upgrade {
        match self {
            Decider::BuiltIn => Upgrade::Refuse(built_in(head, None)),
            #[cfg(test)]
            Decider::Fixed { .. } => Upgrade::Accept(Accepted {
                step: None,
                headers: HeaderList::new(),
                before: Vec::new(),
            }),
        }
    }

    /// What is said to a message.
    pub(super) fn reply(
        &self,
        _conversation: &mut Conversation,
        _head: &RequestHead,
        _message: &Value,
    ) -> Reply {
        let none = || WsAnswer {
            step: StepId::Violation,
            pieces: vec![crate::script::WsPiece::End(Ending::Complete)],
        };
        match self {
            Decider::BuiltIn => Reply {
                answer: none(),
                expanded: None,
            },
            #[cfg(test)]
            Decider::Fixed { messages, .. } => {
                let mut messages = messages.lock().unwrap_or_else(PoisonError::into_inner);
                Reply {
                    answer: messages.pop_front().unwrap_or_else(none),
                    expanded: None,
                }
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
