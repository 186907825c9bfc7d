//! Entries of a reply, events, and what happens between them.

use std::time::Duration;

use base64::Engine;
use serde_json::{Map, Value, json};

use super::forms;
use crate::script::model::Deltas;

/// One entry of [`reply`](super::StepBuilder::reply), [`events`](super::StepBuilder::events) or
/// [`raw`](super::StepBuilder::raw). A text alone is a message, in `raw` a part of the stream.
///
/// Each method sets a key that `docs/script.md` lists for some entries; one that an entry does not have is a mistake
/// that [`build`](super::ScriptBuilder::build) reports.
#[derive(Debug, Clone)]
#[must_use]
pub struct EntryBuilder(pub(super) Value);

/// Entries in order: one, or several of them.
#[derive(Debug, Clone)]
pub struct Entries(pub(super) Vec<EntryBuilder>);

/// A message.
pub fn text(text: impl Into<String>) -> EntryBuilder {
    EntryBuilder::new("text", text.into())
}

/// A message that refuses.
pub fn refusal(text: impl Into<String>) -> EntryBuilder {
    EntryBuilder::new("refusal", text.into())
}

/// Reasoning with its summary: a text or several.
pub fn reasoning(summary: impl Into<Value>) -> EntryBuilder {
    EntryBuilder::new("reasoning", summary)
}

/// A function call; arguments that are a text are sent as they are.
pub fn call(name: impl Into<String>, arguments: impl Into<Value>) -> EntryBuilder {
    EntryBuilder::new("call", name.into()).with("arguments", arguments)
}

/// A call of a custom tool.
pub fn custom(name: impl Into<String>, input: impl Into<String>) -> EntryBuilder {
    EntryBuilder::new("custom", name.into()).with("input", input.into())
}

/// A local shell call: the words of a command, or a text that is run by `bash -lc`.
pub fn shell(command: impl Into<Value>) -> EntryBuilder {
    EntryBuilder::new("shell", command)
}

/// A search for tools: a query, or other arguments.
pub fn tool_search(query: impl Into<Value>) -> EntryBuilder {
    EntryBuilder::new("tool_search", query)
}

/// A web search: a query, or another action.
pub fn web_search(query: impl Into<Value>) -> EntryBuilder {
    EntryBuilder::new("web_search", query)
}

/// A generated image, in base64.
pub fn image(base64: impl Into<String>) -> EntryBuilder {
    EntryBuilder::new("image", base64.into())
}

/// A compaction item with this content.
pub fn compaction(content: impl Into<String>) -> EntryBuilder {
    EntryBuilder::new("compaction", content.into())
}

/// Tools given by the model: a list of them.
pub fn additional_tools(tools: impl Into<Value>) -> EntryBuilder {
    EntryBuilder::new("additional_tools", tools)
}

/// Any item, as it is.
pub fn item(item: impl Into<Value>) -> EntryBuilder {
    EntryBuilder::new("item", item)
}

/// Any event, as it is; its name is the `type` of its data.
pub fn event(data: impl Into<Value>) -> EntryBuilder {
    EntryBuilder::new("event", data)
}

/// An event with another name than the `type` of its data; data that is a text is sent as it is.
pub fn event_named(name: impl Into<String>, data: impl Into<Value>) -> EntryBuilder {
    EntryBuilder::new("event", name.into()).with("data", data)
}

/// An event without an `event:` field.
pub fn event_without_name(data: impl Into<Value>) -> EntryBuilder {
    EntryBuilder::new("event", false).with("data", data)
}

/// A part of the stream, as it is.
pub fn raw(text: impl Into<String>) -> EntryBuilder {
    EntryBuilder::new("raw", text.into())
}

/// A part of the stream that need not be text.
pub fn bytes(bytes: impl AsRef<[u8]>) -> EntryBuilder {
    let text = base64::engine::general_purpose::STANDARD.encode(bytes);
    EntryBuilder::new("base64", text)
}

