//! What types the fields of a JSON value must have for a reader that is strict about them.

use serde_json::Value;

use crate::json::{Kind, Raw};

/// What a value must be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    /// Anything.
    Any,
    /// A string.
    Text,
    /// One of these strings.
    Word(&'static [&'static str]),
    /// A whole number that `u64` holds.
    Unsigned,
    /// `true` or `false`.
    Bool,
    /// An array of such values.
    Array(&'static Shape),
    /// An object with these fields; others may stand beside them.
    Object(&'static [Field]),
    /// An object whose `type` names one of these.
    Tagged(&'static [Variant]),
    /// One of two.
    Either(&'static Shape, &'static Shape),
}

/// What the object of one `type` holds.
pub(super) type Variant = (&'static str, &'static [Field]);

/// A field of an object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    name: &'static str,
    shape: Shape,
    presence: Presence,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    Required,
    Optional,
    Nullable,
}

/// A field that must be there.
pub(super) const fn must(name: &'static str, shape: Shape) -> Field {
    Field {
        name,
        shape,
        presence: Presence::Required,
    }
}

/// A field that may be missing or null.
pub(super) const fn may(name: &'static str, shape: Shape) -> Field {
    Field {
        name,
        shape,
        presence: Presence::Optional,
    }
}

/// A field that may be missing or null, and is then sent as null.
pub(super) const fn null(name: &'static str, shape: Shape) -> Field {
    Field {
        name,
        shape,
        presence: Presence::Nullable,
    }
}

/// Whether the value has the shape.
///
/// # Errors
///
/// The place of the first field that does not, such as `content[0].text`, with what is wrong; the place of the value
/// itself is empty. Recursion ends with the shape, which is finite.
pub(super) fn check(value: &Value, shape: Shape) -> Result<(), String> {
    let is = match shape {
        Shape::Any => true,
        Shape::Text => value.is_string(),
        Shape::Word(words) => value.as_str().is_some_and(|word| words.contains(&word)),
        Shape::Unsigned => value.is_u64(),
        Shape::Bool => value.is_boolean(),
        Shape::Array(inner) => {
            let Some(items) = value.as_array() else {
                return Err(" is no array".to_owned());
            };
            return items.iter().enumerate().try_for_each(|(at, item)| {
                check(item, *inner).map_err(|error| under(&format!("[{at}]"), &error))
            });
        }
        Shape::Object(fields) => return check_fields(value, fields),
        Shape::Tagged(variants) => {
            let name = value.get("type").and_then(Value::as_str);
            let Some((_, fields)) = variants.iter().find(|(tag, _)| Some(*tag) == name) else {
                return Err(name.map_or("type is missing".to_owned(), |name| {
                    format!("type is {name:?}, which is unknown")
                }));
            };
            return check_fields(value, fields);
        }
        Shape::Either(one, other) => {
            return check(value, *one).or_else(|_| check(value, *other));
        }
    };
    if is {
        Ok(())
    } else {
        Err(format!(" is no {}", shape.word()))
    }
}

fn check_fields(value: &Value, fields: &[Field]) -> Result<(), String> {
    let Some(members) = value.as_object() else {
        return Err(" is no object".to_owned());
    };
    fields
        .iter()
        .try_for_each(|field| match members.get(field.name) {
            None if field.presence == Presence::Required => {
                Err(format!("{} is missing", field.name))
            }
            None => Ok(()),
            Some(Value::Null) if field.presence != Presence::Required => Ok(()),
            Some(value) => check(value, field.shape).map_err(|error| under(field.name, &error)),
        })
}

/// The value with the fields of its shape alone, as a program writes it that knows no others: what is null is left out
/// or written, as the shape says. An object without fields stays as it is.
pub(super) fn only_known(value: Raw<'_>, shape: Shape) -> String {
    let fields = match shape {
        Shape::Array(inner) if value.kind() == Kind::Array => {
            let items: Vec<_> = value.items().map(|item| only_known(item, *inner)).collect();
            return format!("[{}]", items.join(","));
        }
        Shape::Either(one, other) => {
            let is_one = matches!(*one, Shape::Text) && value.kind() == Kind::String;
            return only_known(value, if is_one { *one } else { *other });
        }
        Shape::Object(fields) => Some(fields),
        Shape::Tagged(variants) => {
            let name = last(value, "type").and_then(Raw::string);
            let variant = variants
                .iter()
                .find(|(tag, _)| name.as_deref() == Some(tag));
            variant.map(|(_, fields)| *fields)
        }
        _ => None,
    };
    let Some(fields) = fields.filter(|fields| !fields.is_empty()) else {
        return value.text().to_owned();
    };
    let mut members = Vec::new();
    for (name, inner) in value.members() {
        let field = fields.iter().find(|field| field.name == name);
        let text = match field {
            None if name == "type" => inner.text().to_owned(),
            None => continue,
            Some(field) if inner.is_null() && field.presence == Presence::Optional => continue,
            Some(field) => only_known(inner, field.shape),
        };
        members.push(format!("\"{name}\":{text}"));
    }
    for field in fields
        .iter()
        .filter(|field| field.presence == Presence::Nullable)
    {
        if value.get(field.name).is_none() {
            members.push(format!("\"{}\":null", field.name));
        }
    }
    format!("{{{}}}", members.join(","))
}

/// The value under a key, of which the last counts when it repeats.
pub(super) fn last<'a>(object: Raw<'a>, key: &str) -> Option<Raw<'a>> {
    let named = object.members().filter(|(name, _)| name == key);
    named.last().map(|(_, value)| value)
}

