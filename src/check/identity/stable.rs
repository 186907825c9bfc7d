//! What stays the same over the requests of a thread, of a session and of a process.

use std::collections::HashMap;

use crate::check::attempts::ThreadView;
use crate::check::profiles::{Profile, SubagentKey};
use crate::check::sink::{RuleName, Sink};
use crate::json::Pointer;

use super::agree::Whose;
use super::places::INSTALLATION;
use super::rules;
use super::said::Text;
use super::sent::{Place, Sent};
use super::subagent::is_marked;

/// All requests with whose they are, by exchange.
pub(super) struct Known<'a, 't> {
    pub(super) all: &'a [Sent<'t>],
    pub(super) whose: &'a [Whose],
    /// Positions in both by number of the exchange.
    at: Vec<Option<usize>>,
}

impl<'a, 't> Known<'a, 't> {
    pub(super) fn new(all: &'a [Sent<'t>], whose: &'a [Whose]) -> Self {
        let last = all.last().map_or(0, |sent| sent.exchange + 1);
        let mut at = vec![None; last];
        for (number, sent) in all.iter().enumerate() {
            at[sent.exchange] = Some(number);
        }
        Self { all, whose, at }
    }

    /// The requests of a thread in the order in which they were made.
    pub(super) fn of_thread<'k>(
        &'k self,
        thread: &'k ThreadView<'_>,
    ) -> impl Iterator<Item = (&'a Sent<'t>, &'a Whose)> + 'k {
        let attempts = thread.attempts.iter();
        let found = attempts.filter_map(|one| *self.at.get(one.request.exchange)?);
        found.map(|at| (&self.all[at], &self.whose[at]))
    }
}

/// Checks `prompt_cache_key` of a thread's requests.
pub(super) fn check_cache_keys(
    thread: &ThreadView<'_>,
    known: &Known<'_, '_>,
    profile: &Profile,
    sink: &mut Sink,
) {
    let mut before: Option<(String, usize)> = None;
    for (sent, whose) in known.of_thread(thread) {
        let Some(request) = sent.request else {
            continue;
        };
        // A unary compaction has none (Codex 0.115.0–0.137.0).
        if request.facts.endpoint != "/responses" {
            continue;
        }
        let key = request.body.get("prompt_cache_key");
        let key = key.and_then(|key| key.string());
        let key = key.map(|key| key.into_owned());
        if let Some((first, exchange)) = before
            .as_ref()
            .filter(|(first, _)| key.as_ref() != Some(first))
        {
            let shown = key.as_deref().unwrap_or("missing");
            let message = format!(
                "prompt_cache_key is {shown}, but {first} in exchange #{exchange} of the same thread, in {}",
                sent.label
            );
            let cause = format!("{} {shown}", thread.id.unwrap_or_default());
            tell_key(
                rules::CACHE_KEY_CHANGED,
                sent,
                first,
                key.clone(),
                (message, cause),
                sink,
            );
            continue;
        }
        let Some(key) = key else {
            continue;
        };
        check_key(sent, whose, &key, (known.all, profile), sink);
        before.get_or_insert((key, sent.exchange));
    }
}

