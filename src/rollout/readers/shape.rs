//! What types the fields of a JSON value must have for a reader that is strict about them.

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
    is_required: bool,
}

impl Field {
    pub(super) const fn name(&self) -> &'static str {
        self.name
    }
}

/// A field that must be there.
pub(super) const fn must(name: &'static str, shape: Shape) -> Field {
    Field {
        name,
        shape,
        is_required: true,
    }
}

/// A field that may be missing or null.
pub(super) const fn may(name: &'static str, shape: Shape) -> Field {
    Field {
        name,
        shape,
        is_required: false,
    }
}

/// Whether the value has the shape.
///
/// # Errors
///
/// The place of the first field that does not, such as `content[0].text`, with what is wrong; the place of the value
/// itself is empty. Recursion ends with the shape, which is finite.
pub(super) fn check(value: Raw<'_>, shape: Shape) -> Result<(), String> {
    let is = match shape {
        Shape::Any => true,
        Shape::Text => value.kind() == Kind::String,
        Shape::Word(words) => value.string().is_some_and(|word| words.contains(&&*word)),
        Shape::Unsigned => value.unsigned().is_some(),
        Shape::Bool => value.boolean().is_some(),
        Shape::Array(inner) => {
            if value.kind() != Kind::Array {
                return Err(" is no array".to_owned());
            }
            let mut items = value.items().enumerate();
            return items.try_for_each(|(at, item)| {
                check(item, *inner).map_err(|error| under(&format!("[{at}]"), &error))
            });
        }
        Shape::Object(fields) => return check_fields(value, fields),
        Shape::Tagged(variants) => {
            let name = last(value, "type").and_then(Raw::string);
            let Some((_, fields)) = variants
                .iter()
                .find(|(tag, _)| name.as_deref() == Some(tag))
            else {
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

fn check_fields(value: Raw<'_>, fields: &[Field]) -> Result<(), String> {
    if value.kind() != Kind::Object {
        return Err(" is no object".to_owned());
    }
    if fields.is_empty() {
        return Ok(());
    }
    let mut found = vec![None; fields.len()];
    for (name, inner) in value.members() {
        if let Some(at) = fields.iter().position(|field| field.name == name) {
            found[at] = Some(inner);
        }
    }
    let mut fields = fields.iter().zip(found);
    fields.try_for_each(|(field, value)| match value {
        None if field.is_required => Err(format!("{} is missing", field.name)),
        None => Ok(()),
        Some(value) if value.is_null() && !field.is_required => Ok(()),
        Some(value) => check(value, field.shape).map_err(|error| under(field.name, &error)),
    })
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
        let found = check(Raw::new(text), RECORD);
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
}
