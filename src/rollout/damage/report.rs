//! What damage means: what is lost, and what would be sent if the thread were resumed now.

use std::collections::HashSet;
use std::io;
use std::ops::Range;
use std::path::PathBuf;

use super::loss::{Loss, read_losses};
use super::order::{OrderCheck, OrderProblem};
use crate::json::{Problem, Raw};
use crate::rollout::index::{RolloutIndex, What};
use crate::rollout::readers::Resume;
use crate::rollout::readers::Skip;
use crate::rollout::readers::{CodexView, Refusal, Skipped};
use crate::rollout::source::RolloutSource;
use crate::rollout::wire::WireSource;

/// How many damaged spans are told of one by one.
const MAX_TOLD: usize = 1000;
/// How many calls a sentence is made of each.
const MAX_CALLS: usize = 10;

/// Everything that is wrong with a rollout, in words, and what it means.
///
/// Texts and names are quoted as they stand in the file; control characters are for the renderer to escape.
#[derive(Debug, Clone)]
pub struct DamageReport {
    /// What is wrong, in order of position.
    pub problems: Vec<DamageProblem>,
    /// What a resume would send, and what can be done; one sentence each.
    pub sentences: Vec<String>,
    /// What a resume would send, as items.
    pub resume: Resume,
}

/// One thing that is wrong with a rollout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DamageProblem {
    /// The kind, in kebab-case: of a [`Problem`], an [`OrderProblem`] or a [`Skip`].
    pub kind: &'static str,
    /// Its bytes.
    pub span: Range<u64>,
    /// Number of complete records before it.
    pub record: usize,
    /// What is wrong, in one sentence.
    pub message: String,
    /// What is lost by it and what follows from that, one sentence each.
    pub lost: Vec<String>,
}

impl DamageReport {
    /// Reads what is left of a rollout.
    ///
    /// `order` has seen all records of `index`; `find` finds the file whose name ends with an id, see
    /// [`Lineage`](crate::rollout::Lineage).
    ///
    /// # Errors
    ///
    /// When the file can't be read.
    pub fn read(
        source: &RolloutSource,
        index: &RolloutIndex,
        order: OrderCheck,
        find: impl FnMut(&str) -> Option<PathBuf>,
    ) -> io::Result<Self> {
        let resume = Resume::read(source, index, find)?;
        let order = order.finish(index, &source.path);
        let losses = read_losses(source, index, MAX_TOLD)?;
        let meaning = Meaning::new(index, &resume);
        let damaged = losses.iter().zip(&index.problems);
        let mut problems: Vec<_> = damaged
            .map(|(loss, (before, problem))| meaning.damage(loss, *before, problem))
            .chain(order.iter().map(from_order))
            .chain(passed_over(index, &resume.codex.view))
            .collect();
        problems.sort_by_key(|problem| (problem.span.start, problem.kind));
        let mut sentences = Vec::new();
        if let Some(more) = index
            .problems
            .len()
            .checked_sub(MAX_TOLD)
            .filter(|more| *more > 0)
        {
            sentences.push(format!("{more} more damaged spans are not listed"));
        }
        sentences.extend(meaning.codex());
        sentences.extend(meaning.calls());
        sentences.extend(meaning.pycodex());
        sentences.extend(meaning.advice());
        Ok(Self {
            problems,
            sentences,
            resume,
        })
    }

    /// Whether anything is wrong with the file. One that Codex refuses for its age alone is not damaged.
    pub fn is_damaged(&self) -> bool {
        !self.problems.is_empty()
    }
}

fn from_order(problem: &OrderProblem) -> DamageProblem {
    DamageProblem {
        kind: problem.kind.name(),
        span: problem.span.clone(),
        record: problem.records.start,
        message: problem.message.clone(),
        lost: Vec::new(),
    }
}

