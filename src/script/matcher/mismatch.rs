//! Tries a matcher on a request.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::facts::InputText;
use super::nearest::{clip, nearest_item, nearest_text, shown_value};
use super::{Difference, Facts, HeaderMatch, Matcher, PointerMatch, Subagent, TextMatch};
use crate::capture::Redactor;
use crate::json::{Node, Pointer};
use crate::responses;

/// Where the items are.
const INPUT: &str = "/request/body/input";

/// What it means for a step that a request does not match it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::script) enum MismatchClass {
    /// It goes to another endpoint or is of a kind that the step is never for.
    Scope,
    /// It is somebody else's: another thread, sub-agent, header.
    Identity,
    /// It holds something else.
    Content,
    /// It is for the step, but a tool answered something else than it should.
    Expectation,
}

/// The names that a script gives to threads, and the threads they came to stand for.
#[derive(Debug, Clone, Default)]
pub(in crate::script) struct Threads {
    by_name: BTreeMap<String, String>,
}

impl Threads {
    /// Lets a name stand for the thread of a request that the step of this name answers.
    pub(in crate::script) fn bind(&mut self, name: &str, thread: Option<&str>) {
        if let Some(thread) = thread
            && name != thread
        {
            self.by_name
                .entry(name.to_owned())
                .or_insert_with(|| thread.to_owned());
        }
    }

    fn is_fit(&self, name: &str, thread: Option<&str>) -> bool {
        let Some(thread) = thread else { return false };
        match self.by_name.get(name) {
            _ if name == thread => true,
            Some(bound) => bound == thread,
            None => !self.by_name.values().any(|bound| bound == thread),
        }
    }

    /// How messages call a thread.
    fn shown(&self, thread: Option<&str>) -> String {
        let Some(thread) = thread else {
            return "no thread".to_owned();
        };
        let name = self.by_name.iter().find(|(_, bound)| *bound == thread);
        match name {
            Some((name, _)) => format!("thread {thread}, which is `{name}`"),
            None => format!("thread {thread}"),
        }
    }
}

/// A mismatch: its class, and what differs.
type Mismatch = (MismatchClass, Difference);

/// The first condition that a request does not meet, the one that says most about whose it is first.
pub(in crate::script) fn mismatch(
    matcher: &Matcher,
    facts: &Facts<'_>,
    threads: &Threads,
) -> Option<Mismatch> {
    scope(matcher, facts)
        .or_else(|| identity(matcher, facts, threads))
        .or_else(|| content(matcher, facts))
        .or_else(|| output(matcher, facts))
}

/// The first condition of `expect` that a request does not meet: other than `when`, it is about requests of all kinds.
pub(in crate::script) fn unmet(
    matcher: &Matcher,
    facts: &Facts<'_>,
    threads: &Threads,
) -> Option<Difference> {
    let is_scoped =
        matcher.endpoint.is_some() || matcher.method.is_some() || matcher.kind.is_some();
    is_scoped
        .then(|| scope(matcher, facts))
        .flatten()
        .or_else(|| identity(matcher, facts, threads))
        .or_else(|| content(matcher, facts))
        .or_else(|| output(matcher, facts))
        .map(|(_, difference)| difference)
}

