//! The head of a request on its way: checked, and rewritten for the upstream.
//!
//! Lines go through byte for byte. What changes is what a proxy has to change: the target, `Host`, and fields that are
//! for the proxy itself.

use crate::http::HeaderList;

use super::super::head::RequestHead;
use super::message::BodyScan;

/// What upstream a request is sent to, as far as its head tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Route {
    /// What stands in the request line.
    pub(super) target: String,
    /// The value of `Host`.
    pub(super) authority: String,
    /// The value of `proxy-authorization`, where the next hop is a proxy that asks for it.
    pub(super) proxy_authorization: Option<String>,
}

/// Why a request is not passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) message: &'static str,
}

const fn refusal(status: u16, message: &'static str) -> Refusal {
    Refusal { status, message }
}

/// How the body of a request is framed.
///
/// # Errors
///
/// A head that two readers could take for different requests: passed on, it could hide a second request from the capture.
pub(super) fn framing(head: &RequestHead) -> Result<BodyScan, Refusal> {
    if head.broken.is_some() {
        return Err(refusal(400, "What was sent is no HTTP/1.1 request."));
    }
    if head.method == "CONNECT" {
        let message = "This is a reverse proxy: send requests to it as to the API.";
        return Err(refusal(405, message));
    }
    if head.headers.get_all("host").count() > 1 {
        return Err(refusal(400, "The request has several Host fields."));
    }
    let mut lengths = head.headers.get_all("content-length");
    let length = lengths.next();
    let codings: Vec<&str> = head.headers.get_all("transfer-encoding").collect();
    if lengths.any(|other| Some(other) != length) || (length.is_some() && !codings.is_empty()) {
        return Err(refusal(
            400,
            "The request tells its length in several ways.",
        ));
    }
    match (length, codings.as_slice()) {
        (None, []) => Ok(BodyScan::Length(0)),
        (Some(length), _) => {
            // The parser of numbers takes a sign, too.
            let digits = length.bytes().all(|byte| byte.is_ascii_digit());
            let length = digits.then(|| length.parse().ok()).flatten();
            let message = "The Content-Length of the request is no number.";
            length.map(BodyScan::Length).ok_or(refusal(400, message))
        }
        (None, [coding]) if coding.trim().eq_ignore_ascii_case("chunked") => {
            Ok(BodyScan::chunked())
        }
        (None, _) => Err(refusal(501, "Of transfer codings only chunked is known.")),
    }
}

