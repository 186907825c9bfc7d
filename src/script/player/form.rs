//! The plain response as a form: what it repeats of the request is the same most of the time, so its text is made once, and
//! only the names of an answer are filled in.

use crate::capture::find_secrets;
use crate::json::Node;
use crate::script::names::{Names, OPEN_NUMBER, OPEN_TIME};
use crate::script::reply::ECHOED;

/// The text of a response without the names of its answer.
#[derive(Debug)]
pub(super) struct Form {
    /// What the request says of the members that are repeated.
    echoed: [Option<String>; ECHOED.len()],
    /// Text, and what stands behind it.
    parts: Vec<(String, Blank)>,
    /// The text behind the last of them.
    end: String,
    /// Whether nothing in the text has the looks of a secret.
    pub(super) is_clean: bool,
}

/// What is left open in a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blank {
    Number,
    Time,
}

impl Form {
    /// Makes a form of what `render` makes for names; `None` where the request has what stands for an open name.
    pub(super) fn new(
        body: Node<'_>,
        names: &Names,
        render: impl Fn(&Names) -> String,
    ) -> Option<Self> {
        let rendered = render(names);
        let text = render(&Names::open());
        let mut parts = Vec::new();
        let mut rest = &text[..];
        while let Some((at, length, blank)) = next_blank(rest) {
            parts.push((rest[..at].to_owned(), blank));
            rest = &rest[at + length..];
        }
        let form = Self {
            echoed: ECHOED.map(|key| body.get(key).map(|member| member.text().to_owned())),
            end: rest.to_owned(),
            parts,
            is_clean: find_secrets(&rendered).is_empty(),
        };
        (form.filled(names) == rendered).then_some(form)
    }

    /// Whether it is for requests with this body.
    pub(super) fn is_for(&self, body: Node<'_>) -> bool {
        let mut members = ECHOED.iter().zip(&self.echoed);
        members.all(|(key, text)| {
            let member = body.get(key);
            member.map(Node::text) == text.as_deref()
        })
    }

    /// The text with names filled in.
    pub(super) fn filled(&self, names: &Names) -> String {
        let (number, time) = (names.number(), names.created_at().to_string());
        let room = number.len().max(time.len());
        let length = |(text, _): &(String, Blank)| text.len() + room;
        let length = self.parts.iter().map(length).sum::<usize>() + self.end.len();
        let mut out = String::with_capacity(length);
        for (text, blank) in &self.parts {
            out.push_str(text);
            out.push_str(match blank {
                Blank::Number => number,
                Blank::Time => &time,
            });
        }
        out.push_str(&self.end);
        out
    }
}

/// Where the first blank of a text is, and how long.
fn next_blank(text: &str) -> Option<(usize, usize, Blank)> {
    let number = text.find(OPEN_NUMBER);
    let time = text.find(OPEN_TIME);
    let blanks = [
        number.map(|at| (at, OPEN_NUMBER.len_utf8(), Blank::Number)),
        time.map(|at| (at, OPEN_TIME.len(), Blank::Time)),
    ];
    blanks.into_iter().flatten().min_by_key(|blank| blank.0)
}
