//! A validator for the part of JSON Schema 2020-12 that `schemas/` uses, and the schemas against it.

use regex::Regex;
use serde_json::{Value, json};

/// Checks `value` against `schema` and returns one line per violation, each with its pointer.
///
/// # Panics
///
/// When the schema uses a keyword that this validator does not know, so that nothing is skipped in silence.
pub(crate) fn violations(schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    validate(schema, schema, value, "", &mut found);
    found
}

fn validate(root: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    let keywords = match schema {
        Value::Bool(true) => return,
        Value::Bool(false) => return found.push(format!("{at}: nothing is allowed here")),
        Value::Object(keywords) => keywords,
        other => panic!("no schema: {other}"),
    };
    for (keyword, rule) in keywords {
        match keyword.as_str() {
            "$schema" | "$id" | "$defs" | "$comment" | "title" | "description" | "examples"
            | "default" => {}
            "$ref" => {
                let target = rule
                    .as_str()
                    .and_then(|r| r.strip_prefix('#'))
                    .expect("a local $ref");
                let target = root
                    .pointer(target)
                    .unwrap_or_else(|| panic!("dangling $ref {rule}"));
                validate(root, target, value, at, found);
            }
            "type" => check_type(rule, value, at, found),
            "const" if rule != value => found.push(format!("{at}: {value} is not {rule}")),
            "enum" if !list(rule).contains(value) => {
                found.push(format!("{at}: {value} is none of {rule}"))
            }
            "const" | "enum" => {}
            "anyOf" | "oneOf" => {
                let count = list(rule)
                    .iter()
                    .filter(|s| accepts(root, s, value))
                    .count();
                if count == 0 || (keyword == "oneOf" && count > 1) {
                    found.push(format!("{at}: {count} schemas of {keyword} accept {value}"));
                }
            }
            "allOf" => list(rule)
                .iter()
                .for_each(|s| validate(root, s, value, at, found)),
            "not" if accepts(root, rule, value) => {
                found.push(format!("{at}: {value} is not allowed"))
            }
            "if" => {
                let branch = if accepts(root, rule, value) {
                    "then"
                } else {
                    "else"
                };
                if let Some(branch) = keywords.get(branch) {
                    validate(root, branch, value, at, found);
                }
            }
            "not" | "then" | "else" => {}
            "required" | "properties" | "additionalProperties" => {
                check_object(root, keywords, keyword, value, at, found);
            }
            "items" | "prefixItems" | "minItems" | "maxItems" => {
                check_array(root, keywords, keyword, value, at, found);
            }
            "minimum" | "maximum" | "pattern" | "minLength" => {
                check_scalar(keyword, rule, value, at, found)
            }
            "format" => assert_eq!(rule, "date", "format {rule} at {at}"),
            other => panic!("the validator does not know the keyword {other}"),
        }
    }
}

fn accepts(root: &Value, schema: &Value, value: &Value) -> bool {
    let mut found = Vec::new();
    validate(root, schema, value, "", &mut found);
    found.is_empty()
}

fn list(rule: &Value) -> &Vec<Value> {
    rule.as_array().expect("a list")
}

fn check_type(rule: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    let is = |name: &Value| match name.as_str().expect("a type name") {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("unknown type {other}"),
    };
    let has_type = rule
        .as_array()
        .map_or_else(|| is(rule), |types| types.iter().any(is));
    if !has_type {
        found.push(format!("{at}: {value} is no {rule}"));
    }
}

fn check_object(
    root: &Value,
    keywords: &serde_json::Map<String, Value>,
    keyword: &str,
    value: &Value,
    at: &str,
    found: &mut Vec<String>,
) {
    let Some(object) = value.as_object() else {
        return;
    };
    let properties = keywords.get("properties").and_then(Value::as_object);
    let rule = &keywords[keyword];
    match keyword {
        "required" => {
            for key in list(rule).iter().filter_map(Value::as_str) {
                if !object.contains_key(key) {
                    found.push(format!("{at}: {key} is missing"));
                }
            }
        }
        "properties" => {
            for (key, schema) in properties.into_iter().flatten() {
                if let Some(member) = object.get(key) {
                    validate(root, schema, member, &format!("{at}/{key}"), found);
                }
            }
        }
        _ => {
            for (key, member) in object {
                if properties.is_none_or(|known| !known.contains_key(key)) {
                    validate(root, rule, member, &format!("{at}/{key}"), found);
                }
            }
        }
    }
}

