//! What a change is about, as data; the words for it are made last and never read again.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Serialize, Serializer};

/// What a finding is about, for a person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// One thing: ``tool `shell` ``.
    One(Thing),
    /// Tools, or what stands in them, by their names: ``tools `apply_patch`, `shell` ``.
    Tools(Vec<Thing>),
    /// Several things, by their kinds: `several user messages`, `several items (assistant message, user message)`.
    Several(Vec<Thing>),
    /// As many things as there are kinds, or more: `items (assistant message, user message)`.
    Kinds(Vec<Thing>),
}

/// An item, a tool, or what stands in one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Thing {
    /// The outermost.
    first: Step,
    /// What stands in it, each in the one before.
    within: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Step {
    /// Something by its kind and what tells it from others of that kind.
    Item { kind: String, mark: Mark },
    /// A part of a message, by its context tag.
    Part(String),
    /// A tool, by its name.
    Tool(String),
}

/// What tells an item from others of its kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mark {
    /// Nothing: `reasoning item`.
    None,
    /// An excerpt of its text: `user message "Run it."`.
    Text(String),
    /// The context tags of its parts: `developer message (<permissions>, <apps>)`.
    Tags(Vec<String>),
    /// The name of the tool that a call asks for: `function_call shell`.
    Name(String),
}

impl Thing {
    /// An item, by its kind.
    pub fn item(kind: impl Into<String>, mark: Mark) -> Self {
        Self::new(Step::Item {
            kind: kind.into(),
            mark,
        })
    }

    /// A tool that is offered, by its name.
    pub fn tool(name: impl Into<String>) -> Self {
        Self::new(Step::Tool(name.into()))
    }

    fn new(first: Step) -> Self {
        Self {
            first,
            within: Vec::new(),
        }
    }

    /// A part of it, by its tag, which tells more than an excerpt of the whole: `developer message › <apps>`.
    pub fn part(&self, tag: impl Into<String>) -> Self {
        let mut part = match &self.first {
            Step::Item {
                mark: Mark::Name(_),
                ..
            } => self.clone(),
            _ => self.unmarked(),
        };
        part.within.push(Step::Part(tag.into()));
        part
    }

    /// A tool in it, such as one of a namespace.
    pub fn tool_within(&self, name: impl Into<String>) -> Self {
        let mut tool = self.clone();
        tool.within.push(Step::Tool(name.into()));
        tool
    }

    /// The outermost that it stands in, or itself.
    fn outermost(&self) -> Self {
        Self::new(self.first.clone())
    }

    /// Whether it is a part of a message, or stands in one.
    fn is_part(&self) -> bool {
        self.within.iter().any(|step| matches!(step, Step::Part(_)))
    }

    fn is_in_tool(&self) -> bool {
        matches!(self.first, Step::Tool(_))
    }

    /// It without what tells it from others of its kind; a call is one whatever it asks for, and whatever is in it.
    fn kind(&self) -> Self {
        match &self.first {
            Step::Item {
                mark: Mark::Name(_),
                ..
            } => self.outermost().unmarked(),
            _ => self.unmarked(),
        }
    }

    fn unmarked(&self) -> Self {
        let mut plain = self.clone();
        if let Step::Item { mark, .. } = &mut plain.first {
            *mark = Mark::None;
        }
        plain
    }

    /// Of a tool, what it stands in and its name.
    fn as_tool(&self) -> Option<(Option<Self>, &str)> {
        match (&self.first, self.within.split_last()) {
            (first, Some((Step::Tool(name), outer))) => {
                let outer = Self {
                    first: first.clone(),
                    within: outer.to_vec(),
                };
                Some((Some(outer), name))
            }
            (Step::Tool(name), None) => Some((None, name)),
            _ => None,
        }
    }

    fn split_names(&self) -> Option<(String, String)> {
        if self.is_in_tool() {
            return Some(("tool ".to_owned(), self.name().to_string()));
        }
        let is_tool = |step: &Step| matches!(step, Step::Tool(_));
        let (outer, tools) = self.within.split_at(self.within.iter().position(is_tool)?);
        let outer = Self {
            first: self.first.clone(),
            within: outer.to_vec(),
        };
        let tools: Vec<String> = tools.iter().map(Step::to_string).collect();
        Some((format!("{outer} › "), tools.join(" › ")))
    }

    fn map(self, change: &mut impl FnMut(&str) -> String) -> Self {
        Self {
            first: self.first.map(change),
            within: self
                .within
                .into_iter()
                .map(|step| step.map(change))
                .collect(),
        }
    }

    /// It without the word before the name of a tool.
    fn name(&self) -> impl fmt::Display {
        fmt::from_fn(|f| {
            write!(f, "{}", self.first)?;
            self.within
                .iter()
                .try_for_each(|step| write!(f, " › {step}"))
        })
    }
}

impl Step {
    fn map(self, change: &mut impl FnMut(&str) -> String) -> Self {
        match self {
            Step::Item { kind, mark } => Step::Item {
                kind: change(&kind),
                mark: match mark {
                    Mark::None => Mark::None,
                    Mark::Text(text) => Mark::Text(change(&text)),
                    Mark::Tags(tags) => Mark::Tags(tags.iter().map(|tag| change(tag)).collect()),
                    Mark::Name(name) => Mark::Name(change(&name)),
                },
            },
            Step::Part(tag) => Step::Part(change(&tag)),
            Step::Tool(name) => Step::Tool(change(&name)),
        }
    }
}

impl Subject {
    /// Something that its name says.
    pub fn named(name: impl Into<String>) -> Self {
        Self::One(Thing::item(name, Mark::None))
    }

