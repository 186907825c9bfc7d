//! A header list that keeps what was sent: order, letter case and repeats.

use std::borrow::Cow;

/// One header field as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The name in the letter case that was sent (or recorded).
    pub name: String,
    /// The value; bytes that are no UTF-8 are read as Latin-1.
    pub value: String,
}

/// Header fields in the order they were sent; names are looked up without regard to case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeaderList {
    /// The fields, first sent first.
    pub entries: Vec<Header>,
}

impl HeaderList {
    /// Makes an empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a field at the end.
    pub fn push(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.entries.push(Header {
            name: name.into(),
            value: value.into(),
        });
    }

    /// The value of the first field with this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter()
            .find(|h| h.name.eq_ignore_ascii_case(name))
            .map(|h| h.value.as_str())
    }

    /// The values of all fields with this name, first sent first.
    pub fn get_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.iter()
            .filter(move |h| h.name.eq_ignore_ascii_case(name))
            .map(|h| h.value.as_str())
    }

    /// The values of all fields with this name as the one list that they are (RFC 9110, section 5.3).
    pub fn joined<'a>(&'a self, name: &'a str) -> Option<Cow<'a, str>> {
        self.get_all(name)
            .map(Cow::Borrowed)
            .reduce(|list, more| Cow::Owned(format!("{list}, {more}")))
    }

    /// The fields, first sent first.
    pub fn iter(&self) -> impl Iterator<Item = &Header> {
        self.entries.iter()
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for HeaderList {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(fields: I) -> Self {
        let entry = |(name, value): (N, V)| Header {
            name: name.into(),
            value: value.into(),
        };
        Self {
            entries: fields.into_iter().map(entry).collect(),
        }
    }
}
