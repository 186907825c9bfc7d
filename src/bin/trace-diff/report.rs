//! The options that say how a report is shown and where it goes.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::Context;
use clap::ValueEnum;
use trace_diff::report::{
    Input, MarkdownOptions, Report, TextOptions, render_github, render_html, render_json,
    render_junit, render_markdown, render_sarif, render_text,
};

use crate::exit::Failure;

/// Environment variable in which GitHub Actions names the file for a step's summary.
const STEP_SUMMARY: &str = "GITHUB_STEP_SUMMARY";

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct ReportArgs {
    /// Form of the printed report
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Writes the report to a file too, such as junit=report.xml; may be repeated
    #[arg(long, value_name = "FORMAT=PATH")]
    report: Vec<ReportFile<Format>>,
    /// Prints the report to a file instead of standard output
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
    /// Shows long differences whole, and what rules accept
    #[arg(long)]
    verbose: bool,
    /// Prints nothing; the exit status tells
    #[arg(short, long)]
    quiet: bool,
    /// When to use colours
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    color: Color,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
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

/// The names of all formats: `text, json, …`.
fn format_names<F: ValueEnum>() -> String {
    let values = F::value_variants().iter();
    let values = values.filter_map(ValueEnum::to_possible_value);
    let names: Vec<String> = values.map(|value| value.get_name().to_owned()).collect();
    names.join(", ")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl Color {
    /// Whether to use colours for what goes to a terminal or not.
    pub(crate) fn is_wanted(self, is_terminal: bool) -> bool {
        let wants_color = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        match self {
            Color::Auto => is_terminal && wants_color,
            Color::Always => true,
            Color::Never => false,
        }
    }
}

/// A file that gets the report in a format.
#[derive(Debug, Clone)]
pub(crate) struct ReportFile<F> {
    pub(crate) format: F,
    pub(crate) path: PathBuf,
}

impl<F: ValueEnum> FromStr for ReportFile<F> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (format, path) = text.split_once('=').ok_or_else(|| {
            format!(
                "expected FORMAT=PATH, where FORMAT is one of {}",
                format_names::<F>()
            )
        })?;
        let format = F::from_str(format, false).map_err(|_| {
            format!(
                "unknown format {format:?}; known are {}",
                format_names::<F>()
            )
        })?;
        if path.is_empty() {
            return Err("the path is missing".to_owned());
        }
        Ok(Self {
            format,
            path: PathBuf::from(path),
        })
    }
}

/// What is to be written.
pub(crate) struct Rendered<'r> {
    pub(crate) report: &'r Report,
    /// Shown before the text form, where there is nothing to compare.
    pub(crate) outline: Option<&'r str>,
}

impl ReportArgs {
    /// Writes the report to wherever the options say.
    pub(crate) fn write(&self, rendered: &Rendered<'_>) -> Result<(), Failure> {
        self.check_paths(rendered.report)?;
        for file in &self.report {
            write_file(&file.path, |out| {
                render(rendered, file.format, &self.text_options(false), out)
            })?;
        }
        if self.format == Format::Github {
            append_summary(rendered)?;
        }
        if let Some(path) = &self.output {
            return write_file(path, |out| {
                render(rendered, self.format, &self.text_options(false), out)
            });
        }
        if self.quiet {
            return Ok(());
        }
        let stdout = io::stdout();
        let options = self.text_options(stdout.is_terminal());
        let mut out = BufWriter::new(stdout.lock());
        render(rendered, self.format, &options, &mut out)
            .and_then(|()| out.flush())
            .context("failed to write to standard output")?;
        Ok(())
    }

    /// No report may replace another one or what it is about.
    fn check_paths(&self, report: &Report) -> Result<(), Failure> {
        let paths = || self.report.iter().map(|file| &file.path);
        check_distinct(paths().chain(&self.output))?;
        for path in paths().chain(&self.output) {
            let is_input =
                |input: &Input| same_file::is_same_file(path, &input.path).unwrap_or(false);
            if report.inputs.iter().any(is_input) {
                let error = anyhow::anyhow!("{} is an input of this report", path.display());
                return Err(Failure::new(error).with_hint("write the report to another file"));
            }
        }
        Ok(())
    }

    fn text_options(&self, is_terminal: bool) -> TextOptions {
        TextOptions {
            has_color: self.color.is_wanted(is_terminal),
            is_verbose: self.verbose,
            ..TextOptions::default()
        }
    }
}

/// No report may replace another one.
pub(crate) fn check_distinct<'p>(paths: impl Iterator<Item = &'p PathBuf>) -> Result<(), Failure> {
    let mut seen = HashSet::new();
    for path in paths {
        if !seen.insert(path) {
            let error = anyhow::anyhow!("two reports would be written to {}", path.display());
            return Err(Failure::new(error));
        }
    }
    Ok(())
}

pub(crate) fn write_file(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Failure> {
    let outcome = File::create(path).and_then(|file| {
        let mut out = BufWriter::new(file);
        write(&mut out)?;
        out.flush()
    });
    Ok(outcome.with_context(|| format!("failed to write {}", path.display()))?)
}

fn markdown_options<'r>(rendered: &Rendered<'r>) -> MarkdownOptions<'r> {
    MarkdownOptions {
        outline: rendered.outline,
        ..MarkdownOptions::default()
    }
}

/// Appends the Markdown form to the file that GitHub Actions names for the summary of a step, if it names one.
fn append_summary(rendered: &Rendered<'_>) -> Result<(), Failure> {
    let Some(path) = std::env::var_os(STEP_SUMMARY).filter(|path| !path.is_empty()) else {
        return Ok(());
    };
    let append = || {
        let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
        let used = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
        let mut options = markdown_options(rendered);
        options.limit = options.limit.saturating_sub(used);
        let mut page = Vec::new();
        render_markdown(rendered.report, &options, &mut page)?;
        file.write_all(&page)
    };
    let outcome: io::Result<()> = append();
    Ok(outcome.with_context(|| {
        format!(
            "failed to write {}, which {STEP_SUMMARY} names",
            Path::new(&path).display()
        )
    })?)
}

fn render(
    rendered: &Rendered<'_>,
    format: Format,
    options: &TextOptions,
    mut out: &mut dyn Write,
) -> io::Result<()> {
    match format {
        Format::Text => {
            if let Some(outline) = rendered.outline {
                writeln!(out, "{outline}")?;
            }
            render_text(rendered.report, options, &mut out)
        }
        Format::Json => render_json(rendered.report, &mut out),
        Format::Junit => render_junit(rendered.report, &mut out),
        Format::Github => render_github(rendered.report, &mut out),
        Format::Markdown => render_markdown(rendered.report, &markdown_options(rendered), &mut out),
        Format::Sarif => render_sarif(rendered.report, &mut out),
        Format::Html => render_html(rendered.report, rendered.outline, &mut out),
    }
}
