//! Holds the answers of an endpoint against the recorded ones.

use std::collections::{HashMap, HashSet};

use crate::capture::{Capture, FlatExchange, Transport, flatten};
use crate::check::{Contracts, NotChecked, check_answers};
use crate::diff::{AlignedExchange, Comparison, ExchangePair, Options};
use crate::json::Pointer;
use crate::normalize::Level;
use crate::responses::{RequestFacts, RequestKind, call_id, is_call, item_type};

use super::exact::compare_exactly;
use super::expected::Expected;
use super::form::{Answered, compare_form};
use super::plan::Plan;
use super::session::{Session, Stopped};
use super::sink::{Rule, Sink, Told};

/// How like the recorded answers those of an endpoint have to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Likeness {
    /// The same form: texts, ids, numbers, which items there are and how they are cut into deltas may differ.
    #[default]
    Form,
    /// The same answers, ids up to renaming.
    Exact,
}

/// What came out.
#[derive(Debug)]
pub struct Judged {
    /// Which answer belongs to which recorded exchange, and how they differ.
    pub comparison: Comparison,
    /// What is wrong with the answers by themselves.
    pub contracts: Contracts,
}

/// Every rule about an answer.
const RULES: &[&str] = &[
    "answer-missing",
    "answer-timed-out",
    "answer-cut",
    "answer-status",
    "answer-failed",
    "answer-empty",
    "answer-content-type",
    "answer-unreadable",
    "answer-event-missing",
    "answer-event-unknown",
    "answer-field-missing",
    "answer-field-type",
    "answer-field-added",
    "answer-header-missing",
    "answer-call-id-reused",
    "answer-no-websocket",
];

/// Holds answers against the recorded ones, and checks the events of each by themselves.
///
/// `recorded` is the capture that the plan was made of, `answers` that of the client which sent it. `options` leave out places
/// as they do in a comparison.
pub fn judge(
    recorded: &Capture,
    answers: &Capture,
    plan: &Plan,
    session: &Session,
    likeness: Likeness,
    options: &Options,
) -> Judged {
    let (flat, answered) = (flatten(recorded), flatten(answers));
    let mut contracts = check_answers(answers);
    let mut comparison = match likeness {
        Likeness::Form => by_form(&flat, &answered, session, options),
        Likeness::Exact => {
            leave_recorded(&mut contracts, &check_answers(recorded), session);
            let sides = ((recorded, &flat[..]), (answers, &answered[..]));
            compare_exactly(sides.0, sides.1, &session.sent, options)
        }
    };
    if let Some(status) = session.refused_websocket {
        let mut sink = Sink::new(options);
        refused_websocket(session, status, &mut sink);
        comparison.changes.append(&mut sink.changes);
    }
    comparison.renamed = Vec::new();
    comparison.alignment = alignment(&flat, &answered, session, &comparison);
    contracts.not_checked.extend(unsent(plan, session));
    Judged {
        comparison,
        contracts,
    }
}

