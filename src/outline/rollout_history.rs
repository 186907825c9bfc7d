//! The history that a model had at one point of a rollout.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::json::Raw;
use crate::rollout::{
    CodexView, Lineage, RolloutIndex, RolloutSource, Rules, WireSource, find_segment,
    predict_resume,
};

use super::item::{in_short, owned, type_of};
use super::model::{History, HistoryItem, Position, RawItem};
use super::text::{Options, Texts};

/// The history as of a record, numbered from 0, as Codex would send it: what it takes of the file, compactions and
/// rollbacks carried out, calls without an output given one. `None` when the file has no such record.
///
/// `root` is the directory in which files are looked for that the thread inherits from. Only what survives is read again,
/// so a compaction makes what stands before it cost nothing but its place.
///
/// # Errors
///
/// When a file can't be read any more.
pub fn rollout_history(
    source: &RolloutSource,
    record: usize,
    root: Option<&Path>,
    options: Options,
) -> io::Result<Option<History>> {
    let index = RolloutIndex::read(source)?;
    let Some(entry) = index.entries.get(record) else {
        return Ok(None);
    };
    let at = Position::Record {
        index: record as u64,
        span: entry.span.clone(),
    };
    let seen = CodexView::read(source, &index)?.index(&index);
    let find = |id: &str| find_segment(root?, id);
    let lineage = Lineage::of(source.clone(), Arc::new(seen), find);
    let version = lineage
        .own()
        .index
        .meta()
        .and_then(|meta| meta.cli_version.clone());
    let rules = Rules::named(version.as_deref());
    let prediction = predict_resume(&lineage, Some(record + 1), &rules)?;
    let mut texts = Texts::new(options);
    let items = prediction.items.iter().enumerate().map(|(number, item)| {
        let from = match item.source {
            WireSource::Item(from) => Some(&prediction.history.items[from]),
            WireSource::MissingOutput(_) => None,
        };
        let own = lineage.files.len() - 1;
        let file = from.filter(|from| from.place.file != own);
        let raw = Raw::new(&item.text);
        HistoryItem {
            number,
            at: from.map(|from| Position::Record {
                index: from.place.record as u64,
                span: from.span.clone(),
            }),
            path: file.map(|from| {
                let path = &lineage.files[from.place.file].source.path;
                path.to_string_lossy().into_owned()
            }),
            item_type: texts.whole(&type_of(raw)),
            role: owned(raw, "role").map(|role| texts.whole(&role)),
            text: in_short(raw, &mut texts).1,
            item: options.is_full.then(|| RawItem(texts.whole(&item.text))),
        }
    });
    Ok(Some(History {
        at,
        reader: "codex",
        items: items.collect(),
    }))
}
