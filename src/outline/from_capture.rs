//! What happened in a session, told from its traffic.

use std::collections::HashMap;

use crate::capture::{
    Capture, CaptureProblem, Exchange, FlatExchange, Recorded, Transport, WEBSOCKET_METHOD, flatten,
};
use crate::responses::RequestKind;

use super::capture_items::{ItemRef, input_items, output_items};
use super::capture_thread::{CaptureThread, Round};
use super::mask::mask_words;
use super::model::{
    History, HistoryItem, Input, Moment, OtherRequest, Outline, Position, Problem, Thread, What,
};
use super::request::{Request, read_request};
use super::rollout_history::history_item;
use super::text::{Options, Texts};

/// Tells what happened in a session from a capture of its traffic.
///
/// Exchanges are grouped by thread, and by turn where the agent names it (`turn_id`, codex 0.115.0 and later, pycodex);
/// else a turn begins with each new message of the user. What a request sends again is not told again: a step is what is
/// new in a request, or what a response delivered.
pub fn outline_capture(capture: &Capture, options: Options) -> Outline {
    let flat = flatten(capture);
    let mut reader = CaptureReader {
        texts: masking(capture, options),
        flat: &flat,
        threads: Vec::new(),
        last: 0,
        sent: HashMap::new(),
    };
    let mut outline = Outline::new(Input {
        path: capture.path.clone(),
        kind: capture.kind.name().to_owned(),
        exchanges: Some(flat.len()),
        ..Input::default()
    });
    for (index, exchange) in flat.iter().enumerate() {
        let request = read_request(exchange, &flat);
        match request.kind {
            RequestKind::Turn | RequestKind::Compaction | RequestKind::Prewarm => {
                reader.take(index, &request);
            }
            RequestKind::Models | RequestKind::Other => {
                outline.others.push(reader.other(index));
            }
        }
    }
    let threads = reader.threads.into_iter().map(|(_, thread)| thread);
    let mut texts = reader.texts;
    let mut threads: Vec<Thread> = threads.map(|thread| thread.finish(&mut texts)).collect();
    link_spawned(&mut threads);
    outline.threads = as_tree(threads);
    outline.problems = capture.problems.iter().map(problem).collect();
    mask_words(&mut outline, &mut texts);
    outline
}

/// The items that the model was shown with one exchange, numbered from 0 in the flat list; `None` when the capture has no
/// such exchange. Of a message on a WebSocket those that it leaves out, as the API holds them, are told too.
pub fn capture_history(capture: &Capture, number: usize, options: Options) -> Option<History> {
    let flat = flatten(capture);
    flat.get(number)?;
    let mut reader = CaptureReader {
        texts: masking(capture, options),
        flat: &flat,
        threads: Vec::new(),
        last: 0,
        sent: HashMap::new(),
    };
    let mut items = Vec::new();
    for index in 0..=number {
        let request = read_request(&flat[index], &flat);
        items = reader.sent_items(index, &request);
    }
    let texts = &mut reader.texts;
    Some(History {
        at: Position::Exchange {
            index: number,
            pointer: "/request/body/input".to_owned(),
        },
        reader: "wire",
        refusal: None,
        items: items
            .iter()
            .enumerate()
            .map(|(number, item)| HistoryItem {
                at: Some(item.position()),
                ..history_item(number, item.text, texts)
            })
            .collect(),
    })
}

/// Texts that know the secrets in the headers of a capture.
fn masking(capture: &Capture, options: Options) -> Texts {
    let mut texts = Texts::new(options);
    for exchange in &capture.exchanges {
        let sides = [&exchange.request.headers, &exchange.response.headers];
        for headers in sides.into_iter().filter_map(Recorded::as_option) {
            for header in headers.list.iter() {
                texts.learn(&header.name, &header.value);
            }
        }
    }
    texts
}

fn problem(problem: &CaptureProblem) -> Problem {
    Problem {
        path: Some(problem.path.clone()),
        kind: problem.kind.clone(),
        start: problem.span.start,
        end: problem.span.end,
        message: problem.message.clone(),
        lost: Vec::new(),
    }
}

struct CaptureReader<'c> {
    texts: Texts,
    flat: &'c [FlatExchange<'c>],
    threads: Vec<(Option<String>, CaptureThread<'c>)>,
    /// Position of the thread that the request before belongs to.
    last: usize,
    /// What the API holds after each response over a WebSocket, by the id of the response.
    sent: HashMap<String, Vec<ItemRef<'c>>>,
}

