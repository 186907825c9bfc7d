//! Rollout-trace bundles (`CODEX_ROLLOUT_TRACE_ROOT`): `manifest.json`, `trace.jsonl`, `payloads/N.json`.
//!
//! A bundle tells of inference calls, not of HTTP: the payload of a request is the body that was sent (Codex 0.125.0 to
//! 0.169.0), written again with other white space; there are no headers, no URL, no status, and of the response only a
//! digest. Requests of a local compaction are not in it. Over WebSocket the payload is the message that was sent, or, for
//! the first one of a turn, the full request that the message stands for.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Component, Path, PathBuf};

use crate::json::{Kind, Node, Value};

use super::super::place::Lines;
use super::super::records::{Part, parts};
use super::super::{
    Body, Capture, CaptureKind, CaptureProblem, Content, Exchange, FilePlace, JsonBody, Recorded,
    Request, Response, WEBSOCKET_METHOD,
};
use super::leftovers::Leftovers;

/// Where requests go: bundles don't say, and this is the path below every base URL that ends in `/v1`.
const TARGET: &str = "/v1/responses";

/// Where requests of the first version of remote compaction go (Codex before 0.169.0).
const COMPACT_TARGET: &str = "/v1/responses/compact";

const MANIFEST: &str = "manifest.json";

/// Whether a directory is a bundle, or a trace root with bundles in it.
pub fn detect_trace_bundle(dir: &Path) -> bool {
    is_bundle(dir) || bundles_in(dir).is_ok_and(|bundles| !bundles.is_empty())
}

/// Reads a bundle, or all bundles of a trace root as one capture in the order in which the requests began.
///
/// # Errors
///
/// The directory can't be listed. Files of a bundle that are missing or damaged are problems of the capture.
pub fn read_trace_bundle(dir: &Path) -> io::Result<Capture> {
    let bundles = if is_bundle(dir) {
        vec![dir.to_path_buf()]
    } else {
        bundles_in(dir)?
    };
    let mut calls = Vec::new();
    let mut problems = Vec::new();
    for bundle in bundles {
        let mut reader = BundleReader {
            dir: &bundle,
            calls: Vec::new(),
            open: HashMap::new(),
            problems: Vec::new(),
        };
        reader.read();
        calls.append(&mut reader.calls);
        problems.append(&mut reader.problems);
    }
    // Stable, so that calls without a time stay behind those before them.
    calls.sort_by(|a, b| a.order_ms.total_cmp(&b.order_ms));
    let base_ms = calls.iter().find_map(|call| call.started_ms);
    let relative = |ms: Option<f64>| ms.zip(base_ms).map(|(ms, base)| ms - base).into();
    let exchanges = calls
        .into_iter()
        .map(|call| {
            let (started_ms, ended_ms) = (relative(call.started_ms), relative(call.ended_ms));
            call.into_exchange(started_ms, ended_ms)
        })
        .collect();
    Ok(Capture {
        path: dir.to_string_lossy().into_owned(),
        kind: CaptureKind::TraceBundle,
        exchanges,
        problems,
    })
}

fn is_bundle(dir: &Path) -> bool {
    dir.join(MANIFEST).is_file()
        && (dir.join("trace.jsonl").is_file() || dir.join("payloads").is_dir())
}

/// The bundles in a trace root, by name.
fn bundles_in(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut bundles = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if is_bundle(&path) {
            bundles.push(path);
        }
    }
    bundles.sort();
    Ok(bundles)
}

/// A request to the API as the trace tells of it; times in milliseconds since 1970.
struct Call {
    method: &'static str,
    target: &'static str,
    started_ms: Option<f64>,
    ended_ms: Option<f64>,
    /// The time by which calls are put in order: that of the start, or of the last record before it.
    order_ms: f64,
    body: Body,
    content: Content,
    extra: Leftovers,
    has_ended: bool,
    /// Of the record that began it.
    span: Range<u64>,
    place: Option<FilePlace>,
}

