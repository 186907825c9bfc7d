//! The forms of a report about one capture or two.

use std::io::{self, Write};
use std::path::Path;

use clap::ValueEnum;
use trace_diff::report::{
    MarkdownOptions, Report, TextOptions, render_github, render_html, render_json, render_junit,
    render_markdown, render_sarif, render_text,
};

use crate::report::{Form, Look, Page};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For a person
    Text,
    /// For programs; see `trace-diff schema report`
    Json,
    /// JUnit XML, for test reporters of CI systems
    Junit,
    /// Annotations of GitHub Actions; also a page in the step's summary
    Github,
    /// For comments and summaries
    Markdown,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// A page for a browser
    Html,
}

impl Form for Format {
    const GITHUB: Self = Self::Github;
}

/// What is to be written.
pub(crate) struct Rendered<'r> {
    pub(crate) report: &'r Report,
    /// Shown before the text form, where there is nothing to compare.
    pub(crate) outline: Option<&'r str>,
}

impl Page for Rendered<'_> {
    type Form = Format;

    fn inputs(&self) -> Vec<&Path> {
        let inputs = self.report.inputs.iter();
        inputs.map(|input| Path::new(&input.path)).collect()
    }

    fn render(&self, form: Format, look: &Look<'_>, mut out: &mut dyn Write) -> io::Result<()> {
        match form {
            Format::Text => {
                if let Some(outline) = self.outline {
                    writeln!(out, "{outline}")?;
                }
                let options = TextOptions {
                    has_color: look.has_color,
                    is_verbose: look.is_verbose,
                    ..TextOptions::default()
                };
                render_text(self.report, &options, &mut out)
            }
            Format::Json => render_json(self.report, &mut out),
            Format::Junit => render_junit(self.report, &mut out),
            Format::Github => render_github(self.report, &mut out),
            Format::Markdown => self.render_summary(MarkdownOptions::default().limit, out),
            Format::Sarif => render_sarif(self.report, &mut out),
            Format::Html => render_html(self.report, self.outline, &mut out),
        }
    }

    fn render_summary(&self, limit: usize, mut out: &mut dyn Write) -> io::Result<()> {
        let options = MarkdownOptions {
            limit,
            outline: self.outline,
        };
        render_markdown(self.report, &options, &mut out)
    }
}