impl<'c> CaptureReader<'c> {
    fn take(&mut self, index: usize, request: &Request) {
        let exchange: &'c Exchange = &self.flat[index].exchange;
        let round = Round {
            index,
            exchange,
            is_recorded: exchange.request.body.json().is_some(),
            sent: self.sent_items(index, request),
            delivered: output_items(exchange, index),
        };
        let at = self.thread(request);
        self.last = at;
        let thread = &mut self.threads[at].1;
        thread.learn(request, exchange);
        if request.kind != RequestKind::Prewarm {
            thread.take(request, &round, &mut self.texts);
        }
    }

    /// Position of the thread that a request belongs to.
    fn thread(&mut self, request: &Request) -> usize {
        let found = self
            .threads
            .iter()
            .position(|(id, _)| *id == request.thread);
        found.unwrap_or_else(|| {
            self.threads
                .push((request.thread.clone(), CaptureThread::default()));
            self.threads.len() - 1
        })
    }

    /// All items that a request stands for.
    fn sent_items(&mut self, index: usize, request: &Request) -> Vec<ItemRef<'c>> {
        let flat: &'c FlatExchange<'c> = &self.flat[index];
        let exchange: &'c Exchange = &flat.exchange;
        let held = request.previous_response.as_ref();
        let held = held.and_then(|id| self.sent.get(id).cloned());
        let mut sent = held.unwrap_or_default();
        sent.extend(input_items(exchange, index));
        let is_message =
            flat.transport == Transport::WebSocket || exchange.request.method == WEBSOCKET_METHOD;
        if let (true, Some(id)) = (is_message, super::attempt::response_id(exchange)) {
            let mut held = sent.clone();
            held.extend(output_items(exchange, index));
            self.sent.insert(id, held);
        }
        sent
    }

    fn other(&mut self, index: usize) -> OtherRequest {
        let flat = &self.flat[index];
        let request = &flat.exchange.request;
        let what = match flat.transport {
            Transport::Handshake => format!("WebSocket {}", request.target),
            _ => format!("{} {}", request.method, request.target),
        };
        OtherRequest {
            exchange: index,
            request: self.texts.whole(&what),
            status: flat.exchange.response.status.as_option().copied().flatten(),
        }
    }
}

/// Finds the parents of sub-agents that do not name theirs: the thread that a tool told their id when it asked for one.
fn link_spawned(threads: &mut [Thread]) {
    let parent_of = |id: &str| {
        let parent = threads.iter().find(|thread| {
            let steps = thread.turns.iter().flat_map(|turn| &turn.steps);
            let mut spawned = steps.filter_map(|step| match &step.what {
                What::Call(call) if call.name == "spawn_agent" => call.output.as_ref(),
                _ => None,
            });
            thread.id.as_deref() != Some(id) && spawned.any(|output| output.text.text.contains(id))
        });
        parent.and_then(|parent| parent.id.clone())
    };
    let parents: Vec<_> = threads
        .iter()
        .map(|thread| parent_of(thread.id.as_deref().filter(|id| !id.is_empty())?))
        .collect();
    for (thread, parent) in threads.iter_mut().zip(parents) {
        thread.parent = thread.parent.take().or(parent);
    }
}

/// Threads in an order in which each stands behind its parent.
pub(super) fn as_tree(threads: Vec<Thread>) -> Vec<Thread> {
    let ids: Vec<Option<String>> = threads.iter().map(|thread| thread.id.clone()).collect();
    let is_child = |thread: &Thread| {
        let parent = thread.parent.as_ref();
        parent.is_some_and(|parent| {
            thread.id.as_ref() != Some(parent) && ids.contains(&thread.parent)
        })
    };
    let (mut children, roots): (Vec<Thread>, Vec<Thread>) = threads.into_iter().partition(is_child);
    let mut ordered = Vec::new();
    let mut waiting: Vec<Thread> = roots.into_iter().rev().collect();
    while let Some(thread) = waiting.pop() {
        let (mine, others) = children
            .into_iter()
            .partition(|child| child.parent == thread.id);
        children = others;
        ordered.push(thread);
        waiting.extend::<Vec<Thread>>(mine);
    }
    // Those that are each other's parents have no root.
    ordered.extend(children);
    ordered
}

/// A time on the recorder's clock.
pub(super) fn moment(ms: Recorded<f64>) -> Option<Moment> {
    ms.as_option().copied().map(Moment::Offset)
}
