//! What is dynamic in traffic: identifiers, times, places; the renaming that ties two captures together; and the rules
//! file, which says what else is no difference.

mod fingerprint;
mod level;
mod locations;
mod output_shapes;
pub mod place;
mod renaming;
mod rules;
mod rules_error;
mod rules_levels;
mod shapes;
mod token;

pub use fingerprint::{embedded_json, fingerprint, text_fingerprint, text_place};
pub use level::{Level, LevelRule};
pub use locations::LocationFinder;
pub use renaming::{Conflict, IdNumber, IdTable, Pair, conflicts, identifier_core};
pub use rules::{AcceptRule, IgnoreRule, Rules};
pub use rules_error::{RulesError, RulesProblem};
pub use token::{Class, Scanner, TextPlace, Token};
