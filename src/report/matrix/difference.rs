//! What a difference is made of, and how several scenarios tell one together.

use std::collections::BTreeSet;

use crate::report::Subject;

use super::CellFinding;

/// The parts of the message of a difference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    /// The id of the [finding](crate::report::Finding::id): the same for one cause in all scenarios.
    pub id: String,
    /// What it is about, for a person.
    pub subject: Option<Subject>,
    /// Of an item that moved, the one that it passed.
    pub beside: Option<Subject>,
    /// Where in that, or in the section.
    pub label: String,
    /// What is said of it.
    pub sentence: String,
    /// What stands there, of what only one side has; short.
    pub value: Option<String>,
}

impl Difference {
    /// The whole: the subject and the place, unless the sentence names them, and the sentence.
    pub fn message(&self) -> String {
        let subject = self.subject.as_ref().map(Subject::to_string);
        let subject = subject.filter(|subject| !self.sentence.starts_with(subject));
        let mut about: Vec<&str> = subject.as_deref().into_iter().collect();
        let quoted = ["`{}`", "`{}: "].map(|form| form.replace("{}", &self.label));
        let is_named = quoted.iter().any(|quoted| self.sentence.contains(quoted));
        if !is_named && !self.label.is_empty() {
            about.push(&self.label);
        }
        match about.join(" ") {
            about if about.is_empty() => self.sentence.clone(),
            about => format!("{about}: {}", self.sentence),
        }
    }

    /// The sentence with these in the place of what it is about and what that passed, where it names them.
    fn said_of(&self, subject: Option<&Subject>, beside: Option<&Subject>) -> String {
        let named = self.subject.as_ref().zip(subject).and_then(|(own, new)| {
            let rest = self.sentence.strip_prefix(&own.to_string())?;
            Some((new, rest))
        });
        match (named, self.beside.as_ref().zip(beside)) {
            (None, _) => self.sentence.clone(),
            (Some((new, rest)), None) => format!("{new}{rest}"),
            (Some((new, rest)), Some((own, other))) => {
                let rest = rest.replacen(&own.to_string(), &other.to_string(), 1);
                format!("{new}{rest}")
            }
        }
    }
}

/// By what scenarios share a difference: its cause, and what is said of it, but for the words of items. Of a member or header field
/// that one side never sends the value may be another in each; identifiers that are tied are others in each.
pub(super) fn kind(rule: &str, difference: &Difference) -> String {
    let (family, _) = rule.split_once('-').unwrap_or((rule, ""));
    match family {
        "key" | "header" => difference.id.clone(),
        "identifier" => difference.message(),
        _ => {
            let [subject, beside] = [&difference.subject, &difference.beside]
                .map(|one| one.as_ref().map(Subject::kind));
            let sentence = difference.said_of(subject.as_ref(), beside.as_ref());
            format!("{} {sentence}", difference.id)
        }
    }
}

/// What several scenarios tell of one cause: what their messages have in common.
pub(super) fn merged(findings: &[CellFinding]) -> Option<CellFinding> {
    let first = findings.first()?;
    let is_one = findings.iter().all(|one| one.message == first.message);
    let parts: Option<Vec<&Difference>> =
        findings.iter().map(|one| one.difference.as_ref()).collect();
    let Some(parts) = parts.filter(|_| !is_one) else {
        return Some(first.clone());
    };
    let subject = Subject::common(parts.iter().filter_map(|one| one.subject.as_ref()));
    let beside = Subject::common(parts.iter().filter_map(|one| one.beside.as_ref()));
    let said = parts
        .iter()
        .map(|one| one.said_of(subject.as_ref(), beside.as_ref()));
    let sentences: BTreeSet<String> = said.collect();
    let own = first.difference.clone()?;
    let sentence = match sentences.len() {
        1 => sentences.into_iter().collect(),
        _ => common_beginning(&sentences),
    };
    let is_one_value = parts.iter().all(|one| one.value == own.value);
    let difference = Difference {
        subject,
        beside,
        sentence,
        value: own.value.filter(|_| is_one_value),
        ..own
    };
    Some(CellFinding {
        message: difference.message(),
        difference: Some(difference),
        ..first.clone()
    })
}

