//! A script's text as a tree with places, the same for TOML and JSON.

use std::ops::Range;

use serde_json::Number;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::json::{Document, ErrorKind, Kind, Node};

/// One value of the text.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    pub(super) kind: TreeKind,
    pub(super) span: Range<usize>,
}

/// What a value is.
#[derive(Debug, Clone)]
pub(super) enum TreeKind {
    /// JSON only.
    Null,
    Bool(bool),
    /// The text of a JSON number.
    Number(String),
    String(String),
    List(Vec<Tree>),
    /// In the order of the text.
    Table(Vec<Member>),
}

/// One key of a table with its value.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) key: String,
    pub(super) key_span: Range<usize>,
    pub(super) value: Tree,
}

/// What stops a text from being read at all.
pub(super) struct TreeError {
    pub(super) message: String,
    pub(super) span: Range<usize>,
    pub(super) hint: Option<String>,
}

impl Tree {
    /// Reads JSON when the text begins with `{`, else TOML.
    pub(super) fn parse(text: &str) -> Result<Self, TreeError> {
        let start = text.trim_start_matches('\u{feff}').trim_start();
        if start.starts_with(['{', '[']) && !start.starts_with("[[") && !is_toml_head(start) {
            Self::parse_json(text)
        } else {
            Self::parse_toml(text)
        }
    }

    fn parse_json(text: &str) -> Result<Self, TreeError> {
        let offset = text.len() - text.trim_start_matches('\u{feff}').len();
        let document = Document::parse(&text[offset..]).map_err(|error| TreeError {
            message: json_message(error.kind).to_owned(),
            span: offset + error.offset..offset + error.offset + 1,
            hint: json_hint(error.kind),
        })?;
        Self::from_node(document.root(), offset)
    }

    fn from_node(node: Node<'_>, offset: usize) -> Result<Self, TreeError> {
        let span = node.span();
        let span = offset + span.start..offset + span.end;
        let kind = match node.kind() {
            Kind::Null => TreeKind::Null,
            Kind::Bool => TreeKind::Bool(node.boolean().unwrap_or_default()),
            Kind::Number => TreeKind::Number(node.text().to_owned()),
            Kind::String => TreeKind::String(node.string().unwrap_or_default().into_owned()),
            Kind::Array => TreeKind::List(
                node.items()
                    .map(|item| Self::from_node(item, offset))
                    .collect::<Result<_, _>>()?,
            ),
            Kind::Object => {
                let mut members: Vec<Member> = Vec::with_capacity(node.len());
                for (key, value) in node.members() {
                    let name = key.string().unwrap_or_default().into_owned();
                    let key_span = key.span();
                    members.push(Member {
                        key: name,
                        key_span: offset + key_span.start..offset + key_span.end,
                        value: Self::from_node(value, offset)?,
                    });
                }
                if let Some(twice) = repeated(&members) {
                    return Err(TreeError {
                        message: format!("`{}` stands here twice", twice.key),
                        span: twice.key_span.clone(),
                        hint: None,
                    });
                }
                TreeKind::Table(members)
            }
        };
        Ok(Self { kind, span })
    }

    fn parse_toml(text: &str) -> Result<Self, TreeError> {
        let table = DeTable::parse(text).map_err(|error| TreeError {
            message: error.message().to_owned(),
            span: error.span().unwrap_or(0..0),
            hint: None,
        })?;
        Ok(Self {
            kind: TreeKind::Table(Self::members(table.get_ref())?),
            span: 0..0,
        })
    }

    fn members(table: &DeTable<'_>) -> Result<Vec<Member>, TreeError> {
        let mut members = table
            .iter()
            .map(|(key, value)| {
                Ok(Member {
                    key: key.get_ref().to_string(),
                    key_span: key.span(),
                    value: Self::from_toml(value)?,
                })
            })
            .collect::<Result<Vec<_>, TreeError>>()?;
        // The crate sorts keys by name; JSON that travels keeps the order of the text.
        members.sort_by_key(|member| member.key_span.start);
        Ok(members)
    }

