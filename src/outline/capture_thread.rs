//! One thread of a capture, request by request.

use crate::capture::Exchange;
use crate::responses::RequestKind;

use super::attempt::{Answer, answer, usage};
use super::builder::{Place, ThreadBuilder};
use super::capture_compaction::is_compact_endpoint;
use super::capture_items::ItemRef;
use super::from_capture::moment;
use super::item::{Item, is_abort_notice, is_user, read_item};
use super::model::{End, EndKind, Moment, Position, Thread, What};
use super::request::Request;
use super::text::{Text, Texts};

/// One request with what it sent and what came back.
pub(super) struct Round<'c> {
    pub(super) index: usize,
    pub(super) exchange: &'c Exchange,
    /// Whether what was sent is known.
    pub(super) is_recorded: bool,
    /// All items that the model was shown.
    pub(super) sent: Vec<ItemRef<'c>>,
    /// The items that the response delivered.
    pub(super) delivered: Vec<ItemRef<'c>>,
}

/// A thread of a capture while it is read.
#[derive(Default)]
pub(super) struct CaptureThread<'c> {
    pub(super) builder: ThreadBuilder,
    /// What the history is known to hold: what was sent last, and what came back.
    pub(super) known: Vec<ItemRef<'c>>,
    last: Option<Attempt>,
    /// A compaction whose effect has not been seen yet.
    pub(super) compaction: Option<Place>,
    /// Requests of this thread so far, those that warm up a connection left out.
    rounds: usize,
}

/// The request before.
struct Attempt {
    kind: RequestKind,
    turn: Option<String>,
    answer: Answer,
    ended_ms: Option<f64>,
    /// How many times it had been made again.
    retries: usize,
    /// How many items it delivered.
    delivered: Vec<u64>,
}

impl<'c> CaptureThread<'c> {
    /// Takes what a request says of its thread.
    pub(super) fn learn(&mut self, request: &Request, exchange: &Exchange) {
        let thread = &mut self.builder.thread;
        thread.started = thread
            .started
            .take()
            .or_else(|| moment(exchange.started_ms));
        for (fact, told) in [
            (&mut thread.id, &request.thread),
            (&mut thread.session_id, &request.session),
            (&mut thread.parent, &request.parent),
            (&mut thread.name, &request.name),
            (&mut thread.forked_from, &request.forked_from),
            (&mut thread.provider, &request.provider),
            (&mut thread.originator, &request.originator),
            (&mut thread.agent_version, &request.agent_version),
        ] {
            if fact.is_none() {
                fact.clone_from(told);
            }
        }
        if request.model.is_some() {
            thread.model.clone_from(&request.model);
        }
    }

    /// Takes the next request of the thread.
    pub(super) fn take(&mut self, request: &Request, round: &Round<'c>, texts: &mut Texts) {
        let news = match round.is_recorded {
            true => self.news(&round.sent),
            false => News::default(),
        };
        let new: Vec<&ItemRef<'c>> = news.new.iter().map(|at| &round.sent[*at]).collect();
        let user_messages = new.iter().filter(|item| is_user(item.raw())).count();
        let is_compaction = request.kind == RequestKind::Compaction;
        if new.iter().any(|item| is_abort_notice(item.raw())) {
            self.interrupt();
        }
        self.turn_to(request, round, user_messages > 0 && !is_compaction);
        self.tell_retry(request, round, user_messages > 0, texts);
        let time = moment(round.exchange.started_ms);
        if is_compaction {
            // All but the prompt or trigger, which comes last, is history that was not sent before.
            let has_prompt = !is_compact_endpoint(round.exchange);
            let history = &new[..new.len().saturating_sub(usize::from(has_prompt))];
            self.push_new(history, user_messages, time.as_ref(), texts);
            self.known.extend(history.iter().copied());
            self.begin_compaction(request, round);
        } else {
            let told = self.tell_shortening(&news, round, time.as_ref(), texts);
            self.push_new(
                &new[told.min(new.len())..],
                user_messages,
                time.as_ref(),
                texts,
            );
        }
        self.take_answer(request, round, texts);
    }

