//! Steps and defaults.

use std::ops::Range;

use super::fields::{Reader, Table};
use super::tree::{Tree, TreeKind};
use super::{faults, matchers, replies, script};
use crate::http::HeaderList;
use crate::script::model::{
    Beat, Deltas, Extract, ExtractSource, Repeat, Reply, Script, Step, Usage,
};
use crate::script::template;

/// What steps have unless they say otherwise.
pub(super) struct Settings {
    pub(super) deltas: Deltas,
    pub(super) usage: Usage,
    pub(super) is_flushed: bool,
    pub(super) has_templates: bool,
}

pub(super) const KEYS: &[&str] = &[
    "name",
    "when",
    "expect",
    "extract",
    "wait",
    "gate",
    "reply",
    "events",
    "raw",
    "status",
    "headers",
    "body",
    "id",
    "usage",
    "end_turn",
    "deltas",
    "response",
    "flush",
    "fault",
    "repeat",
    "optional",
    "templates",
];
/// What only means something to a reply made of items.
const RESPONSE_KEYS: &[&str] = &["reply", "id", "usage", "end_turn", "deltas", "response"];

impl Reader<'_> {
    pub(super) fn steps(&mut self, top: Table<'_>, key: &str, settings: &Settings) -> Vec<Step> {
        let Some(tree) = top.get(key) else {
            return Vec::new();
        };
        let TreeKind::List(items) = &tree.kind else {
            let hint = format!("begin each with `[[{key}]]`");
            let message = format!("`{key}` is {}, not a list of tables", tree.type_name());
            self.report(&tree.span, message, hint);
            return Vec::new();
        };
        let what = if key == "step" { "a step" } else { "a default" };
        items
            .iter()
            .filter_map(|item| {
                let table = self.table(item, what)?;
                Some(self.step(table, what, settings))
            })
            .collect()
    }

    fn step(&mut self, table: Table<'_>, what: &str, settings: &Settings) -> Step {
        self.check_keys_or(table, KEYS, what, place_of_key);
        let mut step = Step {
            line: self.line(table.span),
            name: self.string(table, "name"),
            when: self.matcher(table, "when"),
            expect: self.matcher(table, "expect"),
            extract: self.extract(table),
            before: self.before(table),
            reply: Reply::default(),
            headers: self.headers(table, "headers"),
            faults: self.faults(table),
            repeat: Repeat::default(),
            is_optional: self.boolean(table, "optional").unwrap_or_default(),
            is_flushed: self.boolean(table, "flush").unwrap_or(settings.is_flushed),
            has_templates: self
                .boolean(table, "templates")
                .unwrap_or(settings.has_templates),
        };
        step.repeat = self.repeat(table, what, &step);
        step.reply = self.reply(table, settings);
        if what == "a default" && step.when.is_empty() {
            let hint = "say what for: `when = { endpoint = \"/models\" }`".to_owned();
            self.report(table.span, "a default needs a `when`", hint);
        }
        step
    }

    fn repeat(&mut self, table: Table<'_>, what: &str, step: &Step) -> Repeat {
        // A fault for the first answers only makes sense when there is one more.
        let counted = step.faults.iter().filter_map(|fault| fault.times).max();
        let Some(member) = table.member("repeat") else {
            return Repeat::Times(counted.map_or(1, |times| times + 1));
        };
        if what == "a default" {
            let hint = "a default answers any number of requests".to_owned();
            self.report(&member.key_span, "a default can't `repeat`", hint);
            return Repeat::Any;
        }
        match &member.value.kind {
            TreeKind::String(_) => self
                .word(&member.value, "repeat", &[("any", Repeat::Any)])
                .unwrap_or_default(),
            _ => {
                let times = self.integer_of(&member.value, "repeat", 1);
                Repeat::Times(times.unwrap_or(1) as u32)
            }
        }
    }

    fn before(&mut self, table: Table<'_>) -> Vec<Beat> {
        let mut before = Vec::new();
        if let Some(gate) = self.string(table, "gate") {
            before.push(Beat::Gate(gate));
        }
        if let Some(wait) = self.duration(table, "wait") {
            before.push(Beat::Wait(wait));
        }
        before
    }

    fn reply(&mut self, table: Table<'_>, settings: &Settings) -> Reply {
        let forms: Vec<&str> = ["reply", "events", "raw", "body"]
            .into_iter()
            .filter(|key| table.has(key))
            .collect();
        if let [first, second, ..] = forms[..] {
            let span = table.member(second).map(|member| member.key_span.clone());
            let message = format!("a step has either `{first}` or `{second}`");
            self.report(&span.unwrap_or(0..0), message, None);
        }
        let is_body = table.has("body") || table.has("status");
        let form = if is_body {
            "body"
        } else {
            forms.first().copied().unwrap_or("reply")
        };
        if form != "reply" {
            self.check_without_items(table, form);
        }
        match form {
            "events" => {
                let beats = table.get("events").map(|tree| self.beats(tree));
                Reply::Events(beats.unwrap_or_default())
            }
            "raw" => {
                let beats = table.get("raw").map(|tree| self.raw_parts(tree));
                Reply::Events(beats.unwrap_or_default())
            }
            "body" => self.body(table),
            _ => Reply::Response(self.response(table, settings)),
        }
    }

    fn check_without_items(&mut self, table: Table<'_>, form: &str) {
        let stray = table
            .members
            .iter()
            .find(|member| RESPONSE_KEYS.contains(&member.key.as_str()));
        if let Some(stray) = stray {
            let beside = if form == "body" && !table.has("body") {
                "status"
            } else {
                form
            };
            let message = format!("`{}` means nothing beside `{beside}`", stray.key);
            let hint = match form {
                "body" => {
                    "an answer with `status` or `body` holds no response; for one that comes and goes \
                           use `fault = { status = … }`"
                }
                _ => "what is written there is sent as it is",
            };
            self.report(&stray.key_span, message, hint.to_owned());
        }
    }

    fn body(&mut self, table: Table<'_>) -> Reply {
        let status = table
            .get("status")
            .and_then(|tree| self.status_of(tree, "status"));
        let (body, content_type) = match table.get("body") {
            None => (String::new(), "application/json"),
            Some(tree) => match &tree.kind {
                TreeKind::String(text) => (text.clone(), text_type(text)),
                _ => (tree.to_json(), "application/json"),
            },
        };
        Reply::Body {
            status: status.unwrap_or(200),
            body,
            content_type,
        }
    }

    /// The value as a status that a response can have.
    pub(super) fn status_of(&mut self, tree: &Tree, key: &str) -> Option<u16> {
        let status = self.integer_of(tree, key, 100)?;
        if !(200..=999).contains(&status) {
            let hint = "behind a status below 200 clients wait for that of the response";
            let hint = (status < 200).then(|| hint.to_owned());
            let message = format!("{status} is no status of a response");
            self.report(&tree.span, message, hint);
            return None;
        }
        Some(status as u16)
    }

    pub(super) fn headers(&mut self, table: Table<'_>, key: &str) -> HeaderList {
        let mut list = HeaderList::new();
        let Some(tree) = table.get(key) else {
            return list;
        };
        match &tree.kind {
            TreeKind::Table(members) => {
                for member in members {
                    for value in self.one_or_more(&member.value) {
                        self.header(&mut list, &member.key, &member.key_span, value);
                    }
                }
            }
            TreeKind::List(pairs) => {
                for pair in pairs {
                    match &pair.kind {
                        TreeKind::List(parts) if parts.len() == 2 => {
                            if let Some(name) = self.string_of(&parts[0], key) {
                                self.header(&mut list, &name, &parts[0].span, &parts[1]);
                            }
                        }
                        _ => self.wrong_type(pair, "a header", "a pair: [\"name\", \"value\"]"),
                    }
                }
            }
            _ => self.wrong_type(tree, &format!("`{key}`"), "a table: { name = \"value\" }"),
        }
        list
    }

    fn header(&mut self, list: &mut HeaderList, name: &str, span: &Range<usize>, value: &Tree) {
        let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        if name.is_empty() || !name.bytes().all(is_token) {
            self.report(span, format!("{name:?} is no header name"), None);
            return;
        }
        let framing = ["content-length", "transfer-encoding"];
        if framing
            .iter()
            .any(|framing| name.eq_ignore_ascii_case(framing))
        {
            let message = format!("`{name}` follows from the answer");
            let hint = "a wrong one is a fault: `fault = { content_length = 10 }`, `{ until_close = true }`";
            self.report(span, message, hint.to_owned());
            return;
        }
        let text = match &value.kind {
            TreeKind::String(text) => text.clone(),
            TreeKind::Number(text) => text.clone(),
            TreeKind::Bool(value) => value.to_string(),
            _ => return self.wrong_type(value, &format!("the header `{name}`"), "a string"),
        };
        if text.contains(['\r', '\n', '\0']) {
            self.report(&value.span, "a header value can't hold a line end", None);
            return;
        }
        list.push(name, text);
    }

    fn extract(&mut self, table: Table<'_>) -> Vec<Extract> {
        let Some(tree) = table.get("extract") else {
            return Vec::new();
        };
        let Some(names) = self.table(tree, "`extract`") else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for member in names.members {
            if !template::is_name(&member.key) {
                let message = format!("`{}` can't be the name of a placeholder", member.key);
                let hint =
                    "use letters, digits and `_`, and none of `request`, `header`, `response`";
                self.report(&member.key_span, message, hint.to_owned());
            }
            if let Some(source) = self.extract_source(&member.value) {
                found.push(Extract {
                    name: member.key.clone(),
                    source,
                });
            }
        }
        found
    }

    fn extract_source(&mut self, tree: &Tree) -> Option<ExtractSource> {
        let TreeKind::Table(_) = &tree.kind else {
            return self.regex_of(tree, "extract").map(ExtractSource::Pattern);
        };
        let table = self.table(tree, "`extract`")?;
        self.check_keys(table, &["pattern", "pointer", "header"], "`extract`");
        if let Some(pattern) = table.get("pattern") {
            return self
                .regex_of(pattern, "pattern")
                .map(ExtractSource::Pattern);
        }
        if let Some(pointer) = table.get("pointer") {
            return self.pointer_of(pointer).map(ExtractSource::Pointer);
        }
        let header = self.string(table, "header");
        if header.is_none() {
            let hint = "write `pattern`, `pointer` or `header`".to_owned();
            self.report(&tree.span, "this says not where the text is", hint);
        }
        header.map(ExtractSource::Header)
    }

    /// Finds `{{name}}` that no step fills.
    pub(super) fn check_placeholders(&mut self, top: Table<'_>, script: &Script) {
        let mut known: Vec<&str> = Vec::new();
        for (key, steps) in [("step", &script.steps), ("default", &script.defaults)] {
            let trees = top
                .get(key)
                .map(|tree| self.one_or_more(tree))
                .unwrap_or(&[]);
            for (step, tree) in steps.iter().zip(trees) {
                known.extend(step.extract.iter().map(|extract| extract.name.as_str()));
                if step.has_templates {
                    self.check_placeholders_below(tree, &known);
                }
            }
        }
    }

    fn check_placeholders_below(&mut self, tree: &Tree, known: &[&str]) {
        match &tree.kind {
            TreeKind::String(text) => {
                for name in template::names(text) {
                    if !template::is_builtin(name) && !known.contains(&name) {
                        let message = format!("nothing fills `{{{{{name}}}}}`");
                        let hint = "take it out of the request with `extract`, or write `templates = false` in the \
                                    step to send it as it is";
                        self.report(&tree.span, message, hint.to_owned());
                    }
                }
            }
            TreeKind::List(items) => {
                for item in items {
                    self.check_placeholders_below(item, known);
                }
            }
            TreeKind::Table(members) => {
                for member in members.iter().filter(|member| member.key != "extract") {
                    self.check_placeholders_below(&member.value, known);
                }
            }
            TreeKind::Null | TreeKind::Bool(_) | TreeKind::Number(_) => {}
        }
    }
}

/// Where a key belongs that stands in a step.
fn place_of_key(key: &str) -> Option<String> {
    if script::KEYS.contains(&key) {
        return Some(format!(
            "`{key}` is about the whole script: put it above the first `[[step]]`"
        ));
    }
    if faults::KINDS.contains(&key) {
        return Some(format!("that is a fault: `fault = {{ {key} = … }}`"));
    }
    if replies::FORMS.iter().any(|(form, _)| *form == key) {
        return Some(format!(
            "that is an entry of a reply: `reply = [{{ {key} = … }}]`"
        ));
    }
    matchers::KEYS
        .contains(&key)
        .then(|| format!("that is a condition: `when = {{ {key} = … }}`"))
}

/// What a body is, by how it begins.
fn text_type(text: &str) -> &'static str {
    match text.trim_start().as_bytes().first() {
        Some(b'{' | b'[') => "application/json",
        Some(b'<') => "text/html; charset=utf-8",
        _ => "text/plain; charset=utf-8",
    }
}
