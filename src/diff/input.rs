//! How the items of two requests differ.

use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use crate::align::{ItemMatch, ItemPrint, align_items, text_words, word_similarity};
use crate::json::{Node, Pointer};
use crate::normalize::Scanner;
use crate::responses::{
    context_tag, context_tags, is_call, is_from_other_thread, is_output, item_type, message_text,
    output_text,
};

use super::change::Level;
use super::compare::Comparer;
use super::names::LocalChange;
use super::recorder::{Pair, Place, Text};
use super::subject::{Mark, Thing};
use super::text::shortened;
use super::value::{ValueDiff, shown_text};

/// Two lists of items and where they stand.
pub(super) struct ItemLists {
    pub(super) baseline: Vec<Arc<ItemPrint>>,
    pub(super) candidate: Vec<Arc<ItemPrint>>,
    pub(super) pointer: Pointer,
    pub(super) row: usize,
    /// The exchanges in the flat lists.
    pub(super) exchanges: (usize, usize),
    pub(super) level: Level,
    pub(super) is_exact: bool,
}

/// Positions of items that go together: baseline, candidate.
type Pairs = Vec<(usize, usize)>;

/// Aligns two lists of items and compares what goes together. Returns what is left, for the caller to report with
/// [`report_one_sided`] or to explain otherwise.
pub(super) fn compare_items(cx: &mut Comparer<'_>, lists: &ItemLists) -> Vec<ItemMatch> {
    let names = &cx.names;
    let matches = align_items(&lists.baseline, &lists.candidate, |call| {
        names.renamed(call)
    });
    let pointer = Arc::new(lists.pointer.clone());
    let pairs: Pairs = matches
        .iter()
        .filter_map(|found| match found {
            ItemMatch::Pair(i, j) => Some((*i, *j)),
            _ => None,
        })
        .collect();
    let mut left = Vec::new();
    for found in matches {
        match found {
            ItemMatch::Pair(i, j) => compare_pair(cx, lists, &pointer, i, j),
            ItemMatch::Moved(i, j) => {
                report_moved(cx, lists, i, j, &pairs);
                compare_pair(cx, lists, &pointer, i, j);
            }
            one_sided => left.push(one_sided),
        }
    }
    left
}

fn compare_pair(
    cx: &mut Comparer<'_>,
    lists: &ItemLists,
    pointer: &Arc<Pointer>,
    i: usize,
    j: usize,
) {
    let (a, b) = (&lists.baseline[i], &lists.candidate[j]);
    let place = Place::element(lists.row, pointer, j);
    if a.text_hash == b.text_hash {
        cx.recorder.equal_item(a.text_hash, &a.item, place);
        return;
    }
    let pair = Pair {
        context: if lists.level == Level::Error {
            "item"
        } else {
            "output item"
        },
        baseline: Text::Json(a.item.clone()),
        hashes: (a.text_hash, b.text_hash),
    };
    let (level, is_exact) = (lists.level, lists.is_exact);
    let (a, b) = (a.item.clone(), b.item.clone());
    cx.recorder.unit(&mut cx.names, pair, place, move |names| {
        let subject = describe(b.node(), &names.candidate);
        let mut diff = ValueDiff::new(names, level, is_exact);
        diff.subject = Some(subject);
        diff.value("", a.node(), b.node());
        diff.out
    });
}

/// Reports items that only one side has.
pub(super) fn report_one_sided(cx: &mut Comparer<'_>, lists: &ItemLists, left: &[ItemMatch]) {
    for found in left {
        match *found {
            ItemMatch::Missing(i) => one_sided(cx, lists, i, true),
            ItemMatch::Added(j) => one_sided(cx, lists, j, false),
            ItemMatch::Pair(..) | ItemMatch::Moved(..) => {}
        }
    }
}

fn one_sided(cx: &mut Comparer<'_>, lists: &ItemLists, index: usize, is_baseline: bool) {
    let list = if is_baseline {
        &lists.baseline
    } else {
        &lists.candidate
    };
    let print = Arc::clone(&list[index]);
    let scanner = if is_baseline {
        &cx.names.baseline
    } else {
        &cx.names.candidate
    };
    let what = describe(print.item.node(), scanner);
    let before = list[..index].last();
    let is_doubled = list[..index]
        .iter()
        .any(|other| other.text_hash == print.text_hash)
        || before.is_some_and(|other| {
            other.content() == print.content() && other.call() == print.call()
        });
    let (mut rule, mut level, mut message) = match (is_baseline, is_doubled) {
        (true, _) => (
            "item-missing",
            lists.level,
            format!("{what} is not sent by the candidate"),
        ),
        (false, true) => (
            "item-added",
            lists.level,
            format!("{what} is sent again by the candidate"),
        ),
        (false, false) => (
            "item-added",
            lists.level,
            format!("{what} is sent by the candidate only"),
        ),
    };
    let is_late = is_from_other_thread(print.item.node())
        && cx.may_arrive_later(lists.exchanges, print.content(), is_baseline);
    if is_late {
        (rule, level) = ("late-arrival", Level::Note);
        message = format!("{what} arrives at another moment");
    }
    let shown = Some(shown_text(print.item.text(), scanner));
    let (baseline, candidate) = if is_baseline {
        (shown, None)
    } else {
        (None, shown)
    };
    cx.recorder.change(
        Place::new(lists.row, lists.pointer.index(index)),
        LocalChange {
            rule,
            level,
            subject: Some(what).filter(|_| !is_late),
            baseline,
            candidate,
            message,
            values: print.content(),
            ..LocalChange::default()
        },
    );
}