/// A comment line.
pub fn comment(text: impl Into<String>) -> EntryBuilder {
    EntryBuilder::new("comment", text.into())
}

/// A WebSocket ping.
pub fn ping(text: impl Into<String>) -> EntryBuilder {
    EntryBuilder::new("ping", text.into())
}

/// A pause.
pub fn wait(time: Duration) -> EntryBuilder {
    EntryBuilder::new("wait", forms::duration(time))
}

/// A gate: what follows is sent when the test has opened it.
pub fn gate(name: impl Into<String>) -> EntryBuilder {
    EntryBuilder::new("gate", name.into())
}

impl EntryBuilder {
    fn new(form: &str, value: impl Into<Value>) -> Self {
        Self(json!({ form: value.into() }))
    }

    fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        if let Value::String(text) = self.0 {
            self.0 = json!({ "text": text });
        }
        self.0[key] = value.into();
        self
    }

    /// Says whether a message is `commentary` or the `final_answer`.
    pub fn phase(self, phase: impl Into<String>) -> Self {
        self.with("phase", phase.into())
    }

    /// Sets the id: of a call the `call_id`, else that of the item.
    pub fn id(self, id: impl Into<String>) -> Self {
        self.with("id", id.into())
    }

    /// Sets the item's own id of a call.
    pub fn item_id(self, id: impl Into<String>) -> Self {
        self.with("item_id", id.into())
    }

    /// Says how the text is cut into deltas.
    pub fn deltas(self, deltas: Deltas) -> Self {
        self.with("deltas", forms::deltas(deltas))
    }

    /// Adds the reasoning itself beside its summary: a text or several.
    pub fn raw(self, texts: impl Into<Value>) -> Self {
        self.with("raw", texts)
    }

    /// Sets the encrypted content of reasoning: a text, or whether one is made up.
    pub fn encrypted(self, content: impl Into<Value>) -> Self {
        self.with("encrypted", content)
    }

    /// Sets the namespace of a tool.
    pub fn namespace(self, namespace: impl Into<String>) -> Self {
        self.with("namespace", namespace.into())
    }

    /// Sets the time limit of a shell call, in milliseconds.
    pub fn timeout_ms(self, milliseconds: u64) -> Self {
        self.with("timeout_ms", milliseconds)
    }

    /// Sets the working directory of a shell call.
    pub fn directory(self, path: impl Into<String>) -> Self {
        self.with("directory", path.into())
    }

    /// Sets a variable in the environment of a shell call.
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        let mut all = match self.0.get_mut("env") {
            Some(Value::Object(all)) => std::mem::take(all),
            _ => Map::new(),
        };
        all.insert(name.to_owned(), value.into().into());
        self.with("env", all)
    }

    /// Sets the user of a shell call.
    pub fn user(self, name: impl Into<String>) -> Self {
        self.with("user", name.into())
    }

    /// Says who runs a search for tools: `client` or `server`.
    pub fn execution(self, by: impl Into<String>) -> Self {
        self.with("execution", by.into())
    }

    /// Sets the prompt that an image was made from.
    pub fn prompt(self, prompt: impl Into<String>) -> Self {
        self.with("prompt", prompt.into())
    }
}

impl From<&str> for EntryBuilder {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for EntryBuilder {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl<E: Into<EntryBuilder>> From<E> for Entries {
    fn from(entry: E) -> Self {
        Self(vec![entry.into()])
    }
}

impl<E: Into<EntryBuilder>, const N: usize> From<[E; N]> for Entries {
    fn from(entries: [E; N]) -> Self {
        Self(entries.into_iter().map(Into::into).collect())
    }
}

impl<E: Into<EntryBuilder>> From<Vec<E>> for Entries {
    fn from(entries: Vec<E>) -> Self {
        Self(entries.into_iter().map(Into::into).collect())
    }
}

impl Entries {
    pub(super) fn into_json(self) -> Value {
        self.0.into_iter().map(|entry| entry.0).collect()
    }
}
