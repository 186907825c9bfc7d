//! The rules file applied to a report.

use jiff::civil::Date;

use super::{Accepted, Finding, Report, RuleState, Subject, UnusedRule};
use crate::json::PointerPattern;
use crate::normalize::{AcceptRule, Rules};

/// Marks the findings that a rule accepts, counts again, and lists the rules that did nothing or have expired.
///
/// The first rule in force that covers a finding is the one that is named. `ignore_used` says for each of
/// [`Rules::ignore`], in order, whether the comparison left something out because of it; what it does not say counts
/// as used. Applying the same rules twice gives the same report.
///
/// Gives what each rule did, for those who judge several reports by the same rules.
pub fn apply_accept(
    report: &mut Report,
    rules: &Rules,
    today: Date,
    ignore_used: &[bool],
) -> RuleUses {
    let mut uses = vec![Use::default(); rules.accept.len()];
    for finding in &mut report.findings {
        finding.accepted = accept(finding, rules, today, &mut uses);
    }
    report.update_summary();
    let uses = RuleUses {
        accept: uses,
        ignore_used: ignore_used.to_vec(),
    };
    report.unused_rules = uses.unused(rules, today);
    uses
}

/// What rules did to one report or several.
#[derive(Debug, Clone, Default)]
pub struct RuleUses {
    accept: Vec<Use>,
    ignore_used: Vec<bool>,
}

impl RuleUses {
    /// Adds what the same rules did to another report.
    pub fn add(&mut self, other: &Self) {
        let most = self.accept.len().max(other.accept.len());
        self.accept.resize(most, Use::default());
        for (all, one) in self.accept.iter_mut().zip(&other.accept) {
            all.covered += one.covered;
            all.counting += one.counting;
        }
        let most = self.ignore_used.len().max(other.ignore_used.len());
        self.ignore_used.resize(most, false);
        for (all, one) in self.ignore_used.iter_mut().zip(&other.ignore_used) {
            *all |= one;
        }
    }

    /// The rules that did nothing or have expired.
    pub fn unused(&self, rules: &Rules, today: Date) -> Vec<UnusedRule> {
        let accept_rules = rules.accept.iter().zip(&self.accept);
        accept_rules
            .filter_map(|(rule, usage)| unused_accept(rules, rule, *usage, today))
            .chain(unused_ignores(rules, &self.ignore_used))
            .collect()
    }
}

/// What an accept rule did.
#[derive(Debug, Clone, Copy, Default)]
struct Use {
    /// Findings that it covers.
    covered: usize,
    /// Those of them that no rule accepts.
    counting: usize,
}

fn accept(finding: &Finding, rules: &Rules, today: Date, uses: &mut [Use]) -> Option<Accepted> {
    let covering = || {
        let numbered = rules.accept.iter().enumerate();
        numbered.filter(|(_, rule)| covers(rule, finding))
    };
    let accepted = covering()
        .find(|(_, rule)| rule.is_in_force(today))
        .map(|(_, rule)| Accepted {
            rule: rules.location(rule.line),
            reason: rule.reason.clone(),
        });
    for (index, _) in covering() {
        uses[index].covered += 1;
        uses[index].counting += usize::from(accepted.is_none());
    }
    accepted
}

fn covers(rule: &AcceptRule, finding: &Finding) -> bool {
    let is_rule = rule.rule.as_ref().is_none_or(|name| *name == finding.rule);
    let places = || std::iter::once(&finding.pointer).chain(&finding.also);
    let is_place = || {
        rule.pointer
            .as_ref()
            .is_none_or(|place| places().any(|pointer| place.matches(pointer)))
    };
    let has_text = || {
        rule.pattern.as_ref().is_none_or(|pattern| {
            let subject = finding.subject.as_ref().map(Subject::to_string);
            let values = [&finding.baseline, &finding.candidate, &subject];
            let mut texts = values.into_iter().flatten().chain(&finding.detail);
            texts.any(|text| pattern.is_match(text))
        })
    };
    is_rule && is_place() && has_text()
}

fn unused_accept(rules: &Rules, rule: &AcceptRule, usage: Use, today: Date) -> Option<UnusedRule> {
    let what = rule.rule.as_deref().unwrap_or("any rule");
    let place = rule
        .pointer
        .as_ref()
        .map(PointerPattern::as_str)
        .unwrap_or_default();
    let subject = match place {
        "" => format!("`{what}`"),
        place => format!("`{what}` at {place}"),
    };
    let (state, message) = match rule.until.filter(|_| !rule.is_in_force(today)) {
        Some(until) => {
            let outcome = match usage.counting {
                0 => "nothing needs it any more".to_owned(),
                1 => "1 finding counts again".to_owned(),
                n => format!("{n} findings count again"),
            };
            let message = format!(
                "{subject} was accepted until {until} ({}); {outcome}",
                rule.reason
            );
            (RuleState::Expired, message)
        }
        None if usage.covered > 0 => return None,
        None => (RuleState::Unused, format!("{subject} was not found")),
    };
    Some(UnusedRule {
        rule: rules.location(rule.line),
        kind: "accept",
        state,
        findings: usage.counting,
        message,
    })
}

fn unused_ignores(rules: &Rules, ignore_used: &[bool]) -> impl Iterator<Item = UnusedRule> {
    let numbered = rules.ignore.iter().zip(ignore_used);
    let unused = numbered.filter(|(_, is_used)| !**is_used);
    unused.filter_map(|(rule, _)| {
        // A rule of the command line has no line; it is the user's business of the moment.
        let line = rule.line?;
        let message = match &rule.pattern {
            Some(pattern) => format!("no text at {} matched `{pattern}`", rule.pointer),
            None => format!("nothing was left out at {}", rule.pointer),
        };
        Some(UnusedRule {
            rule: rules.location(line),
            kind: "ignore",
            state: RuleState::Unused,
            findings: 0,
            message,
        })
    })
}
