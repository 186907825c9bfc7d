//! `when` and `expect`.

use serde_json::{Map, Value};

use super::fields::{Reader, Table};
use super::tree::{Tree, TreeKind};
use crate::json::{Pointer, PointerError};
use crate::script::matcher::{HeaderMatch, Kind, Matcher, PointerMatch, Subagent, TextMatch};

pub(super) const KEYS: &[&str] = &[
    "endpoint",
    "method",
    "kind",
    "thread",
    "subagent",
    "header",
    "model",
    "text",
    "last_text",
    "last_user",
    "item",
    "last_item",
    "pointer",
    "body",
    "output_of",
    "equals",
    "contains",
    "lacks",
    "matches",
];
const TEXT_KEYS: &[&str] = &["equals", "contains", "lacks", "matches"];

impl Reader<'_> {
    pub(super) fn matcher(&mut self, step: Table<'_>, key: &str) -> Matcher {
        let mut matcher = Matcher::default();
        let Some(tree) = step.get(key) else {
            return matcher;
        };
        let Some(table) = self.table(tree, &format!("`{key}`")) else {
            return matcher;
        };
        self.check_keys(table, KEYS, &format!("`{key}`"));
        matcher.endpoint = self.endpoint(table);
        matcher.method = self.string(table, "method");
        let kind = table.get("kind");
        matcher.kind = kind.and_then(|tree| self.word(tree, "kind", Kind::WORDS));
        matcher.thread = self.string(table, "thread");
        matcher.subagent = self.subagent(table);
        matcher.headers = self.header_matches(table);
        matcher.text = self.text_match(table, "text");
        matcher.last_text = self.text_match(table, "last_text");
        matcher.last_user = self.text_match(table, "last_user");
        matcher.body = self.text_match(table, "body");
        matcher.items = self.item_matches(table);
        matcher.last_item = table
            .get("last_item")
            .and_then(|tree| self.members_of(tree, "last_item"));
        matcher.pointers = self.pointer_matches(table);
        if let Some(model) = self.string(table, "model") {
            let wanted = PointerMatch::Equals(Value::String(model));
            matcher
                .pointers
                .push((Pointer::root().key("model"), wanted));
        }
        matcher.output_of = self.string(table, "output_of");
        let own = self.text_conditions(table);
        if matcher.output_of.is_some() {
            matcher.output = own;
        } else if !own.is_empty() {
            if table.has("text") {
                let stray = table
                    .members
                    .iter()
                    .find(|m| TEXT_KEYS.contains(&m.key.as_str()));
                if let Some(stray) = stray {
                    let message = format!("`{}` without `output_of` is about the text", stray.key);
                    let hint = "put it into `text = { … }`".to_owned();
                    self.report(&stray.key_span, message, hint);
                }
            }
            matcher.text = own;
        }
        matcher
    }

    fn endpoint(&mut self, table: Table<'_>) -> Option<String> {
        let endpoint = self.string(table, "endpoint")?;
        if !endpoint.starts_with('/')
            && endpoint != "*"
            && let Some(member) = table.member("endpoint")
        {
            let hint = format!("did you mean \"/{endpoint}\"?");
            self.report(&member.value.span, "an endpoint begins with `/`", hint);
        }
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        let known = [
            "/responses",
            "/responses/compact",
            "/models",
            "/memories/trace_summarize",
        ];
        let short = known.into_iter().find(|known| {
            endpoint
                .strip_suffix(known)
                .is_some_and(|prefix| prefix == "/v1")
        });
        Some(short.map_or(endpoint, str::to_owned))
    }

    fn subagent(&mut self, table: Table<'_>) -> Option<Subagent> {
        let tree = table.get("subagent")?;
        match &tree.kind {
            TreeKind::Bool(any) => Some(Subagent::Any(*any)),
            TreeKind::String(name) => Some(Subagent::Named(name.clone())),
            _ => {
                self.wrong_type(tree, "`subagent`", "true, false or a name");
                None
            }
        }
    }

    fn header_matches(&mut self, table: Table<'_>) -> Vec<(String, HeaderMatch)> {
        let Some(tree) = table.get("header") else {
            return Vec::new();
        };
        let Some(names) = self.table(tree, "`header`") else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for member in names.members {
            let wanted = match &member.value.kind {
                TreeKind::Bool(present) => Some(HeaderMatch::Present(*present)),
                TreeKind::String(text) => Some(HeaderMatch::Value(TextMatch::equal_to(text))),
                TreeKind::Table(_) => {
                    let inner = self.table(&member.value, "a header");
                    inner.map(|inner| HeaderMatch::Value(self.text_table(inner, "a header")))
                }
                _ => {
                    let wanted = "a string, true, false or a table";
                    self.wrong_type(&member.value, &format!("`{}`", member.key), wanted);
                    None
                }
            };
            found.extend(wanted.map(|wanted| (member.key.clone(), wanted)));
        }
        found
    }

    /// A text condition: a string or a list of strings that are contained, or a table.
    fn text_match(&mut self, table: Table<'_>, key: &str) -> TextMatch {
        match table.get(key) {
            None => TextMatch::default(),
            Some(tree) => match &tree.kind {
                TreeKind::Table(_) => {
                    let inner = self.table(tree, key);
                    inner.map_or_else(TextMatch::default, |inner| {
                        self.text_table(inner, &format!("`{key}`"))
                    })
                }
                _ => TextMatch {
                    contains: self.strings(table, key),
                    ..TextMatch::default()
                },
            },
        }
    }

    fn text_table(&mut self, table: Table<'_>, what: &str) -> TextMatch {
        self.check_keys(table, TEXT_KEYS, what);
        if table.members.is_empty() {
            self.report(table.span, format!("{what} says nothing"), None);
        }
        self.text_conditions(table)
    }

    fn text_conditions(&mut self, table: Table<'_>) -> TextMatch {
        TextMatch {
            equals: self.string(table, "equals"),
            contains: self.strings(table, "contains"),
            lacks: self.strings(table, "lacks"),
            matches: table
                .get("matches")
                .and_then(|tree| self.regex_of(tree, "matches")),
        }
    }

    fn item_matches(&mut self, table: Table<'_>) -> Vec<Map<String, Value>> {
        let Some(tree) = table.get("item") else {
            return Vec::new();
        };
        let items = self.one_or_more(tree);
        items
            .iter()
            .filter_map(|item| self.members_of(item, "item"))
            .collect()
    }

    /// The value as the members of an item.
    pub(super) fn members_of(&mut self, tree: &Tree, key: &str) -> Option<Map<String, Value>> {
        match self.json(tree)? {
            Value::Object(members) => Some(members),
            _ => {
                self.wrong_type(tree, &format!("`{key}`"), "a table");
                None
            }
        }
    }

    fn pointer_matches(&mut self, table: Table<'_>) -> Vec<(Pointer, PointerMatch)> {
        let Some(tree) = table.get("pointer") else {
            return Vec::new();
        };
        let Some(places) = self.table(tree, "`pointer`") else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for member in places.members {
            let name = Tree {
                kind: TreeKind::String(member.key.clone()),
                span: member.key_span.clone(),
            };
            let Some(pointer) = self.pointer_of(&name) else {
                continue;
            };
            let wanted = self.pointer_match(&member.value);
            found.extend(wanted.map(|wanted| (pointer, wanted)));
        }
        found
    }

    fn pointer_match(&mut self, tree: &Tree) -> Option<PointerMatch> {
        if let TreeKind::Table(members) = &tree.kind {
            let is = |word: &str| members.len() == 1 && members[0].key == word;
            if let (true, TreeKind::Bool(present)) = (is("present"), &members.first()?.value.kind) {
                return Some(PointerMatch::Present(*present));
            }
            let is_text = members
                .iter()
                .all(|member| TEXT_KEYS.contains(&member.key.as_str()));
            let is_value = is("equals") && !matches!(members[0].value.kind, TreeKind::String(_));
            if is_text && !is_value && !members.is_empty() {
                let table = self.table(tree, "`pointer`")?;
                return Some(PointerMatch::Text(self.text_conditions(table)));
            }
            if is_value {
                return self.json(&members[0].value).map(PointerMatch::Equals);
            }
        }
        self.json(tree).map(PointerMatch::Equals)
    }

    /// The value as a JSON pointer.
    pub(super) fn pointer_of(&mut self, tree: &Tree) -> Option<Pointer> {
        let text = self.string_of(tree, "pointer")?;
        match Pointer::parse(&text) {
            Ok(pointer) => Some(pointer),
            Err(error) => {
                let hint = match error {
                    PointerError::NoLeadingSlash => format!("did you mean \"/{text}\"?"),
                    _ => "write `~0` for `~` and `~1` for `/` inside a key".to_owned(),
                };
                self.report(&tree.span, error.to_string(), hint);
                None
            }
        }
    }
}
