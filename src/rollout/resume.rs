//! What would be sent if a rollout were resumed now: by Codex and by pycodex.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::codex_reader::CodexView;
use super::codex_record::as_sent;
use super::history::History;
use super::index::RolloutIndex;
use super::lineage::{Lineage, LineageProblem};
use super::predict::predict_resume;
use super::pycodex::{PycodexReader, PycodexView};
use super::rules::{NEWEST, Rules};
use super::source::RolloutSource;
use super::wire::WireItem;

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
        let refusal = view.refusal.as_ref().map(ToString::to_string);
        let refusal = refusal.or_else(|| lineage_refusal(&lineage));
        let mut input = prediction.items;
        if refusal.is_some() {
            input.clear();
        }
        for item in &mut input {
            item.text = as_sent(&item.text);
        }
        Ok(Self {
            refusal,
            view,
            input,
            history: prediction.history,
            lineage,
        })
    }
}

/// Codex does not resume a thread whose parent it does not find.
fn lineage_refusal(lineage: &Lineage) -> Option<String> {
    let is_paginated = lineage.own().index.meta()?.is_paginated();
    let mut problems = lineage.problems.iter().filter(|_| is_paginated);
    let fatal = problems.find(|problem| {
        matches!(
            problem,
            LineageProblem::ParentMissing { .. }
                | LineageProblem::ParentUnreadable { .. }
                | LineageProblem::Cycle { .. }
                | LineageProblem::ParentTooShort { .. }
        )
    });
    fatal.map(|problem| format!("the thread {problem}"))
}
