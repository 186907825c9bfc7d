//! How a compaction is asked for.

use std::borrow::Cow;

use crate::json::{Pointer, Value};

use super::super::attempts::Attempt;
use super::super::item::ItemFacts;
use super::super::label::{excerpt, the};
use super::super::profiles::{OverflowInRequest, RemoteCompaction};
use super::super::same::meaning;
use super::check::Checker;
use super::episode::{Episode, Form, is_trigger, said};
use super::items::entries;
use super::overflow::on_overflow;
use super::rules;

/// Checks each request of a compaction by itself, and against the one before it.
pub(super) fn check_form(episode: &Episode<'_>, checker: &mut Checker<'_>) {
    check_kind(episode, checker);
    check_history(episode, checker);
    for attempt in episode.attempts {
        let form = Request {
            episode,
            attempt,
            body: Pointer::root().key("request").key("body"),
        };
        form.check_end(checker);
        if checker.is_known() {
            form.check_tools(checker);
            form.check_parallel_calls(checker);
            form.check_model(checker);
        }
    }
}

/// One request for a compaction.
struct Request<'e, 't> {
    episode: &'e Episode<'t>,
    attempt: &'t Attempt<'t>,
    body: Pointer,
}

/// Tells a form that the agent does not have, or that is another one than the request says.
fn check_kind(episode: &Episode<'_>, checker: &mut Checker<'_>) {
    let (attempt, form) = (episode.first(), episode.form);
    let remote = checker.profile.compaction.remote;
    let is_known = match (form, remote) {
        (Form::Local, _) | (_, None) => true,
        (Form::Endpoint, Some(remote)) => remote == RemoteCompaction::CompactEndpoint,
        (Form::Trigger, Some(remote)) => remote == RemoteCompaction::TriggerItem,
    };
    if !is_known {
        let label = checker.profile.label();
        let place = (attempt, Pointer::root());
        checker.tell(episode, "form", rules::FORM, place, |violation| {
            violation.found = Some(form.name().to_owned());
            violation.message = format!(
                "{attempt} asks for a compaction by {}, which {label} does not do",
                form.name()
            );
        });
    }
    let named = said(attempt, "implementation");
    let Some(expected) = named.as_deref().and_then(Form::named) else {
        return;
    };
    if expected != form {
        let pointer = attempt.request.turn_metadata_at();
        let place = (attempt, pointer.key("compaction").key("implementation"));
        checker.tell(episode, "implementation", rules::FORM, place, |violation| {
            violation.expected = Some(form.name().to_owned());
            violation.found = named.map(Cow::into_owned);
            violation.message = format!(
                "{attempt} says that it asks for a compaction by {} and asks by {}",
                expected.name(),
                form.name()
            );
        });
    }
}

/// Tells items that the request before sent and that are gone from the middle or the beginning, before any attempt was too
/// long.
fn check_history(episode: &Episode<'_>, checker: &mut Checker<'_>) {
    let Some(before) = episode.before.filter(|_| checker.is_known()) else {
        return;
    };
    let first = episode.first();
    if !before.request.is_whole || !first.request.is_whole {
        return;
    }
    let history: Vec<u64> = episode
        .history()
        .iter()
        .map(|item| checker.facts.of(item).meaning())
        .collect();
    // What is gone counts once an item behind it is there: turns that were taken back leave nothing behind them.
    let (mut from, mut gone, mut found) = (0, None, None);
    let mut is_first_gone = false;
    for entry in entries(&before.request.input, checker.facts) {
        // Tools and instructions may be others for a compaction.
        if entry.is_of_prompt {
            continue;
        }
        let meaning = entry.facts.meaning();
        match history[from..].iter().position(|one| *one == meaning) {
            Some(at) => {
                from += at + 1;
                found = gone.take();
                if found.is_some() {
                    break;
                }
            }
            None => {
                is_first_gone |= from == 0;
                gone = gone.or(Some(entry.facts));
            }
        }
    }
    let Some(facts) = found else {
        return;
    };
    if is_cut_for_length(episode, &facts, is_first_gone, checker) {
        let reason = format!(
            "the history that {first} asks to compact lacks what the agent leaves out when one is too long, and such an \
             attempt may be missing"
        );
        let exchange = Some(first.request.exchange);
        checker
            .sink
            .not_checked(&[rules::HISTORY_CUT.name], exchange, reason);
        return;
    }
    let place = (first, first.request.input_pointer());
    checker.tell(episode, "", rules::HISTORY_CUT, place, |violation| {
        violation.expected = Some(excerpt(facts.item.text()));
        violation.message = format!(
            "{} of {before} is not in the history that {first} asks to compact",
            the(&facts)
        );
    });
}

/// Whether an attempt before, which was too long and which the capture does not hold, would explain what is gone.
fn is_cut_for_length(
    episode: &Episode<'_>,
    gone: &ItemFacts,
    is_first_gone: bool,
    checker: &Checker<'_>,
) -> bool {
    match on_overflow(episode.form, checker.profile) {
        Some(OverflowInRequest::DropFirstItem) => is_first_gone,
        Some(OverflowInRequest::DropOldestOutput) => gone.is_call() || gone.is_output(),
        Some(OverflowInRequest::Fail) | None => false,
    }
}

