//! Placeholders `{{name}}` in the texts of a script.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;

/// The placeholders in a text, without their braces.
pub(super) fn names(text: &str) -> impl Iterator<Item = &str> {
    parts(text).filter_map(|part| match part {
        Part::Name(name, _) => Some(name),
        Part::Text(_) => None,
    })
}

/// Whether `extract` may use this name.
pub(super) fn is_name(name: &str) -> bool {
    let is_word = name
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    is_word && !name.is_empty() && !matches!(name, "request" | "header" | "response" | "step")
}

/// Whether a placeholder is filled without `extract`: `request.thread`, `request.model`, `request/pointer`,
/// `header.name`, `response.id`, `step.number`, `step.count`.
pub(super) fn is_builtin(name: &str) -> bool {
    matches!(
        name,
        "request.thread" | "request.model" | "response.id" | "step.number" | "step.count"
    ) || name.starts_with("request/")
        || name
            .strip_prefix("header.")
            .is_some_and(|rest| !rest.is_empty())
}

/// What fills the placeholders of one answer.
#[derive(Debug, Default)]
pub(super) struct Values {
    pub(super) by_name: BTreeMap<String, String>,
}

impl Values {
    /// Fills the placeholders of a text that is sent as it is.
    pub(super) fn fill<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.fill_with(text, |value| Cow::Borrowed(value))
    }

    /// Fills the placeholders of JSON text, where they stand inside strings.
    pub(super) fn fill_json<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.fill_with(text, |value| {
            let quoted = Value::String(value.to_owned()).to_string();
            Cow::Owned(quoted[1..quoted.len() - 1].to_owned())
        })
    }

    /// Fills the placeholders in all strings of a value.
    pub(super) fn fill_value(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                if let Cow::Owned(filled) = self.fill(text) {
                    *text = filled;
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.fill_value(item)),
            Value::Object(members) => members
                .iter_mut()
                .for_each(|(_, member)| self.fill_value(member)),
            _ => {}
        }
    }

    fn fill_with<'t>(&self, text: &'t str, form: impl Fn(&str) -> Cow<'_, str>) -> Cow<'t, str> {
        if !text.contains("{{") {
            return Cow::Borrowed(text);
        }
        let mut out = String::with_capacity(text.len());
        for part in parts(text) {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Name(name, whole) => match self.by_name.get(name) {
                    Some(value) => out.push_str(&form(value)),
                    None => out.push_str(whole),
                },
            }
        }
        Cow::Owned(out)
    }
}

enum Part<'t> {
    Text(&'t str),
    /// The name, and the placeholder with its braces.
    Name(&'t str, &'t str),
}

fn parts(text: &str) -> impl Iterator<Item = Part<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        if let Some((name, whole)) = placeholder(rest) {
            rest = &rest[whole.len()..];
            return Some(Part::Name(name, whole));
        }
        let next = memchr::memchr_iter(b'{', rest.as_bytes())
            .find(|at| *at > 0 && placeholder(&rest[*at..]).is_some());
        let (before, after) = rest.split_at(next.unwrap_or(rest.len()));
        rest = after;
        Some(Part::Text(before))
    })
}

/// The placeholder that a text begins with.
fn placeholder(text: &str) -> Option<(&str, &str)> {
    const LONGEST: usize = 200;
    let inside = text.strip_prefix("{{")?;
    let length = inside
        .bytes()
        .take(LONGEST)
        .position(|b| !(b.is_ascii_alphanumeric() || b"_-./~".contains(&b)))?;
    let is_closed = inside[length..].starts_with("}}");
    let name = &inside[..length];
    (is_closed && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'))
        .then(|| (name, &text[..length + 4]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_and_other_braces_stay() {
        let mut values = Values::default();
        values.by_name.insert("aid".into(), "a\"b".into());
        let check = |text: &str, plain: &str, json: &str| {
            assert_eq!(values.fill(text), plain);
            assert_eq!(values.fill_json(text), json);
        };
        check("x{{aid}}y", "xa\"by", "xa\\\"by");
        check("{{{aid}}}", "{a\"b}", "{a\\\"b}");
        check(
            "{{ aid }} {{nobody}} {{",
            "{{ aid }} {{nobody}} {{",
            "{{ aid }} {{nobody}} {{",
        );
        check("", "", "");
        let found: Vec<_> = names("{{a}}{{b.c/d}}{{ e }}{{1}}").collect();
        assert_eq!(found, ["a", "b.c/d"]);
    }
}