fn scope(matcher: &Matcher, facts: &Facts<'_>) -> Option<Mismatch> {
    let differs = |pointer: &str, expected: String, found: &str| {
        let difference = Difference {
            pointer: pointer.to_owned(),
            expected,
            found: found.to_owned(),
        };
        Some((MismatchClass::Scope, difference))
    };
    if let Some(method) = &matcher.method
        && !method.eq_ignore_ascii_case(facts.request.method)
    {
        return differs("/request/method", method.clone(), facts.request.method);
    }
    match (&matcher.endpoint, matcher.kind) {
        (Some(endpoint), _) if !is_endpoint(endpoint, facts) => {
            return differs("/request/path", endpoint.clone(), facts.path());
        }
        (None, None) if !facts.is_for_model() || facts.endpoint != "/responses" => {
            return differs(
                "/request/path",
                "a request to the model".to_owned(),
                facts.path(),
            );
        }
        (None, Some(_)) if !facts.endpoint.starts_with("/responses") => {
            return differs("/request/path", "/responses".to_owned(), facts.path());
        }
        // `/responses` alone means requests to the model: prewarms and handshakes are answered by themselves.
        (Some(endpoint), None)
            if endpoint == "/responses" && !facts.is_for_model() && matcher.method.is_none() =>
        {
            return differs("/request/kind", "turn".to_owned(), facts.kind.name());
        }
        _ => {}
    }
    match matcher.kind {
        Some(kind) if kind != facts.kind => {
            // A turn and a compaction follow each other in one thread: a step for one of them is passed over by the
            // other, and neither is out of order.
            let (_, difference) =
                differs("/request/kind", kind.name().to_owned(), facts.kind.name())?;
            Some((MismatchClass::Identity, difference))
        }
        _ => None,
    }
}

fn is_endpoint(endpoint: &str, facts: &Facts<'_>) -> bool {
    let path = facts.path();
    endpoint == "*"
        || facts.endpoint == endpoint
        || (endpoint != "/responses"
            && path
                .strip_suffix(endpoint)
                .is_some_and(|before| endpoint.starts_with('/') || before.ends_with('/')))
}

fn identity(matcher: &Matcher, facts: &Facts<'_>, threads: &Threads) -> Option<Mismatch> {
    let differs = |pointer: String, expected: String, found: String| {
        let difference = Difference {
            pointer,
            expected,
            found,
        };
        Some((MismatchClass::Identity, difference))
    };
    let thread = facts.thread.as_deref();
    if let Some(name) = &matcher.thread
        && !threads.is_fit(name, thread)
    {
        let expected = match threads.by_name.get(name) {
            Some(bound) => format!("thread `{name}`, which is {bound}"),
            None => format!("thread `{name}`"),
        };
        return differs(
            "/request/headers".to_owned(),
            expected,
            threads.shown(thread),
        );
    }
    if let Some(wanted) = &matcher.subagent {
        let found = facts.subagent.as_deref();
        let (is_fit, expected) = match wanted {
            Subagent::Any(any) => (
                found.is_some() == *any,
                if *any { "a sub-agent" } else { "no sub-agent" }.to_owned(),
            ),
            Subagent::Named(name) => (found == Some(name), format!("{name:?}")),
        };
        if !is_fit {
            let found = found.map_or("no such header".to_owned(), |found| format!("{found:?}"));
            return differs(
                "/request/headers/x-openai-subagent".to_owned(),
                expected,
                found,
            );
        }
    }
    matcher
        .headers
        .iter()
        .find_map(|(name, wanted)| header(name, wanted, facts))
        .and_then(|d| differs(d.pointer, d.expected, d.found))
}

fn header(name: &str, wanted: &HeaderMatch, facts: &Facts<'_>) -> Option<Difference> {
    let values: Vec<String> = facts
        .request
        .headers
        .get_all(name)
        .map(str::to_owned)
        .collect();
    let mut redactor = Redactor::new();
    let mut shown = |value: &String| format!("{:?}", redactor.header(name, value));
    let pointer = format!("/request/headers/{}", name.to_ascii_lowercase());
    match wanted {
        HeaderMatch::Present(wanted) if *wanted == values.is_empty() => Some(Difference {
            pointer,
            expected: if *wanted {
                "the header"
            } else {
                "no such header"
            }
            .to_owned(),
            found: values
                .first()
                .map_or("no such header".to_owned(), &mut shown),
        }),
        HeaderMatch::Present(_) => None,
        HeaderMatch::Value(wanted) => {
            let expected = failed_condition(wanted, &values)?;
            Some(Difference {
                pointer,
                expected,
                found: match &values[..] {
                    [] => "no such header".to_owned(),
                    values => values.iter().map(shown).collect::<Vec<_>>().join(", "),
                },
            })
        }
    }
}