impl Call {
    fn into_exchange(self, started_ms: Recorded<f64>, ended_ms: Recorded<f64>) -> Exchange {
        Exchange {
            connection: Recorded::NotRecorded,
            started_ms,
            request: Request {
                method: self.method.to_owned(),
                target: self.target.to_owned(),
                http_version: Recorded::NotRecorded,
                headers: Recorded::NotRecorded,
                body: self.body,
                wire_body_bytes: Recorded::NotRecorded,
            },
            response: Response {
                status: Recorded::NotRecorded,
                headers: Recorded::NotRecorded,
                headers_ms: Recorded::NotRecorded,
                content: self.content,
                end: Recorded::NotRecorded,
                ended_ms,
            },
            extra: self.extra.into_value(),
            place: self.place,
        }
    }
}

struct BundleReader<'a> {
    dir: &'a Path,
    calls: Vec<Call>,
    /// Calls that have begun, by their identifier.
    open: HashMap<String, usize>,
    problems: Vec<CaptureProblem>,
}

impl BundleReader<'_> {
    fn problem(&mut self, file: &Path, span: Range<u64>, kind: &str, message: String) {
        self.problems.push(CaptureProblem {
            path: file.to_string_lossy().into_owned(),
            span,
            kind: kind.to_owned(),
            message,
        });
    }

    fn read(&mut self) {
        let log = self.log_file();
        let bytes = match fs::read(&log) {
            Ok(bytes) => bytes,
            Err(error) => {
                return self.problem(
                    &log,
                    0..0,
                    "missing-file",
                    format!("the event log can't be read: {error}"),
                );
            }
        };
        let mut last_ms = 0.0;
        let mut lines = Lines::new();
        for part in parts(&bytes) {
            match part {
                Part::Record(span, record) => {
                    let time_ms = record
                        .node()
                        .get("wall_time_unix_ms")
                        .and_then(Node::number);
                    last_ms = time_ms.unwrap_or(last_ms);
                    let (known, start) = (self.calls.len(), span.start);
                    self.take_record(&log, span, &record, time_ms, last_ms);
                    if let Some(call) = self.calls.get_mut(known) {
                        call.place = Some(lines.place(&log.to_string_lossy(), &bytes, start));
                    }
                }
                Part::Damage(damage) => {
                    let path = log.to_string_lossy();
                    let problem = damage.problem(&path, "what it tells of is lost");
                    self.problems.push(problem);
                }
            }
        }
        self.tell_messages();
        let unended: Vec<_> = self
            .calls
            .iter()
            .filter(|call| !call.has_ended)
            .map(|call| call.span.clone())
            .collect();
        for span in unended {
            let message = format!(
                "the trace does not say how the call that begins at byte {} ended",
                span.start
            );
            self.problem(&log, span, "incomplete-exchange", message);
        }
    }

    /// Marks calls that were messages on a WebSocket. One that continues a response says so itself, and Codex never
    /// goes back to WebSocket after a request over HTTP, so those before it were messages too.
    fn tell_messages(&mut self) {
        let is_message = |call: &Call| {
            let body = call.body.json();
            let kind = body.and_then(|body| body.node().get_string("type"));
            kind.as_deref() == Some("response.create")
        };
        let last = self.calls.iter().rposition(is_message);
        for call in self.calls.iter_mut().take(last.map_or(0, |last| last + 1)) {
            if call.target == TARGET {
                call.method = WEBSOCKET_METHOD;
            }
        }
    }

    /// The event log that the manifest names.
    fn log_file(&mut self) -> PathBuf {
        let manifest = self.dir.join(MANIFEST);
        let usual = self.dir.join("trace.jsonl");
        let parsed = fs::read_to_string(&manifest)
            .map_err(|error| error.to_string())
            .and_then(|text| Value::parse(text).map_err(|error| error.to_string()));
        match parsed {
            Ok(parsed) => parsed
                .node()
                .get_string("raw_event_log")
                .and_then(|name| self.member(&name))
                .unwrap_or(usual),
            Err(error) => {
                self.problem(
                    &manifest,
                    0..0,
                    "garbage",
                    format!("the manifest can't be read ({error}); the usual file names are used"),
                );
                usual
            }
        }
    }

    /// A file of the bundle; a path that leads out of it is none.
    fn member(&self, path: &str) -> Option<PathBuf> {
        let path = Path::new(path);
        let is_inside = path
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        (is_inside && path.components().next().is_some()).then(|| self.dir.join(path))
    }

    fn take_record(
        &mut self,
        log: &Path,
        span: Range<u64>,
        record: &Value,
        time_ms: Option<f64>,
        order_ms: f64,
    ) {
        let Some(event) = record.get("payload") else {
            return;
        };
        let kind = event
            .node()
            .get_string("type")
            .unwrap_or_default()
            .into_owned();
        let (id_key, is_compaction) = match kind.split_once('_') {
            Some(("inference", _)) => ("inference_call_id", false),
            Some(("compaction", rest)) if rest.starts_with("request_") => {
                ("compaction_request_id", true)
            }
            _ => return,
        };
        let id = format!(
            "{id_key} {}",
            event.node().get_string(id_key).unwrap_or_default()
        );
        if kind.ends_with("_started") {
            let mut call = self.begin(log, &event, is_compaction, span);
            (call.started_ms, call.order_ms) = (time_ms, order_ms);
            self.open.insert(id, self.calls.len());
            self.calls.push(call);
        } else if let Some(index) = self.open.remove(&id) {
            let content = self.digest(log, &event, &span);
            let call = &mut self.calls[index];
            call.content = content;
            call.ended_ms = time_ms;
            call.has_ended = true;
            let mut ended = Leftovers::default();
            ended.add_unknown(
                event.node(),
                &[id_key, "response_payload", "partial_response_payload"],
            );
            call.extra.add_nested("ended", ended);
        } else {
            let message = format!(
                "the record at byte {} ends a call that the trace does not begin",
                span.start
            );
            self.problem(log, span, "incomplete-exchange", message);
        }
    }

    fn begin(&mut self, log: &Path, event: &Value, is_compaction: bool, span: Range<u64>) -> Call {
        let mut started = Leftovers::default();
        started.add_unknown(event.node(), &["request_payload"]);
        let mut extra = Leftovers::default();
        extra.add_nested("started", started);
        let payload = self.payload(log, event.get("request_payload"), &span);
        let (target, body) = match payload {
            // The second version of remote compaction traces a summary of four members instead of the body; the first
            // one traces the body, tools included (Codex sources of both, core/src/client.rs and compact_remote_v2.rs).
            Some(payload) if is_compaction && payload.get("tools").is_none() => {
                extra.add("\"request_payload\"", payload.text());
                (TARGET, Body::NotRecorded)
            }
            Some(value) if is_compaction => (
                COMPACT_TARGET,
                Body::Json(JsonBody {
                    value,
                    is_exact: false,
                }),
            ),
            Some(value) => (
                TARGET,
                Body::Json(JsonBody {
                    value,
                    is_exact: false,
                }),
            ),
            None => (TARGET, Body::NotRecorded),
        };
        Call {
            method: "POST",
            target,
            started_ms: None,
            ended_ms: None,
            order_ms: 0.0,
            body,
            content: Content::NotRecorded,
            extra,
            has_ended: false,
            span,
            place: None,
        }
    }

    fn digest(&mut self, log: &Path, event: &Value, span: &Range<u64>) -> Content {
        let reference = event
            .get("response_payload")
            .or_else(|| event.get("partial_response_payload"));
        self.payload(log, reference, span)
            .map_or(Content::NotRecorded, Content::Digest)
    }

    /// The payload that a reference names.
    fn payload(
        &mut self,
        log: &Path,
        reference: Option<Value>,
        span: &Range<u64>,
    ) -> Option<Value> {
        let reference = reference.filter(|reference| reference.node().kind() == Kind::Object)?;
        let path = reference
            .node()
            .get_string("path")
            .unwrap_or_default()
            .into_owned();
        let Some(file) = self.member(&path) else {
            let message = format!(
                "the record at byte {} names a payload outside of the bundle: `{path}`",
                span.start
            );
            self.problem(log, span.clone(), "missing-file", message);
            return None;
        };
        let text = match fs::read(&file) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) => {
                self.problem(
                    &file,
                    0..0,
                    "missing-file",
                    format!("the payload can't be read ({error}); it counts as not recorded"),
                );
                return None;
            }
        };
        let length = text.len() as u64;
        match Value::parse(text) {
            Ok(value) => Some(value),
            Err(error) => {
                let at = error.offset as u64;
                let kind = if at >= length { "truncated" } else { "torn" };
                self.problem(
                    &file,
                    at..length,
                    kind,
                    format!("the payload can't be read ({error}); it counts as not recorded"),
                );
                None
            }
        }
    }
}
