//! What is wrong with a rollout, and what a resume would send.

use std::io;
use std::path::{Path, PathBuf};

use memchr::memchr;

use crate::json::{self, Summary};
use crate::rollout::{
    DamageProblem, DamageReport, OrderCheck, OrderProblem, RolloutIndex, RolloutRecord,
    RolloutSource, find_segment,
};

use super::model::{Prediction, Problem, RawItem, Resume};
use super::pipeline::Consumer;
use super::text::{TellResume, Texts};

/// Files up to this size are always looked through for what only the agents' own readers trip over; larger ones when
/// they are damaged or oddly laid out.
const SMALL: u64 = 16 << 20;

/// What is known of a rollout without its texts: its order and its layout.
#[derive(Default)]
pub(super) struct Survey {
    path: PathBuf,
    index: RolloutIndex,
    order: OrderCheck,
    /// What is wrong with the order, once it has seen all.
    disorder: Vec<OrderProblem>,
    /// Whether records share lines or take several.
    is_odd: bool,
    /// Where the last record ended.
    end: u64,
}

impl Consumer for Survey {
    fn record(&mut self, record: &RolloutRecord<'_>) {
        self.is_odd |= record.index > 0 && record.span.start == self.end;
        self.is_odd |= memchr(b'\n', record.text.as_bytes()).is_some();
        self.end = record.span.end;
        let what = self.index.add_record(record);
        self.order.add(record, what);
    }

    fn problem(&mut self, problem: &json::Problem) {
        self.index.add_problem(problem.clone());
    }

    fn end(&mut self) {
        self.disorder = std::mem::take(&mut self.order).finish(&self.index, &self.path);
    }
}

impl Survey {
    /// A survey of the file at `path`.
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            ..Self::default()
        }
    }

    pub(super) fn finish(&mut self, summary: Summary) {
        self.index.summary = Some(summary);
    }
}

/// What is wrong with a rollout, and what a resume would send of it if that is worth telling.
pub(super) struct Assessment {
    pub(super) problems: Vec<Problem>,
    pub(super) resume: Option<Resume>,
    /// Why that is not told though it was asked for.
    pub(super) resume_left_out: Option<&'static str>,
}

/// Why it is not told what a resume would send.
const LEFT_OUT: &str = "the rollout is undamaged and larger than 16 MiB; --reader codex or --reader pycodex has it told all the same";

/// Judges a rollout by its survey.
pub(super) fn assess(
    source: &RolloutSource,
    survey: Survey,
    root: Option<&Path>,
    tell: TellResume,
    texts: &mut Texts,
) -> io::Result<Assessment> {
    let Survey {
        index,
        disorder,
        is_odd,
        ..
    } = survey;
    let is_small = index.summary.is_some_and(|summary| summary.bytes <= SMALL);
    let is_asked = is_small || tell == TellResume::Always;
    if !is_asked && !is_odd && index.problems.is_empty() && source.misnomer().is_none() {
        return Ok(Assessment {
            problems: disorder.into_iter().map(of_order).collect(),
            resume: None,
            resume_left_out: (tell == TellResume::IfSmall).then_some(LEFT_OUT),
        });
    }
    let find = |id: &str| find_segment(root?, id);
    let report = DamageReport::read(source, &index, &disorder, find)?;
    let is_worth_telling = tell != TellResume::IfDamaged || report.is_damaged();
    let resume = is_worth_telling.then(|| resume(&report, texts));
    Ok(Assessment {
        problems: report.problems.into_iter().map(problem).collect(),
        resume,
        resume_left_out: None,
    })
}

fn problem(problem: DamageProblem) -> Problem {
    Problem {
        path: None,
        kind: problem.kind.to_owned(),
        start: problem.span.start,
        end: problem.span.end,
        message: problem.message,
        lost: problem.lost,
    }
}

fn of_order(problem: OrderProblem) -> Problem {
    Problem {
        path: None,
        kind: problem.kind.name().to_owned(),
        start: problem.span.start,
        end: problem.span.end,
        message: problem.message,
        lost: Vec::new(),
    }
}

fn resume(report: &DamageReport, texts: &mut Texts) -> Resume {
    let mut items = |items: &mut dyn Iterator<Item = &String>| -> Vec<RawItem> {
        items.map(|text| RawItem(texts.whole(text))).collect()
    };
    let codex = &report.resume.codex;
    let pycodex = &report.resume.pycodex;
    Resume {
        sentences: report.sentences.clone(),
        codex: Prediction {
            is_accepted: codex.refusal.is_none(),
            reason: codex.refusal.clone(),
            items: items(&mut codex.input.iter().map(|item| &item.text)),
        },
        pycodex: Prediction {
            is_accepted: pycodex.refusal.is_none(),
            reason: pycodex.refusal.as_ref().map(ToString::to_string),
            items: items(&mut pycodex.items.iter().map(|item| &item.text)),
        },
    }
}
