//! Where rules put what they find: each cause once, with the exchanges in which it recurs.

use std::collections::{HashMap, HashSet};

use crate::json::Pointer;
use crate::normalize::Level;

use super::contracts::{Contracts, NotChecked};
use super::violation::Violation;

/// Collects violations.
#[derive(Default)]
pub(super) struct Sink {
    contracts: Contracts,
    /// Violations by rule and cause.
    told: HashMap<&'static str, HashMap<String, usize>>,
    /// Reasons for which rules could not be checked, with their first rules.
    reasons: HashSet<(&'static str, String)>,
    count: usize,
}

impl Sink {
    /// Takes a violation that `cause` names among those of its rule: a thread, an item of it.
    ///
    /// What has the same rule and cause later is one more exchange of the first.
    pub(super) fn tell(&mut self, cause: String, violation: Violation) {
        if !self.recurs(violation.rule, &cause, violation.exchange) {
            let causes = self.told.entry(violation.rule).or_default();
            causes.insert(cause, self.contracts.violations.len());
            self.contracts.violations.push(violation);
            self.count += 1;
        }
    }

    /// How often anything was told.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Notes one more exchange of a violation that was told already; whether it was.
    pub(super) fn recurs(
        &mut self,
        rule: &'static str,
        cause: &str,
        exchange: Option<usize>,
    ) -> bool {
        let Some(at) = self.told.get(rule).and_then(|causes| causes.get(cause)) else {
            return false;
        };
        let first = &mut self.contracts.violations[*at];
        let seen = first.recurs.last().copied().or(first.exchange);
        first
            .recurs
            .extend(exchange.filter(|now| seen != Some(*now)));
        self.count += 1;
        true
    }

    /// Notes once that rules could not be checked.
    pub(super) fn not_checked(
        &mut self,
        rules: &'static [&'static str],
        exchange: Option<usize>,
        reason: String,
    ) {
        let first = rules.first().copied().unwrap_or_default();
        if self.reasons.insert((first, reason.clone())) {
            self.contracts.not_checked.push(NotChecked {
                rules,
                exchange,
                reason,
            });
        }
    }

    /// What was found, in the order of exchanges.
    pub(super) fn finish(mut self) -> Contracts {
        self.contracts
            .violations
            .sort_by_key(|violation| violation.exchange);
        self.contracts
    }
}

/// A rule of contracts: its name with its weight.
#[derive(Debug, Clone, Copy)]
pub(super) struct RuleName {
    pub(super) name: &'static str,
    pub(super) level: Level,
}

impl RuleName {
    pub(super) const fn error(name: &'static str) -> Self {
        Self {
            name,
            level: Level::Error,
        }
    }

    pub(super) const fn warning(name: &'static str) -> Self {
        Self {
            name,
            level: Level::Warning,
        }
    }

    /// A violation of the rule at a place of an exchange.
    pub(super) fn at(self, exchange: usize, pointer: Pointer) -> Violation {
        Violation::new(self.name, self.level, Some(exchange), pointer)
    }
}
