//! What fills the placeholders of an answer.

use std::collections::BTreeMap;

use crate::json::Pointer;
use crate::script::matcher::{Facts, resolve};
use crate::script::model::{Extract, ExtractSource, Step};
use crate::script::names::Names;
use crate::script::template::{self, Values};

/// Takes the texts of `extract` out of a request.
///
/// # Errors
///
/// With the name of the first that is not there.
pub(super) fn extract<'s>(
    step: &'s Step,
    facts: &Facts<'_>,
) -> Result<Vec<(String, String)>, &'s Extract> {
    step.extract
        .iter()
        .map(|extract| match found(&extract.source, facts) {
            Some(text) => Ok((extract.name.clone(), text)),
            None => Err(extract),
        })
        .collect()
}

fn found(source: &ExtractSource, facts: &Facts<'_>) -> Option<String> {
    match source {
        ExtractSource::Header(name) => facts.request.headers.get(name).map(str::to_owned),
        ExtractSource::Pointer(pointer) => at_pointer(facts, pointer),
        ExtractSource::Pattern(regex) => {
            let body = facts.request.body?.text();
            let groups = regex.captures_iter(body).last()?;
            let text = groups.get(1).or_else(|| groups.get(0))?;
            Some(unescaped(text.as_str()))
        }
    }
}

/// What a part of JSON text stands for, if it lies within a string.
fn unescaped(text: &str) -> String {
    let string = text
        .contains('\\')
        .then(|| serde_json::from_str(&format!("\"{text}\"")).ok());
    string.flatten().unwrap_or_else(|| text.to_owned())
}

/// The string at a pointer into the body, or the JSON text of another value.
fn at_pointer(facts: &Facts<'_>, pointer: &Pointer) -> Option<String> {
    let node = resolve(facts.body()?, pointer)?;
    Some(match node.string() {
        Some(text) => text.into_owned(),
        None => node.text().to_owned(),
    })
}

/// All values that an answer can name: those of `extract`, and those that are always there.
pub(super) fn values(
    step: &Step,
    extracted: &BTreeMap<String, String>,
    facts: &Facts<'_>,
    names: &Names,
    number: (usize, u32),
) -> Values {
    let mut values = Values::default();
    if !step.has_templates {
        return values;
    }
    values.by_name = extracted.clone();
    let mut set = |name: &str, value: Option<String>| {
        values
            .by_name
            .insert(name.to_owned(), value.unwrap_or_default());
    };
    set("response.id", Some(names.response_id()));
    set("step.number", Some(number.0.to_string()));
    set("step.count", Some(number.1.to_string()));
    set("request.thread", facts.thread.clone());
    set(
        "request.model",
        at_pointer(facts, &Pointer::root().key("model")),
    );
    for text in texts(step) {
        for name in template::names(text) {
            if let Some(header) = name.strip_prefix("header.") {
                set(name, facts.request.headers.get(header).map(str::to_owned));
            } else if let Some(pointer) = name.strip_prefix("request/") {
                let pointer = Pointer::parse(&format!("/{pointer}")).ok();
                set(
                    name,
                    pointer.and_then(|pointer| at_pointer(facts, &pointer)),
                );
            }
        }
    }
    values
}

/// The texts of a step that may hold placeholders for places of the request.
fn texts(step: &Step) -> Vec<&str> {
    use crate::script::model::{Beat, Entry, Reply};
    let mut texts = Vec::new();
    fn of_beat<'s>(beat: &'s Beat, texts: &mut Vec<&'s str>) {
        match beat {
            Beat::Event(event) => {
                texts.push(&event.data);
                texts.extend(event.name.as_deref());
            }
            Beat::Raw(bytes) => texts.extend(std::str::from_utf8(bytes).ok()),
            _ => {}
        }
    }
    match &step.reply {
        Reply::Events(beats) => beats.iter().for_each(|beat| of_beat(beat, &mut texts)),
        Reply::Body { body, .. } => texts.push(body),
        Reply::Response(response) => {
            texts.extend(response.id.as_deref());
            for entry in &response.entries {
                match entry {
                    Entry::Beat(beat) => of_beat(beat, &mut texts),
                    Entry::Item { item, .. } => {
                        item.values().for_each(|value| strings(value, &mut texts))
                    }
                }
            }
            response
                .extra
                .values()
                .for_each(|value| strings(value, &mut texts));
        }
    }
    texts.extend(step.headers.iter().map(|header| header.value.as_str()));
    texts
}

fn strings<'v>(value: &'v serde_json::Value, texts: &mut Vec<&'v str>) {
    match value {
        serde_json::Value::String(text) => texts.push(text),
        serde_json::Value::Array(items) => items.iter().for_each(|item| strings(item, texts)),
        serde_json::Value::Object(members) => {
            members.values().for_each(|member| strings(member, texts));
        }
        _ => {}
    }
}