/// Checks the key against what the profile says that it is.
fn check_key(
    sent: &Sent<'_>,
    whose: &Whose,
    key: &str,
    (all, profile): (&[Sent<'_>], &Profile),
    sink: &mut Sink,
) {
    let Some(of_subagent) = profile.ids.subagent_cache_key else {
        return;
    };
    if !sent.is_of_known_kind(profile) {
        return;
    }
    let is_marked = is_marked(sent, all);
    let (what, expected) = match of_subagent {
        SubagentKey::Thread if is_marked => ("thread", &whose.thread),
        SubagentKey::Session if is_marked => ("session", &whose.session),
        _ => ("session", &whose.session),
    };
    let Some(expected) = expected.as_deref().filter(|expected| *expected != key) else {
        return;
    };
    let who = if is_marked { "a sub-agent of " } else { "" };
    let message = format!(
        "prompt_cache_key is {key}, but the {what} is {expected} in {}, and {who}{} uses that as its key",
        sent.label,
        profile.label()
    );
    let cause = format!("{key} {expected}");
    tell_key(
        rules::CACHE_KEY_WRONG,
        sent,
        expected,
        Some(key.to_owned()),
        (message, cause),
        sink,
    );
}

fn tell_key(
    rule: RuleName,
    sent: &Sent<'_>,
    expected: &str,
    found: Option<String>,
    (message, cause): (String, String),
    sink: &mut Sink,
) {
    let body = Pointer::root().key("request").key("body");
    let pointer = match found {
        Some(_) => body.key("prompt_cache_key"),
        None => body,
    };
    let mut violation = rule.at(sent.exchange, pointer);
    violation.expected = Some(expected.to_owned());
    violation.found = found;
    violation.message = message;
    sink.tell(cause, violation);
}

/// Checks that the requests of a session name one installation.
pub(super) fn check_installations(known: &Known<'_, '_>, sink: &mut Sink) {
    let mut installations: HashMap<&str, (Text, usize)> = HashMap::new();
    for (sent, whose) in known.all.iter().zip(known.whose) {
        let (Some(session), Some((place, id))) =
            (whose.session.as_deref(), sent.first(INSTALLATION))
        else {
            continue;
        };
        let first = installations
            .entry(session)
            .or_insert((id.clone(), sent.exchange));
        if first.0 != id {
            let mut violation = rules::INSTALLATION_ID_CHANGED.at(sent.exchange, place.pointer());
            violation.message = format!(
                "{place} is {id} in {}, but {} in exchange #{} of the same session",
                sent.label, first.0, first.1
            );
            violation.expected = Some(first.0.to_string());
            violation.found = Some(id.to_string());
            sink.tell(format!("{session} {id}"), violation);
        }
    }
}

/// Processes whose requests may be mixed in one thread: a compaction may have a turn of its own.
const OPEN_PROCESSES: usize = 8;

/// Checks that `user-agent` and `originator` stay the same as long as one process makes the requests of a thread.
///
/// A session may be resumed by another version, in another terminal, so only requests count that one process must have
/// made: those of one turn, and those of a thread that was new to the process in both (Codex 0.169.0).
pub(super) fn check_agent(thread: &ThreadView<'_>, known: &Known<'_, '_>, sink: &mut Sink) {
    for name in ["user-agent", "originator"] {
        let place = Place::Header(name);
        let mut before: Vec<(&Sent<'_>, &Whose, Text)> = Vec::new();
        for (sent, whose) in known.of_thread(thread) {
            let Some(value) = sent.value(place) else {
                continue;
            };
            let mut earlier = before.iter().rev().take(OPEN_PROCESSES);
            let same = earlier.find(|(one, owner, _)| is_same_process((one, owner), (sent, whose)));
            match same {
                Some((last, _, had)) if *had != value => {
                    let mut violation =
                        rules::AGENT_NAME_CHANGED.at(sent.exchange, place.pointer());
                    violation.message = format!(
                        "{place} is {value} in {}, but {had} in exchange #{} of the same process",
                        sent.label, last.exchange
                    );
                    violation.expected = Some(had.to_string());
                    violation.found = Some(value.to_string());
                    sink.tell(format!("{name} {value}"), violation);
                }
                // One of each process is enough.
                Some(_) => {}
                None => before.push((sent, whose, value)),
            }
        }
    }
}

fn is_same_process(a: (&Sent<'_>, &Whose), b: (&Sent<'_>, &Whose)) -> bool {
    let is_new = |sent: &Sent<'_>| {
        let said = sent.meta("history_initialization");
        said.is_some_and(|said| *said == *"new")
    };
    let is_same_turn = a.1.turn.is_some() && a.1.turn == b.1.turn;
    is_same_turn || is_new(a.0) && is_new(b.0)
}