    fn from_toml(value: &Spanned<DeValue<'_>>) -> Result<Self, TreeError> {
        let span = value.span();
        let kind = match value.get_ref() {
            DeValue::String(text) => TreeKind::String(text.to_string()),
            DeValue::Boolean(value) => TreeKind::Bool(*value),
            DeValue::Datetime(date) => TreeKind::String(date.to_string()),
            DeValue::Integer(number) => {
                let parsed = i64::from_str_radix(number.as_str(), number.radix());
                let parsed = parsed.map_err(|_| TreeError {
                    message: "the number is out of range".to_owned(),
                    span: span.clone(),
                    hint: None,
                })?;
                TreeKind::Number(parsed.to_string())
            }
            DeValue::Float(number) => {
                let parsed = number.as_str().parse().ok().and_then(Number::from_f64);
                let parsed = parsed.ok_or_else(|| TreeError {
                    message: "JSON has no such number".to_owned(),
                    span: span.clone(),
                    hint: None,
                })?;
                TreeKind::Number(parsed.to_string())
            }
            DeValue::Array(items) => TreeKind::List(
                items
                    .iter()
                    .map(Self::from_toml)
                    .collect::<Result<_, _>>()?,
            ),
            DeValue::Table(table) => TreeKind::Table(Self::members(table)?),
        };
        Ok(Self { kind, span })
    }

    /// The value as compact JSON: key order and number text as written.
    pub(super) fn to_json(&self) -> String {
        let mut out = String::new();
        self.write_json(&mut out);
        out
    }

    fn write_json(&self, out: &mut String) {
        match &self.kind {
            TreeKind::Null => out.push_str("null"),
            TreeKind::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            TreeKind::Number(text) => out.push_str(text),
            TreeKind::String(text) => out.push_str(&quoted(text)),
            TreeKind::List(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    item.write_json(out);
                }
                out.push(']');
            }
            TreeKind::Table(members) => {
                out.push('{');
                for (index, member) in members.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    out.push_str(&quoted(&member.key));
                    out.push(':');
                    member.value.write_json(out);
                }
                out.push('}');
            }
        }
    }

    /// The word for what it is in messages.
    pub(super) fn type_name(&self) -> &'static str {
        match self.kind {
            TreeKind::Null => "null",
            TreeKind::Bool(_) => "a boolean",
            TreeKind::Number(_) => "a number",
            TreeKind::String(_) => "a string",
            TreeKind::List(_) => "a list",
            TreeKind::Table(_) => "a table",
        }
    }
}

/// The text as a JSON string.
fn quoted(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}

fn repeated(members: &[Member]) -> Option<&Member> {
    let mut names: Vec<&Member> = members.iter().collect();
    names.sort_by_key(|member| (&member.key, member.key_span.start));
    names
        .windows(2)
        .find(|pair| pair[0].key == pair[1].key)
        .map(|pair| pair[1])
}

/// Whether a text that begins with `[` begins with the head of a TOML table: `[default]`.
fn is_toml_head(text: &str) -> bool {
    let head = text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    head.is_some_and(|(name, _)| {
        !name.is_empty()
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
            && name.bytes().any(|b| b.is_ascii_alphabetic())
    })
}

fn json_message(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::UnexpectedEnd => "the JSON ends inside a value",
        ErrorKind::UnexpectedCharacter => "JSON has no such character here",
        ErrorKind::BadString => "a control character or a bad escape in a string",
        ErrorKind::BadNumber => "JSON writes numbers otherwise",
        ErrorKind::TrailingText => "text behind the end of the script",
        ErrorKind::TooDeep => "nested too deeply",
        ErrorKind::TooLong => "a text of 4 GiB or more",
    }
}

fn json_hint(kind: ErrorKind) -> Option<String> {
    let hint = match kind {
        ErrorKind::UnexpectedCharacter => {
            "look for a missing or surplus comma; comments need TOML, which begins with `version = 1`"
        }
        ErrorKind::BadString => "write a line break inside a string as `\\n`",
        _ => return None,
    };
    Some(hint.to_owned())
}
