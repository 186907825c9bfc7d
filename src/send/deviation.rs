//! Tells what values of an answer have otherwise than the recorded ones of their kind.

use crate::json::Pointer;

use super::form::Form;
use super::shape::Deviation;
use super::sink::{Rule, Told};

/// What a value is that is compared with others of its kind.
pub(super) struct Of<'a> {
    /// The plural that all such values have in common.
    pub(super) family: &'a str,
    pub(super) kind: &'a str,
}

impl Form<'_, '_> {
    /// Tells what a value has otherwise; `is_read` says of a path whether clients read what is there. What nobody reads is told
    /// once for all kinds of values that it is the same for.
    pub(super) fn deviation(
        &mut self,
        of: &Of<'_>,
        found: Deviation,
        place: &Pointer,
        is_read: &dyn Fn(&str) -> bool,
    ) {
        let (read, others): (Vec<_>, Vec<_>) =
            found.missing.into_iter().partition(|path| is_read(path));
        if !read.is_empty() {
            let told = Told {
                subject: Some(of.kind.to_owned()),
                recorded: Some(read.join(", ")),
                message: format!("has no {}", read.join(", ")),
                ..Told::default()
            };
            self.tell(
                Rule::read("answer-field-missing", true),
                place.clone(),
                told,
            );
        }
        for path in others {
            let told = Told {
                subject: Some(of.family.to_owned()),
                message: format!("without {path}"),
                recorded: Some(path),
                seen_in: Some(of.kind.to_owned()),
                ..Told::default()
            };
            self.tell(Rule::note("answer-field-missing"), place.clone(), told);
        }
        for (path, was, is) in found.retyped {
            let told = Told {
                subject: Some(of.kind.to_owned()),
                message: format!("{path} was recorded as {was} and is {is}"),
                recorded: Some(was),
                found: Some(is.to_owned()),
                ..Told::default()
            };
            let rule = Rule::read("answer-field-type", is_read(&path));
            self.tell(rule, place.clone(), told);
        }
        for path in found.added {
            let told = Told {
                subject: Some(of.family.to_owned()),
                message: format!("with {path}"),
                found: Some(path),
                seen_in: Some(of.kind.to_owned()),
                ..Told::default()
            };
            self.tell(Rule::note("answer-field-added"), place.clone(), told);
        }
    }
}
