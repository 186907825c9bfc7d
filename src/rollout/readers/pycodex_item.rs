//! What pycodex makes of one item of a rollout, as it would send it.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::json::{Document, Kind, Raw};

use super::pycodex::PycodexReader;
use super::shape::last;
use crate::rollout::history::quoted;
use crate::rollout::user_message::ItemClass;

/// An item that pycodex keeps.
pub(super) struct Kept {
    pub(super) class: ItemClass,
    /// The item as it is sent, as JSON.
    pub(super) text: String,
}

/// The message that a `user_message` event stands for.
pub(super) fn user_event(payload: Raw<'_>) -> Kept {
    let text = last(payload, "message").map_or(String::new(), inner);
    kept(ItemClass::UserTurn, user_message(&text, None))
}

/// Reads items of one reader, and remembers which tool a call asks for.
pub(super) struct Items {
    reader: PycodexReader,
    names: HashMap<String, String>,
}

impl Items {
    pub(super) fn new(reader: PycodexReader) -> Self {
        Self {
            reader,
            names: HashMap::new(),
        }
    }

    /// Forgets the tools that calls before a compaction asked for.
    pub(super) fn forget(&mut self) {
        self.names.clear();
    }

    /// What is kept of an item; `None` for types and contents that pycodex passes over. User messages count in a
    /// replacement history only.
    pub(super) fn read(&mut self, item: Raw<'_>, is_replacement: bool) -> Option<Kept> {
        match word(item, "type").as_ref() {
            "message" => match word(item, "role").as_ref() {
                "assistant" => Some(self.assistant(item)),
                "user" if is_replacement => Some(self.user(item)),
                _ => None,
            },
            "reasoning" => Some(kept(ItemClass::Other, self.reasoning(item))),
            "function_call" => self.function_call(item),
            "custom_tool_call" => self.custom_call(item),
            kind @ ("function_call_output" | "custom_tool_call_output") => self.output(item, kind),
            _ => None,
        }
    }

    fn is_old(&self) -> bool {
        self.reader == PycodexReader::V0_1
    }

    fn user(&self, item: Raw<'_>) -> Kept {
        let text: String = parts(item, &["input_text", "output_text"]).collect();
        let id = last(item, "id").filter(|id| !self.is_old() && !id.is_null());
        kept(ItemClass::UserTurn, user_message(&text, id))
    }