    /// Begins a turn where one begins.
    fn turn_to(&mut self, request: &Request, round: &Round<'c>, has_user_message: bool) {
        let current = self.builder.turn().and_then(|turn| turn.id.clone());
        let is_new = match (&request.turn, &current) {
            (Some(turn), Some(current)) => turn != current,
            (Some(_), None) => true,
            (None, _) => has_user_message && !self.is_failing(),
        };
        let is_first = self.builder.thread.turns.is_empty();
        if is_new || is_first {
            self.end_turn();
            self.builder
                .begin_turn(request.turn.clone(), moment(round.exchange.started_ms));
        }
    }

    /// The agent tells the model that the user interrupted it: so the request before was not left for another reason.
    fn interrupt(&mut self) {
        if let Some(last) = self
            .last
            .as_mut()
            .filter(|last| last.answer != Answer::Complete)
        {
            last.answer = Answer::Left;
        }
    }

    pub(super) fn is_failing(&self) -> bool {
        matches!(
            self.last.as_ref().map(|last| &last.answer),
            Some(Answer::Failed { .. })
        )
    }

    /// Tells that a request is made again, or that the one before it failed and something else is tried.
    fn tell_retry(
        &mut self,
        request: &Request,
        round: &Round<'c>,
        has_user_message: bool,
        texts: &mut Texts,
    ) {
        let Some(last) = self.last.as_ref().filter(|last| last.turn == request.turn) else {
            return;
        };
        let at = Position::Exchange {
            index: round.index,
            pointer: "/request".to_owned(),
        };
        let time = moment(round.exchange.started_ms);
        let what = match &last.answer {
            Answer::Failed { reason, code } if last.kind == request.kind => {
                let started = round.exchange.started_ms.as_option();
                let discarded = last.delivered.iter();
                let discarded = discarded
                    .filter(|key| !round.sent.iter().any(|item| item.key == **key))
                    .count();
                let mut reason = with_code(reason, code.as_deref());
                if discarded > 0 {
                    let items = if discarded == 1 { "item" } else { "items" };
                    reason.push_str(&format!("; {discarded} {items} that had arrived not kept"));
                }
                What::Retry {
                    attempt: last.retries + 1,
                    reason: texts.make(&reason),
                    delay_ms: started.zip(last.ended_ms).map(|(start, end)| start - end),
                }
            }
            Answer::Failed { reason, code } => What::Error {
                message: texts.make(reason),
                code: code.clone(),
                is_terminal: false,
            },
            Answer::Left if has_user_message => What::Event {
                name: "cut".to_owned(),
                text: Text::plain("the agent broke the response off for a new message"),
            },
            Answer::Left => What::Event {
                name: "cut".to_owned(),
                text: Text::plain("the agent broke the response off"),
            },
            _ => return,
        };
        self.builder.push(at, time, what);
    }

