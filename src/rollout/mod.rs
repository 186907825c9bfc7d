//! What agents write to disk: records, sessions, and the history that they make.

mod index;
mod reader;
mod record;
mod session;
mod source;
mod user_message;

pub use index::{Entry, RolloutIndex, TurnNumber, What};
pub use reader::{RolloutPart, RolloutReader};
pub use record::{Layout, RecordKind, RolloutRecord};
pub use session::{HistoryBase, SessionMeta};
pub use source::RolloutSource;
pub use user_message::is_user_turn;
