//! Changes of a JSON object that leave the texts of its other members as they are.

use crate::json::{Node, Value};

/// What becomes of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Edit {
    /// It is left out.
    Remove,
    /// It has this value, as JSON; added at the end where there is none.
    Set(String),
    /// It has this value where there is none.
    Default(String),
}

/// The text of an object with some of its members changed; that of any other value as it is.
pub(super) fn edited(value: &Value, edits: &[(&str, Edit)]) -> String {
    let node = value.node();
    let changes = |node: Node<'_>| {
        edits.iter().any(|(key, edit)| match edit {
            Edit::Remove => node.get(key).is_some(),
            Edit::Set(text) => node.get(key).is_none_or(|old| old.text() != text),
            Edit::Default(_) => node.get(key).is_none(),
        })
    };
    if node.kind() != crate::json::Kind::Object || !changes(node) {
        return value.text().to_owned();
    }
    let mut out = String::with_capacity(value.text().len() + 64);
    let mut add = |key: &str, text: &str| {
        out.push(if out.is_empty() { '{' } else { ',' });
        out.push_str(key);
        out.push(':');
        out.push_str(text);
    };
    for (key, old) in node.members() {
        let edit = edits.iter().find(|(name, _)| key.is_key(name));
        match edit {
            Some((_, Edit::Remove)) => {}
            Some((_, Edit::Set(text))) => add(key.text(), text),
            Some((_, Edit::Default(_))) | None => add(key.text(), old.text()),
        }
    }
    for (key, edit) in edits {
        let (Edit::Set(text) | Edit::Default(text)) = edit else {
            continue;
        };
        if node.get(key).is_none() {
            add(&quoted(key), text);
        }
    }
    if out.is_empty() {
        return "{}".to_owned();
    }
    out.push('}');
    out
}

/// A string as JSON.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_members_keep_their_texts() {
        let check = |text: &str, edits: &[(&str, Edit)], expect: &str| {
            let value = Value::parse(text).unwrap();
            assert_eq!(edited(&value, edits), expect, "{text}");
        };
        let set = |text: &str| Edit::Set(text.to_owned());
        check(
            r#"{ "a" : 1.0, "b":"\u0041" }"#,
            &[("a", set("2"))],
            r#"{"a":2,"b":"\u0041"}"#,
        );
        check(r#"{ "a" : 1 }"#, &[("b", Edit::Remove)], r#"{ "a" : 1 }"#);
        check(r#"{ "a" : 1 }"#, &[("a", set("1"))], r#"{ "a" : 1 }"#);
        check(r#"{"a":1}"#, &[("a", Edit::Remove)], "{}");
        check(
            r#"{"a":1}"#,
            &[
                ("b", set("2")),
                ("a", Edit::Default("3".into())),
                ("c", Edit::Default("4".into())),
            ],
            r#"{"a":1,"b":2,"c":4}"#,
        );
        check("[1]", &[("a", set("2"))], "[1]");
    }
}
