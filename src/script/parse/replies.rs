//! `reply`: what the model says and does.

use serde_json::{Map, Value, json};

use super::beats::BEAT_KEYS;
use super::fields::{Reader, Table};
use super::steps::Settings;
use super::tree::{Tree, TreeKind};
use crate::script::model::{Entry, Response};

/// The keys that say what an entry is, with the further keys that it may have.
pub(super) const FORMS: &[(&str, &[&str])] = &[
    ("text", &["phase", "id", "deltas"]),
    ("refusal", &["id", "deltas"]),
    ("reasoning", &["raw", "encrypted", "id", "deltas"]),
    (
        "call",
        &["arguments", "namespace", "id", "item_id", "deltas"],
    ),
    ("custom", &["input", "namespace", "id", "item_id", "deltas"]),
    (
        "shell",
        &["timeout_ms", "directory", "env", "user", "id", "item_id"],
    ),
    ("tool_search", &["execution", "id", "item_id"]),
    ("web_search", &["id"]),
    ("image", &["prompt", "id"]),
    ("compaction", &["id"]),
    ("additional_tools", &["id"]),
    ("item", &["deltas"]),
];

impl Reader<'_> {
    pub(super) fn response(&mut self, table: Table<'_>, settings: &Settings) -> Response {
        let entries = match table.get("reply") {
            Some(tree) => self.entries(tree),
            None => Vec::new(),
        };
        let extra = table
            .get("response")
            .and_then(|tree| self.members_of(tree, "response"));
        Response {
            entries,
            id: self.string(table, "id"),
            usage: self.usage(table).unwrap_or(settings.usage),
            end_turn: self.boolean(table, "end_turn"),
            deltas: self.deltas(table).unwrap_or(settings.deltas),
            extra: extra.unwrap_or_default(),
        }
    }

    fn entries(&mut self, tree: &Tree) -> Vec<Entry> {
        let items = self.one_or_more(tree);
        items.iter().filter_map(|item| self.entry(item)).collect()
    }

    fn entry(&mut self, tree: &Tree) -> Option<Entry> {
        if let TreeKind::String(text) = &tree.kind {
            return Some(Entry::Item {
                item: message(text, "output_text", None),
                deltas: None,
            });
        }
        let table = self.table(tree, "an entry of `reply`")?;
        let form = FORMS.iter().find(|(key, _)| table.has(key));
        let Some((key, further)) = form else {
            if table
                .members
                .iter()
                .any(|member| BEAT_KEYS.contains(&member.key.as_str()))
            {
                return self.beat_of(table).map(Entry::Beat);
            }
            self.report_unknown_entry(table);
            return None;
        };
        let mut known = vec![*key];
        known.extend_from_slice(further);
        self.check_keys(table, &known, &format!("`{key}`"));
        let mut item = self.item(key, table)?;
        if let Some(id) = self.item_id(key, table) {
            item.insert("id".to_owned(), Value::String(id));
        }
        Some(Entry::Item {
            item,
            deltas: self.deltas(table),
        })
    }

    fn report_unknown_entry(&mut self, table: Table<'_>) {
        let mut known: Vec<&str> = FORMS.iter().map(|(key, _)| *key).collect();
        known.extend_from_slice(BEAT_KEYS);
        if table.has("type") {
            let hint = "write `{ item = { type = … } }` for an item, `{ event = { type = … } }` for an event";
            self.report(
                table.span,
                "this is raw JSON, but not said of what",
                hint.to_owned(),
            );
        } else if table.members.is_empty() {
            let hint = super::fields::key_hint("", &known);
            self.report(table.span, "an entry of `reply` that says nothing", hint);
        } else {
            self.check_keys(table, &known, "`reply`");
        }
    }

    /// `item_id`; for what is no call, `id`.
    fn item_id(&mut self, key: &str, table: Table<'_>) -> Option<String> {
        match key {
            "call" | "custom" | "shell" | "tool_search" => self.string(table, "item_id"),
            "item" => None,
            _ => self.string(table, "id"),
        }
    }

    fn item(&mut self, key: &str, table: Table<'_>) -> Option<Map<String, Value>> {
        let item = match key {
            "text" => {
                let text = self.string(table, "text")?;
                message(&text, "output_text", self.string(table, "phase"))
            }
            "refusal" => message(&self.string(table, "refusal")?, "refusal", None),
            "reasoning" => self.reasoning(table),
            "call" => self.call(table)?,
            "custom" => self.custom(table)?,
            "shell" => self.shell(table)?,
            "tool_search" => self.tool_search(table)?,
            "web_search" => self.web_search(table)?,
            "image" => {
                let mut item =
                    object(json!({ "type": "image_generation_call", "status": "completed" }));
                item.insert("result".to_owned(), self.string(table, "image")?.into());
                if let Some(prompt) = self.string(table, "prompt") {
                    item.insert("revised_prompt".to_owned(), prompt.into());
                }
                item
            }
            "compaction" => {
                let content = self.string(table, "compaction")?;
                object(json!({ "type": "compaction", "encrypted_content": content }))
            }
            "additional_tools" => {
                let tools = self.json(table.get("additional_tools")?)?;
                object(json!({ "type": "additional_tools", "role": "developer", "tools": tools }))
            }
            _ => self.raw_item(table)?,
        };
        Some(item)
    }

    fn raw_item(&mut self, table: Table<'_>) -> Option<Map<String, Value>> {
        let tree = table.get("item")?;
        let item = self.members_of(tree, "item")?;
        if !item.get("type").is_some_and(Value::is_string) {
            let hint = "write `item = { type = \"…\", … }`".to_owned();
            self.report(&tree.span, "the item has no `type`", hint);
        }
        Some(item)
    }

    fn reasoning(&mut self, table: Table<'_>) -> Map<String, Value> {
        let part = |kind: &str, text: String| json!({ "type": kind, "text": text });
        let summary: Vec<Value> = self
            .strings(table, "reasoning")
            .into_iter()
            .map(|text| part("summary_text", text))
            .collect();
        let mut item = object(json!({ "type": "reasoning", "summary": summary }));
        if table.has("raw") {
            let content = self.strings(table, "raw");
            let content: Vec<Value> = content
                .into_iter()
                .map(|text| part("reasoning_text", text))
                .collect();
            item.insert("content".to_owned(), content.into());
        }
        if let Some(tree) = table.get("encrypted") {
            let value = match &tree.kind {
                TreeKind::Bool(value) => Value::Bool(*value),
                TreeKind::String(text) => Value::String(text.clone()),
                _ => {
                    self.wrong_type(tree, "`encrypted`", "a string, true or false");
                    Value::Null
                }
            };
            item.insert("encrypted_content".to_owned(), value);
        }
        item
    }

    fn call(&mut self, table: Table<'_>) -> Option<Map<String, Value>> {
        let mut item = object(json!({ "type": "function_call", "status": "completed" }));
        let arguments = match table.get("arguments") {
            None => "{}".to_owned(),
            Some(tree) => match &tree.kind {
                // Text goes out as it is, so that wrong arguments can be tried.
                TreeKind::String(text) => text.clone(),
                _ => tree.to_json(),
            },
        };
        item.insert("arguments".to_owned(), arguments.into());
        self.call_id(table, &mut item);
        item.insert("name".to_owned(), self.string(table, "call")?.into());
        self.namespace(table, &mut item);
        Some(item)
    }

    fn custom(&mut self, table: Table<'_>) -> Option<Map<String, Value>> {
        let mut item = object(json!({ "type": "custom_tool_call", "status": "completed" }));
        self.call_id(table, &mut item);
        let input = self.string(table, "input").unwrap_or_default();
        item.insert("input".to_owned(), input.into());
        item.insert("name".to_owned(), self.string(table, "custom")?.into());
        self.namespace(table, &mut item);
        Some(item)
    }

    fn shell(&mut self, table: Table<'_>) -> Option<Map<String, Value>> {
        let mut item = object(json!({ "type": "local_shell_call" }));
        self.call_id(table, &mut item);
        item.insert("status".to_owned(), "completed".into());
        let command = match &table.get("shell")?.kind {
            TreeKind::String(line) => vec!["bash".to_owned(), "-lc".to_owned(), line.clone()],
            _ => self.strings(table, "shell"),
        };
        let env = match table.get("env") {
            Some(tree) => self.json(tree)?,
            // The API has it in every call.
            None => json!({}),
        };
        let action = json!({
            "type": "exec",
            "command": command,
            "timeout_ms": self.integer(table, "timeout_ms", 0),
            "working_directory": self.string(table, "directory"),
            "env": env,
            "user": self.string(table, "user"),
        });
        item.insert("action".to_owned(), action);
        Some(item)
    }

    fn tool_search(&mut self, table: Table<'_>) -> Option<Map<String, Value>> {
        let mut item = object(json!({ "type": "tool_search_call" }));
        self.call_id(table, &mut item);
        let execution = self.string(table, "execution");
        item.insert("status".to_owned(), "completed".into());
        item.insert(
            "execution".to_owned(),
            execution.unwrap_or_else(|| "client".to_owned()).into(),
        );
        let tree = table.get("tool_search")?;
        let arguments = match &tree.kind {
            TreeKind::String(query) => json!({ "query": query }),
            _ => self.json(tree)?,
        };
        item.insert("arguments".to_owned(), arguments);
        Some(item)
    }

    fn web_search(&mut self, table: Table<'_>) -> Option<Map<String, Value>> {
        let tree = table.get("web_search")?;
        let action = match &tree.kind {
            TreeKind::String(query) => {
                json!({ "type": "search", "query": query, "queries": [query] })
            }
            _ => self.json(tree)?,
        };
        Some(object(
            json!({ "type": "web_search_call", "status": "completed", "action": action }),
        ))
    }

    fn call_id(&mut self, table: Table<'_>, item: &mut Map<String, Value>) {
        if let Some(id) = self.string(table, "id") {
            item.insert("call_id".to_owned(), id.into());
        }
    }

    fn namespace(&mut self, table: Table<'_>, item: &mut Map<String, Value>) {
        if let Some(namespace) = self.string(table, "namespace") {
            item.insert("namespace".to_owned(), namespace.into());
        }
    }
}

/// A message of the model with one part.
fn message(text: &str, kind: &str, phase: Option<String>) -> Map<String, Value> {
    let part = match kind {
        "refusal" => json!({ "type": kind, "refusal": text }),
        _ => json!({ "type": kind, "annotations": [], "logprobs": [], "text": text }),
    };
    let mut item = object(json!({
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [part],
    }));
    if let Some(phase) = phase {
        item.insert("phase".to_owned(), phase.into());
    }
    item
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