fn content(matcher: &Matcher, facts: &Facts<'_>) -> Option<Mismatch> {
    let difference = texts(matcher, facts)
        .or_else(|| items(matcher, facts))
        .or_else(|| {
            matcher
                .pointers
                .iter()
                .find_map(|(pointer, wanted)| value_at(pointer, wanted, facts))
        })?;
    Some((MismatchClass::Content, difference))
}

fn texts(matcher: &Matcher, facts: &Facts<'_>) -> Option<Difference> {
    let conditions = [&matcher.text, &matcher.last_text, &matcher.last_user];
    if !conditions.iter().all(|condition| condition.is_empty()) {
        let all = facts.texts();
        let last_user = all.iter().rfind(|text| text.is_of_user);
        let difference = any_text(&matcher.text, &all)
            .or_else(|| one_text(&matcher.last_text, all.last()))
            .or_else(|| one_text(&matcher.last_user, last_user));
        if difference.is_some() {
            return difference;
        }
    }
    if !matcher.body.is_empty() {
        let text = facts.request.body.map_or("", |body| body.text());
        let text = text.to_owned();
        if let Some(expected) = failed_condition(&matcher.body, std::slice::from_ref(&text)) {
            let pointer = "/request/body".to_owned();
            let found = format!("{:?}", clip(&text));
            return Some(Difference {
                pointer,
                expected,
                found,
            });
        }
    }
    None
}

/// The difference of all texts.
fn any_text(wanted: &TextMatch, all: &[InputText]) -> Option<Difference> {
    let values: Vec<String> = all.iter().map(|text| text.text.clone()).collect();
    let expected = failed_condition(wanted, &values)?;
    Some(nearest_text(expected, wanted, &placed(all), INPUT))
}

/// The difference of one text; one that is not there is empty.
fn one_text(wanted: &TextMatch, text: Option<&InputText>) -> Option<Difference> {
    let value = text.map_or_else(String::new, |text| text.text.clone());
    let expected = failed_condition(wanted, &[value])?;
    let missing = InputText {
        pointer: INPUT.to_owned(),
        text: String::new(),
        is_of_user: false,
    };
    let text = text.unwrap_or(&missing);
    let texts = placed(std::slice::from_ref(text));
    Some(nearest_text(expected, wanted, &texts, &text.pointer))
}

/// Texts behind their places.
fn placed(texts: &[InputText]) -> Vec<(String, String)> {
    let pair = |text: &InputText| (text.pointer.clone(), text.text.clone());
    texts.iter().map(pair).collect()
}

fn items(matcher: &Matcher, facts: &Facts<'_>) -> Option<Difference> {
    for wanted in &matcher.items {
        let is_there = facts
            .input()
            .any(|(_, item)| lacking_member(wanted, item).is_none());
        if !is_there {
            return Some(nearest_item(wanted, facts));
        }
    }
    let wanted = matcher.last_item.as_ref()?;
    let Some((index, item)) = facts.input().last() else {
        return Some(Difference {
            pointer: "/request/body/input".to_owned(),
            expected: "an item".to_owned(),
            found: "no items".to_owned(),
        });
    };
    let (key, value) = lacking_member(wanted, item)?;
    Some(Difference {
        pointer: format!("/request/body/input/{index}/{key}"),
        expected: clip(&value.to_string()),
        found: item.get(key).map_or("nothing".to_owned(), shown_value),
    })
}

/// The first wanted member that an item does not have so.
pub(super) fn lacking_member<'w>(
    wanted: &'w Map<String, Value>,
    item: Node<'_>,
) -> Option<(&'w str, &'w Value)> {
    wanted
        .iter()
        .find(|(key, value)| match item.get(key) {
            Some(found) => !is_equal(value, found),
            None => {
                !(key.as_str() == "type"
                    && responses::item_type(item) == value.as_str().unwrap_or(""))
            }
        })
        .map(|(key, value)| (key.as_str(), value))
}

/// Whether two values are equal, whatever the order of their keys and the text of their numbers.
fn is_equal(wanted: &Value, found: Node<'_>) -> bool {
    serde_json::from_str::<Value>(found.text()).is_ok_and(|found| {
        match (wanted.as_f64(), found.as_f64()) {
            (Some(wanted), Some(found)) => wanted == found,
            _ => *wanted == found,
        }
    })
}

