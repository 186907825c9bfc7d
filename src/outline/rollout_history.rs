//! The history that a model had at one point of a rollout.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::json::Raw;
use crate::rollout::{
    CodexView, Lineage, Place, PycodexReader, PycodexView, RolloutIndex, RolloutSource, Rules,
    WireSource, find_segment, predict_resume,
};

use super::item::{in_short, owned, type_of};
use super::model::{History, HistoryItem, Position, RawItem};
use super::text::{Options, Texts};

/// Whose reading of a rollout is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reader {
    /// Codex, by the rules of the version that wrote the file.
    Codex,
    /// pycodex 0.3.3–0.5.1.
    Pycodex,
}

/// The history as of a record, numbered from 0, or of the whole file, as it would be sent: what the reader takes of the
/// file, compactions and rollbacks carried out, calls without an output given one. `None` when the file has no such
/// record.
///
/// `root` is the directory in which files are looked for that the thread inherits from. Only what survives is read again,
/// so a compaction makes what stands before it cost nothing but its place.
///
/// # Errors
///
/// When a file can't be read any more.
pub fn rollout_history(
    source: &RolloutSource,
    record: Option<usize>,
    reader: Reader,
    root: Option<&Path>,
    options: Options,
) -> io::Result<Option<History>> {
    let index = RolloutIndex::read(source)?;
    let last = index.entries.len().saturating_sub(1);
    let record = record.unwrap_or(last);
    let Some(entry) = index.entries.get(record) else {
        return Ok(None);
    };
    let at = Position::Record {
        index: record as u64,
        span: entry.span.clone(),
    };
    let until = (record < last).then_some(record + 1);
    let history = match reader {
        Reader::Codex => codex(source, &index, until, root, options, at)?,
        Reader::Pycodex => pycodex(source, &index, until, options, at)?,
    };
    Ok(Some(history))
}

fn codex(
    source: &RolloutSource,
    index: &RolloutIndex,
    until: Option<usize>,
    root: Option<&Path>,
    options: Options,
    at: Position,
) -> io::Result<History> {
    let view = CodexView::read(source, index)?;
    let find = |id: &str| find_segment(root?, id);
    let lineage = Lineage::of(source.clone(), Arc::new(view.index(index)), find);
    let own = lineage.files.len() - 1;
    let version = index.meta().and_then(|meta| meta.cli_version.clone());
    let rules = Rules::named(version.as_deref());
    let prediction = predict_resume(&lineage, until, &rules)?;
    let mut texts = Texts::new(options);
    let items = prediction.items.iter().enumerate().map(|(number, item)| {
        let from = match item.source {
            WireSource::Item(from) => Some(&prediction.history.items[from]),
            WireSource::MissingOutput(_) => None,
        };
        let mut read = history_item(number, &item.text, &mut texts);
        read.at = from.map(|from| position(from.place, &from.span));
        let file = from.filter(|from| from.place.file != own);
        read.path = file.map(|from| {
            let path = &lineage.files[from.place.file].source.path;
            path.to_string_lossy().into_owned()
        });
        read
    });
    Ok(History {
        at,
        reader: "codex",
        items: items.collect(),
        refusal: view.refusal.as_ref().map(ToString::to_string),
    })
}

fn pycodex(
    source: &RolloutSource,
    index: &RolloutIndex,
    until: Option<usize>,
    options: Options,
    at: Position,
) -> io::Result<History> {
    let view = PycodexView::read(source, index, PycodexReader::V0_3, until)?;
    let mut texts = Texts::new(options);
    let items = view.items.iter().enumerate().map(|(number, item)| {
        let mut read = history_item(number, &item.text, &mut texts);
        read.at = Some(position(item.item.place, &item.item.span));
        read
    });
    Ok(History {
        at,
        reader: "pycodex",
        items: items.collect(),
        refusal: view.refusal.as_ref().map(ToString::to_string),
    })
}

fn position(place: Place, span: &std::ops::Range<u64>) -> Position {
    Position::Record {
        index: place.record as u64,
        span: span.clone(),
    }
}

/// An item of a history, of which it is not known where it comes from.
pub(super) fn history_item(number: usize, item: &str, texts: &mut Texts) -> HistoryItem {
    let raw = Raw::new(item);
    HistoryItem {
        number,
        at: None,
        path: None,
        item_type: texts.whole(&type_of(raw)),
        role: owned(raw, "role").map(|role| texts.whole(&role)),
        name: owned(raw, "name").map(|name| texts.whole(&name)),
        text: in_short(raw, texts).1,
        item: texts.is_full().then(|| RawItem(texts.whole(item))),
    }
}
