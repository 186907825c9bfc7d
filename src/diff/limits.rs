//! What a recording can't tell: what lies behind a cut, and what its format has no place for.

use crate::capture::{Capture, CaptureKind, CaptureProblem, FlatExchange, Recorded, Transport};
use crate::responses::{RequestFacts, RequestKind};

/// Keys of `client_metadata` that are added when a request goes out over a WebSocket, behind the place where a
/// rollout-trace bundle is written (codex 0.137.0 and later).
const TRANSPORT_KEYS: [&str; 3] = [
    "x-codex-ws-stream-request-start-ms",
    "ws_request_header_traceparent",
    "ws_request_header_tracestate",
];

/// What one side's recording can't tell.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// The recording ends before its time: more exchanges may have followed.
    pub(super) is_cut_short: bool,
    /// Something in it could not be read.
    pub(super) is_damaged: bool,
    /// It tells of calls to the model, not of HTTP.
    pub(super) is_trace_bundle: bool,
}

impl Limits {
    /// The limits of a capture.
    pub(super) fn of(capture: &Capture) -> Self {
        // In a directory of files, one for each exchange, a file that is cut is not the end of the recording.
        let is_one_file = !matches!(
            capture.kind,
            CaptureKind::PycodexCapture | CaptureKind::ResponsesApiProxy
        );
        let ends_early = capture.problems.iter().any(CaptureProblem::is_cut);
        let last = capture.exchanges.last();
        let is_last_cut = last.is_some_and(|exchange| exchange.response.end == Recorded::Lost);
        Self {
            is_cut_short: is_one_file && (ends_early || is_last_cut),
            is_damaged: !capture.problems.is_empty(),
            is_trace_bundle: capture.kind == CaptureKind::TraceBundle,
        }
    }

    /// Whether the format has no place for such an exchange: a rollout-trace bundle (codex 0.125.0 to 0.169.0) tells of
    /// inference calls and remote compactions, not of local compactions, of handshakes and of warming up, and of no
    /// other endpoint.
    pub(super) fn leaves_out(self, exchange: &FlatExchange<'_>, facts: &RequestFacts) -> bool {
        if !self.is_trace_bundle {
            return false;
        }
        let is_model_endpoint =
            matches!(facts.endpoint.as_str(), "/responses" | "/responses/compact");
        let is_local_compaction = facts.kind == RequestKind::Compaction
            && facts.endpoint == "/responses"
            && !ends_with_trigger(exchange);
        !is_model_endpoint
            || exchange.transport == Transport::Handshake
            || matches!(facts.kind, RequestKind::Prewarm | RequestKind::Other)
            || is_local_compaction
    }
}

/// Whether a request asks for a remote compaction (codex 0.153.4 and later).
fn ends_with_trigger(exchange: &FlatExchange<'_>) -> bool {
    let body = exchange.exchange.request.body.json();
    let input = body.and_then(|body| body.node().get("input"));
    input
        .and_then(|input| input.items().last())
        .and_then(|item| item.get_string("type"))
        .is_some_and(|kind| kind == "compaction_trigger")
}

/// Whether a member of a request body, at a pointer from the body, is added behind the place where trace bundles are
/// written.
pub(super) fn is_transport_member(pointer: &str) -> bool {
    pointer
        .strip_prefix("/client_metadata/")
        .is_some_and(|key| TRANSPORT_KEYS.contains(&key))
}
