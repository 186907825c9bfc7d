//! One capture at a glance: a line for each request.

use crate::capture::{Capture, Content, Event, FlatExchange, Transport, flatten, is_terminal};
use crate::responses::{RequestFacts, RequestKind, call_id, is_output, item_type, message_text};

use super::build::{input, reader_findings};
use super::mask::Mask;
use super::text::visible;
use super::{AlignmentEntry, Report, Role};

/// The report of one capture that is compared with nothing: what was read, and what could not be read.
pub fn outline_report(capture: &Capture) -> Report {
    let entry = |(index, exchange): (usize, &FlatExchange<'_>)| AlignmentEntry {
        baseline: None,
        candidate: Some(index),
        kind: kind_name(facts(exchange, None).kind).to_owned(),
        changes: 0,
    };
    let alignment = flatten(capture).iter().enumerate().map(entry).collect();
    let mut findings = reader_findings(capture);
    let mut mask = Mask::new(&[capture]);
    findings
        .iter_mut()
        .for_each(|finding| mask.finding(finding));
    Report::new(vec![input(Role::Trace, capture)], alignment, findings)
}

/// The outline as text: number, what was called, what for, what it answers to, how it ended.
pub fn render_outline(capture: &Capture) -> String {
    let flat = flatten(capture);
    let mut mask = Mask::new(&[capture]);
    let mut out = String::new();
    for (index, exchange) in flat.iter().enumerate() {
        let handshake = exchange.handshake.map(|at| &flat[at]);
        let facts = facts(exchange, handshake);
        let request = &exchange.exchange.request;
        let kind = kind_name(facts.kind);
        let call = mask.text(&format!("{} {}", request.method, request.target));
        let answer = answer(exchange);
        let row = format!(
            "#{index:<3} {kind:<10} {call:<24} {:<44} {answer}",
            input_line(exchange, &mut mask)
        );
        out.push_str(visible(&row).trim_end());
        out.push('\n');
    }
    out
}

fn facts(exchange: &FlatExchange<'_>, handshake: Option<&FlatExchange<'_>>) -> RequestFacts {
    let owner = handshake.unwrap_or(exchange);
    let headers = owner
        .exchange
        .request
        .headers
        .as_option()
        .map(|headers| &headers.list);
    let request = &exchange.exchange.request;
    RequestFacts::new(
        &request.target,
        headers,
        request.body.json().map(|body| body.node()),
    )
}

fn kind_name(kind: RequestKind) -> &'static str {
    match kind {
        RequestKind::Turn => "turn",
        RequestKind::Compaction => "compaction",
        RequestKind::Prewarm => "prewarm",
        RequestKind::Models => "models",
        RequestKind::Other => "other",
    }
}

/// Number of items sent, and the last of them.
fn input_line(exchange: &FlatExchange<'_>, mask: &mut Mask) -> String {
    let input = exchange
        .exchange
        .request
        .body
        .json()
        .and_then(|body| body.get("input"));
    let Some(input) = input else {
        return if exchange.transport == Transport::Handshake {
            "WebSocket handshake".to_owned()
        } else {
            String::new()
        };
    };
    let count = input.node().len();
    let Some(last) = input.node().items().last() else {
        return "no items".to_owned();
    };
    let kind = item_type(last).into_owned();
    let what = if is_output(&kind) {
        format!("output of {}", call_id(last).unwrap_or_default())
    } else if kind == "message" {
        let role = last.get_string("role").unwrap_or_default().into_owned();
        // A secret is known by its whole, so it goes before the text is cut.
        let head: String = message_text(last).chars().take(4096).collect();
        let text = mask.text(&head);
        let text: String = text.chars().take(24).collect();
        format!("{role} \"{}\"", text.replace('\n', " "))
    } else {
        kind
    };
    format!("{count} items, last: {what}")
}

/// Status, number of events and how they ended.
fn answer(exchange: &FlatExchange<'_>) -> String {
    let response = &exchange.exchange.response;
    let mut parts = Vec::new();
    match response.status.as_option() {
        Some(Some(status)) => parts.push(status.to_string()),
        Some(None) => parts.push("no status line".to_owned()),
        None => {}
    }
    if let Content::Events(stream) = &response.content {
        let end = stream
            .events
            .iter()
            .map(Event::kind)
            .find(|kind| is_terminal(kind));
        let end = end.unwrap_or_else(|| "no end event".to_owned());
        parts.push(format!("{} events, {end}", stream.events.len()));
    }
    if let Some(end) = response
        .end
        .as_option()
        .filter(|end| end.name() != "complete")
    {
        parts.push(end.name().to_owned());
    }
    parts.join(" · ")
}
