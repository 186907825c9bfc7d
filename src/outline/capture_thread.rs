//! One thread of a capture, request by request.

use crate::capture::Exchange;
use crate::responses::{RequestKind, endpoint};

use super::attempt::{Answer, answer, usage};
use super::builder::{Place, ThreadBuilder};
use super::capture_items::ItemRef;
use super::from_capture::moment;
use super::item::{Item, is_abort_notice, is_summary, is_user, kept, read_item, type_of};
use super::model::{Compaction, End, EndKind, Kept, Moment, Position, Thread, TypeCount, What};
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
    builder: ThreadBuilder,
    /// What the history is known to hold: what was sent last, and what came back.
    known: Vec<ItemRef<'c>>,
    last: Option<Attempt>,
    /// A compaction whose effect has not been seen yet.
    compaction: Option<Place>,
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

    fn is_failing(&self) -> bool {
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

    /// Tells that a history is shorter than it was, and gives how many of the new items were told with that.
    fn tell_shortening(
        &mut self,
        news: &News,
        round: &Round<'c>,
        time: Option<&Moment>,
        texts: &mut Texts,
    ) -> usize {
        if let Some(place) = self.compaction.take() {
            return self.finish_compaction(place, news, round, texts);
        }
        let left_out = news.left_out.iter().map(|at| &self.known[*at]);
        // Items that an agent does not know are never sent again; that is no event.
        let left_out: Vec<_> = left_out
            .filter(|item| is_known_type(&type_of(item.raw())))
            .collect();
        if left_out.is_empty() || self.is_failing() {
            return 0;
        }
        let kinds = counts(left_out.iter().map(|item| item.kind(texts)));
        let counted: Vec<String> = kinds
            .iter()
            .map(|kind| format!("{} × {}", kind.count, kind.name))
            .collect();
        let text = format!("no longer sent: {}", counted.join(", "));
        let at = Position::Exchange {
            index: round.index,
            pointer: "/request/body/input".to_owned(),
        };
        let what = What::Event {
            name: "history".to_owned(),
            text: texts.make(&text),
        };
        self.builder.push(at, time.cloned(), what);
        0
    }

    fn begin_compaction(&mut self, request: &Request, round: &Round<'c>) {
        if self.compaction.is_some() {
            return;
        }
        let is_remote = is_compact_endpoint(round.exchange)
            || round
                .sent
                .last()
                .is_some_and(|item| type_of(item.raw()) == "compaction_trigger");
        let at = Position::Exchange {
            index: round.index,
            pointer: "/request".to_owned(),
        };
        let last = self.builder.turn().and_then(|turn| turn.context_used);
        let before = self.builder.thread.turns.iter().rev();
        let before = before.filter_map(|turn| turn.context_used).next();
        let compaction = Compaction {
            method: if is_remote { "remote" } else { "local" },
            trigger: request
                .compaction
                .as_ref()
                .and_then(|facts| facts.trigger.clone()),
            items_before: Some(self.known.len()).filter(|count| *count > 0),
            tokens_before: last.or(before),
            summary: None,
            ..Compaction::default()
        };
        let what = What::Compaction(Box::new(compaction));
        let place = self
            .builder
            .push(at, moment(round.exchange.started_ms), what);
        self.compaction = Some(place);
    }

    /// Tells what the first request behind a compaction shows of it.
    fn finish_compaction(
        &mut self,
        place: Place,
        news: &News,
        round: &Round<'c>,
        texts: &mut Texts,
    ) -> usize {
        let is_new = |at: &usize| news.new.binary_search(at).is_ok();
        // The new history ends with the summary; else with the message of the user that begins the turn.
        let mut backwards = (0..round.sent.len()).rev();
        let summary = backwards
            .clone()
            .find(|at| is_summary(round.sent[*at].raw()));
        let last_user = backwards.find(|at| is_new(at) && is_user(round.sent[*at].raw()));
        let end = summary.map(|at| at + 1).or(last_user);
        let end = end.unwrap_or(round.sent.len());
        let kept: Vec<Kept> = (0..end)
            .map(|at| kept(round.sent[at].raw(), !is_new(&at), texts))
            .collect();
        let left_out = news.left_out.iter();
        let dropped = counts(left_out.map(|at| self.known[*at].kind(texts)));
        let step = self.builder.step(place).map(|step| &mut step.what);
        if let Some(What::Compaction(compaction)) = step {
            compaction.items_after = Some(end);
            compaction.kept = kept;
            compaction.dropped = Some(news.left_out.len());
            compaction.dropped_types = dropped;
        }
        news.new.iter().filter(|at| **at < end).count()
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

    /// The summary that a compaction request was answered with.
    fn take_summary(&mut self, round: &Round<'c>, texts: &mut Texts) {
        let summary = round.delivered.iter().rev().find_map(|item| {
            match read_item(item.raw(), &item.position(), texts) {
                Item::Alone(What::Assistant { text, .. }) => Some(text),
                Item::Alone(What::Context { role, .. }) if role == "compaction" => {
                    Some(Text::plain("encrypted"))
                }
                _ => None,
            }
        });
        let step = self.compaction.and_then(|place| self.builder.step(place));
        if let Some(What::Compaction(compaction)) = step.map(|step| &mut step.what)
            && summary.is_some()
        {
            compaction.summary = summary;
        }
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

#[derive(Default)]
struct News {
    /// Positions among the sent items of those that were not known.
    new: Vec<usize>,
    /// Positions among the known items of those that are not sent.
    left_out: Vec<usize>,
}

/// Whether a request goes where the first version of remote compaction went (codex before 0.153).
fn is_compact_endpoint(exchange: &Exchange) -> bool {
    endpoint(&exchange.request.target) == "/responses/compact"
}

fn is_known_type(kind: &str) -> bool {
    matches!(
        kind,
        "message"
            | "function_call"
            | "function_call_output"
            | "custom_tool_call"
            | "custom_tool_call_output"
    )
}

fn with_code(reason: &str, code: Option<&str>) -> String {
    match code {
        Some(code) => format!("{reason} ({code})"),
        None => reason.to_owned(),
    }
}

/// How often each occurs, in order of first appearance.
fn counts(kinds: impl Iterator<Item = String>) -> Vec<TypeCount> {
    let mut counts = Vec::new();
    kinds.for_each(|kind| TypeCount::add(&mut counts, &kind, 1));
    counts
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
