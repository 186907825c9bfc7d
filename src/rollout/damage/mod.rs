//! What is wrong with a rollout, what that costs, and what can be saved.

mod fragment;
mod loss;
mod order;
mod ordinals;
mod recover;
mod report;

pub use fragment::{Fragment, read_fragment};
pub use order::{OrderCheck, OrderKind, OrderProblem};
pub use recover::{LeftOut, RecoverOptions, Recovery, Repeat, recover};
pub use report::{DamageProblem, DamageReport};
