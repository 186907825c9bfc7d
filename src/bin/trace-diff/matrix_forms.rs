//! The forms of a matrix.

use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

use clap::ValueEnum;
use trace_diff::report::{
    Matrix, MatrixOptions, render_matrix_github, render_matrix_html, render_matrix_json,
    render_matrix_junit, render_matrix_markdown, render_matrix_text,
};

use crate::report::{Form, Look, Page};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For a person
    Text,
    /// For programs; see `trace-diff schema matrix`
    Json,
    /// JUnit XML, for test reporters of CI systems
    Junit,
    /// Annotations of GitHub Actions; also a page in the step's summary
    Github,
    /// For comments and summaries
    Markdown,
    /// A page for a browser
    Html,
}

impl Form for Format {
    const GITHUB: Self = Self::Github;
}

/// A matrix that is to be written.
pub(crate) struct MatrixPage<'m> {
    pub(crate) matrix: &'m Matrix,
    /// The directory of runs, if it stays.
    pub(crate) kept: Option<&'m Path>,
}

impl Page for MatrixPage<'_> {
    type Form = Format;

    /// What a run reads is looked at before it begins.
    fn inputs(&self) -> Vec<&Path> {
        Vec::new()
    }

    fn render(&self, form: Format, look: &Look<'_>, mut out: &mut dyn Write) -> io::Result<()> {
        let (matrix, out) = (self.matrix, &mut out);
        let kept = self.kept.map(|kept| match form {
            Format::Html => url(kept, look.path),
            _ => kept.to_string_lossy().into_owned(),
        });
        let options = MatrixOptions {
            has_color: look.has_color,
            is_verbose: look.is_verbose,
            kept,
            ..MatrixOptions::default()
        };
        match form {
            Format::Text => render_matrix_text(matrix, &options, out),
            Format::Json => render_matrix_json(matrix, out),
            Format::Junit => render_matrix_junit(matrix, out),
            Format::Github => render_matrix_github(matrix, &options, out),
            Format::Markdown => render_matrix_markdown(matrix, &options, out),
            Format::Html => render_matrix_html(matrix, &options, out),
        }
    }

    fn render_summary(&self, limit: usize, mut out: &mut dyn Write) -> io::Result<()> {
        let options = MatrixOptions {
            limit,
            ..MatrixOptions::default()
        };
        render_matrix_markdown(self.matrix, &options, &mut out)
    }
}

/// The URL of a directory for a page: from the page's own directory, so that both may be moved together.
fn url(directory: &Path, page: Option<&Path>) -> String {
    let own = page.and_then(Path::parent);
    let own = own.filter(|path| !path.as_os_str().is_empty());
    let whole = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let from = whole(own.unwrap_or(Path::new(".")));
    let to = whole(directory);
    let common = from.components().zip(to.components());
    let common = common.take_while(|(one, other)| one == other).count();
    let up = from.components().skip(common).map(|_| Component::ParentDir);
    let path: PathBuf = up.chain(to.components().skip(common)).collect();
    match path.as_os_str().is_empty() {
        true => ".".to_owned(),
        // A first segment with a colon would be a scheme.
        false => format!("./{}", encoded(&path)),
    }
}

/// A path as that of a URL.
fn encoded(path: &Path) -> String {
    let bytes = path.as_os_str().as_encoded_bytes();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/@".contains(&byte);
    let one = |byte: &u8| match is_plain(*byte) {
        true => char::from(*byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    bytes.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_no_urls() {
        assert_eq!(
            encoded(Path::new("../my runs/a#b?c:d")),
            "../my%20runs/a%23b%3Fc%3Ad"
        );
        assert_eq!(encoded(Path::new("ö\"<")), "%C3%B6%22%3C");
    }

    #[test]
    fn a_directory_is_found_from_beside_the_page() {
        let check = |directory: &str, page: Option<&str>, expect: &str| {
            assert_eq!(url(Path::new(directory), page.map(Path::new)), expect);
        };
        check("src/bin", None, "./src/bin");
        check("src/bin", Some("matrix.html"), "./src/bin");
        check("src/bin", Some("src/matrix.html"), "./bin");
        check("src", Some("docs/matrix.html"), "./../src");
        check("src", Some("src/matrix.html"), ".");
    }
}
