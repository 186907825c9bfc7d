//! The head of a request as it was sent.

use tokio::time::Instant;

use crate::http::HeaderList;

use super::framing::Framing;

/// Longest head that is read, in bytes; a longer one is refused with 431.
pub(super) const MAX_HEAD_BYTES: usize = 256 << 10;
/// Most fields of a head; hyper refuses more with 431.
pub(super) const MAX_HEADERS: usize = 512;

/// The head of a request: order, letter case and repeats of its fields as sent.
#[derive(Debug, Clone)]
pub(super) struct RequestHead {
    pub(super) method: String,
    pub(super) target: String,
    /// `HTTP/1.1`, or `None` where no request line was understood.
    pub(super) version: Option<&'static str>,
    pub(super) headers: HeaderList,
    /// Bytes that are no head, as far as they were kept.
    pub(super) broken: Option<Vec<u8>>,
    /// When its first byte was read.
    pub(super) began: Instant,
}

impl RequestHead {
    /// Parses a head, blank line included, and says how the body behind it is framed.
    pub(super) fn parse(bytes: &[u8], began: Instant) -> (Self, Framing) {
        let mut few = [httparse::EMPTY_HEADER; 32];
        let mut many;
        let mut fields = &mut few[..];
        loop {
            let count = fields.len();
            let mut request = httparse::Request::new(fields);
            match request.parse(bytes) {
                Ok(httparse::Status::Complete(_)) => return Self::take(&request, began),
                Err(httparse::Error::TooManyHeaders) if count < MAX_HEADERS => {
                    many = vec![httparse::EMPTY_HEADER; count * 2];
                    fields = &mut many;
                }
                _ => return (Self::broken(bytes, began), Framing::Unknown),
            }
        }
    }

    fn take(request: &httparse::Request<'_, '_>, began: Instant) -> (Self, Framing) {
        let headers: HeaderList = request
            .headers
            .iter()
            .map(|field| (field.name, text(field.value)))
            .collect();
        let framing = framing(&headers);
        let head = Self {
            method: request.method.unwrap_or_default().to_owned(),
            target: request.path.unwrap_or_default().to_owned(),
            version: Some(match request.version {
                Some(0) => "HTTP/1.0",
                _ => "HTTP/1.1",
            }),
            headers,
            broken: None,
            began,
        };
        (head, framing)
    }

    /// Whether the client means to use the connection again (RFC 9112, section 9.3).
    pub(super) fn is_keep_alive(&self) -> bool {
        let says = |word: &str| {
            let mut values = self.headers.get_all("connection");
            values.any(|value| {
                value
                    .split(',')
                    .any(|v| v.trim().eq_ignore_ascii_case(word))
            })
        };
        match self.version {
            Some("HTTP/1.1") => !says("close"),
            _ => says("keep-alive"),
        }
    }

    /// What is known of bytes that are no head.
    pub(super) fn broken(bytes: &[u8], began: Instant) -> Self {
        const KEPT: usize = 4 << 10;
        Self {
            method: String::new(),
            target: String::new(),
            version: None,
            headers: HeaderList::new(),
            broken: Some(bytes[..bytes.len().min(KEPT)].to_vec()),
            began,
        }
    }
}

/// A field value as text: UTF-8, else Latin-1, as [`HeaderList`] has it.
pub(super) fn text(value: &[u8]) -> String {
    match std::str::from_utf8(value) {
        Ok(text) => text.to_owned(),
        Err(_) => value.iter().copied().map(char::from).collect(),
    }
}

fn framing(headers: &HeaderList) -> Framing {
    if let Some(coding) = headers.get_all("transfer-encoding").last() {
        let is_chunked = coding
            .rsplit(',')
            .next()
            .is_some_and(|last| last.trim().eq_ignore_ascii_case("chunked"));
        return match is_chunked {
            true => Framing::Chunked,
            false => Framing::Unknown,
        };
    }
    match headers.get("content-length") {
        None => Framing::Length(0),
        Some(length) => match length.trim().parse() {
            Ok(length) => Framing::Length(length),
            Err(_) => Framing::Unknown,
        },
    }
}
