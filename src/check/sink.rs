//! Where rules put what they find: each cause once, with the exchanges in which it recurs.

use std::collections::HashMap;

use crate::json::Pointer;
use crate::normalize::Level;

use super::contracts::{Contracts, NotChecked};
use super::violation::Violation;

/// Collects violations.
#[derive(Default)]
pub(super) struct Sink {
    contracts: Contracts,
    /// Violations by rule and cause.
    told: HashMap<(&'static str, String), usize>,
}

impl Sink {
    /// Takes a violation that `cause` names among those of its rule: a thread, an item of it.
    ///
    /// What has the same rule and cause later is one more exchange of the first.
    pub(super) fn tell(&mut self, cause: String, violation: Violation) {
        let key = (violation.rule, cause);
        match self.told.get(&key) {
            Some(at) => {
                let first = &mut self.contracts.violations[*at];
                let seen = first.recurs.last().copied().or(first.exchange);
                let exchange = violation.exchange.filter(|now| seen != Some(*now));
                first.recurs.extend(exchange);
            }
            None => {
                self.told.insert(key, self.contracts.violations.len());
                self.contracts.violations.push(violation);
            }
        }
    }

    /// Notes once that rules could not be checked.
    pub(super) fn not_checked(
        &mut self,
        rules: &'static [&'static str],
        exchange: Option<usize>,
        reason: String,
    ) {
        let is_same = |one: &NotChecked| one.rules == rules && one.reason == reason;
        if !self.contracts.not_checked.iter().any(is_same) {
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