fn report_moved(cx: &mut Comparer<'_>, lists: &ItemLists, i: usize, j: usize, pairs: &Pairs) {
    let print = &lists.candidate[j];
    let what = describe(print.item.node(), &cx.names.candidate);
    let is_late = is_from_other_thread(print.item.node());
    let (rule, level) = if is_late {
        ("late-arrival", Level::Note)
    } else {
        ("item-moved", lists.level)
    };
    // The nearest item that stands on its other side now says where it went; without one it only changed.
    let crossed = pairs.iter().filter(|(x, y)| (*x < i) != (*y < j));
    let Some(&(x, y)) = crossed.min_by_key(|(_, y)| y.abs_diff(j)) else {
        return;
    };
    let other = describe(lists.candidate[y].item.node(), &cx.names.candidate);
    let (now, before) = if x < i {
        ("before", "after")
    } else {
        ("after", "before")
    };
    let shown = |index: usize| Some(format!("at {index}"));
    cx.recorder.change(
        Place::new(lists.row, lists.pointer.index(j)),
        LocalChange {
            rule,
            level,
            baseline: shown(i),
            candidate: shown(j),
            message: format!("{what} comes {now} {other}, not {before} it"),
            subject: Some(what).filter(|_| !is_late),
            beside: Some(other),
            values: print.content(),
            ..LocalChange::default()
        },
    );
}

/// An item in a few words: `user message "Run it."`, `function_call exec_command`.
pub(super) fn describe(item: Node<'_>, scanner: &Scanner) -> Thing {
    let kind = item_type(item).into_owned();
    let text = |text: String| {
        let shown = shown_text(&text, scanner);
        Mark::Text(shortened(&shown, 60))
    };
    match kind.as_str() {
        "message" => {
            let role = item.get_string("role").unwrap_or_default();
            let mark = match context_tags(item) {
                Some(tags) => Mark::Tags(tags),
                None => text(message_text(item)),
            };
            Thing::item(format!("{role} message"), mark)
        }
        kind if is_output(kind) => {
            let mark = match output_text(item) {
                output if output.is_empty() => Mark::None,
                output => text(output),
            };
            Thing::item(kind, mark)
        }
        kind if is_call(kind) => {
            let mark = match item.get_string("name").unwrap_or_default().trim_end() {
                "" => Mark::None,
                name => Mark::Name(name.to_owned()),
            };
            Thing::item(kind, mark)
        }
        "" => Thing::item("item without type", Mark::None),
        _ => Thing::item(format!("{kind} item"), Mark::None),
    }
}

/// Finds the developer message among unmatched items that stands for `instructions` on the other side: one that says
/// mostly the same, else the first item if it is no marked context.
///
/// codex up to 0.153.4 sends base instructions as `instructions`, codex 0.169.0 as the first developer message.
pub(super) fn find_instructions(
    instructions: &str,
    scanner: &Scanner,
    list: &[Arc<ItemPrint>],
    other_scanner: &Scanner,
    left: &[usize],
) -> Option<usize> {
    let words = text_words(instructions, scanner);
    let is_developer = |index: &usize| {
        let role = list[*index].item.node().get_string("role");
        role.is_some_and(|role| role == "developer" || role == "system")
    };
    let text = |index: usize| message_text(list[index].item.node());
    let is_alike =
        |index: &usize| word_similarity(&words, &text_words(&text(*index), other_scanner)) >= 0.3;
    let is_first = |index: &usize| *index == 0 && context_tag(&text(0)).is_none();
    let candidates = || left.iter().copied().filter(is_developer);
    candidates()
        .find(is_alike)
        .or_else(|| candidates().find(is_first))
}

/// Hash of a few words, as the values of a change.
pub(super) fn values_of(parts: &[&str]) -> u64 {
    xxh3_64(parts.join("\0").as_bytes())
}