/// The head as it is sent on. `bytes` are the head as it came, blank line included.
pub(super) fn rewritten(bytes: &[u8], head: &RequestHead, route: &Route) -> Vec<u8> {
    let start = bytes
        .iter()
        .take_while(|byte| matches!(byte, b'\r' | b'\n'))
        .count();
    let mut lines = bytes[start..].split_inclusive(|byte| *byte == b'\n');
    let mut out = Vec::with_capacity(bytes.len() + 128);
    let version = head.version.unwrap_or("HTTP/1.1");
    let request_line = format!("{} {} {version}\r\n", head.method, route.target);
    out.extend_from_slice(request_line.as_bytes());
    // The request line as it came.
    lines.next();
    if head.headers.get("host").is_none() {
        out.extend_from_slice(format!("Host: {}\r\n", route.authority).as_bytes());
    }
    let rules = Rules::of(&head.headers);
    for line in lines {
        let Some(colon) = memchr::memchr(b':', line) else {
            continue;
        };
        let name = String::from_utf8_lossy(&line[..colon]);
        match rules.verdict(&name) {
            Verdict::Keep => out.extend_from_slice(line),
            Verdict::Drop => {}
            Verdict::Host => {
                out.extend_from_slice(format!("{name}: {}\r\n", route.authority).as_bytes());
            }
            Verdict::Connection => match rules.options(&line[colon + 1..]) {
                None => out.extend_from_slice(line),
                Some(kept) if kept.is_empty() => {}
                Some(kept) => out.extend_from_slice(format!("{name}: {kept}\r\n").as_bytes()),
            },
        }
    }
    if let Some(authorization) = &route.proxy_authorization {
        let field = format!("proxy-authorization: {authorization}\r\n");
        out.extend_from_slice(field.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    out
}

/// What happens to a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Keep,
    Drop,
    Host,
    Connection,
}

/// Options of `Connection` that are as true of the connection to the upstream, because one is made for each of the client's
/// and lives as long.
const KEPT_OPTIONS: [&str; 4] = ["close", "keep-alive", "te", "upgrade"];
/// Fields that `Connection` can't take out of a request: they frame it, or say whose it is.
const NEVER_DROPPED: [&str; 8] = [
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "transfer-encoding",
];

/// Which fields of a request are for the next hop only (RFC 9110, section 7.6.1).
struct Rules {
    /// What `Connection` names besides the options that are kept.
    named: Vec<String>,
    is_websocket: bool,
}

impl Rules {
    fn of(headers: &HeaderList) -> Self {
        let is_websocket = headers
            .get("upgrade")
            .is_some_and(|value| value.trim().eq_ignore_ascii_case("websocket"));
        let named = headers
            .get_all("connection")
            .flat_map(|value| value.split(','))
            .map(|option| option.trim().to_ascii_lowercase())
            .filter(|option| !KEPT_OPTIONS.contains(&option.as_str()))
            .filter(|option| !NEVER_DROPPED.contains(&option.as_str()))
            .collect();
        Self {
            named,
            is_websocket,
        }
    }

    fn verdict(&self, name: &str) -> Verdict {
        let name = name.trim().to_ascii_lowercase();
        match name.as_str() {
            "host" => Verdict::Host,
            "connection" => Verdict::Connection,
            "proxy-connection" | "proxy-authorization" => Verdict::Drop,
            "upgrade" if !self.is_websocket => Verdict::Drop,
            name if self.named.iter().any(|named| named == name) => Verdict::Drop,
            _ => Verdict::Keep,
        }
    }

    /// What is left of a value of `Connection`; `None` where that is all of it.
    fn options(&self, value: &[u8]) -> Option<String> {
        let value = String::from_utf8_lossy(value);
        let is_kept = |option: &&str| {
            let option = option.to_ascii_lowercase();
            KEPT_OPTIONS.contains(&option.as_str()) && (self.is_websocket || option != "upgrade")
        };
        let options: Vec<&str> = value.split(',').map(str::trim).collect();
        let kept: Vec<&str> = options.iter().copied().filter(is_kept).collect();
        (kept.len() < options.len()).then(|| kept.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    fn parse(text: &str) -> RequestHead {
        RequestHead::parse(text.as_bytes(), Instant::now()).0
    }

    fn check(text: &str, expect: &str) {
        let route = Route {
            target: "/v1/x".to_owned(),
            authority: "up:9".to_owned(),
            proxy_authorization: None,
        };
        let out = rewritten(text.as_bytes(), &parse(text), &route);
        assert_eq!(String::from_utf8_lossy(&out), expect, "{text:?}");
    }

    #[test]
    fn lines_go_through_as_they_are_but_for_target_and_host() {
        check(
            "POST /x HTTP/1.1\r\nhOST: me\r\nX-A:1\r\nx-a:  2 \r\nconnection: Keep-Alive\r\nACCEPT: */*\r\n\r\n",
            "POST /v1/x HTTP/1.1\r\nhOST: up:9\r\nX-A:1\r\nx-a:  2 \r\nconnection: Keep-Alive\r\nACCEPT: */*\r\n\r\n",
        );
        check(
            "\r\nGET /x HTTP/1.0\na: b\n\n",
            "GET /v1/x HTTP/1.0\r\nHost: up:9\r\na: b\n\r\n",
        );
    }

    #[test]
    fn what_is_for_the_proxy_itself_ends_here() {
        check(
            "GET / HTTP/1.1\r\nhost: me\r\nProxy-Authorization: Basic eA==\r\nProxy-Connection: keep-alive\r\nx: 1\r\n\r\n",
            "GET /v1/x HTTP/1.1\r\nhost: up:9\r\nx: 1\r\n\r\n",
        );
        check(
            "GET / HTTP/1.1\r\nhost: me\r\nConnection: x-Hop, close, content-length\r\nX-Hop: 1\r\ncontent-length: 0\r\n\r\n",
            "GET /v1/x HTTP/1.1\r\nhost: up:9\r\nConnection: close\r\ncontent-length: 0\r\n\r\n",
        );
        check(
            "GET / HTTP/1.1\r\nhost: me\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n\r\n",
            "GET /v1/x HTTP/1.1\r\nhost: up:9\r\n\r\n",
        );
        let websocket = "connection: Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Key: k\r\n\r\n";
        check(
            &format!("GET / HTTP/1.1\r\nhost: me\r\n{websocket}"),
            &format!("GET /v1/x HTTP/1.1\r\nhost: up:9\r\n{websocket}"),
        );
    }

    #[test]
    fn a_request_that_can_be_read_in_two_ways_is_refused() {
        let check = |fields: &str, expect: u16| {
            let text = format!("POST / HTTP/1.1\r\nhost: me\r\n{fields}\r\n");
            let status = framing(&parse(&text)).map_or_else(|refusal| refusal.status, |_| 200);
            assert_eq!(status, expect, "{fields:?}");
        };
        check("", 200);
        check("content-length: 5\r\n", 200);
        check("content-length: 5\r\nContent-Length: 5\r\n", 200);
        check("Transfer-Encoding: Chunked\r\n", 200);
        check("content-length: 5\r\ncontent-length: 6\r\n", 400);
        check("content-length: 5, 5\r\n", 400);
        check("content-length: +5\r\n", 400);
        check("content-length: \r\n", 400);
        check("content-length: 99999999999999999999\r\n", 400);
        check("content-length: 5\r\ntransfer-encoding: chunked\r\n", 400);
        check("transfer-encoding: gzip, chunked\r\n", 501);
        check(
            "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
            501,
        );
        check("host: b\r\n", 400);
        check("a b: c\r\n", 400);
    }
}
