//! Beats to what travels: the text of an event stream, or WebSocket messages.

use std::borrow::Cow;

use bytes::Bytes;

use super::answer::{Piece, WsFrame, WsOpcode, WsPiece};
use super::model::{Beat, StreamEvent};

/// How the text of an event stream is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TextStyle {
    pub(super) line_end: &'static str,
    /// Data is spread over several lines.
    pub(super) is_multi_line: bool,
    /// Events have no `event:` field.
    pub(super) is_nameless: bool,
    /// A comment before each event.
    pub(super) comment: Option<String>,
    /// `data: [DONE]` at the end.
    pub(super) has_done: bool,
}

impl Default for TextStyle {
    fn default() -> Self {
        Self {
            line_end: "\n",
            is_multi_line: false,
            is_nameless: false,
            comment: None,
            has_done: false,
        }
    }
}

impl TextStyle {
    /// The text of one event.
    fn event(&self, event: &StreamEvent) -> String {
        let end = self.line_end;
        // Just the room of the plain style: a text that fills its room is sent as it is.
        let name_line = event.name.as_ref().map_or(0, |name| name.len() + 8);
        let mut out = String::with_capacity(name_line + event.data.len() + 8);
        if let (Some(name), false) = (&event.name, self.is_nameless) {
            let name = match name.bytes().any(|b| matches!(b, b'\r' | b'\n')) {
                true => Cow::Owned(name.replace(['\r', '\n'], " ")),
                false => Cow::Borrowed(name),
            };
            out.extend(["event: ", &*name, end]);
        }
        let data = if self.is_multi_line {
            Cow::Owned(spread(&event.data))
        } else {
            Cow::Borrowed(&event.data)
        };
        for line in data.split('\n') {
            out.extend(["data: ", line, end]);
        }
        out.push_str(end);
        out
    }

    fn comment(&self, text: &str) -> String {
        let end = self.line_end;
        let mut out = String::new();
        for line in text.split('\n') {
            out.push_str(&format!(": {line}{end}"));
        }
        out.push_str(end);
        out
    }
}

/// Data with a line break after each comma of the outermost object, where JSON allows white space.
fn spread(data: &str) -> String {
    let mut out = String::with_capacity(data.len() + 16);
    let (mut depth, mut is_string, mut is_escaped) = (0, false, false);
    for c in data.chars() {
        out.push(c);
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if is_string => is_escaped = true,
            '"' => is_string = !is_string,
            _ if is_string => {}
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            ',' if depth == 1 => out.push('\n'),
            _ => {}
        }
    }
    out
}

/// The body of an event stream.
pub(super) fn stream_pieces(beats: &[Beat], style: &TextStyle, flush: bool) -> Vec<Piece> {
    let body = |text: Bytes, ends_event: bool| Piece::Body {
        bytes: text,
        flush,
        ends_event,
    };
    let mut pieces = Vec::with_capacity(beats.len() + 1);
    for beat in beats {
        match beat {
            Beat::Event(event) => {
                let mut text = style.event(event);
                if let Some(comment) = &style.comment {
                    text.insert_str(0, &style.comment(comment));
                }
                pieces.push(body(text.into(), true));
            }
            Beat::Raw(bytes) => pieces.push(body(bytes.clone(), true)),
            Beat::Comment(text) => pieces.push(body(style.comment(text).into(), false)),
            Beat::Ping(_) => {}
            Beat::Wait(wait) => pieces.push(Piece::Wait(*wait)),
            Beat::Gate(name) => pieces.push(Piece::Gate(name.clone())),
        }
    }
    if style.has_done {
        let end = style.line_end;
        pieces.push(body(format!("data: [DONE]{end}{end}").into(), true));
    }
    pieces
}

/// The messages of a WebSocket.
pub(super) fn message_pieces(beats: &[Beat], flush: bool) -> Vec<WsPiece> {
    let frame = |frame: WsFrame, ends_event: bool| WsPiece::Frame {
        frame,
        flush,
        ends_event,
    };
    beats
        .iter()
        .filter_map(|beat| match beat {
            Beat::Event(event) => Some(frame(WsFrame::text(event.data.as_str()), true)),
            Beat::Raw(bytes) => Some(frame(WsFrame::whole(WsOpcode::Text, bytes.clone()), true)),
            Beat::Comment(_) => None,
            Beat::Ping(text) => {
                let payload = Bytes::from(text.clone());
                Some(frame(WsFrame::whole(WsOpcode::Ping, payload), false))
            }
            Beat::Wait(wait) => Some(WsPiece::Wait(*wait)),
            Beat::Gate(name) => Some(WsPiece::Gate(name.clone())),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(beats: &[Beat], style: &TextStyle) -> String {
        let pieces = stream_pieces(beats, style, false);
        let bodies = pieces.iter().filter_map(|piece| match piece {
            Piece::Body { bytes, .. } => Some(std::str::from_utf8(bytes).unwrap()),
            _ => None,
        });
        bodies.collect()
    }

    fn event(name: Option<&str>, data: &str) -> Beat {
        Beat::Event(StreamEvent {
            name: name.map(str::to_owned),
            data: data.to_owned(),
        })
    }

    #[test]
    fn a_stream_is_written_plainly_or_in_the_style_wanted() {
        let beats = [
            event(Some("a"), r#"{"type":"a","b":[1,2],"c":"x,y"}"#),
            Beat::Comment("hold\non".into()),
            event(None, "two\nlines"),
        ];
        let plain = TextStyle::default();
        assert_eq!(
            text(&beats, &plain),
            "event: a\ndata: {\"type\":\"a\",\"b\":[1,2],\"c\":\"x,y\"}\n\n: hold\n: on\n\n\
             data: two\ndata: lines\n\n"
        );
        let odd = TextStyle {
            line_end: "\r\n",
            is_multi_line: true,
            is_nameless: true,
            comment: Some("c".into()),
            has_done: true,
        };
        assert_eq!(
            text(&beats[..1], &odd),
            ": c\r\n\r\ndata: {\"type\":\"a\",\r\ndata: \"b\":[1,2],\r\ndata: \"c\":\"x,y\"}\r\n\r\n\
             data: [DONE]\r\n\r\n"
        );
    }

    #[test]
    fn messages_are_events_without_names() {
        let beats = [
            event(Some("a"), "{}"),
            Beat::Comment("x".into()),
            Beat::Ping("p".into()),
        ];
        let pieces = message_pieces(&beats, true);
        assert_eq!(
            pieces,
            [
                WsPiece::Frame {
                    frame: WsFrame::text("{}"),
                    flush: true,
                    ends_event: true
                },
                WsPiece::Frame {
                    frame: WsFrame::whole(WsOpcode::Ping, Bytes::from_static(b"p")),
                    flush: true,
                    ends_event: false
                },
            ]
        );
    }
}
