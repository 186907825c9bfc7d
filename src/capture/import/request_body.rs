//! A saved request body, without anything around it.

use crate::json::{Document, Value};

use super::super::place::Lines;
use super::super::records::{Part, parts};
use super::super::salvage::salvage;
use super::super::{
    Body, Capture, CaptureKind, Exchange, FilePlace, JsonBody, Recorded, Request, Response,
};

/// Where such a request goes, as nothing says otherwise: the path below a base URL that ends in `/v1`.
const TARGET: &str = "/v1/responses";

/// Reads a bare JSON request body (or several, one behind the other) as requests to `/v1/responses`.
///
/// Everything but the body is not recorded. Of a body that is cut off, the members and items before the cut are used.
pub fn read_request_body(path: &str, bytes: Vec<u8>) -> Capture {
    let mut capture = Capture {
        path: path.to_owned(),
        kind: CaptureKind::RequestBody,
        exchanges: Vec::new(),
        problems: Vec::new(),
    };
    // The usual case, one whole body, needs no search for where records begin and end.
    let bytes = match String::from_utf8(bytes) {
        Ok(text) => match Document::parse_owned(text) {
            Ok(document) => {
                let place = Lines::new().place(path, document.text().as_bytes(), 0);
                capture.exchanges.push(exchange(document.value(), place));
                return capture;
            }
            Err((_, text)) => text.into_bytes(),
        },
        Err(error) => error.into_bytes(),
    };
    let mut lines = Lines::new();
    for part in parts(&bytes) {
        match part {
            Part::Record(span, value) => {
                let place = lines.place(path, &bytes, span.start);
                capture.exchanges.push(exchange(value, place));
            }
            Part::Damage(damage) => {
                let salvaged = salvage(damage.text, |path| {
                    matches!(path, [] | ["input" | "messages" | "tools"])
                });
                let meaning = match salvaged {
                    Some(salvaged) => {
                        let place = lines.place(path, &bytes, damage.span.start);
                        capture.exchanges.push(exchange(salvaged.value, place));
                        let used = damage.span.start + salvaged.used as u64;
                        format!("the request body up to byte {used} is used")
                    }
                    None => "nothing of it can be used".to_owned(),
                };
                capture.problems.push(damage.problem(path, &meaning));
            }
        }
    }
    capture
}

fn exchange(value: Value, place: FilePlace) -> Exchange {
    Exchange {
        connection: Recorded::NotRecorded,
        started_ms: Recorded::NotRecorded,
        request: Request {
            method: "POST".to_owned(),
            target: TARGET.to_owned(),
            http_version: Recorded::NotRecorded,
            headers: Recorded::NotRecorded,
            body: Body::Json(JsonBody {
                value,
                is_exact: true,
            }),
            wire_body_bytes: Recorded::NotRecorded,
        },
        response: Response::not_recorded(),
        extra: None,
        place: Some(place),
    }
}
