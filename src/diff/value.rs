//! How two JSON values differ.

use xxhash_rust::xxh3::xxh3_64;

use crate::json::{Kind, Node, Pointer};
use crate::normalize::place::{self, Place};
use crate::normalize::{Class, Scanner, TextPlace, embedded_json, fingerprint, text_place};

use super::change::Level;
use super::members::{Member, match_equal_keys, members};
use super::names::{LocalChange, Names, Outcome};
use super::subject::Thing;
use super::text::{TextChange, compare_text, window, with_placeholders};

/// Compares two values below one pointer and collects what it finds in `out`.
pub(super) struct ValueDiff<'n> {
    pub(super) names: &'n mut Names,
    pub(super) out: Outcome,
    pub(super) pointer: Pointer,
    /// Level of real differences here.
    pub(super) level: Level,
    /// Whether number texts are as they were sent, so that `1` and `1.0` can be told apart.
    pub(super) is_exact: bool,
    /// What is being compared, for a person.
    pub(super) subject: Option<Thing>,
}

impl<'n> ValueDiff<'n> {
    pub(super) fn new(names: &'n mut Names, level: Level, is_exact: bool) -> Self {
        Self {
            names,
            out: Outcome::default(),
            pointer: Pointer::root(),
            level,
            is_exact,
            subject: None,
        }
    }

    /// Compares two values that stand under `key`.
    pub(super) fn value(&mut self, key: &str, a: Node<'_>, b: Node<'_>) {
        match (a.kind(), b.kind()) {
            (Kind::String, Kind::String) => self.strings(key, a, b),
            (Kind::Number, Kind::Number) => self.numbers(key, a, b),
            (Kind::Object, Kind::Object) => self.objects(a, b),
            (Kind::Array, Kind::Array) => super::array::compare_arrays(self, key, a, b),
            (x, y) if x != y => {
                let message = format!("{} became {}", with_article(x), with_article(y));
                self.push("type-changed", self.level, Some(a), Some(b), message);
            }
            _ if a.text() != b.text() => {
                let message = format!("{} became {}", a.text(), b.text());
                self.push("value-changed", self.level, Some(a), Some(b), message);
            }
            _ => {}
        }
    }

    /// Compares what has a subject of its own; without one it keeps that of what it stands in.
    pub(super) fn about(&mut self, subject: Option<Thing>, compare: impl FnOnce(&mut Self)) {
        if subject.is_none() {
            return compare(self);
        }
        let outer = std::mem::replace(&mut self.subject, subject);
        compare(self);
        self.subject = outer;
    }