/// The words with which all begin.
fn common_beginning(sentences: &BTreeSet<String>) -> String {
    let words = |text: &String| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let mut all = sentences.iter().map(words);
    let mut common = all.next().unwrap_or_default();
    for other in all {
        let same = common.iter().zip(&other).take_while(|(a, b)| a == b);
        let count = same.count();
        common.truncate(count);
    }
    common.push("…".to_owned());
    common.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::{Mark, Thing};
    use crate::report::Level;

    fn tool(name: &str) -> Subject {
        Subject::One(Thing::tool(name))
    }

    fn said(text: &str) -> Subject {
        Subject::One(Thing::item("user message", Mark::Text(text.to_owned())))
    }

    fn finding(subject: Option<Subject>, label: &str, sentence: &str) -> CellFinding {
        let difference = Difference {
            id: "1".to_owned(),
            subject,
            beside: None,
            label: label.to_owned(),
            sentence: sentence.to_owned(),
            value: None,
        };
        CellFinding {
            rule: "key-added".to_owned(),
            level: Level::Error,
            section: None,
            message: difference.message(),
            difference: Some(difference),
            accepted: None,
        }
    }

    #[test]
    fn a_message_names_its_place_once() {
        let check = |subject: Option<Subject>, label: &str, sentence: &str, expect: &str| {
            assert_eq!(finding(subject, label, sentence).message, expect);
        };
        check(
            None,
            "sandbox",
            "\"a\" became \"b\"",
            "sandbox: \"a\" became \"b\"",
        );
        check(None, "model", "`model` is sent", "`model` is sent");
        check(
            Some(tool("x")),
            "",
            "tool `x` is not sent",
            "tool `x` is not sent",
        );
        let expect = "user message \"Hi.\" id: another";
        check(Some(said("Hi.")), "id", "another", expect);
    }

    #[test]
    fn several_scenarios_tell_what_they_have_in_common() {
        let check = |all: &[(Subject, &str)], expect: &str| {
            let findings = all
                .iter()
                .map(|(subject, text)| finding(Some(subject.clone()), "", text));
            let findings: Vec<CellFinding> = findings.collect();
            assert_eq!(merged(&findings).expect("there are some").message, expect);
        };
        let kind = |kind: &str| Thing::item(kind, Mark::None);
        let call = Thing::item("function_call", Mark::Name("x".to_owned()));
        check(
            &[(tool("x"), "is new"), (tool("x"), "is new")],
            "tool `x`: is new",
        );
        check(
            &[(said("A"), "is new"), (said("B"), "is new")],
            "user message: is new",
        );
        check(
            &[
                (
                    Subject::Several(vec![kind("assistant message"), kind("user message")]),
                    "`id` is sent",
                ),
                (
                    Subject::Several(vec![kind("function_call")]),
                    "`id` is sent",
                ),
                (Subject::One(call), "`id` is sent"),
            ],
            "items (assistant message, function_call, user message): `id` is sent",
        );
        check(
            &[(tool("x"), "1 line"), (tool("y"), "1 line")],
            "tools `x`, `y`: 1 line",
        );
        check(
            &[(tool("x"), "is sent: 1"), (tool("x"), "is sent: 2")],
            "tool `x`: is sent: …",
        );
    }

    #[test]
    fn an_item_that_moved_is_one_whatever_it_passed() {
        let tags = Mark::Tags(vec!["<a>".to_owned()]);
        let context = Subject::One(Thing::item("developer message", tags));
        let check = |all: [(&Subject, &str); 2], expect: &str| {
            let findings = all.map(|(what, text)| {
                let other = said(text);
                let sentence = format!("{what} comes before {other}, not after it");
                let mut finding = finding(Some(what.clone()), "", &sentence);
                if let Some(difference) = &mut finding.difference {
                    difference.beside = Some(other);
                }
                finding
            });
            let [one, two] = findings.each_ref().map(|finding| {
                let difference = finding.difference.as_ref().expect("it was made");
                kind("item-moved", difference)
            });
            assert_eq!(one, two);
            assert_eq!(merged(&findings).expect("there are some").message, expect);
        };
        check(
            [(&context, "A"), (&context, "say \"no\" \"")],
            "developer message (<a>) comes before user message, not after it",
        );
        check(
            [(&said("a \" b"), "A"), (&said("c"), "A")],
            "user message comes before user message \"A\", not after it",
        );
    }
}