/// Puts the name of the outer place before that of the inner one.
fn under(outer: &str, inner: &str) -> String {
    let joint = if inner.starts_with([' ', '[']) {
        ""
    } else {
        "."
    };
    format!("{outer}{joint}{inner}")
}

impl Shape {
    fn word(self) -> &'static str {
        match self {
            Shape::Text => "string",
            Shape::Unsigned => "unsigned number",
            Shape::Bool => "boolean",
            Shape::Word(_) => "known word",
            _ => "such value",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ITEM: Shape = Shape::Tagged(&[
        (
            "a",
            &[
                must("text", Shape::Text),
                may("n", Shape::Unsigned),
                may("w", Shape::Word(&["x"])),
            ],
        ),
        (
            "b",
            &[must(
                "list",
                Shape::Array(&Shape::Either(&Shape::Text, &Shape::Bool)),
            )],
        ),
    ]);

    const RECORD: Shape = Shape::Object(&[must("item", ITEM)]);

    fn check_text(text: &str, expect: &str) {
        let value: Value = serde_json::from_str(text).unwrap();
        let found = check(&value, RECORD);
        assert_eq!(found.err().unwrap_or_default(), expect, "{text}");
    }

    #[test]
    fn names_the_first_field_that_is_wrong() {
        check_text(r#"{"item":{"type":"a","text":"x","n":null,"more":1}}"#, "");
        check_text(
            r#"{"item":{"type":"a","text":null}}"#,
            "item.text is no string",
        );
        check_text(r#"{"item":{"type":"a"}}"#, "item.text is missing");
        check_text(
            r#"{"item":{"type":"a","text":"","n":-1}}"#,
            "item.n is no unsigned number",
        );
        check_text(r#"{"item":{"type":"a","text":"","w":"x"}}"#, "");
        check_text(
            r#"{"item":{"type":"a","text":"","w":"y"}}"#,
            "item.w is no known word",
        );
        check_text(
            r#"{"item":{"type":"b","list":["x",true,2]}}"#,
            "item.list[2] is no boolean",
        );
        check_text(
            r#"{"item":{"type":"b","list":"x"}}"#,
            "item.list is no array",
        );
        check_text(
            r#"{"item":{"type":"c"}}"#,
            "item.type is \"c\", which is unknown",
        );
        check_text(r#"{"item":7}"#, "item.type is missing");
        check_text("[]", " is no object");
    }

    #[test]
    fn writes_what_it_knows() {
        const PART: Shape = Shape::Tagged(&[(
            "a",
            &[
                must("text", Shape::Text),
                may("n", Shape::Unsigned),
                null("z", Shape::Text),
                may("l", Shape::Array(&Shape::Object(&[may("k", Shape::Any)]))),
                may("o", Shape::Object(&[])),
            ],
        )]);
        let check = |text, expect| assert_eq!(only_known(Raw::new(text), PART), expect);
        check(
            r#"{"type":"a","x":1,"text":"t","n":null,"l":[{"k":{"y":1},"m":2}],"o":{"p":1}}"#,
            r#"{"type":"a","text":"t","l":[{"k":{"y":1}}],"o":{"p":1},"z":null}"#,
        );
        check(r#"{"type":"odd","x":1}"#, r#"{"type":"odd","x":1}"#);
        check("7", "7");
    }
}
