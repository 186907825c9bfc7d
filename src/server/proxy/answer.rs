//! What the proxy says itself, when there is no upstream to say it.

use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::capture::End;
use crate::http::HeaderList;
use crate::script::{Framing, Head, head_bytes};

use super::super::service::framed;
use super::connect::ConnectError;
use super::relay::After;
use super::request::Refusal;
use super::response::ResponseHead;
use super::taken::Taken;
use super::upstream::Upstream;

/// The field that tells answers of the proxy from those of the upstream.
const MARK: (&str, &str) = ("x-trace-diff", "proxy");

/// An error in the form of the API.
#[derive(Debug)]
pub(super) struct OwnAnswer {
    status: u16,
    kind: &'static str,
    message: String,
}

impl OwnAnswer {
    /// For a request that is not passed on.
    pub(super) fn refusal(refusal: Refusal) -> Self {
        Self {
            status: refusal.status,
            kind: "invalid_request_error",
            message: refusal.message.to_owned(),
        }
    }

    /// For a request that can't be passed on.
    pub(super) fn unreachable(upstream: &Upstream, error: &ConnectError) -> Self {
        Self {
            status: if error.is_timeout { 504 } else { 502 },
            kind: "upstream_unreachable",
            message: format!(
                "The upstream {upstream} can't be reached: {}.",
                error.message
            ),
        }
    }

    /// Writes it down and sends it.
    pub(super) async fn send(
        self,
        mut taken: Taken,
        client: &mut TcpStream,
        is_last: bool,
    ) -> After {
        let body = serde_json::json!({
            "error": {"message": self.message, "type": self.kind, "param": null, "code": self.kind}
        });
        let body = Bytes::from(body.to_string());
        let mut headers = HeaderList::new();
        headers.push("content-type", "application/json");
        headers.push(MARK.0, MARK.1);
        if is_last {
            headers.push("connection", "close");
        }
        let head = Head {
            status: self.status,
            headers,
            framing: Framing::Length(body.len() as u64),
        };
        let mut bytes = head_bytes(&head).to_vec();
        let has_body = taken.request().method != "HEAD";
        taken.note("answered_by", "proxy");
        taken.head(ResponseHead {
            status: self.status,
            headers: framed(&head),
        });
        if has_body {
            taken.data(&body);
            bytes.extend_from_slice(&body);
        }
        taken.end(End::Complete);
        match client.write_all(&bytes).await {
            Ok(()) if !is_last => After::Next,
            _ => After::Close,
        }
    }
}
