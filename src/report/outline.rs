//! One capture at a glance: a line for each request.

use crate::capture::{Capture, Content, Event, FlatExchange, Transport, flatten, is_terminal};
use crate::json::Node;
use crate::responses::{
    RequestFacts, RequestKind, call_id, context_tags, is_call, is_output, item_type, message_text,
};

use super::build::{input, reader_findings};
use super::exchanges::{exchange_facts, request_facts};
use super::mask::Mask;
use super::text::visible;
use super::{AlignmentEntry, Report, Role};

/// Makes the report of one capture that is compared with nothing: what was read, and what could not be read.
pub fn outline_report(capture: &Capture) -> Report {
    let mut mask = Mask::new(&[capture]);
    let facts = exchange_facts(capture);
    let numbered = facts.into_iter().enumerate();
    let alignment = numbered
        .map(|(index, facts)| AlignmentEntry {
            baseline: None,
            candidate: Some(index),
            kind: kind_name(facts.kind).to_owned(),
            changes: 0,
            thread: facts.thread.map(|id| mask.text(&id)),
        })
        .collect();
    let mut findings = reader_findings(capture);
    findings
        .iter_mut()
        .for_each(|finding| mask.finding(finding));
    Report::new(vec![input(Role::Trace, capture)], alignment, findings)
}

/// Writes the outline as text, a line for each request: number, what for, what was called, what it answers to, how it
/// ended.
pub fn render_outline(capture: &Capture) -> String {
    let flat = flatten(capture);
    let mut mask = Mask::new(&[capture]);
    let mut out = String::new();
    for (index, exchange) in flat.iter().enumerate() {
        let facts = request_facts(exchange, &flat);
        let request = &exchange.exchange.request;
        let kind = kind_name(facts.kind);
        let call = mask.text(&format!("{} {}", request.method, request.target));
        let answer = answer(exchange);
        let row = format!(
            "#{index:<3} {kind:<10} {call:<24} {:<54} {answer}",
            input_line(exchange, &facts, &mut mask)
        );
        out.push_str(visible(&row).trim_end());
        out.push('\n');
    }
    out
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
fn input_line(exchange: &FlatExchange<'_>, facts: &RequestFacts, mask: &mut Mask) -> String {
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
    let count = match input.node().len() {
        1 => "1 item".to_owned(),
        n => format!("{n} items"),
    };
    let last = input.node().items().last();
    let what = last.map_or(String::new(), |last| {
        format!(", last: {}", last_item(last, input.node(), mask))
    });
    let thread = facts.subagent.as_ref();
    let thread = thread.map_or(String::new(), |name| format!("{name}: "));
    format!("{thread}{count}{what}")
}

/// An item in a few words: an output by the tool it is from, a message by its first words or its context tags.
fn last_item(item: Node<'_>, input: Node<'_>, mask: &mut Mask) -> String {
    const SHOWN: usize = 24;
    let kind = item_type(item).into_owned();
    if is_output(&kind) {
        let id = call_id(item);
        let is_its_call = |other: &Node<'_>| is_call(&item_type(*other)) && call_id(*other) == id;
        let call = input.items().find(is_its_call);
        let name = call.and_then(|call| call.get_string("name").map(|name| name.into_owned()));
        let name = name.unwrap_or_else(|| id.unwrap_or_default().into_owned());
        return format!("output of {name}");
    }
    if kind != "message" {
        return kind;
    }
    let role = item.get_string("role").unwrap_or_default().into_owned();
    if let Some(tags) = context_tags(item) {
        return format!("{role} {}", tags.join(" "));
    }
    // A secret is known by its whole, so it goes before the text is cut.
    let head: String = message_text(item).chars().take(4096).collect();
    let text = mask.text(&head);
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("{role} \"{}\"", shown.replace('\n', " "))
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
        let end = end.unwrap_or("no end event".into());
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