    /// Records a change at the current pointer with excerpts of both values.
    pub(super) fn push(
        &mut self,
        rule: &'static str,
        level: Level,
        a: Option<Node<'_>>,
        b: Option<Node<'_>>,
        message: String,
    ) {
        let key = self
            .pointer
            .segments()
            .next_back()
            .unwrap_or_default()
            .into_owned();
        let print = |node: Option<Node<'_>>, scanner| {
            node.map_or(0, |n| fingerprint(n, &key, scanner, &[]))
        };
        let values = [
            print(a, &self.names.baseline),
            print(b, &self.names.candidate),
        ];
        self.out.changes.push(LocalChange {
            rule,
            level,
            pointer: self.pointer.clone(),
            subject: self.subject.clone(),
            baseline: a.map(excerpt),
            candidate: b.map(excerpt),
            message,
            values: xxh3_64(&values.map(u64::to_le_bytes).concat()),
            ..LocalChange::default()
        });
    }

    fn numbers(&mut self, key: &str, a: Node<'_>, b: Node<'_>) {
        if a.text() == b.text() {
            if place::of_key(key, a.text()) == Place::Id {
                self.out
                    .tie(self.names, a.text(), b.text(), &self.pointer, false);
            }
            return;
        }
        match (place::of_key(key, a.text()), place::of_key(key, b.text())) {
            (Place::Id, Place::Id) => {
                self.out
                    .tie(self.names, a.text(), b.text(), &self.pointer, false)
            }
            (Place::Whole(x), Place::Whole(y)) if x == y => {}
            _ if a.number().is_some() && a.number() == b.number() => {
                if self.is_exact {
                    let message =
                        format!("the same number written as {} and {}", a.text(), b.text());
                    self.push("number-form", Level::Note, Some(a), Some(b), message);
                }
            }
            _ => {
                let message = format!("{} became {}", a.text(), b.text());
                self.push("value-changed", self.level, Some(a), Some(b), message);
            }
        }
    }

    fn strings(&mut self, key: &str, a: Node<'_>, b: Node<'_>) {
        let (a_text, b_text) = (
            a.string().unwrap_or_default(),
            b.string().unwrap_or_default(),
        );
        self.texts(key, &a_text, &b_text, text_place(key));
    }

    /// Compares two decoded texts that stand under `key`.
    pub(super) fn texts(&mut self, key: &str, a: &str, b: &str, place: TextPlace) {
        match (place::of_key(key, a), place::of_key(key, b)) {
            (Place::Id, Place::Id) => return self.ids(a, b),
            (Place::Whole(Class::Secret), Place::Whole(Class::Secret)) => {
                return self.secrets(a, b);
            }
            (Place::Whole(x), Place::Whole(y)) if x == y => return,
            _ => {}
        }
        if let (Some(a_value), Some(b_value)) = (embedded_json(a), embedded_json(b)) {
            return self.embedded(a_value.node(), b_value.node());
        }
        if let Some(change) = compare_text(self.names, &mut self.out, &self.pointer, (a, b), place)
        {
            self.push_text(a, b, change);
        }
    }

    /// Records how a text changed.
    pub(super) fn push_text(&mut self, a: &str, b: &str, change: TextChange) {
        const SHORT: usize = 80;
        let is_long = a.len().max(b.len()) > SHORT || a.contains('\n') || b.contains('\n');
        let message = if is_long {
            format!("text changed: {}", count_lines(&change))
        } else {
            format!(
                "{} became {}",
                quoted(&change.excerpt.0),
                quoted(&change.excerpt.1)
            )
        };
        self.out.changes.push(LocalChange {
            rule: if is_long {
                "text-changed"
            } else {
                "value-changed"
            },
            level: self.level,
            pointer: self.pointer.clone(),
            subject: self.subject.clone(),
            beside: None,
            baseline: Some(change.excerpt.0),
            candidate: Some(change.excerpt.1),
            message,
            detail: if is_long { change.detail } else { Vec::new() },
            values: change.values,
            texts: Some(Box::new((a.to_owned(), b.to_owned()))),
        });
    }

    /// Two secrets are compared as something that is the same everywhere or not, and never shown.
    pub(super) fn secrets(&mut self, a: &str, b: &str) {
        if !place::is_redacted(a) && !place::is_redacted(b) {
            self.out.tie(self.names, a, b, &self.pointer, true);
        }
    }

    /// Two identifiers in the same place are tied; that they are of another make is a note.
    pub(super) fn ids(&mut self, a: &str, b: &str) {
        self.out.tie(self.names, a, b, &self.pointer, false);
        let (a_shape, b_shape) = (id_shape(a), id_shape(b));
        if a_shape != b_shape {
            self.out.changes.push(LocalChange {
                rule: "identifier-shape",
                level: Level::Note,
                pointer: self.pointer.clone(),
                subject: self.subject.clone(),
                baseline: Some(a.to_owned()),
                candidate: Some(b.to_owned()),
                message: format!("identifiers look like {a_shape} in the baseline and like {b_shape} in the candidate"),
                values: xxh3_64(format!("{a_shape}\0{b_shape}").as_bytes()),
                ..LocalChange::default()
            });
        }
    }

    /// JSON inside a string: compared as JSON; a difference in its form alone is a note.
    fn embedded(&mut self, a: Node<'_>, b: Node<'_>) {
        let before = self.out.changes.len();
        let was_exact = std::mem::replace(&mut self.is_exact, true);
        self.value("", a, b);
        self.is_exact = was_exact;
        if self.out.changes.len() == before && layout(a) != layout(b) {
            let message =
                "the same JSON in a string, in another form (white space, key order or escapes)"
                    .to_owned();
            self.push("string-form", Level::Note, Some(a), Some(b), message);
        }
    }

    fn objects(&mut self, a: Node<'_>, b: Node<'_>) {
        let (a_members, b_members) = (members(a), members(b));
        let partners = self.match_keys(&a_members, &b_members);
        let mut is_taken = vec![false; b_members.len()];
        for ((key, value), partner) in a_members.iter().zip(&partners) {
            match partner {
                Some(j) => {
                    is_taken[*j] = true;
                    let (b_key, b_value) = &b_members[*j];
                    self.pointer.push_key(b_key);
                    if key != b_key {
                        // Their shapes are equal; this ties what is in them.
                        compare_text(
                            self.names,
                            &mut self.out,
                            &self.pointer,
                            (key, b_key),
                            TextPlace::default(),
                        );
                    }
                    self.value(key, *value, *b_value);
                    self.pointer.pop();
                }
                None => self.member("key-missing", key, Some(*value), None),
            }
        }
        for ((key, value), taken) in b_members.iter().zip(is_taken) {
            if !taken {
                self.member("key-added", key, None, Some(*value));
            }
        }
    }

    /// Records a member that only one side has.
    pub(super) fn member(
        &mut self,
        rule: &'static str,
        key: &str,
        a: Option<Node<'_>>,
        b: Option<Node<'_>>,
    ) {
        let shown = a.or(b).map(excerpt).unwrap_or_default();
        let message = if a.is_some() {
            format!("`{key}` is not sent by the candidate (baseline: {shown})")
        } else {
            format!("`{key}` is sent by the candidate only: {shown}")
        };
        self.pointer.push_key(key);
        self.push(rule, self.level, a, b, message);
        self.pointer.pop();
    }

    /// The candidate's member for each of the baseline's: the same key at its n-th appearance; keys that are
    /// dynamic (agents by id in the output of `wait`, codex 0.115.0–0.137.0; working directories in `workspaces`, codex
    /// 0.153.4 and later) go together in order.
    fn match_keys(&self, a: &[Member<'_>], b: &[Member<'_>]) -> Vec<Option<usize>> {
        let mut partners = match_equal_keys(a, b);
        let mut is_taken = vec![false; b.len()];
        partners.iter().flatten().for_each(|&j| is_taken[j] = true);
        let shape = |key: &str, scanner: &Scanner| {
            let is_dynamic = !scanner.scan(key, TextPlace::default()).is_empty();
            is_dynamic.then(|| with_placeholders(key, scanner, TextPlace::default()))
        };
        for (partner, (key, _)) in partners
            .iter_mut()
            .zip(a)
            .filter(|(partner, _)| partner.is_none())
        {
            let Some(a_shape) = shape(key, &self.names.baseline) else {
                continue;
            };
            let same = |&j: &usize| {
                !is_taken[j] && shape(&b[j].0, &self.names.candidate).as_ref() == Some(&a_shape)
            };
            *partner = (0..b.len()).find(same);
            if let Some(j) = *partner {
                is_taken[j] = true;
            }
        }
        partners
    }
}

