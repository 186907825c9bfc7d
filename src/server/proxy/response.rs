//! The head of a response as the upstream sent it.

use crate::http::HeaderList;

use super::super::head::{MAX_HEADERS, text};
use super::message::BodyScan;

/// The head of a response.
#[derive(Debug)]
pub(super) struct ResponseHead {
    pub(super) status: u16,
    /// Order, letter case and repeats as sent.
    pub(super) headers: HeaderList,
}

impl ResponseHead {
    /// Parses a head, blank line included; `None` where it is none.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut config = httparse::ParserConfig::default();
        config
            .allow_spaces_after_header_name_in_responses(true)
            .allow_obsolete_multiline_headers_in_responses(true);
        let mut fields = vec![httparse::EMPTY_HEADER; 64];
        loop {
            let mut response = httparse::Response::new(&mut fields);
            match config.parse_response(&mut response, bytes) {
                Ok(httparse::Status::Complete(_)) => {
                    let headers = response
                        .headers
                        .iter()
                        .map(|field| (field.name, text(field.value)))
                        .collect();
                    return Some(Self {
                        status: response.code?,
                        headers,
                    });
                }
                Err(httparse::Error::TooManyHeaders) if fields.len() < MAX_HEADERS => {
                    fields = vec![httparse::EMPTY_HEADER; fields.len() * 2];
                }
                _ => return None,
            }
        }
    }

    /// Whether another head follows for the same request.
    pub(super) fn is_interim(&self) -> bool {
        (100..200).contains(&self.status) && self.status != 101
    }

    /// How the body is framed (RFC 9112, section 6.3); `method` is that of the request.
    pub(super) fn framing(&self, method: &str) -> BodyScan {
        if method == "HEAD" || matches!(self.status, 204 | 304) {
            return BodyScan::Length(0);
        }
        let is_chunked = |coding: &str| {
            let last = coding.rsplit(',').next().unwrap_or_default();
            last.trim().eq_ignore_ascii_case("chunked")
        };
        if let Some(coding) = self.headers.get_all("transfer-encoding").last() {
            return match is_chunked(coding) {
                true => BodyScan::chunked(),
                false => BodyScan::UntilClose,
            };
        }
        let mut lengths = self
            .headers
            .get_all("content-length")
            .flat_map(|value| value.split(','))
            .map(|value| value.trim().parse().ok());
        match lengths.next() {
            Some(Some(length)) if lengths.all(|other| other == Some(length)) => {
                BodyScan::Length(length)
            }
            _ => BodyScan::UntilClose,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_framed_by_request_status_and_fields() {
        let check = |method: &str, status: u16, fields: &str, expect: &str| {
            let text = format!("HTTP/1.1 {status} X\r\n{fields}\r\n");
            let head = ResponseHead::parse(text.as_bytes()).unwrap();
            let framing = match head.framing(method) {
                BodyScan::Length(length) => length.to_string(),
                BodyScan::Chunked(_) => "chunked".to_owned(),
                BodyScan::UntilClose => "until close".to_owned(),
            };
            assert_eq!(framing, expect, "{method} {text:?}");
        };
        check("GET", 200, "content-length: 5\r\n", "5");
        check("HEAD", 200, "content-length: 5\r\n", "0");
        check("GET", 204, "content-length: 5\r\n", "0");
        check("GET", 304, "transfer-encoding: chunked\r\n", "0");
        check("GET", 200, "", "until close");
        check(
            "GET",
            200,
            "content-length: 5\r\ncontent-length: 5\r\n",
            "5",
        );
        check("GET", 200, "content-length: 5, 5\r\n", "5");
        check("GET", 200, "content-length: 5, 6\r\n", "until close");
        check("GET", 200, "content-length: x\r\n", "until close");
        let both = "content-length: 5\r\nTransfer-Encoding: gzip, Chunked\r\n";
        check("GET", 200, both, "chunked");
        check("GET", 200, "transfer-encoding: gzip\r\n", "until close");
    }

    #[test]
    fn fields_are_kept_as_sent() {
        let many: String = (0..200).map(|n| format!("X-{n}: {n}\r\n")).collect();
        let text = format!("HTTP/1.1 200\r\nA: 1\r\na: 2\r\nB : \u{e9}\r\n{many}\r\n");
        let head = ResponseHead::parse(text.as_bytes()).unwrap();
        let fields: Vec<_> = head.headers.iter().map(|f| (&*f.name, &*f.value)).collect();
        assert_eq!(fields[..3], [("A", "1"), ("a", "2"), ("B", "\u{e9}")]);
        assert_eq!(fields.len(), 203);
        assert!(ResponseHead::parse(b"HTTP/2 200\r\n\r\n").is_none());
        assert!(ResponseHead::parse(b"ICY 200 OK\r\n\r\n").is_none());
    }
}