fn by_form(
    flat: &[FlatExchange<'_>],
    answered: &[FlatExchange<'_>],
    session: &Session,
    options: &Options,
) -> Comparison {
    let expected = Expected::new(flat);
    let mut sink = Sink::new(options);
    let mut calls = Calls::default();
    for sent in &session.sent {
        let (Some(recorded), Some(answer)) = (flat.get(sent.recorded), answered.get(sent.answered))
        else {
            continue;
        };
        let one = Answered {
            sent,
            recorded: &recorded.exchange,
            answer: &answer.exchange,
            transport: answer.transport,
        };
        compare_form(&one, &expected, &mut sink);
        calls.take(&one, &mut sink);
    }
    let mut changes = sink.changes;
    changes.sort_by_key(|change| (change.exchange.candidate, change.level));
    Comparison {
        alignment: Vec::new(),
        changes,
        renamed: Vec::new(),
        ignore_used: sink.ignore_used,
    }
}

fn refused_websocket(session: &Session, status: Option<u16>, sink: &mut Sink<'_>) {
    let Some((recorded, answered)) = session.handshakes.last().copied() else {
        return;
    };
    let pair = ExchangePair {
        baseline: Some(recorded),
        candidate: Some(answered),
    };
    let found = status.map_or("no answer".to_owned(), |status| status.to_string());
    let told = Told {
        recorded: Some("101".to_owned()),
        message: "no WebSocket is opened: its requests were sent over HTTP".to_owned(),
        found: Some(found),
        ..Told::default()
    };
    let place = Pointer::root().key("response").key("status");
    sink.tell(Rule::note("answer-no-websocket"), pair, place, told);
}

/// The ids that calls have, with those of the recorded answers to the same requests.
#[derive(Default)]
struct Calls {
    seen: HashMap<String, Vec<String>>,
}

impl Calls {
    /// Finds calls with the id of one that another answer has, unless the recorded answers have the same calls, too.
    fn take(&mut self, one: &Answered<'_>, sink: &mut Sink<'_>) {
        let recorded: Vec<String> = ids(&one.recorded.response)
            .into_iter()
            .map(|(id, _)| id)
            .collect();
        let pair = ExchangePair {
            baseline: Some(one.sent.recorded),
            candidate: Some(one.sent.answered),
        };
        for (id, pointer) in ids(&one.answer.response) {
            match self.seen.get(&id) {
                Some(before) if recorded.is_empty() || *before != recorded => {
                    let told = Told {
                        found: Some(id),
                        message: "a call has the id of one in an earlier answer".to_owned(),
                        ..Told::default()
                    };
                    sink.tell(Rule::error("answer-call-id-reused"), pair, pointer, told);
                }
                Some(_) => {}
                None => {
                    self.seen.insert(id, recorded.clone());
                }
            }
        }
    }
}

fn ids(response: &crate::capture::Response) -> Vec<(String, Pointer)> {
    let delivered = response.content.delivered_items().into_iter();
    let calls = delivered.filter(|one| is_call(&item_type(one.item.node())));
    let id = |one: crate::capture::DeliveredItem| {
        let id = call_id(one.item.node())?.into_owned();
        Some((id, one.pointer().key("call_id")))
    };
    calls.filter_map(id).collect()
}

/// Leaves out what the recorded answers do wrong in the same way: who plays them again is right to.
fn leave_recorded(contracts: &mut Contracts, recorded: &Contracts, session: &Session) {
    let places = |rule: &'static str, first: Option<usize>, recurs: &[usize]| {
        let all = first.into_iter().chain(recurs.iter().copied());
        all.map(|exchange| (rule, exchange)).collect::<Vec<_>>()
    };
    let violations = recorded.violations.iter();
    let known: HashSet<(&str, usize)> = violations
        .flat_map(|one| places(one.rule, one.exchange, &one.recurs))
        .collect();
    let of_answer: HashMap<usize, usize> = session
        .sent
        .iter()
        .map(|sent| (sent.answered, sent.recorded))
        .collect();
    contracts.violations.retain_mut(|violation| {
        let places = places(violation.rule, violation.exchange, &violation.recurs);
        let is_new = |(rule, answer): &(&'static str, usize)| {
            let recorded = of_answer.get(answer);
            recorded.is_none_or(|recorded| !known.contains(&(*rule, *recorded)))
        };
        let mut new = places.into_iter().filter(is_new).map(|(_, answer)| answer);
        violation.exchange = new.next();
        violation.recurs = new.collect();
        violation.exchange.is_some()
    });
}

/// Every exchange of both sides in one row.
fn alignment(
    flat: &[FlatExchange<'_>],
    answered: &[FlatExchange<'_>],
    session: &Session,
    comparison: &Comparison,
) -> Vec<AlignedExchange> {
    let mut pairs: HashMap<usize, usize> = HashMap::new();
    let handshakes = session.handshakes.iter().copied();
    let sent = session
        .sent
        .iter()
        .map(|sent| (sent.recorded, sent.answered));
    for (recorded, answer) in handshakes.chain(sent) {
        pairs.entry(recorded).or_insert(answer);
    }
    let matched: HashSet<usize> = pairs.values().copied().collect();
    let rows = (0..flat.len()).map(|recorded| ExchangePair {
        baseline: Some(recorded),
        candidate: pairs.get(&recorded).copied(),
    });
    let others = (0..answered.len()).filter(|answer| !matched.contains(answer));
    let others = others.map(|answer| ExchangePair {
        baseline: None,
        candidate: Some(answer),
    });
    rows.chain(others)
        .map(|pair| AlignedExchange {
            pair,
            kind: match (pair.baseline, pair.candidate) {
                (Some(recorded), _) => kind_of(&flat[recorded]),
                (None, Some(answer)) => kind_of(&answered[answer]),
                (None, None) => "other",
            },
            changes: changes_in(comparison, pair),
        })
        .collect()
}

fn changes_in(comparison: &Comparison, pair: ExchangePair) -> usize {
    let changes = comparison.changes.iter();
    let counted = changes.filter(|change| change.level != Level::Note);
    counted
        .flat_map(|change| std::iter::once(&change.exchange).chain(&change.recurs))
        .filter(|place| **place == pair)
        .count()
}

fn kind_of(flat: &FlatExchange<'_>) -> &'static str {
    let request = &flat.exchange.request;
    let headers = request.headers.as_option().map(|headers| &headers.list);
    let body = request.body.json().map(|body| body.node());
    if flat.transport == Transport::Handshake {
        return "other";
    }
    match RequestFacts::new(&request.target, headers, body).kind {
        RequestKind::Turn => "turn",
        RequestKind::Compaction => "compaction",
        RequestKind::Prewarm => "prewarm",
        RequestKind::Models => "models",
        RequestKind::Other => "other",
    }
}

/// Says of what was planned and not sent that it was not checked.
fn unsent(plan: &Plan, session: &Session) -> Option<NotChecked> {
    let done = session.sent.len() + session.without_use.len();
    let rest = plan.steps.len().saturating_sub(done);
    let why = match session.stopped.as_ref()? {
        Stopped::Unsent(error) => error.to_string(),
        Stopped::Unauthorized(status, _) => format!("the endpoint answered {status}"),
    };
    (rest > 0).then(|| NotChecked {
        rules: RULES,
        exchange: None,
        reason: match rest {
            1 => format!("1 request was not sent: {why}"),
            rest => format!("{rest} requests were not sent: {why}"),
        },
    })
}