impl Request<'_, '_> {
    /// Checks what stands at the end of the input.
    fn check_end(&self, checker: &mut Checker<'_>) {
        let input: &[Value] = &self.attempt.request.input;
        let last = input.len().saturating_sub(1);
        let triggers = || {
            input
                .iter()
                .enumerate()
                .filter(|(_, item)| is_trigger(item))
        };
        let problem = match self.episode.form {
            Form::Trigger => match triggers().next() {
                None => Some((last, "has no compaction_trigger")),
                Some((at, _)) if at != last => {
                    Some((at, "has its compaction_trigger before other items"))
                }
                Some((at, item)) if item.node().members().count() > 1 => {
                    Some((at, "has a compaction_trigger with further members"))
                }
                Some(_) => None,
            },
            Form::Local if checker.is_known() => match input.last() {
                Some(item) if item.node().get_string("role").as_deref() != Some("user") => {
                    Some((last, "does not end with the prompt for a summary"))
                }
                Some(item) if item.node().get_string("id").is_some() => Some((
                    last,
                    "has a prompt with an id, as if it belonged to the history",
                )),
                _ => None,
            },
            _ => None,
        };
        let Some((at, problem)) = problem else {
            return;
        };
        let attempt = self.attempt;
        let place = (attempt, attempt.request.input_pointer().index(at));
        let found = input.get(at).map(|item| excerpt(item.text()));
        checker.tell(self.episode, problem, rules::PROMPT, place, |violation| {
            violation.found = found;
            violation.message = format!("{attempt} asks for a compaction and {problem}");
        });
    }

    /// A local compaction offers no tools, a remote one those of the turn.
    fn check_tools(&self, checker: &mut Checker<'_>) {
        let tools = |attempt: &Attempt<'_>| attempt.request.body.value.get("tools");
        let has_tools =
            |tools: &Option<Value>| tools.as_ref().is_some_and(|tools| !tools.node().is_empty());
        let found = tools(self.attempt);
        let expected = match self.episode.form {
            Form::Local => has_tools(&found).then(|| "[]".to_owned()),
            _ => self.of_turn().and_then(|before| {
                let before = tools(before);
                let is_same = match (&before, &found) {
                    (Some(a), Some(b)) => means_same(a, b),
                    (a, b) => has_tools(a) == has_tools(b),
                };
                (!is_same).then(|| before.map_or("none".to_owned(), |tools| excerpt(tools.text())))
            }),
        };
        let Some(expected) = expected else {
            return;
        };
        let attempt = self.attempt;
        let what = match self.episode.form {
            Form::Local => "asks for a summary and offers tools",
            _ => "asks for a compaction and does not offer the tools of the turn",
        };
        let place = (attempt, self.body.key("tools"));
        checker.tell(self.episode, "", rules::TOOLS, place, |violation| {
            violation.expected = Some(expected);
            violation.found = found.map(|tools| excerpt(tools.text()));
            violation.message = format!("{attempt} {what}");
        });
    }

    fn check_parallel_calls(&self, checker: &mut Checker<'_>) {
        let key = "parallel_tool_calls";
        let value = |attempt: &Attempt<'_>| attempt.request.body.get(key)?.boolean();
        let expected = match self.episode.form {
            Form::Local => Some(false),
            _ => self.of_turn().and_then(value),
        };
        let (Some(expected), Some(found)) = (expected, value(self.attempt)) else {
            return;
        };
        if expected == found {
            return;
        }
        let attempt = self.attempt;
        let place = (attempt, self.body.key(key));
        checker.tell(
            self.episode,
            "",
            rules::PARALLEL_CALLS,
            place,
            |violation| {
                violation.expected = Some(expected.to_string());
                violation.found = Some(found.to_string());
                violation.message = format!(
                    "{attempt} asks for a compaction with {key} {found} instead of {expected}"
                );
            },
        );
    }

    /// The old model compacts what it knows, the new one at most what grew too long under it.
    fn check_model(&self, checker: &mut Checker<'_>) {
        let model = |attempt: &Attempt<'_>| {
            let model = attempt.request.body.get("model")?.string()?;
            Some(model.into_owned())
        };
        let (Some(before), Some(found)) =
            (self.episode.before.and_then(model), model(self.attempt))
        else {
            return;
        };
        let reason = said(self.attempt, "reason").unwrap_or_default();
        let is_of_switch = matches!(reason.as_ref(), "comp_hash_changed" | "model_downshift");
        let is_new = !is_of_switch
            && self
                .episode
                .next
                .is_none_or(|next| model(next).as_ref() == Some(&found));
        if found == before || is_new {
            return;
        }
        let attempt = self.attempt;
        let place = (attempt, self.body.key("model"));
        checker.tell(self.episode, "", rules::MODEL, place, |violation| {
            violation.message = format!(
                "{attempt} asks {found} for a compaction of what {before} was asked before"
            );
            violation.expected = Some(before);
            violation.found = Some(found);
        });
    }

    /// The request before the compaction, if it asked the same model.
    fn of_turn(&self) -> Option<&Attempt<'_>> {
        let model = |attempt: &Attempt<'_>| {
            let model = attempt.request.body.get("model");
            model.map(|model| model.text().to_owned())
        };
        let is_same = |before: &&Attempt<'_>| model(before) == model(self.attempt);
        self.episode.before.filter(is_same)
    }
}

fn means_same(a: &Value, b: &Value) -> bool {
    let print = |value: &Value| meaning(value.node(), |_, _| false);
    a.text() == b.text() || print(a) == print(b)
}
