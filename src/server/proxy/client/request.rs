//! A request as it is sent.

use std::collections::HashSet;

use tokio::time::Instant;

use crate::http::HeaderList;

use super::super::super::head::RequestHead;
use super::super::request::Route;

/// A request that is to be sent.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// `POST`, `GET`, ….
    pub method: String,
    /// Path and query; what it has in common with the path of the upstream's URL counts once.
    pub target: String,
    /// The fields, in this order. `host`, `content-length` and what asks for a WebSocket are added.
    pub headers: HeaderList,
    /// The body, without a content coding.
    pub body: Vec<u8>,
}

/// Fields that are made for each connection and each body.
const OWN_FIELDS: [&str; 9] = [
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "upgrade",
    "sec-websocket-key",
    "sec-websocket-version",
    "sec-websocket-extensions",
    "expect",
];

/// The head of a request: as it is written down, and its bytes.
pub(super) struct Prepared {
    pub(super) head: RequestHead,
    pub(super) bytes: Vec<u8>,
}

/// Puts a head together; `added` are fields that ask for a WebSocket, none for other requests.
pub(super) fn prepare(
    outgoing: &Outgoing,
    target: String,
    route: &Route,
    added: &[(&str, &str)],
) -> Prepared {
    let own: HashSet<&str> = OWN_FIELDS.into_iter().collect();
    let mut headers = HeaderList::new();
    headers.push("host", route.authority.as_str());
    for (name, value) in added {
        headers.push(*name, *value);
    }
    let others = outgoing.headers.iter();
    for field in others.filter(|field| !own.contains(&*field.name.to_ascii_lowercase())) {
        headers.push(field.name.as_str(), field.value.as_str());
    }
    if !outgoing.body.is_empty() || outgoing.method == "POST" {
        headers.push("content-length", outgoing.body.len().to_string());
    }
    let mut bytes = format!("{} {} HTTP/1.1\r\n", outgoing.method, route.target).into_bytes();
    for field in headers.iter() {
        bytes.extend_from_slice(format!("{}: {}\r\n", field.name, field.value).as_bytes());
    }
    // What the HTTP proxy on the way asks for is no part of the request.
    if let Some(authorization) = &route.proxy_authorization {
        let field = format!("proxy-authorization: {authorization}\r\n");
        bytes.extend_from_slice(field.as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    let head = RequestHead {
        method: outgoing.method.clone(),
        target,
        version: Some("HTTP/1.1"),
        headers,
        broken: None,
        began: Instant::now(),
    };
    Prepared { head, bytes }
}

/// Whether a name and a value can stand in a head: nothing in them ends a line or the name.
pub(super) fn is_field(name: &str, value: &str) -> bool {
    let is_name_byte =
        |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty()
        && name.bytes().all(is_name_byte)
        && value
            .bytes()
            .all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outgoing(method: &str, headers: &[(&str, &str)], body: &str) -> Outgoing {
        Outgoing {
            method: method.to_owned(),
            target: "/responses".to_owned(),
            headers: headers.iter().copied().collect(),
            body: body.into(),
        }
    }

    #[test]
    fn a_head_has_the_fields_given_and_those_of_the_connection() {
        let route = Route {
            target: "http://h/v1/responses".to_owned(),
            authority: "h".to_owned(),
            proxy_authorization: Some("Basic eA==".to_owned()),
        };
        let fields = [
            ("Content-Length", "7"),
            ("X-A", "1"),
            ("Connection", "close"),
        ];
        let prepared = prepare(
            &outgoing("POST", &fields, "{}"),
            "/v1/responses".to_owned(),
            &route,
            &[],
        );
        assert_eq!(
            String::from_utf8(prepared.bytes).unwrap(),
            "POST http://h/v1/responses HTTP/1.1\r\nhost: h\r\nX-A: 1\r\ncontent-length: 2\r\nproxy-authorization: Basic eA==\r\n\r\n"
        );
        assert_eq!(prepared.head.target, "/v1/responses");
        assert!(prepared.head.headers.get("proxy-authorization").is_none());
        let get = prepare(&outgoing("GET", &[], ""), "/".to_owned(), &route, &[]);
        assert!(get.head.headers.get("content-length").is_none());
    }

    #[test]
    fn a_field_is_one_line() {
        assert!(is_field("x-a", "b c\u{e9}"));
        assert!(!is_field("", "b"));
        assert!(!is_field("x a", "b"));
        assert!(!is_field("x", "b\r\nc: d"));
        assert!(!is_field("x:y", "b"));
    }
}
