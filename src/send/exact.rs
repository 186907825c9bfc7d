//! Whether answers are the recorded ones, up to renaming.

use std::borrow::Cow;

use crate::capture::{
    Body, Capture, Content, End, Exchange, FlatExchange, Recorded, Request, Transport, is_terminal,
};
use crate::diff::{Change, Comparison, ExchangePair, Options, compare};
use crate::json::PointerPattern;

use super::session::Sent;

/// Compares the answers with the recorded ones, each with that of the same request.
///
/// Requests were sent with the recorded names in them while answers have new ones, so requests are left out: each pair gets a made
/// up one of its own, which ties the two together and says nothing else.
pub(super) fn compare_exactly(
    recorded: (&Capture, &[FlatExchange<'_>]),
    answers: (&Capture, &[FlatExchange<'_>]),
    sent: &[Sent],
    options: &Options,
) -> Comparison {
    let side = |(capture, flat): (&Capture, &[FlatExchange<'_>]),
                number: &dyn Fn(&Sent) -> usize| {
        let exchanges = sent.iter().enumerate();
        let exchanges = exchanges.map(|(at, sent)| stand_in(&flat[number(sent)], at, sent));
        Capture {
            path: capture.path.clone(),
            kind: capture.kind,
            exchanges: exchanges.collect(),
            problems: capture.problems.clone(),
        }
    };
    let baseline = side(recorded, &|sent| sent.recorded);
    let candidate = side(answers, &|sent| sent.answered);
    let mut options = options.clone();
    if options.only.is_empty() {
        let responses = PointerPattern::parse("/response");
        options
            .only
            .push(responses.expect("the pattern is a constant that parses"));
    }
    let mut comparison = compare(&baseline, &candidate, &options);
    for change in &mut comparison.changes {
        renumber(change, sent);
    }
    comparison
}

/// An exchange with a request that is like no other's.
fn stand_in(flat: &FlatExchange<'_>, at: usize, sent: &Sent) -> Exchange {
    let exchange: Cow<'_, Exchange> = flat.exchange.clone();
    let body = serde_json::json!({
        "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": format!("Request {at}.")}]}]
    });
    let mut exchange = exchange.into_owned();
    let is_models = exchange.request.method == "GET";
    exchange.request = Request {
        method: if is_models { "GET" } else { "POST" }.to_owned(),
        target: if is_models { "/models" } else { "/responses" }.to_owned(),
        http_version: Recorded::NotRecorded,
        headers: Recorded::NotRecorded,
        body: match is_models {
            true => Body::Empty,
            false => Body::from_text(body.to_string()),
        },
        wire_body_bytes: Recorded::NotRecorded,
    };
    if let (Transport::Http, Content::Events(stream)) =
        (flat.transport, &mut exchange.response.content)
    {
        // Comments that keep a connection open come when they come.
        stream.raw = None;
    }
    // Nothing more came, and both gave up.
    let is_silent = matches!(
        exchange.response.end,
        Recorded::Yes(End::Stall | End::PeerClosed)
    );
    if sent.is_given_up && is_silent {
        exchange.response.end = Recorded::NotRecorded;
    }
    let is_message = flat.transport == Transport::WebSocket;
    if is_message && let Content::Events(stream) = &exchange.response.content {
        let is_ended = stream
            .events
            .last()
            .is_some_and(|event| is_terminal(&event.kind()));
        if is_ended {
            exchange.response.end = Recorded::NotRecorded;
        }
    }
    exchange
}

/// Gives the exchanges of a change the numbers of the captures.
fn renumber(change: &mut Change, sent: &[Sent]) {
    let pair = |pair: &ExchangePair| ExchangePair {
        baseline: pair.baseline.and_then(|at| Some(sent.get(at)?.recorded)),
        candidate: pair.candidate.and_then(|at| Some(sent.get(at)?.answered)),
    };
    change.exchange = pair(&change.exchange);
    for recurs in &mut change.recurs {
        *recurs = pair(recurs);
    }
}