    /// What a change in several things is about: the names of tools, else their kinds. `None` without any.
    pub(super) fn of_several(things: impl IntoIterator<Item = Thing>) -> Option<Self> {
        let mut things = sorted(things.into_iter().collect());
        if things.len() < 2 {
            return things.pop().map(Self::One);
        }
        Some(if things.iter().all(Thing::is_in_tool) {
            Self::Tools(things)
        } else {
            Self::Several(sorted(things.iter().map(Thing::kind).collect()))
        })
    }

    /// What all of these subjects are about: one kind, the names of tools, or several kinds; a part of an item goes with the
    /// item. `None` without any.
    pub fn common<'s>(subjects: impl IntoIterator<Item = &'s Self>) -> Option<Self> {
        let subjects: BTreeSet<&Self> = subjects.into_iter().collect();
        if subjects.len() < 2 {
            return subjects.first().map(|one| (*one).clone());
        }
        let kinds = subjects.iter().flat_map(|one| one.things());
        let kinds = sorted(kinds.map(Thing::kind).collect());
        let is_told = |one: &Thing| !one.within.is_empty() && kinds.contains(&one.outermost());
        let mut rest: Vec<Thing> = kinds.iter().filter(|one| !is_told(one)).cloned().collect();
        Some(match rest.len() {
            1 => Self::One(rest.remove(0)),
            _ if rest.iter().all(Thing::is_in_tool) => Self::Tools(rest),
            _ => Self::Kinds(rest),
        })
    }

    /// It by kinds, where it is one thing.
    pub fn kind(&self) -> Self {
        match self {
            Self::One(thing) => Self::One(thing.kind()),
            several => several.clone(),
        }
    }

    /// The tools of two subjects, each once, in the order in which they were met.
    pub fn tools(&self, more: &Self) -> Self {
        let mut tools = self.things().to_vec();
        let new = more.things().iter().filter(|one| !tools.contains(one));
        let new: Vec<Thing> = new.cloned().collect();
        tools.extend(new);
        Self::Tools(tools)
    }

    /// The things, or their kinds.
    fn things(&self) -> &[Thing] {
        match self {
            Self::One(thing) => std::slice::from_ref(thing),
            Self::Tools(things) | Self::Several(things) | Self::Kinds(things) => things,
        }
    }

    /// Whether it names a part of an item.
    pub fn has_part(&self) -> bool {
        self.things().iter().any(Thing::is_part)
    }

    /// Of one tool, what it stands in, if that is to be told, and its name.
    pub fn as_tool(&self) -> Option<(Option<Self>, &str)> {
        let Self::One(thing) = self else {
            return None;
        };
        let (outer, name) = thing.as_tool()?;
        Some((outer.map(Self::One), name))
    }

    /// Of tools, the words before their names, and the names: `tool ` and `` `shell` ``.
    pub fn split_names(&self) -> Option<(String, String)> {
        match self {
            Self::One(thing) => thing.split_names(),
            Self::Tools(tools) => {
                let names = tools.iter().map(|tool| tool.name().to_string());
                Some(("tools ".to_owned(), names.collect::<Vec<_>>().join(", ")))
            }
            Self::Several(_) | Self::Kinds(_) => None,
        }
    }

    /// Changes each text in it.
    #[must_use]
    pub fn map(self, mut change: impl FnMut(&str) -> String) -> Self {
        let mut all = |things: Vec<Thing>| -> Vec<Thing> {
            things.into_iter().map(|one| one.map(&mut change)).collect()
        };
        match self {
            Self::One(thing) => Self::One(thing.map(&mut change)),
            Self::Tools(things) => Self::Tools(all(things)),
            Self::Several(things) => Self::Several(all(things)),
            Self::Kinds(things) => Self::Kinds(all(things)),
        }
    }
}

/// Things in the order of their words, each once.
fn sorted(mut things: Vec<Thing>) -> Vec<Thing> {
    things.sort_by_cached_key(Thing::to_string);
    things.dedup();
    things
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(thing) => thing.fmt(f),
            Self::Tools(tools) => {
                f.write_str("tools ")?;
                list(f, tools.iter().map(Thing::name))
            }
            Self::Several(kinds) if kinds.len() == 1 => kinds
                .iter()
                .try_for_each(|kind| write!(f, "several {kind}s")),
            Self::Several(kinds) => {
                f.write_str("several items (")?;
                list(f, kinds)?;
                f.write_str(")")
            }
            Self::Kinds(kinds) => {
                f.write_str("items (")?;
                list(f, kinds)?;
                f.write_str(")")
            }
        }
    }
}

impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_in_tool() {
            f.write_str("tool ")?;
        }
        self.name().fmt(f)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Item { kind, mark } => match mark {
                Mark::None => f.write_str(kind),
                Mark::Text(text) => write!(f, "{kind} \"{text}\""),
                Mark::Tags(tags) => {
                    write!(f, "{kind} (")?;
                    list(f, tags)?;
                    f.write_str(")")
                }
                Mark::Name(name) => write!(f, "{kind} {name}"),
            },
            Step::Part(tag) => f.write_str(tag),
            Step::Tool(name) => write!(f, "`{name}`"),
        }
    }
}

fn list(
    f: &mut fmt::Formatter<'_>,
    all: impl IntoIterator<Item = impl fmt::Display>,
) -> fmt::Result {
    for (number, one) in all.into_iter().enumerate() {
        f.write_str(if number > 0 { ", " } else { "" })?;
        one.fmt(f)?;
    }
    Ok(())
}

/// A subject stands in JSON in its words.
impl Serialize for Subject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests;