/// Complete records that Codex passes over for how they are written, in runs. Those whose types or fields it does not
/// know are not damaged, another version or agent wrote them; nor are those of the oldest layout.
fn passed_over(index: &RolloutIndex, view: &CodexView) -> Vec<DamageProblem> {
    let told = view.skipped.iter().filter(|skipped| match skipped.why {
        Skip::UnknownType(_) | Skip::Field(_) => false,
        Skip::NoEnvelope(_) => index.meta().is_none_or(|meta| meta.cli_version.is_some()),
        _ => true,
    });
    let (layout, content): (Vec<&Skipped>, Vec<&Skipped>) =
        told.partition(|skipped| skipped.why.is_layout());
    let is_run = |a: &&Skipped, b: &&Skipped| a.record + 1 == b.record && a.why == b.why;
    let runs = content.chunk_by(is_run).take(MAX_TOLD);
    let told = runs.filter_map(|run| {
        let why = run.first()?.why.to_string();
        passed_run(index, run, &why)
    });
    let of = |why: Skip| {
        layout
            .iter()
            .copied()
            .filter(move |skipped| skipped.why == why)
    };
    let shared: Vec<&Skipped> = of(Skip::SharedLine).collect();
    let several: Vec<&Skipped> = of(Skip::SeveralLines).collect();
    let shared = passed_run(index, &shared, "something else stands on the same line");
    let several = passed_run(index, &several, "written over several lines");
    told.chain(shared).chain(several).collect()
}

/// One problem for records that are passed over for one reason.
fn passed_run(index: &RolloutIndex, run: &[&Skipped], why: &str) -> Option<DamageProblem> {
    let (first, last) = (run.first()?, run.last()?);
    let records = if run.len() == 1 {
        format!("record {}", first.record)
    } else if last.record - first.record + 1 == run.len() {
        format!("records {} to {}", first.record, last.record)
    } else {
        let count = run.len();
        format!(
            "{count} records from record {} to {}",
            first.record, last.record
        )
    };
    Some(DamageProblem {
        kind: first.why.name(),
        span: index.entries[first.record].span.start..index.entries[last.record].span.end,
        record: first.record,
        message: format!("Codex passes over {records}: {why}"),
        lost: Vec::new(),
    })
}

fn items(count: usize) -> String {
    if count == 1 {
        "1 item".to_owned()
    } else {
        format!("{count} items")
    }
}

/// Records that Codex passes over for their fields, one sentence for each of the first ones.
fn misread(view: &CodexView) -> impl Iterator<Item = String> {
    let told = view
        .skipped
        .iter()
        .filter(|skipped| matches!(skipped.why, Skip::Field(_)));
    told.take(MAX_CALLS).map(|skipped| {
        format!(
            "Codex passes over record {}: {}",
            skipped.record, skipped.why
        )
    })
}

/// What follows from damage for what would be sent.
struct Meaning<'a> {
    index: &'a RolloutIndex,
    resume: &'a Resume,
    /// Calls for which Codex makes up an output.
    unanswered: Vec<String>,
    /// Outputs that Codex leaves out.
    orphans: Vec<String>,
    /// Calls that pycodex leaves out.
    dropped: HashSet<String>,
    /// Outputs that pycodex sends without a call.
    bare: HashSet<String>,
}

impl<'a> Meaning<'a> {
    fn new(index: &'a RolloutIndex, resume: &'a Resume) -> Self {
        let call_id = |text: &str| Raw::new(text).get_string("call_id").map(String::from);
        let made = resume
            .codex
            .input
            .iter()
            .filter(|item| matches!(item.source, WireSource::MissingOutput(_)));
        let is_resumed = resume.codex.refusal.is_none();
        let orphans = resume.codex.orphans.iter().filter(|_| is_resumed);
        let of = |class| {
            let items = resume
                .pycodex
                .items
                .iter()
                .filter(move |item| item.item.class == class);
            items.filter_map(|item| call_id(&item.text))
        };
        let calls: HashSet<String> = of(crate::rollout::ItemClass::Call).collect();
        Self {
            index,
            resume,
            unanswered: made.filter_map(|item| call_id(&item.text)).collect(),
            orphans: orphans.map(|(_, id)| id.clone()).collect(),
            dropped: resume
                .pycodex
                .dropped_calls
                .iter()
                .filter_map(|item| call_id(&item.text))
                .collect(),
            bare: of(crate::rollout::ItemClass::Output)
                .filter(|id| !calls.contains(id))
                .collect(),
        }
    }

