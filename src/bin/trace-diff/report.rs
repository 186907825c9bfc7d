//! The options that say how a report is shown and where it goes.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::Context;
use trace_diff::report::{Report, TextOptions, render_json, render_text};

use crate::exit::Failure;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct ReportArgs {
    /// Form of the printed report
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Writes the report to a file too, such as json=report.json; may be repeated
    #[arg(long, value_name = "FORMAT=PATH")]
    report: Vec<ReportFile>,
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For a person
    Text,
    /// For programs; see `trace-diff schema report`
    Json,
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
struct ReportFile {
    format: Format,
    path: PathBuf,
}

impl FromStr for ReportFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (format, path) = text
            .split_once('=')
            .ok_or("expected FORMAT=PATH, such as json=report.json")?;
        let format = <Format as clap::ValueEnum>::from_str(format, false)
            .map_err(|_| format!("unknown format {format:?}; text and json are known"))?;
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
        for file in &self.report {
            write_file(&file.path, |out| {
                render(rendered, file.format, &self.text_options(false), out)
            })?;
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

    fn text_options(&self, is_terminal: bool) -> TextOptions {
        TextOptions {
            has_color: self.color.is_wanted(is_terminal),
            is_verbose: self.verbose,
            ..TextOptions::default()
        }
    }
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
    }
}
