//! What would be sent if a rollout were resumed now: by Codex and by pycodex.

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::codex::{CodexView, Refusal};
use super::pycodex::{PycodexReader, PycodexView};
use crate::json::Raw;
use crate::rollout::history::History;
use crate::rollout::history::{Lineage, LineageProblem};
use crate::rollout::index::RolloutIndex;
use crate::rollout::rules::{NEWEST, Rules};
use crate::rollout::session::SessionMeta;
use crate::rollout::source::RolloutSource;
use crate::rollout::user_message::ItemClass;
use crate::rollout::wire::{Prediction, predict_resume};
use crate::rollout::wire::{WireItem, WireSource};

/// What the newest version of each agent makes of a rollout, damaged or not.
#[derive(Debug, Clone)]
pub struct Resume {
    /// By the reader and the rules of Codex 0.169.0, in a home that does not know the thread.
    pub codex: CodexResume,
    /// By the reader of pycodex 0.5.1.
    pub pycodex: PycodexView,
}

/// What Codex would send of a rollout.
#[derive(Debug, Clone)]
pub struct CodexResume {
    /// Why it refuses the file, as the end of a sentence; `None` when it resumes.
    pub refusal: Option<String>,
    /// Which records it takes.
    pub view: CodexView,
    /// The items that it would send, behind base instructions and before what is new; none when it refuses.
    pub input: Vec<WireItem>,
    /// The items that these come from, of the files of the lineage.
    pub history: History,
    /// Outputs that it leaves out because there is no call for them: number in the history and `call_id`.
    pub orphans: Vec<(usize, String)>,
    /// The own file and those it inherits from; the own one has the index by which the history was made.
    pub lineage: Lineage,
}

impl Resume {
    /// Reads a rollout as each agent does.
    ///
    /// `find` finds the file whose name ends with an id, see [`Lineage`].
    ///
    /// # Errors
    ///
    /// When the file can't be read.
    pub fn read(
        source: &RolloutSource,
        index: &RolloutIndex,
        find: impl FnMut(&str) -> Option<PathBuf>,
    ) -> io::Result<Self> {
        let view = CodexView::read(source, index)?;
        Ok(Self {
            codex: CodexResume::of(view, source, index, find)?,
            pycodex: PycodexView::read(source, index, PycodexReader::V0_3, None)?,
        })
    }
}

impl CodexResume {
    /// What Codex sends of the records that it takes.
    pub(super) fn of(
        view: CodexView,
        source: &RolloutSource,
        index: &RolloutIndex,
        find: impl FnMut(&str) -> Option<PathBuf>,
    ) -> io::Result<Self> {
        let seen = Arc::new(view.index(index));
        let lineage = Lineage::of(source.clone(), seen, find);
        let prediction = predict_resume(&lineage, None, &Rules::of(NEWEST))?;
        let orphans = orphans(&prediction);
        let refusal = view.refusal.as_ref().map(ToString::to_string);
        let refusal = match refusal {
            None => lineage_refusal(&lineage)?,
            refusal => refusal,
        };
        let mut input = prediction.items;
        if refusal.is_some() {
            input.clear();
        }
        Ok(Self {
            refusal,
            view,
            input,
            history: prediction.history,
            orphans,
            lineage,
        })
    }
}

/// Outputs of the history that are not among the items.
fn orphans(prediction: &Prediction) -> Vec<(usize, String)> {
    let sent = prediction
        .items
        .iter()
        .filter_map(|item| match item.source {
            WireSource::Item(at) => Some(at),
            WireSource::MissingOutput(_) => None,
        });
    let sent: HashSet<usize> = sent.collect();
    let items = prediction.history.items.iter().enumerate();
    let left = items.filter(|(at, item)| item.class == ItemClass::Output && !sent.contains(at));
    left.filter_map(|(at, _)| {
        let text = Raw::new(&prediction.texts.get(at)?.text);
        Some((at, text.get_string("call_id")?.into_owned()))
    })
    .collect()
}

/// Codex does not resume a thread whose parent it does not find or open.
fn lineage_refusal(lineage: &Lineage) -> io::Result<Option<String>> {
    if !lineage
        .own()
        .index
        .meta()
        .is_some_and(SessionMeta::is_paginated)
    {
        return Ok(None);
    }
    let fatal = lineage.problems.iter().find(|problem| {
        matches!(
            problem,
            LineageProblem::ParentMissing { .. }
                | LineageProblem::ParentUnreadable { .. }
                | LineageProblem::Cycle { .. }
                | LineageProblem::ParentTooShort { .. }
        )
    });
    if let Some(problem) = fatal {
        return Ok(Some(format!("the thread {problem}")));
    }
    let parents = &lineage.files[..lineage.files.len() - 1];
    for parent in parents {
        let path = parent.source.path.display();
        let refusal = CodexView::read(&parent.source, &parent.index)?.refusal;
        // Of a parent only the beginning is opened so strictly.
        let refusal = refusal.filter(|refusal| {
            !matches!(refusal, Refusal::InvalidUtf8(_) | Refusal::NoLastOrdinal(_))
        });
        if let Some(refusal) = refusal {
            return Ok(Some(format!("of the parent {path}, {refusal}")));
        }
        if !parent.index.meta().is_some_and(SessionMeta::is_paginated) {
            return Ok(Some(format!("the parent {path} has no ordinals to go by")));
        }
    }
    Ok(None)
}