    /// A damaged span.
    fn damage(&self, loss: &Loss, before: usize, problem: &Problem) -> DamageProblem {
        let mut lost = loss.sentences();
        if !lost.is_empty() && !loss.is_said_again {
            lost.extend(self.codex_without(loss, before));
        }
        let stop = self.resume.pycodex.stopped_at;
        if stop.is_some_and(|stop| problem.span.contains(&stop)) {
            let behind = self.index.entries.len() - before;
            lost.push(match behind {
                0 => "pycodex stops reading here".to_owned(),
                1 => "pycodex stops reading here: the record behind it is lost to it".to_owned(),
                _ => format!(
                    "pycodex stops reading here: the {behind} records behind it are lost to it"
                ),
            });
        }
        DamageProblem {
            kind: problem.kind.name(),
            span: problem.span.clone(),
            record: before,
            message: problem.to_string(),
            lost,
        }
    }

    /// What the lack of a record means for what is sent.
    fn codex_without(&self, loss: &Loss, before: usize) -> Vec<String> {
        let codex = &self.resume.codex;
        let own = codex.lineage.files.len() - 1;
        if let Some(base) = codex
            .history
            .base
            .filter(|base| base.file == own && before <= base.record)
        {
            let message = format!(
                "it stands before the compaction at record {}: what is sent is the same without it",
                base.record
            );
            return vec![message];
        }
        let mut found = Vec::new();
        let id = loss.fragment.call_id.as_deref().unwrap_or_default();
        let has = |ids: &HashSet<String>| ids.contains(id);
        if loss.is_item(|kind| kind.ends_with("_output")) {
            if self.unanswered.iter().any(|call| call == id) {
                found.push("Codex sends `aborted` in its place".to_owned());
            }
            if has(&self.dropped) {
                found.push("pycodex leaves its call out".to_owned());
            }
        } else if loss.is_item(|kind| kind.ends_with("_call")) {
            if self.orphans.iter().any(|call| call == id) {
                found.push("Codex leaves its output out".to_owned());
            }
            if has(&self.bare) {
                found.push("pycodex sends its output without it".to_owned());
            }
        } else if loss.fragment.record_type.as_deref() == Some("compacted") {
            found.push(
                "what it stood for is sent again, from the compaction before it or the beginning on"
                    .to_owned(),
            );
        } else {
            found.extend(self.turn_without(loss));
        }
        found
    }

    /// What becomes of a turn whose beginning or end is lost.
    fn turn_without(&self, loss: &Loss) -> Option<String> {
        let turn = loss.fragment.turn_id.as_deref()?;
        let is_turn =
            |number: Option<_>| number.and_then(|number| self.index.turn_id(number)) == Some(turn);
        let mut entries = self.index.entries.iter();
        match loss.event_type()? {
            "task_complete" | "turn_complete" | "turn_aborted" => {
                let has_end = entries.any(|entry| match entry.what {
                    What::TurnComplete(number) | What::TurnAborted(number) => is_turn(number),
                    _ => false,
                });
                (!has_end).then(|| format!("turn {turn} has no end"))
            }
            "task_started" | "turn_started" => {
                let has_start = entries.any(|entry| match entry.what {
                    What::TurnStarted(number) => is_turn(number),
                    _ => false,
                });
                (!has_start).then(|| format!("turn {turn} has no beginning"))
            }
            _ => None,
        }
    }

