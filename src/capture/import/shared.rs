//! What several importers need.

use std::borrow::Cow;

use crate::http::HeaderList;

use super::super::{Body, Content, End};
use super::event_stream;

/// How a response ended, from the words of a program that saw it fail; `None` where they don't say.
///
/// Knows Chrome's `net::ERR_…` names and what mitmproxy 7 to 11 write as a flow's error.
pub(super) fn end_of_error(message: &str) -> Option<End> {
    const WORDS: &[(&str, End)] = &[
        ("reset", End::Reset),
        ("client disconnected", End::PeerClosed),
        ("client closed", End::PeerClosed),
        ("err_aborted", End::PeerClosed),
        ("timed out", End::Stall),
        ("timed_out", End::Stall),
        ("timeout", End::Stall),
        ("server disconnected", End::Closed),
        ("peer closed connection", End::Closed),
        ("connection_closed", End::Closed),
        ("connection closed", End::Closed),
        ("empty_response", End::Closed),
        ("incomplete", End::Closed),
        ("content_length_mismatch", End::Closed),
    ];
    let message = message.to_ascii_lowercase();
    WORDS
        .iter()
        .find(|(words, _)| message.contains(words))
        .map(|&(_, end)| end)
}

/// Whether a media type is that of server-sent events.
pub(super) fn is_event_stream(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("text/event-stream")
}

/// Takes the decoded content of a response as events or as a body.
pub(super) fn content_of(bytes: Vec<u8>, media_type: Option<&str>) -> Content {
    if media_type.is_some_and(is_event_stream) {
        Content::Events(event_stream(&String::from_utf8_lossy(&bytes)))
    } else {
        Content::Body(Body::from_bytes(bytes))
    }
}

/// The length that the headers announce.
pub(super) fn announced_length(headers: &HeaderList) -> Option<u64> {
    headers.get("content-length")?.trim().parse().ok()
}

/// Bytes of a header or of an identifier as text; what is no UTF-8 is read as Latin-1.
pub(super) fn latin1_or_utf8(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().map(|&b| char::from(b)).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_ends_that_programs_name() {
        let check = |message, end| assert_eq!(end_of_error(message), end, "{message}");
        check("net::ERR_CONNECTION_RESET", Some(End::Reset));
        check("net::ERR_INCOMPLETE_CHUNKED_ENCODING", Some(End::Closed));
        check("Client disconnected.", Some(End::PeerClosed));
        check("Server disconnected.", Some(End::Closed));
        check("net::ERR_TIMED_OUT", Some(End::Stall));
        check("Connection killed.", None);
    }
}