fn is_id(key: &str) -> bool {
    key.len() >= 36 && place::of_key("agent_id", key) == Place::Id
}

fn with_article(kind: Kind) -> String {
    match kind {
        Kind::Null => "null".to_owned(),
        Kind::Array | Kind::Object => format!("an {}", kind.name()),
        _ => format!("a {}", kind.name()),
    }
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

fn count_lines(change: &TextChange) -> String {
    let lines = |n: usize| {
        if n == 1 {
            "1 line".to_owned()
        } else {
            format!("{n} lines")
        }
    };
    match (change.removed, change.added) {
        (0, added) => format!("{} added", lines(added)),
        (removed, 0) => format!("{} removed", lines(removed)),
        (1, 1) => "1 line differs".to_owned(),
        (removed, added) if removed == added => format!("{} differ", lines(added)),
        (removed, added) => format!("{} removed, {} added", lines(removed), lines(added)),
    }
}

/// The beginning of a value's text, on one line.
pub(super) fn excerpt(node: Node<'_>) -> String {
    window(node.text(), 0..node.text().len().min(80))
}

/// A text as it is shown: placeholders for what is dynamic, its beginning only.
pub(super) fn shown_text(text: &str, scanner: &Scanner) -> String {
    let text = with_placeholders(text, scanner, TextPlace::default());
    window(&text, 0..text.len().min(80))
}

/// What an identifier looks like: prefix, and version of its UUID.
fn id_shape(id: &str) -> String {
    let scanner = Scanner::default();
    let tokens = scanner.scan(id, TextPlace::default());
    if let [token] = tokens.as_slice()
        && token.range.len() == id.len()
        && let Class::Uuid { version, .. } = token.class
    {
        let prefix = &id[..id.len() - 36];
        return format!("{prefix}<uuid v{}>", version as char);
    }
    if id.bytes().all(|b| b.is_ascii_digit()) {
        return "<number>".to_owned();
    }
    match id.split_once('_') {
        Some((prefix, _)) if prefix.len() <= 12 && id.len() <= 80 => format!("{prefix}_<…>"),
        _ => "<text>".to_owned(),
    }
}

/// What stands around the scalars of a JSON text: braces, keys, commas and white space; keys that are identifiers
/// or directories count as such.
fn layout(node: Node<'_>) -> String {
    let mut layout = Layout {
        base: node.span().start,
        text: node.text(),
        from: 0,
        out: String::new(),
    };
    layout.add(node);
    layout.out.push_str(&layout.text[layout.from..]);
    layout.out
}

struct Layout<'a> {
    base: usize,
    text: &'a str,
    from: usize,
    out: String,
}

