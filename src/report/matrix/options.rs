//! How a matrix is shown.

/// How a matrix is shown; each form heeds what concerns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatrixOptions {
    /// Whether the text has colours.
    pub has_color: bool,
    /// Whether the text has all differences, and why scenarios do not apply.
    pub is_verbose: bool,
    /// Most bytes of the Markdown page.
    pub limit: usize,
    /// The directory of runs, if it was kept: for text a path, for HTML the URL that leads to it from the page.
    pub kept: Option<String>,
}

impl Default for MatrixOptions {
    /// Plain and short, GitHub's limit of a step summary (1 MiB), nothing kept.
    fn default() -> Self {
        Self {
            has_color: false,
            is_verbose: false,
            limit: 1 << 20,
            kept: None,
        }
    }
}
