//! stub
use super::head::RequestHead;
use super::shared::Shared;
use crate::http::HeaderList;
use crate::json::Value;
use crate::script::*;
use bytes::Bytes;

pub(super) fn answer(_shared: &Shared, head: &RequestHead, _body: Option<&Value>) -> Answer {
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