    /// What Codex does with the file.
    fn codex(&self) -> Vec<String> {
        let codex = &self.resume.codex;
        if let Some(refusal) = &codex.refusal {
            return vec![format!("Codex refuses to resume it: {refusal}")];
        }
        let mut found = vec![format!(
            "Codex resumes it and sends {} of it",
            items(codex.input.len())
        )];
        if codex.view.first > 0 {
            found.push(format!(
                "Codex sends nothing of what stands before the session_meta at record {}, where it stops reading backwards",
                codex.view.first
            ));
        }
        found.extend(misread(&codex.view));
        let passed = codex.view.skipped.iter();
        let passed = passed
            .filter(|skipped| matches!(self.index.entries[skipped.record].what, What::Item(_)));
        match passed.count() {
            0 => {}
            1 => found
                .push("1 complete item is not sent, for Codex passes over its record".to_owned()),
            count => found.push(format!(
                "{count} complete items are not sent, for Codex passes over their records"
            )),
        }
        found
    }

    /// Calls and outputs that have lost each other.
    fn calls(&self) -> Vec<String> {
        let unanswered = self.unanswered.iter().map(|id| {
            let also = if self.dropped.contains(id) {
                ", pycodex leaves the call out"
            } else {
                ""
            };
            format!("call {id} has no output: Codex sends `aborted` for it{also}")
        });
        let orphans = self.orphans.iter().map(|id| {
            let also = if self.bare.contains(id) {
                ", pycodex sends it"
            } else {
                ""
            };
            format!("the output of {id} has no call: Codex leaves it out{also}")
        });
        let mut found: Vec<String> = unanswered.chain(orphans).collect();
        if let Some(more) = found.len().checked_sub(MAX_CALLS).filter(|more| *more > 0) {
            found.truncate(MAX_CALLS);
            found.push(format!(
                "{more} more calls and outputs have lost each other"
            ));
        }
        found
    }

    /// What pycodex does with the file.
    fn pycodex(&self) -> Vec<String> {
        let pycodex = &self.resume.pycodex;
        if let Some(refusal) = &pycodex.refusal {
            return vec![format!("pycodex does not resume it: {refusal}")];
        }
        let sent = items(pycodex.items.len());
        vec![match pycodex.stopped_at {
            None => format!("pycodex resumes it and sends {sent} of it"),
            Some(at) => format!(
                "pycodex resumes it and sends {sent} of it: it reads up to byte {at} and ignores the rest"
            ),
        }]
    }

    /// What can be done about it.
    fn advice(&self) -> Vec<String> {
        let view = &self.resume.codex.view;
        let has = |is: fn(&Skip) -> bool| view.skipped.iter().any(|skipped| is(&skipped.why));
        if self.index.problems.is_empty() && !has(Skip::is_layout) {
            return Vec::new();
        }
        let count = self.index.entries.len();
        if count == 0 {
            return vec!["there is no complete record to recover".to_owned()];
        }
        let all = if count == 1 {
            "the complete record".to_owned()
        } else {
            format!("the {count} complete records")
        };
        let mut found = vec![format!(
            "`trace-diff recover {}{} -o OUT` writes {all}, each on a line of its own",
            if has(|why| *why == Skip::SeveralLines) {
                "--one-line "
            } else {
                ""
            },
            self.resume.codex.lineage.own().source.path.display()
        )];
        let begins_with_meta = self
            .index
            .metas
            .first()
            .is_some_and(|(record, _)| *record == 0);
        let is_lost = matches!(
            view.refusal,
            Some(Refusal::Empty | Refusal::NoSessionMeta(_))
        );
        if is_lost && !begins_with_meta {
            found.push(
                "Codex will refuse what is recovered too: it needs the session_meta as the first record"
                    .to_owned(),
            );
        }
        found
    }
}

#[cfg(test)]
mod tests;
