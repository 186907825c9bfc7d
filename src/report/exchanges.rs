//! What a report says of exchanges beside what is found in them: thread, purpose, place in the file.

use crate::capture::{Capture, FilePlace, FlatExchange, flatten};
use crate::diff::ExchangePair;
use crate::responses::{RequestFacts, RequestKind};

use super::Finding;

/// What a report says of one exchange.
pub(super) struct ExchangeFacts {
    pub(super) kind: RequestKind,
    pub(super) thread: Option<String>,
    place: Option<FilePlace>,
}

/// What a report says of the exchanges of a capture, in their order.
pub(super) fn exchange_facts(capture: &Capture) -> Vec<ExchangeFacts> {
    let flat = flatten(capture);
    let one = |exchange: &FlatExchange<'_>| {
        let facts = request_facts(exchange, &flat);
        ExchangeFacts {
            kind: facts.kind,
            thread: facts.thread,
            place: exchange.exchange.place.clone(),
        }
    };
    flat.iter().map(one).collect()
}

/// What a request is for; a WebSocket message has the headers of its handshake.
pub(super) fn request_facts(
    exchange: &FlatExchange<'_>,
    flat: &[FlatExchange<'_>],
) -> RequestFacts {
    let owner = exchange.handshake.map_or(exchange, |at| &flat[at]);
    let headers = owner.exchange.request.headers.as_option();
    let request = &exchange.exchange.request;
    RequestFacts::new(
        &request.target,
        headers.map(|headers| &headers.list),
        request.body.json().map(|body| body.node()),
    )
}

/// The thread of a pair of exchanges: the candidate's, else the baseline's.
pub(super) fn thread(pair: ExchangePair, facts: &[Vec<ExchangeFacts>; 2]) -> Option<&str> {
    of_pair(pair, &facts[0], &facts[1])?.thread.as_deref()
}

fn of_pair<'f>(
    pair: ExchangePair,
    baseline: &'f [ExchangeFacts],
    candidate: &'f [ExchangeFacts],
) -> Option<&'f ExchangeFacts> {
    match pair.candidate {
        Some(index) => candidate.get(index),
        None => baseline.get(pair.baseline?),
    }
}

/// Says of findings in exchanges where the records of these stand.
pub(super) fn locate(
    findings: &mut [Finding],
    baseline: &[ExchangeFacts],
    candidate: &[ExchangeFacts],
) {
    for finding in findings {
        if let Some(facts) = of_pair(finding.exchange, baseline, candidate) {
            finding.place.clone_from(&facts.place);
        }
    }
}

/// A file as a whole.
pub(super) fn in_file(path: &str) -> FilePlace {
    FilePlace {
        path: path.to_owned(),
        line: None,
    }
}