    fn assistant(&self, item: Raw<'_>) -> Kept {
        let part = |text: &str| format!(r#"{{"type":"output_text","text":"{text}"}}"#);
        let content = if self.is_old() {
            part(&parts(item, &["input_text", "output_text"]).collect::<String>())
        } else {
            let parts: Vec<_> = parts(item, &["output_text"])
                .map(|text| part(&text))
                .collect();
            parts.join(",")
        };
        let mut text = format!(r#"{{"type":"message","role":"assistant","content":[{content}]"#);
        if !self.is_old() {
            add(&mut text, item, &["id", "phase"]);
        }
        kept(ItemClass::Other, text + "}")
    }

    fn reasoning(&self, item: Raw<'_>) -> String {
        if self.is_old() {
            return item.text().to_owned();
        }
        let is_thought = |part: Raw<'_>| word(part, "type") == "reasoning_text";
        let content = last(item, "content").filter(|content| !content.is_null());
        let keeps_content = content.is_none_or(|content| content.items().any(is_thought));
        let members = item
            .members()
            .filter(|(key, _)| key != "content" || keeps_content);
        let mut members: Vec<_> = members
            .map(|(key, value)| format!("{}:{}", quoted(&key), value.text()))
            .collect();
        for key in ["content", "encrypted_content"] {
            if last(item, key).is_none() {
                members.push(format!("\"{key}\":null"));
            }
        }
        format!("{{{}}}", members.join(","))
    }

    fn function_call(&mut self, item: Raw<'_>) -> Option<Kept> {
        let arguments = match last(item, "arguments") {
            None => "\"{}\"".to_owned(),
            Some(value) if value.kind() == Kind::Object => quoted(&compact(value.text())),
            Some(value) => {
                let text = value.string()?;
                let object = if text.is_empty() { "{}" } else { &*text };
                let document = Document::parse(object).ok()?;
                (document.root().kind() == Kind::Object).then_some(())?;
                if self.is_old() {
                    quoted(&compact(object))
                } else {
                    value.text().to_owned()
                }
            }
        };
        let (call_id, name) = self.names_of(item)?;
        let mut text = format!(
            r#"{{"type":"function_call","name":{},"arguments":{arguments},"call_id":{}"#,
            quoted(&name),
            quoted(&call_id)
        );
        if !self.is_old() {
            add(&mut text, item, &["id", "namespace"]);
        }
        Some(self.call(call_id, name, text + "}"))
    }

    fn custom_call(&mut self, item: Raw<'_>) -> Option<Kept> {
        let (call_id, name) = self.names_of(item)?;
        let input = last(item, "input").map_or(String::new(), inner);
        let mut text = format!(
            r#"{{"type":"custom_tool_call","name":{},"input":"{input}","call_id":{}"#,
            quoted(&name),
            quoted(&call_id)
        );
        if !self.is_old() {
            add(&mut text, item, &["id", "namespace", "status"]);
        }
        Some(self.call(call_id, name, text + "}"))
    }

    /// The `call_id` and `name` of a call, neither of which may be empty.
    fn names_of(&self, item: Raw<'_>) -> Option<(String, String)> {
        let call_id = word(item, "call_id");
        let name = word(item, "name");
        let has_both = !call_id.is_empty() && !name.is_empty();
        has_both.then(|| (call_id.into_owned(), name.into_owned()))
    }

    fn call(&mut self, call_id: String, name: String, text: String) -> Kept {
        self.names.insert(call_id, name);
        kept(ItemClass::Call, text)
    }

    fn output(&self, item: Raw<'_>, kind: &str) -> Option<Kept> {
        let call_id = word(item, "call_id").into_owned();
        if call_id.is_empty() {
            return None;
        }
        let is_list = |value: Raw<'_>| {
            value.kind() == Kind::Array && value.items().all(|part| part.kind() == Kind::Object)
        };
        let output = match last(item, "output") {
            None => "\"\"".to_owned(),
            Some(value) if value.kind() == Kind::String || is_list(value) => {
                value.text().to_owned()
            }
            Some(value) => quoted(&compact(value.text())),
        };
        let mut text = format!(
            r#"{{"type":"{kind}","call_id":{},"output":{output}"#,
            quoted(&call_id)
        );
        match last(item, "success").and_then(Raw::boolean) {
            Some(success) if self.is_old() => text += &format!(",\"success\":{success}"),
            _ => {}
        }
        if !self.is_old() {
            add(&mut text, item, &["id"]);
        }
        if kind == "custom_tool_call_output" {
            let name = self.names.get(&call_id).map_or("", String::as_str);
            text += &format!(",\"name\":{}", quoted(name));
        }
        Some(kept(ItemClass::Output, text + "}"))
    }
}

fn kept(class: ItemClass, text: String) -> Kept {
    Kept { class, text }
}

fn user_message(text: &str, id: Option<Raw<'_>>) -> String {
    let id = id.map_or(String::new(), |id| format!(",\"id\":{}", id.text()));
    format!(
        r#"{{"type":"message","role":"user","content":[{{"type":"input_text","text":"{text}"}}]{id}}}"#
    )
}

/// Adds members of the item that are not null, as they stand there.
fn add(text: &mut String, item: Raw<'_>, keys: &[&str]) {
    for key in keys {
        if let Some(value) = last(item, key).filter(|value| !value.is_null()) {
            *text += &format!(",\"{key}\":{}", value.text());
        }
    }
}

/// Texts of a message's parts of these types, as they stand between their quotes.
fn parts<'a>(item: Raw<'a>, kinds: &'static [&str]) -> impl Iterator<Item = String> + use<'a> {
    let content = last(item, "content");
    let parts = content.into_iter().flat_map(Raw::items);
    let parts = parts.filter(|part| kinds.contains(&word(*part, "type").as_ref()));
    parts.map(|part| last(part, "text").map_or(String::new(), inner))
}

/// A string without white space around it; what Python's `str` makes of another value.
fn word<'a>(object: Raw<'a>, key: &str) -> Cow<'a, str> {
    let Some(value) = last(object, key) else {
        return Cow::Borrowed("");
    };
    match value.string() {
        Some(Cow::Borrowed(text)) => Cow::Borrowed(text.trim()),
        Some(Cow::Owned(text)) => Cow::Owned(text.trim().to_owned()),
        None => Cow::Owned(as_python(value)),
    }
}

