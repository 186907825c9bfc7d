//! Reads the texts of a planned history.

use std::borrow::Cow;
use std::io;
use std::ops::Range;

use crate::json::{Kind, Raw};

use super::lineage::{Lineage, Place};
use super::plan::{Content, History, HistoryItem, Origin, span_of};
use super::truncate::{Budget, truncate_middle};
use crate::rollout::user_message::ItemClass;

/// Tokens that Codex keeps of a tool's output where nothing says otherwise.
const DEFAULT_OUTPUT_TOKENS: usize = 10_000;

/// The text of one item as the model sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemText {
    /// The item, as JSON.
    pub text: String,
    /// Whether the middle of an output was cut out: Codex writes outputs whole and cuts them when it reads them.
    pub is_cut: bool,
}

/// How much of a tool's output goes into the history.
#[derive(Debug, Clone, Copy)]
pub(super) struct OutputBudget(Budget);

impl History {
    /// Reads the texts of all items.
    ///
    /// # Errors
    ///
    /// When a file can't be read any more, or was cut since its index was made.
    pub fn load(&self, lineage: &Lineage) -> io::Result<Vec<ItemText>> {
        let mut texts = Vec::with_capacity(self.items.len());
        self.visit(lineage, |_, text| texts.push(text))?;
        Ok(texts)
    }

    /// Reads one item after the other and holds none.
    ///
    /// # Errors
    ///
    /// When a file can't be read any more, or was cut since its index was made.
    pub fn visit(
        &self,
        lineage: &Lineage,
        mut visit: impl FnMut(&HistoryItem, ItemText),
    ) -> io::Result<()> {
        let is_together = |a: &HistoryItem, b: &HistoryItem| {
            a.made.is_none() && b.made.is_none() && a.place.file == b.place.file
        };
        for items in self.items.chunk_by(is_together) {
            if let Some(made) = &items[0].made {
                let text = made.clone();
                visit(
                    &items[0],
                    ItemText {
                        text,
                        is_cut: false,
                    },
                );
                continue;
            }
            let spans: Vec<Range<u64>> = items.iter().map(|item| item.span.clone()).collect();
            let source = &lineage.files[items[0].place.file].source;
            source.read_spans(&spans, |at, text| {
                visit(&items[at], self.item_text(&items[at], text));
            })?;
        }
        Ok(())
    }

    fn item_text(&self, item: &HistoryItem, text: String) -> ItemText {
        if !matches!(item.origin, Origin::Record | Origin::Communication) {
            return ItemText {
                text,
                is_cut: false,
            };
        }
        let Content { payload, metadata } = Content::of(&text);
        let (text, is_cut) = match item.origin {
            Origin::Communication => (communication(payload, self.introduces_encrypted), false),
            _ if item.class == ItemClass::Output => {
                cut_output(payload, self.output_budget.of(metadata))
            }
            _ => (payload.text().to_owned(), false),
        };
        ItemText { text, is_cut }
    }
}

impl OutputBudget {
    /// The budget that the last turn's settings name (`truncation_policy`, up to 0.137), or Codex's own.
    pub(super) fn read(lineage: &Lineage, turn_context: Option<Place>) -> io::Result<Self> {
        let own = Self(Budget::Tokens(DEFAULT_OUTPUT_TOKENS).with_a_fifth_more());
        let Some(place) = turn_context else {
            return Ok(own);
        };
        let text = TextReader::new(lineage).record(place)?;
        let policy = Content::of(&text).payload.get("truncation_policy");
        let policy = policy.and_then(|policy| {
            let limit = usize::try_from(policy.get("limit")?.unsigned()?).ok()?;
            Some(match policy.get_string("mode")?.as_ref() {
                "bytes" => Budget::Bytes(limit),
                _ => Budget::Tokens(limit),
            })
        });
        Ok(policy.map_or(own, |policy| Self(policy.with_a_fifth_more())))
    }

    /// The budget of one output: what Codex noted beside it (read since 0.152.0), or the common one.
    fn of(self, metadata: Option<Raw<'_>>) -> Budget {
        let noted = metadata
            .and_then(|metadata| metadata.get("fallback_token_limit_override")?.unsigned())
            .and_then(|tokens| usize::try_from(tokens).ok());
        noted.map_or(self.0, Budget::Tokens)
    }
}

/// Reads records of a lineage one by one.
pub(super) struct TextReader<'a> {
    lineage: &'a Lineage,
}

