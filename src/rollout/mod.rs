//! What agents write to disk: records, sessions, and the history that they make; what can be saved of a damaged file.

mod codex_reader;
mod codex_record;
mod fragment;
mod index;
mod order;
mod ordinals;
mod reader;
mod record;
mod recover;
mod session;
mod shape;
mod source;
mod user_message;
mod walk;

pub use codex_reader::{CodexView, Refusal, Skipped};
pub use codex_record::Skip;
pub use fragment::{Fragment, read_fragment};
pub use index::{Entry, RolloutIndex, TurnNumber, What};
pub use order::{OrderCheck, OrderKind, OrderProblem};
pub use reader::{RolloutPart, RolloutReader};
pub use record::{Layout, RecordKind, RolloutRecord};
pub use recover::{LeftOut, RecoverOptions, Recovery, Repeat, recover};
pub use session::{HistoryBase, SessionMeta};
pub use source::RolloutSource;
pub use user_message::is_user_turn;
