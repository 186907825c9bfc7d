//! Compactions of a thread in a capture, and other ways in which a history becomes shorter.

use crate::capture::Exchange;
use crate::responses::endpoint;

use super::builder::Place;
use super::capture_thread::{CaptureThread, News, Round};
use super::from_capture::moment;
use super::item::{Item, is_summary, is_user, kept, read_item, type_of};
use super::model::{Compaction, Kept, Moment, Position, TypeCount, What};
use super::request::Request;
use super::text::{Text, Texts};

impl<'c> CaptureThread<'c> {
    /// Tells that a history is shorter than it was, and gives how many of the new items were told with that.
    pub(super) fn tell_shortening(
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

    pub(super) fn begin_compaction(&mut self, request: &Request, round: &Round<'c>) {
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

    /// The summary that a compaction request was answered with.
    pub(super) fn take_summary(&mut self, round: &Round<'c>, texts: &mut Texts) {
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
}

/// How often each occurs, in order of first appearance.
fn counts(kinds: impl Iterator<Item = String>) -> Vec<TypeCount> {
    let mut counts = Vec::new();
    kinds.for_each(|kind| TypeCount::add(&mut counts, &kind, 1));
    counts
}

/// Whether a request goes where the first version of remote compaction went (codex before 0.153).
pub(super) fn is_compact_endpoint(exchange: &Exchange) -> bool {
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