impl<'a> TextReader<'a> {
    pub(super) fn new(lineage: &'a Lineage) -> Self {
        Self { lineage }
    }

    /// The text of a record.
    pub(super) fn record(&self, place: Place) -> io::Result<String> {
        self.span(place.file, span_of(self.lineage, place))
    }

    /// The text of one item as it is written.
    pub(super) fn item(&self, item: &HistoryItem) -> io::Result<String> {
        if let Some(made) = &item.made {
            return Ok(made.clone());
        }
        let text = self.span(item.place.file, item.span.clone())?;
        Ok(match item.origin {
            Origin::Record => Content::of(&text).payload.text().to_owned(),
            _ => text,
        })
    }

    fn span(&self, file: usize, span: Range<u64>) -> io::Result<String> {
        let mut found = String::new();
        let source = &self.lineage.files[file].source;
        source.read_spans(&[span], |_, text| found = text)?;
        Ok(found)
    }
}

/// Keeps of an output what the budget allows.
fn cut_output(item: Raw<'_>, budget: Budget) -> (String, bool) {
    let whole = item.text();
    let Some(output) = item.get("output") else {
        return (whole.to_owned(), false);
    };
    let new = match output.kind() {
        Kind::String => output.string().and_then(|text| {
            let new = truncate_middle(&text, budget);
            matches!(new, Cow::Owned(_)).then(|| quoted(&new))
        }),
        Kind::Array => cut_parts(output, budget),
        _ => None,
    };
    let Some(new) = new else {
        return (whole.to_owned(), false);
    };
    (item.text_with(output, &new), true)
}

/// Keeps of texts in an array what the budget allows for all of them; pictures stay. `None` where all is kept.
fn cut_parts(parts: Raw<'_>, budget: Budget) -> Option<String> {
    let mut left = budget.amount();
    let mut new = Vec::new();
    let mut omitted = 0;
    let mut is_cut = false;
    for part in parts.items() {
        let Some(text) = part.get_string("text") else {
            new.push(part.text().to_owned());
            continue;
        };
        let cost = budget.cost(text.len());
        if cost <= left {
            left -= cost;
            new.push(part.text().to_owned());
        } else if left > 0 {
            let start = truncate_middle(&text, budget.with(left));
            new.push(format!(
                r#"{{"type":"input_text","text":{}}}"#,
                quoted(&start)
            ));
            (left, is_cut) = (0, true);
        } else {
            (omitted, is_cut) = (omitted + 1, true);
        }
    }
    if omitted > 0 {
        let note = format!("[omitted {omitted} text items ...]");
        new.push(format!(
            r#"{{"type":"input_text","text":{}}}"#,
            quoted(&note)
        ));
    }
    is_cut.then(|| format!("[{}]", new.join(",")))
}

/// The item that Codex makes of a message between agents which stands in a record of its own.
fn communication(payload: Raw<'_>, introduces_encrypted: bool) -> String {
    let string = |key| payload.get_string(key).unwrap_or_default();
    let (author, recipient) = (string("author"), string("recipient"));
    let content = match payload.get_string("encrypted_content") {
        Some(encrypted) if !introduces_encrypted => format!(
            r#"{{"type":"encrypted_content","encrypted_content":{}}}"#,
            quoted(&encrypted)
        ),
        Some(encrypted) => {
            let triggers = payload.get("trigger_turn").and_then(Raw::boolean);
            let kind = if triggers == Some(true) {
                "NEW_TASK"
            } else {
                "MESSAGE"
            };
            let head = format!(
                "Message Type: {kind}\nTask name: {recipient}\nSender: {author}\nPayload:\n"
            );
            format!(
                r#"{{"type":"input_text","text":{}}},{{"type":"encrypted_content","encrypted_content":{}}}"#,
                quoted(&head),
                quoted(&encrypted)
            )
        }
        None => format!(
            r#"{{"type":"input_text","text":{}}}"#,
            quoted(&string("content"))
        ),
    };
    let id = payload.get_string("id");
    let id = id.map_or(String::new(), |id| format!(r#""id":{},"#, quoted(&id)));
    format!(
        r#"{{"type":"agent_message",{id}"author":{},"recipient":{},"content":[{content}]}}"#,
        quoted(&author),
        quoted(&recipient)
    )
}

/// A string as JSON.
pub(in crate::rollout) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
