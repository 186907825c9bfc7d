//! What is wrong with a rollout, and what a resume would send.

use std::io;
use std::path::Path;

use crate::rollout::{
    DamageProblem, DamageReport, OrderCheck, OrderProblem, RecordKind, RolloutIndex, RolloutPart,
    RolloutReader, RolloutSource, find_segment,
};

use super::model::{Prediction, Problem, RawItem, Resume};
use super::text::Texts;

/// Files up to this size are always looked through for what only the agents' own readers trip over; larger ones when
/// they are damaged or oddly laid out.
const SMALL: u64 = 16 << 20;

/// What is known of a rollout without its texts.
pub(super) struct Survey {
    index: RolloutIndex,
    order: OrderCheck,
    /// Whether records share lines or take several, or the first one is no `session_meta`.
    is_odd: bool,
}

/// Reads a rollout for what its order and its layout tell.
pub(super) fn survey(source: &RolloutSource) -> io::Result<Survey> {
    let mut reader = RolloutReader::new(source.open()?);
    let mut survey = Survey {
        index: RolloutIndex::default(),
        order: OrderCheck::new(),
        is_odd: false,
    };
    let mut end = 0;
    while let Some(part) = reader.next_part()? {
        match part {
            RolloutPart::Record(record) => {
                let is_first = record.index == 0;
                survey.is_odd |= is_first && record.kind != RecordKind::SessionMeta;
                survey.is_odd |= !is_first && record.span.start == end;
                survey.is_odd |= record.text.contains('\n');
                end = record.span.end;
                survey.order.add(&record);
                survey.index.add_record(&record);
            }
            RolloutPart::Problem(problem) => survey.index.add_problem(problem),
        }
    }
    survey.index.summary = Some(reader.summary());
    Ok(survey)
}

/// What is wrong with a rollout, and what a resume would send of it if that is worth telling.
pub(super) struct Assessment {
    pub(super) problems: Vec<Problem>,
    pub(super) resume: Option<Resume>,
}

/// Judges a rollout by its survey; `wants_resume` tells what a resume would send of an undamaged one, too.
pub(super) fn assess(
    source: &RolloutSource,
    survey: Survey,
    root: Option<&Path>,
    wants_resume: bool,
    texts: &mut Texts,
) -> io::Result<Assessment> {
    let Survey {
        index,
        order,
        is_odd,
    } = survey;
    let is_small = index.summary.is_some_and(|summary| summary.bytes <= SMALL);
    if !wants_resume && !is_small && !is_odd && index.problems.is_empty() {
        let problems = order.finish(&index, &source.path);
        return Ok(Assessment {
            problems: problems.into_iter().map(of_order).collect(),
            resume: None,
        });
    }
    let find = |id: &str| find_segment(root?, id);
    let report = DamageReport::read(source, &index, order, find)?;
    let is_worth_telling = wants_resume || report.is_damaged();
    let resume = is_worth_telling.then(|| resume(&report, texts));
    Ok(Assessment {
        problems: report.problems.into_iter().map(problem).collect(),
        resume,
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
