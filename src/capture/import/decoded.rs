//! Bodies and members of recorders that store parsed JSON.

use crate::json::{Node, Value};

use super::super::{Body, Content, Headers, JsonBody};
use super::event_stream;
use super::shared::is_event_stream;

/// A body that a recorder parsed and stored again, or stored as a string where it was not JSON.
pub(super) fn decoded_body(value: Option<Value>) -> Body {
    let Some(value) = value else {
        return Body::NotRecorded;
    };
    let node = value.node();
    if node.is_null() {
        return Body::Empty;
    }
    match node.string() {
        Some(text) => Body::from_text(text.into_owned()),
        None => Body::Json(JsonBody {
            value,
            is_exact: false,
        }),
    }
}

/// The content of a response whose stream, if it was one, is kept as one string.
pub(super) fn decoded_content(body: Option<Value>, headers: Option<&Headers>) -> Content {
    let Some(body) = body else {
        return Content::NotRecorded;
    };
    let is_stream = headers
        .and_then(|headers| headers.list.get("content-type"))
        .is_some_and(is_event_stream);
    match body.node().string() {
        Some(text) if is_stream => Content::Events(event_stream(&text)),
        _ => Content::Body(decoded_body(Some(body))),
    }
}

/// A string member, or nothing.
pub(super) fn text_member(holder: Node<'_>, key: &str) -> String {
    holder
        .get_string(key)
        .map(std::borrow::Cow::into_owned)
        .unwrap_or_default()
}
