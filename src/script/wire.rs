//! The bytes of a response's head and of its chunks (RFC 9112).

use bytes::{Bytes, BytesMut};

use super::answer::{Framing, Head};

/// The head with its framing, up to the empty line and with it.
pub fn head_bytes(head: &Head) -> Bytes {
    let mut text = format!("HTTP/1.1 {} {}\r\n", head.status, reason(head.status));
    for field in head.headers.iter() {
        text.push_str(&format!("{}: {}\r\n", field.name, field.value));
    }
    match head.framing {
        Framing::Chunked => text.push_str("transfer-encoding: chunked\r\n"),
        Framing::Length(length) => text.push_str(&format!("content-length: {length}\r\n")),
        Framing::UntilClose => text.push_str("connection: close\r\n"),
    }
    text.push_str("\r\n");
    text.into()
}

/// A chunk with these bytes; empty ones would end the body, so they make no chunk.
pub fn chunk(data: &[u8]) -> Bytes {
    if data.is_empty() {
        return Bytes::new();
    }
    let mut bytes = BytesMut::with_capacity(data.len() + 12);
    bytes.extend_from_slice(format!("{:x}\r\n", data.len()).as_bytes());
    bytes.extend_from_slice(data);
    bytes.extend_from_slice(b"\r\n");
    bytes.freeze()
}

/// The reason phrase of a status (RFC 9110); empty for one that has none.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::HeaderList;

    #[test]
    fn a_head_ends_with_its_framing_and_an_empty_line() {
        let check = |framing, expect: &str| {
            let headers = HeaderList::from_iter([("Content-Type", "a/b")]);
            let head = Head {
                status: 429,
                headers,
                framing,
            };
            let text = head_bytes(&head);
            let start = "HTTP/1.1 429 Too Many Requests\r\nContent-Type: a/b\r\n";
            assert_eq!(text, format!("{start}{expect}\r\n\r\n"));
        };
        check(Framing::Chunked, "transfer-encoding: chunked");
        check(Framing::Length(7), "content-length: 7");
        check(Framing::UntilClose, "connection: close");
        assert_eq!(chunk(b"hello, world, 16"), "10\r\nhello, world, 16\r\n");
        assert_eq!(chunk(b""), "");
    }
}