    /// Which items of a request are new, and which known ones it leaves out.
    fn news(&self, sent: &[ItemRef<'c>]) -> News {
        let mut is_sent = vec![false; self.known.len()];
        let mut new = Vec::new();
        let mut from = 0;
        for (at, item) in sent.iter().enumerate() {
            let rest = self.known[from..].iter();
            match rest.clone().position(|known| known.key == item.key) {
                Some(ahead) => {
                    is_sent[from + ahead] = true;
                    from += ahead + 1;
                }
                None => new.push(at),
            }
        }
        // What moved is not new.
        new.retain(|at| {
            let key = sent[*at].key;
            let moved = (0..self.known.len()).find(|k| !is_sent[*k] && self.known[*k].key == key);
            moved.inspect(|k| is_sent[*k] = true).is_none()
        });
        let left_out = (0..self.known.len()).filter(|k| !is_sent[*k]).collect();
        News { new, left_out }
    }

    fn push_new(
        &mut self,
        new: &[&ItemRef<'c>],
        user_messages: usize,
        time: Option<&Moment>,
        texts: &mut Texts,
    ) {
        // A capture may begin in the middle of a session: only the last message of the user is of this turn.
        let mut earlier = match self.rounds {
            0 => user_messages.saturating_sub(1),
            _ => 0,
        };
        let held = (earlier > 0)
            .then(|| self.builder.thread.turns.pop())
            .flatten();
        let mut held = held;
        for item in new {
            let at = item.position();
            let read = read_item(item.raw(), &at, texts);
            let is_user = matches!(read, Item::Alone(What::User { .. }));
            if is_user
                && earlier == 0
                && let Some(turn) = held.take()
            {
                self.builder.thread.turns.push(turn);
            }
            if is_user {
                earlier = earlier.saturating_sub(1);
            }
            self.builder.push_item(read, at, time.cloned());
        }
        self.builder.thread.turns.extend(held);
    }

    /// Takes what came back.
    fn take_answer(&mut self, request: &Request, round: &Round<'c>, texts: &mut Texts) {
        let exchange = round.exchange;
        let time = moment(exchange.response.ended_ms);
        if let Some(usage) = usage(exchange) {
            self.builder.add_usage(&usage);
        }
        if request.kind == RequestKind::Compaction {
            self.take_summary(round, texts);
        } else {
            for item in &round.delivered {
                let at = item.position();
                let read = read_item(item.raw(), &at, texts);
                self.builder.push_item(read, at, time.clone());
            }
            if round.is_recorded {
                self.known = round.sent.clone();
            }
            self.known.extend(&round.delivered);
        }
        if let Some(turn) = self.builder.turn()
            && let Some(Moment::Offset(started)) = turn.started
        {
            let ended = exchange.response.ended_ms.as_option();
            turn.duration_ms = ended.map(|ended| ended - started).or(turn.duration_ms);
        }
        let answer = answer(exchange);
        let retries = match (&self.last, &answer) {
            (Some(last), _)
                if matches!(last.answer, Answer::Failed { .. })
                    && last.turn == request.turn
                    && last.kind == request.kind =>
            {
                last.retries + 1
            }
            _ => 0,
        };
        self.rounds += 1;
        self.last = Some(Attempt {
            kind: request.kind,
            turn: request.turn.clone(),
            answer,
            ended_ms: exchange.response.ended_ms.as_option().copied(),
            retries,
            delivered: round.delivered.iter().map(|item| item.key).collect(),
        });
    }

    /// Ends the turn as its last request ended.
    fn end_turn(&mut self) {
        let Some(last) = &self.last else {
            return;
        };
        let end = match &last.answer {
            Answer::Failed { reason, code } => End {
                kind: EndKind::Failed,
                message: Some(Text::plain(reason.clone())),
                code: code.clone(),
            },
            Answer::Left => End {
                kind: EndKind::Interrupted,
                message: None,
                code: None,
            },
            Answer::Complete if last.kind == RequestKind::Compaction => {
                End::plain(EndKind::Completed)
            }
            Answer::Complete | Answer::Unknown => return self.builder.conclude_turn(EndKind::Open),
        };
        self.builder.end_turn(end);
    }

    /// The thread, whole.
    pub(super) fn finish(mut self, texts: &mut Texts) -> Thread {
        self.end_turn();
        let thread = &mut self.builder.thread;
        for turn in &mut thread.turns {
            if let Some(message) = &mut turn.end.message {
                *message = texts.make(&message.text);
            }
        }
        thread.cwd = thread.cwd.take().or_else(|| cwd(thread));
        self.builder.finish()
    }
}

/// What a request shows of the history.
#[derive(Default)]
pub(super) struct News {
    /// Positions among the sent items of those that were not known.
    pub(super) new: Vec<usize>,
    /// Positions among the known items of those that are not sent.
    pub(super) left_out: Vec<usize>,
}

fn with_code(reason: &str, code: Option<&str>) -> String {
    match code {
        Some(code) => format!("{reason} ({code})"),
        None => reason.to_owned(),
    }
}

/// The working directory that the agent told the model.
fn cwd(thread: &Thread) -> Option<String> {
    let first = thread.turns.first().map(|turn| turn.steps.as_slice());
    let steps = thread.before.iter().chain(first.unwrap_or_default());
    steps
        .filter_map(|step| match &step.what {
            What::Context { text, .. } => {
                let (_, rest) = text.text.split_once("<cwd>")?;
                Some(rest.split_once("</cwd>")?.0.to_owned())
            }
            _ => None,
        })
        .next()
}
