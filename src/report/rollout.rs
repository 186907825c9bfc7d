//! What is wrong with rollouts, as findings.

use std::collections::HashSet;

use crate::outline::{Outline, Problem};

use super::{Finding, Input, Report, Role, Source, explain, finding_id};

/// What is wrong with rollouts by themselves: damage, the order of their records, what agents pass over, where they
/// inherit from.
///
/// The outlines tell the problems, each of one file and of those of its sub-agents; what two tell of one file counts once.
pub fn rollout_report(outlines: &[Outline]) -> Report {
    let mut told = HashSet::new();
    let findings = outlines.iter().flat_map(|outline| {
        let problems = outline.problems.iter();
        problems.map(|problem| finding(&outline.input.path, problem))
    });
    let findings = findings.filter(|one| told.insert((one.subject.clone(), one.id.clone())));
    let findings = findings.collect();
    Report::new(outlines.iter().map(input).collect(), Vec::new(), findings)
}

fn input(outline: &Outline) -> Input {
    Input {
        role: Role::Trace,
        path: outline.input.path.clone(),
        kind: outline.input.kind.clone(),
        exchanges: 0,
        records: outline
            .input
            .records
            .map(|records| usize::try_from(records).unwrap_or(usize::MAX)),
        problems: outline.problems.len(),
        live: None,
    }
}

fn finding(input: &str, problem: &Problem) -> Finding {
    let path = problem.path.as_deref().unwrap_or(input);
    // What is no rule of sessions is what the reader of records found.
    let of_session = format!("session-{}", problem.kind);
    let (rule, source) = match explain(&of_session) {
        Ok(_) => (of_session, Source::Check),
        Err(_) => (format!("reader-{}", problem.kind), Source::Reader),
    };
    let mut detail = Vec::new();
    if problem.end > problem.start {
        detail.push(format!(
            "bytes {} to {} of {path}",
            problem.start, problem.end
        ));
    }
    detail.extend(problem.lost.iter().cloned());
    Finding {
        id: finding_id(&[&rule, &problem.start.to_string(), &problem.message]),
        detail,
        ..Finding::of_file(source, rule, path, problem.message.clone())
    }
}
