//! The report as GitHub-flavoured Markdown, for step summaries and comments.

pub(super) mod escape;
mod page;

pub use page::{MarkdownOptions, render_markdown};
