//! Requests for a compaction that are too long for the model themselves.

use crate::json::{Pointer, Value};
use crate::responses::{call_id, is_call, is_output, item_type};

use super::super::attempts::Attempt;
use super::super::continuation::is_aborted;
use super::super::label::excerpt;
use super::super::profiles::{OverflowInRequest, Profile};
use super::check::Checker;
use super::episode::{Episode, Form, history, is_overflow};
use super::items::{Entry, entries};
use super::rules;

/// What the agent does with a compaction of this form that is too long.
pub(super) fn on_overflow(form: Form, profile: &Profile) -> Option<OverflowInRequest> {
    let compaction = &profile.compaction;
    match form {
        Form::Local => compaction.overflow_in_request,
        _ => compaction.overflow_in_remote_request,
    }
}

/// Checks what is left out when a compaction is tried again because it was too long.
pub(super) fn check_overflow(episode: &Episode<'_>, checker: &mut Checker<'_>) {
    let Some(how) = on_overflow(episode.form, checker.profile) else {
        return;
    };
    for two in episode.attempts.windows(2) {
        if is_overflow(&two[0]) {
            check_retry(episode, how, &two[0], &two[1], checker);
        }
    }
}

fn check_retry(
    episode: &Episode<'_>,
    how: OverflowInRequest,
    one: &Attempt<'_>,
    next: &Attempt<'_>,
    checker: &mut Checker<'_>,
) {
    let agent = checker.profile.label();
    let before = history(one, episode.form);
    let now = history(next, episode.form);
    let shorter = Shortened::of(before, how, checker);
    let is_same = |items: &[&Value]| {
        items.len() == now.len() && items.iter().zip(now).all(|(a, b)| a.text() == b.text())
    };
    let mut steps = shorter.steps();
    if steps.any(|items| is_same(&items)) {
        return;
    }
    let expected = shorter.steps().next();
    let (pointer, what) = match expected {
        None => (Pointer::root(), "nothing is left to leave out".to_owned()),
        Some(expected) => {
            let mut pairs = expected.iter().zip(now);
            let differs = pairs.position(|(a, b)| a.text() != b.text());
            let at = differs.unwrap_or(expected.len().min(now.len()));
            let what = match how {
                OverflowInRequest::DropFirstItem => "the first item",
                _ => "the oldest output with its call",
            };
            let pointer = match at < next.request.input.len() {
                true => next.request.input_pointer().index(at),
                false => next.request.input_pointer(),
            };
            (pointer, format!("{agent} leaves out {what}"))
        }
    };
    let what = match how {
        OverflowInRequest::Fail => format!("{agent} ends the turn"),
        _ => what,
    };
    let left = before.len() as i64 - now.len() as i64;
    checker.tell(episode, "", rules::OVERFLOW_RETRY, (next, pointer), |violation| {
        violation.found = Some(format!("{left} items fewer"));
        violation.message = format!(
            "the compaction in exchange #{} was too long for the model, and {next} tries it again otherwise: {what}",
            one.request.exchange
        );
    });
}

/// Tells a compaction that is given up though something could have been left out.
pub(super) fn check_given_up(episode: &Episode<'_>, checker: &mut Checker<'_>) {
    let Some(how) = on_overflow(episode.form, checker.profile) else {
        return;
    };
    let last = episode.last();
    let Some(next) = episode.next.filter(|_| is_overflow(last)) else {
        return;
    };
    let shorter = Shortened::of(history(last, episode.form), how, checker);
    if is_aborted(last, next) || shorter.steps().next().is_none() {
        return;
    }
    let first = shorter
        .steps()
        .next()
        .map(|left| first_gone(&shorter, &left));
    let agent = checker.profile.label();
    let place = (last, Pointer::root());
    checker.tell(episode, "", rules::OVERFLOW_GIVEN_UP, place, |violation| {
        violation.expected = first.flatten();
        violation.message = format!(
            "{last} was too long for the model and is not tried again with less, as {agent} does"
        );
    });
}

fn first_gone(whole: &Shortened<'_>, left: &[&Value]) -> Option<String> {
    let kept = |item: &&Value| left.iter().any(|left| std::ptr::eq(*left, *item));
    let gone = whole.items.iter().find(|item| !kept(item));
    gone.map(|item| format!("without {}", excerpt(item.text())))
}

/// A history that gets shorter.
struct Shortened<'i> {
    items: Vec<&'i Value>,
    how: OverflowInRequest,
    /// Number of items at the beginning that stay: base instructions and tools.
    fixed: usize,
}

impl<'i> Shortened<'i> {
    fn of(items: &'i [Value], how: OverflowInRequest, checker: &mut Checker<'_>) -> Self {
        let entries = entries(items, checker.facts);
        let is_fixed = |entry: &&Entry| entry.is_of_prompt;
        Self {
            fixed: entries.iter().take_while(is_fixed).count(),
            items: items.iter().collect(),
            how,
        }
    }

    /// The histories of the attempts to come, each shorter than the one before.
    fn steps(&self) -> impl Iterator<Item = Vec<&'i Value>> {
        let mut items = self.items.clone();
        std::iter::from_fn(move || {
            let at = match self.how {
                OverflowInRequest::Fail => None,
                // One item is always left.
                OverflowInRequest::DropFirstItem => {
                    (items.len() > self.fixed + 1).then_some(self.fixed)
                }
                OverflowInRequest::DropOldestOutput => {
                    let is_output = |item: &&Value| is_output(&item_type(item.node()));
                    items.iter().position(is_output)
                }
            }?;
            remove_with_partner(&mut items, at);
            Some(items.clone())
        })
    }
}

/// Takes out an item, and the output of a call or the call of an output.
fn remove_with_partner(items: &mut Vec<&Value>, at: usize) {
    let removed = items.remove(at).node();
    let kind = item_type(removed);
    let Some(id) = call_id(removed).filter(|_| is_call(&kind) || is_output(&kind)) else {
        return;
    };
    let partner = items.iter().position(|item| {
        let node = item.node();
        let is_other_half = is_call(&item_type(node)) != is_call(&kind);
        is_other_half && call_id(node).as_ref() == Some(&id)
    });
    if let Some(partner) = partner {
        items.remove(partner);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items() -> Vec<Value> {
        let texts = [
            r#"{"role":"developer","content":"<permissions instructions>"}"#,
            r#"{"type":"function_call","call_id":"1"}"#,
            r#"{"type":"custom_tool_call","call_id":"2"}"#,
            r#"{"type":"function_call_output","call_id":"1"}"#,
            r#"{"type":"custom_tool_call_output","call_id":"2"}"#,
        ];
        texts
            .iter()
            .map(|text| Value::parse(*text).unwrap())
            .collect()
    }

    fn lengths(how: OverflowInRequest, fixed: usize) -> Vec<usize> {
        let items = items();
        let shortened = Shortened {
            items: items.iter().collect(),
            how,
            fixed,
        };
        shortened.steps().map(|items| items.len()).collect()
    }

    #[test]
    fn a_history_gets_shorter_step_by_step() {
        assert_eq!(lengths(OverflowInRequest::DropFirstItem, 0), [4, 2, 0]);
        assert_eq!(lengths(OverflowInRequest::DropFirstItem, 1), [3, 1]);
        assert_eq!(lengths(OverflowInRequest::DropOldestOutput, 0), [3, 1]);
        assert_eq!(lengths(OverflowInRequest::Fail, 0), [0; 0]);
    }
}
