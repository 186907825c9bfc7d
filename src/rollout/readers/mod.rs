//! What readers of rollouts make of a file: Codex, pycodex, and what each would send on a resume.

mod codex;
mod codex_record;
mod pycodex;
mod pycodex_bounds;
mod pycodex_item;
mod resume;
mod shape;
mod walk;

pub use codex::{CodexView, Refusal, Skipped};
pub use codex_record::{Skip, check_codex_item, codex_item_fields};
pub use pycodex::{PycodexItem, PycodexReader, PycodexRefusal, PycodexView};
pub use resume::{CodexResume, Resume};
