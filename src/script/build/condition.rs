//! Conditions on requests and on texts.

use serde_json::{Map, Value, json};

use crate::script::matcher::Kind;

/// Conditions on a request; all that are given must hold. See the table in `docs/script.md`.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct MatcherBuilder(pub(super) Map<String, Value>);

/// What a text must be like; all that are given must hold. A text alone, or a list of them, must be contained.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct TextCondition(Map<String, Value>);

/// What a header field must be like: a text equals its value.
#[derive(Debug, Clone)]
pub struct HeaderCondition(Value);

/// What a value of the body must be like: a value equals it.
#[derive(Debug, Clone)]
pub struct PointerCondition(Value);

/// Whether something is there at all; see [`present`] and [`absent`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Presence(bool);

/// A request without conditions, to begin with.
pub fn request() -> MatcherBuilder {
    MatcherBuilder::default()
}

/// A text that is this.
pub fn equals(text: impl Into<String>) -> TextCondition {
    TextCondition::default().equals(text)
}

/// A text that contains this one, or all of several.
pub fn contains(texts: impl Into<Value>) -> TextCondition {
    TextCondition::default().contains(texts)
}

/// A text that does not contain this one, or none of several.
pub fn lacks(texts: impl Into<Value>) -> TextCondition {
    TextCondition::default().lacks(texts)
}

/// A text with a match of this regular expression.
pub fn matches(pattern: impl Into<String>) -> TextCondition {
    TextCondition::default().matches(pattern)
}

/// Something that is there, whatever it is.
pub fn present() -> Presence {
    Presence(true)
}

/// Something that is not there.
pub fn absent() -> Presence {
    Presence(false)
}

impl TextCondition {
    /// The text is this.
    pub fn equals(mut self, text: impl Into<String>) -> Self {
        self.0.insert("equals".to_owned(), text.into().into());
        self
    }

    /// The text contains this one, or all of several.
    pub fn contains(mut self, texts: impl Into<Value>) -> Self {
        self.0.insert("contains".to_owned(), texts.into());
        self
    }

    /// The text does not contain this one, or none of several.
    pub fn lacks(mut self, texts: impl Into<Value>) -> Self {
        self.0.insert("lacks".to_owned(), texts.into());
        self
    }

    /// The text has a match of this regular expression.
    pub fn matches(mut self, pattern: impl Into<String>) -> Self {
        self.0.insert("matches".to_owned(), pattern.into().into());
        self
    }
}

impl MatcherBuilder {
    fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.0.insert(key.to_owned(), value.into());
        self
    }

    /// Adds to a condition that is a table of names.
    fn with_name(mut self, key: &str, name: String, value: Value) -> Self {
        let all = self.0.entry(key).or_insert_with(|| json!({}));
        all[name] = value;
        self
    }

    /// The path ends so: `/responses/compact`, `/models`; `*` for any.
    pub fn endpoint(self, endpoint: impl Into<String>) -> Self {
        self.with("endpoint", endpoint.into())
    }

    /// The method is this one.
    pub fn method(self, method: impl Into<String>) -> Self {
        self.with("method", method.into())
    }

    /// The request is for this.
    pub fn kind(self, kind: Kind) -> Self {
        self.with("kind", kind.name())
    }

    /// It belongs to this thread: an id, or any name, which then stands for the first thread that fits.
    pub fn thread(self, thread: impl Into<String>) -> Self {
        self.with("thread", thread.into())
    }

    /// Whether a sub-agent sent it, or which kind of one.
    pub fn subagent(self, which: impl Into<Value>) -> Self {
        self.with("subagent", which)
    }

    /// A header field is like this; a text is its value.
    pub fn header(self, name: impl Into<String>, wanted: impl Into<HeaderCondition>) -> Self {
        self.with_name("header", name.into(), wanted.into().0)
    }

    /// It asks for this model.
    pub fn model(self, model: impl Into<String>) -> Self {
        self.with("model", model.into())
    }

    /// Some message or output of the input is like this.
    pub fn text(self, text: impl Into<TextCondition>) -> Self {
        self.with("text", text.into().0)
    }

    /// The last item is like this.
    pub fn last_text(self, text: impl Into<TextCondition>) -> Self {
        self.with("last_text", text.into().0)
    }

    /// The last message of the user is like this.
    pub fn last_user(self, text: impl Into<TextCondition>) -> Self {
        self.with("last_user", text.into().0)
    }

    /// The body as it was sent is like this.
    pub fn body(self, text: impl Into<TextCondition>) -> Self {
        self.with("body", text.into().0)
    }

    /// Some item of the input has these members; said again, another one has those.
    pub fn item(mut self, members: impl Into<Value>) -> Self {
        if let Value::Array(items) = self.0.entry("item").or_insert_with(|| json!([])) {
            items.push(members.into());
        }
        self
    }

    /// The last item of the input has these members.
    pub fn last_item(self, members: impl Into<Value>) -> Self {
        self.with("last_item", members)
    }

    /// The value at this pointer into the body is like this; `-1` is the last element of an array.
    pub fn pointer(self, pointer: impl Into<String>, wanted: impl Into<PointerCondition>) -> Self {
        self.with_name("pointer", pointer.into(), wanted.into().0)
    }

    /// It holds an output of this call. [`contains`](Self::contains) and its like are then about this output: a request
    /// where they fail is a violation.
    pub fn output_of(self, call_id: impl Into<String>) -> Self {
        self.with("output_of", call_id.into())
    }

    /// The output of the call, else some text, is this.
    pub fn equals(self, text: impl Into<String>) -> Self {
        self.with("equals", text.into())
    }

    /// The output of the call, else some text, contains this text, or all of several.
    pub fn contains(self, texts: impl Into<Value>) -> Self {
        self.with("contains", texts)
    }

    /// The output of the call, else some text, does not contain this text, or none of several.
    pub fn lacks(self, texts: impl Into<Value>) -> Self {
        self.with("lacks", texts)
    }

    /// The output of the call, else some text, has a match of this regular expression.
    pub fn matches(self, pattern: impl Into<String>) -> Self {
        self.with("matches", pattern.into())
    }
}

impl From<&str> for TextCondition {
    fn from(text: &str) -> Self {
        contains(text)
    }
}

impl From<String> for TextCondition {
    fn from(text: String) -> Self {
        contains(text)
    }
}

impl<const N: usize> From<[&str; N]> for TextCondition {
    fn from(texts: [&str; N]) -> Self {
        contains(texts)
    }
}

impl From<&str> for HeaderCondition {
    fn from(value: &str) -> Self {
        Self(value.into())
    }
}

impl From<String> for HeaderCondition {
    fn from(value: String) -> Self {
        Self(value.into())
    }
}

impl From<TextCondition> for HeaderCondition {
    fn from(text: TextCondition) -> Self {
        Self(text.0.into())
    }
}

impl From<Presence> for HeaderCondition {
    fn from(Presence(is_there): Presence) -> Self {
        Self(is_there.into())
    }
}

impl From<Value> for PointerCondition {
    fn from(value: Value) -> Self {
        match value {
            // Else it could be taken for a table of conditions.
            Value::Object(_) => Self(json!({ "equals": value })),
            value => Self(value),
        }
    }
}

impl From<&str> for PointerCondition {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<bool> for PointerCondition {
    fn from(value: bool) -> Self {
        Self(value.into())
    }
}

impl From<TextCondition> for PointerCondition {
    fn from(text: TextCondition) -> Self {
        Self(text.0.into())
    }
}

impl From<Presence> for PointerCondition {
    fn from(Presence(is_there): Presence) -> Self {
        Self(json!({ "present": is_there }))
    }
}
