//! The report as GitHub-flavoured Markdown, for step summaries and comments.

mod escape;
mod page;

pub use page::{MarkdownOptions, render_markdown};