impl<'a> Layout<'a> {
    fn add(&mut self, node: Node<'a>) {
        match node.kind() {
            Kind::Array => node.items().for_each(|item| self.add(item)),
            Kind::Object => {
                for (key, value) in node.members() {
                    if key
                        .string()
                        .is_some_and(|key| is_id(&key) || key.starts_with('/'))
                    {
                        self.skip(key, "<id>");
                    }
                    self.add(value);
                }
            }
            _ => self.skip(
                node,
                if node.text().contains('\\') {
                    "<escaped>"
                } else {
                    "<scalar>"
                },
            ),
        }
    }

    fn skip(&mut self, node: Node<'a>, placeholder: &str) {
        let span = node.span();
        self.out
            .push_str(&self.text[self.from..span.start - self.base]);
        self.out.push_str(placeholder);
        self.from = span.end - self.base;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Value;

    /// Rules and pointers of what is found.
    fn check(a: &str, b: &str, expect: &[&str]) {
        let (a, b) = (Value::parse(a).unwrap(), Value::parse(b).unwrap());
        let mut names = Names::default();
        let mut diff = ValueDiff::new(&mut names, Level::Error, true);
        diff.value("", a.node(), b.node());
        let found: Vec<String> = diff
            .out
            .changes
            .iter()
            .map(|c| format!("{} {}", c.rule, c.pointer))
            .collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn objects_by_key_scalars_by_value() {
        check(r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#, &[]);
        check(
            r#"{"a":1,"b":2}"#,
            r#"{"a":2}"#,
            &["value-changed /a", "key-missing /b"],
        );
        check(r#"{"a":1}"#, r#"{"a":"1"}"#, &["type-changed /a"]);
        check(
            r#"{"a":1}"#,
            r#"{"a":null,"b":0}"#,
            &["type-changed /a", "key-added /b"],
        );
        check(r#"{"a":1}"#, r#"{"a":1.0}"#, &["number-form /a"]);
        check(r#"{"a":true}"#, r#"{"a":false}"#, &["value-changed /a"]);
    }

    #[test]
    fn json_in_strings_is_json() {
        check(
            r#"{"a":"{\"x\":1}"}"#,
            r#"{"a":"{\"x\": 1}"}"#,
            &["string-form /a"],
        );
        check(
            r#"{"a":"{\"x\":1}"}"#,
            r#"{"a":"{\"x\":2}"}"#,
            &["value-changed /a/x"],
        );
    }

    #[test]
    fn identifiers_may_be_renamed_and_times_differ() {
        let a = r#"{"call_id":"c1","created_at":5,"s":{"01a1fbd8-95a7-7140-b45c-3b2d1ddbd775":1}}"#;
        let b = r#"{"call_id":"c2","created_at":6,"s":{"01a1fbd8-95a7-7140-b45c-3b2d1ddbd000":1}}"#;
        check(a, b, &[]);
    }
}