fn check_array(
    root: &Value,
    keywords: &serde_json::Map<String, Value>,
    keyword: &str,
    value: &Value,
    at: &str,
    found: &mut Vec<String>,
) {
    let Some(array) = value.as_array() else {
        return;
    };
    let prefix = keywords
        .get("prefixItems")
        .map_or(&[][..], |schemas| list(schemas));
    let rule = &keywords[keyword];
    let limit = || rule.as_u64().expect("a number") as usize;
    match keyword {
        "items" => {
            for (index, element) in array.iter().enumerate().skip(prefix.len()) {
                validate(root, rule, element, &format!("{at}/{index}"), found);
            }
        }
        "prefixItems" => {
            for (index, (schema, element)) in prefix.iter().zip(array).enumerate() {
                validate(root, schema, element, &format!("{at}/{index}"), found);
            }
        }
        "minItems" if array.len() < limit() => {
            found.push(format!("{at}: fewer than {rule} elements"))
        }
        "maxItems" if array.len() > limit() => {
            found.push(format!("{at}: more than {rule} elements"))
        }
        _ => {}
    }
}

fn check_scalar(keyword: &str, rule: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    let is_kept = match (keyword, value) {
        ("minimum", Value::Number(n)) => n.as_f64() >= rule.as_f64(),
        ("maximum", Value::Number(n)) => n.as_f64() <= rule.as_f64(),
        ("minLength", Value::String(text)) => {
            text.chars().count() as u64 >= rule.as_u64().expect("a number")
        }
        ("pattern", Value::String(text)) => Regex::new(rule.as_str().expect("a regex"))
            .expect("a valid regex")
            .is_match(text),
        _ => true,
    };
    if !is_kept {
        found.push(format!("{at}: {value} breaks {keyword} {rule}"));
    }
}

/// The committed schema with this name.
pub(crate) fn load(name: &str) -> Value {
    let path = format!("{}/schemas/{name}.schema.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn the_validator_finds_each_kind_of_violation() {
    let schema = json!({
        "type": "object",
        "required": ["a"],
        "additionalProperties": false,
        "properties": {
            "a": {"type": ["integer", "null"], "minimum": 1},
            "b": {"enum": ["x", "y"]},
            "c": {"type": "array", "minItems": 1, "prefixItems": [{"const": 1}], "items": {"$ref": "#/$defs/s"}},
            "d": {"oneOf": [{"type": "string"}, {"const": "z"}]},
            "e": {"if": {"type": "string"}, "then": {"minLength": 2}, "else": {"maximum": 3}}
        },
        "$defs": {"s": {"type": "string", "pattern": "^s"}}
    });
    let good = json!({"a": 1, "b": "x", "c": [1, "s"], "d": "q", "e": "ab"});
    assert_eq!(violations(&schema, &good), Vec::<String>::new());
    for (bad, count) in [
        (json!([]), 1),
        (json!({}), 1),
        (json!({"a": 0, "f": 1}), 2),
        (json!({"a": null, "b": "z"}), 1),
        (json!({"a": 1, "c": []}), 1),
        (json!({"a": 1, "c": [2, "t", 3]}), 3),
        (json!({"a": 1, "d": "z"}), 1),
        (json!({"a": 1, "d": 4}), 1),
        (json!({"a": 1, "e": "a"}), 1),
        (json!({"a": 1, "e": 4}), 1),
    ] {
        assert_eq!(violations(&schema, &bad).len(), count, "{bad}");
    }
}
