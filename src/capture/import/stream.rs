//! From the text of an event stream to the capture model.

use crate::http::{PlacedEvent, parse_sse};

use super::super::{Body, Event, EventStream, Recorded};

/// Takes the text of an event stream apart. Blocks that carry neither a name nor data (`id:`, `retry:`, comments) are
/// no events; they stay visible in [`EventStream::raw`]. No arrival times are known.
pub fn event_stream(text: &str) -> EventStream {
    let parsed = parse_sse(text);
    let events = parsed
        .events
        .into_iter()
        .filter(|placed| placed.event.is_telling())
        .map(|PlacedEvent { event, .. }| Event {
            name: event.name,
            data: event.data.map_or(Body::Empty, Body::from_text),
            at_ms: Recorded::NotRecorded,
        })
        .collect();
    EventStream {
        events,
        partial_tail: Some(parsed.partial_tail).filter(|tail| !tail.is_empty()),
        raw: (!parsed.is_plain).then(|| text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_becomes_what_it_is_and_nothing_is_lost() {
        let text = "event: a\ndata: {\"type\":\"a.b\"}\n\ndata: [DONE]\n\nevent: c\nda";
        let stream = event_stream(text);
        let kinds: Vec<_> = stream.events.iter().map(Event::kind).collect();
        assert_eq!(kinds, ["a.b", "message"]);
        assert_eq!(
            stream.events[0].data.json().unwrap().text(),
            "{\"type\":\"a.b\"}"
        );
        assert!(matches!(&stream.events[1].data, Body::Text(data) if data == "[DONE]"));
        assert_eq!(stream.partial_tail.as_deref(), Some("event: c\nda"));
        assert!(stream.raw.is_none());

        let text = ": hi\n\nid: 1\n\nevent: ping\n\ndata: 1\r\n\r\n";
        let stream = event_stream(text);
        let kinds: Vec<_> = stream.events.iter().map(Event::kind).collect();
        assert_eq!(kinds, ["ping", "message"]);
        assert!(matches!(stream.events[0].data, Body::Empty));
        assert_eq!(stream.partial_tail, None);
        assert_eq!(stream.raw.as_deref(), Some(text));
    }
}