/// What stands between the quotes of a string; of another value what Python's `str` makes of it.
fn inner(value: Raw<'_>) -> String {
    let text = match value.kind() {
        Kind::String => Cow::Borrowed(value.text()),
        _ => Cow::Owned(quoted(&as_python(value))),
    };
    text[1..text.len().max(2) - 1].to_owned()
}

fn as_python(value: Raw<'_>) -> String {
    match value.text() {
        "null" => "None".to_owned(),
        "true" => "True".to_owned(),
        "false" => "False".to_owned(),
        other => other.to_owned(),
    }
}

/// JSON without white space between its parts.
fn compact(json: &str) -> String {
    let value = serde_json::from_str::<serde_json::Value>(json);
    value.map_or_else(|_| json.to_owned(), |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks what each of the two readers sends of an item; an empty text stands for nothing.
    fn check(item: &str, old: &str, new: &str) {
        for (reader, expect) in [(PycodexReader::V0_1, old), (PycodexReader::V0_3, new)] {
            let kept = Items::new(reader).read(Raw::new(item), true);
            assert_eq!(
                kept.map(|kept| kept.text).unwrap_or_default(),
                expect,
                "{item}"
            );
        }
    }

    #[test]
    fn items_keep_what_each_reader_knows() {
        check(
            r#"{"type":"message","role":"assistant","id":"m","status":"completed","content":[{"type":"output_text","text":"a\n","annotations":[]},{"type":"input_text","text":"b"}],"phase":null}"#,
            r#"{"type":"message","role":"assistant","content":[{"type":"output_text","text":"a\nb"}]}"#,
            r#"{"type":"message","role":"assistant","content":[{"type":"output_text","text":"a\n"}],"id":"m"}"#,
        );
        check(
            r#"{"type":"message","role":"user","id":"m","content":[{"type":"input_text","text":"a"},{"type":"input_image"}]}"#,
            r#"{"type":"message","role":"user","content":[{"type":"input_text","text":"a"}]}"#,
            r#"{"type":"message","role":"user","content":[{"type":"input_text","text":"a"}],"id":"m"}"#,
        );
        check(
            r#"{"type":"message","role":"developer","content":[]}"#,
            "",
            "",
        );
        check(
            r#"{"type":"function_call","id":"f","name":"n","arguments":"{ \"a\": 1 }","call_id":" c "}"#,
            r#"{"type":"function_call","name":"n","arguments":"{\"a\":1}","call_id":"c"}"#,
            r#"{"type":"function_call","name":"n","arguments":"{ \"a\": 1 }","call_id":"c","id":"f"}"#,
        );
        check(
            r#"{"type":"function_call","name":"","arguments":"{}","call_id":"c"}"#,
            "",
            "",
        );
        check(
            r#"{"type":"custom_tool_call","status":"completed","name":"n","input":"x","call_id":"c"}"#,
            r#"{"type":"custom_tool_call","name":"n","input":"x","call_id":"c"}"#,
            r#"{"type":"custom_tool_call","name":"n","input":"x","call_id":"c","status":"completed"}"#,
        );
        check(
            r#"{"type":"custom_tool_call_output","call_id":"c","output":{"a": 1},"success":true}"#,
            r#"{"type":"custom_tool_call_output","call_id":"c","output":"{\"a\":1}","success":true,"name":""}"#,
            r#"{"type":"custom_tool_call_output","call_id":"c","output":"{\"a\":1}","name":""}"#,
        );
        check(
            r#"{"type":"function_call_output","call_id":"c","output":[{"type":"input_text"}]}"#,
            r#"{"type":"function_call_output","call_id":"c","output":[{"type":"input_text"}]}"#,
            r#"{"type":"function_call_output","call_id":"c","output":[{"type":"input_text"}]}"#,
        );
        check(
            r#"{"type":"reasoning","summary":[],"content":[]}"#,
            r#"{"type":"reasoning","summary":[],"content":[]}"#,
            r#"{"type":"reasoning","summary":[],"encrypted_content":null}"#,
        );
    }
}