fn value_at(pointer: &Pointer, wanted: &PointerMatch, facts: &Facts<'_>) -> Option<Difference> {
    let found = facts.body().and_then(|body| resolve(body, pointer));
    let place = format!("/request/body{pointer}");
    let shown = || found.map_or("nothing".to_owned(), shown_value);
    let expected = match (wanted, found) {
        (PointerMatch::Present(wanted), found) if *wanted == found.is_some() => return None,
        (PointerMatch::Present(true), _) => "a value".to_owned(),
        (PointerMatch::Present(false), _) => "nothing".to_owned(),
        (PointerMatch::Equals(wanted), Some(found)) if is_equal(wanted, found) => return None,
        (PointerMatch::Equals(wanted), _) => clip(&wanted.to_string()),
        (PointerMatch::Text(wanted), found) => {
            let texts: Vec<String> = found
                .map(|node| match node.string() {
                    Some(text) => text.into_owned(),
                    None => node.text().to_owned(),
                })
                .into_iter()
                .collect();
            failed_condition(wanted, &texts)?
        }
    };
    Some(Difference {
        pointer: place,
        expected,
        found: shown(),
    })
}

/// The value at a pointer below a node.
pub(in crate::script) fn resolve<'a>(root: Node<'a>, pointer: &Pointer) -> Option<Node<'a>> {
    pointer
        .segments()
        .try_fold(root, |node, segment| match node.kind() {
            crate::json::Kind::Array => {
                let last = node.len().checked_sub(1);
                let index = if segment == "-1" {
                    last
                } else {
                    segment.parse().ok()
                };
                node.items().nth(index?)
            }
            _ => node.get(&segment),
        })
}

fn output(matcher: &Matcher, facts: &Facts<'_>) -> Option<Mismatch> {
    let wanted = matcher.output_of.as_deref()?;
    let is_output = |item: &Node<'_>| responses::is_output(&responses::item_type(*item));
    let outputs = || facts.input().filter(|(_, item)| is_output(item));
    let output = outputs()
        .find(|(_, item)| responses::call_id(*item).is_some_and(|call_id| call_id == wanted));
    let Some((index, item)) = output else {
        let ids: Vec<String> = outputs()
            .filter_map(|(_, item)| Some(format!("{:?}", responses::call_id(item)?)))
            .collect();
        let found = if ids.is_empty() {
            "no outputs at all".to_owned()
        } else {
            format!("outputs of {}", ids.join(", "))
        };
        let difference = Difference {
            pointer: "/request/body/input".to_owned(),
            expected: format!("an output of {wanted:?}"),
            found,
        };
        return Some((MismatchClass::Content, difference));
    };
    let text = Facts::item_text(item);
    let expected = failed_condition(&matcher.output, std::slice::from_ref(&text))?;
    let pointer = format!("/request/body/input/{index}/output");
    let texts = [(pointer.clone(), text)];
    let difference = nearest_text(expected, &matcher.output, &texts, &pointer);
    Some((MismatchClass::Expectation, difference))
}

/// The first condition that none of the texts meets, in words.
fn failed_condition(wanted: &TextMatch, texts: &[String]) -> Option<String> {
    if let Some(equal) = &wanted.equals
        && !texts.contains(equal)
    {
        return Some(format!("{:?}", clip(equal)));
    }
    let missing = wanted
        .contains
        .iter()
        .find(|part| !texts.iter().any(|text| text.contains(*part)));
    if let Some(part) = missing {
        return Some(format!("text with {:?}", clip(part)));
    }
    let surplus = wanted
        .lacks
        .iter()
        .find(|part| texts.iter().any(|text| text.contains(*part)));
    if let Some(part) = surplus {
        return Some(format!("text without {:?}", clip(part)));
    }
    match &wanted.matches {
        Some(regex) if !texts.iter().any(|text| regex.is_match(text)) => {
            Some(format!("a match of /{regex}/"))
        }
        _ => None,
    }
}
