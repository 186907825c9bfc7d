//! The options that say how a report is shown and where it goes.

use std::collections::HashSet;
use std::fmt::Debug;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::Context;
use clap::ValueEnum;

use crate::exit::Failure;

/// Environment variable in which GitHub Actions names the file for a step's summary.
const STEP_SUMMARY: &str = "GITHUB_STEP_SUMMARY";
/// Most bytes of it.
const STEP_SUMMARY_LIMIT: usize = 1 << 20;

/// The forms of a report.
pub(crate) trait Form: ValueEnum + Copy + PartialEq + Debug + Send + Sync + 'static {
    /// The one whose other half is a page in the summary of a step.
    const GITHUB: Self;
}

/// What is written in several forms.
pub(crate) trait Page {
    /// Its forms.
    type Form: Form;

    /// Files that it is about: it replaces none of them.
    fn inputs(&self) -> Vec<&Path>;

    fn render(&self, form: Self::Form, look: &Look<'_>, out: &mut dyn Write) -> io::Result<()>;

    /// The Markdown form, of so many bytes at most.
    fn render_summary(&self, limit: usize, out: &mut dyn Write) -> io::Result<()>;
}

/// How a form is to look.
pub(crate) struct Look<'p> {
    pub(crate) has_color: bool,
    pub(crate) is_verbose: bool,
    /// The file that it is written to; `None` for standard output.
    pub(crate) path: Option<&'p Path>,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct ReportArgs<F: Form> {
    /// Form of the printed report
    #[arg(long, value_enum, default_value = "text")]
    format: F,
    /// Writes the report to a file too, such as junit=report.xml; may be repeated
    #[arg(long, value_name = "FORMAT=PATH")]
    report: Vec<ReportFile<F>>,
    /// Prints the report to a file instead of standard output
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
    /// Shows long differences whole, and what rules accept
    #[arg(long)]
    verbose: bool,
    /// Prints nothing; the exit status tells
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// When to use colours
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    color: Color,
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
struct ReportFile<F> {
    format: F,
    path: PathBuf,
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

impl<F: Form> ReportArgs<F> {
    pub(crate) fn format(&self) -> F {
        self.format
    }

    /// Writes the report to wherever the options say. A file that can't be written costs only itself: making the report may
    /// have taken minutes.
    pub(crate) fn write(&self, page: &impl Page<Form = F>) -> Result<(), Failure> {
        self.check_paths(&page.inputs())?;
        let files = self.report.iter();
        let written = files.map(|file| self.write_file(page, file.format, &file.path));
        let mut failures: Vec<Failure> = written.filter_map(Result::err).collect();
        if self.format == F::GITHUB {
            failures.extend(append_summary(page).err());
        }
        let is_elsewhere = match &self.output {
            Some(path) => {
                let failure = self.write_file(page, self.format, path).err();
                let is_written = failure.is_none();
                failures.extend(failure);
                is_written
            }
            None => self.quiet,
        };
        if !is_elsewhere {
            self.print(page)?;
        }
        let last = failures.pop();
        failures.iter().for_each(Failure::print);
        last.map_or(Ok(()), Err)
    }

    fn print(&self, page: &impl Page<Form = F>) -> Result<(), Failure> {
        let stdout = io::stdout();
        let look = self.look(stdout.is_terminal(), None);
        let mut out = BufWriter::new(stdout.lock());
        page.render(self.format, &look, &mut out)
            .and_then(|()| out.flush())
            .context("failed to write to standard output")?;
        Ok(())
    }

    fn write_file(
        &self,
        page: &impl Page<Form = F>,
        format: F,
        path: &Path,
    ) -> Result<(), Failure> {
        write_file(path, |out| {
            page.render(format, &self.look(false, Some(path)), out)
        })
    }

    /// No report may replace another one or what it is about.
    pub(crate) fn check_paths(&self, inputs: &[impl AsRef<Path>]) -> Result<(), Failure> {
        let files = self.report.iter().map(|file| &file.path);
        let mut seen = HashSet::new();
        for path in files.chain(&self.output) {
            if !seen.insert(path) {
                let error = anyhow::anyhow!("two reports would be written to {}", path.display());
                return Err(Failure::new(error));
            }
            let mut inputs = inputs.iter();
            if inputs.any(|input| same_file::is_same_file(path, input).unwrap_or(false)) {
                let error = anyhow::anyhow!("{} is an input of this report", path.display());
                return Err(Failure::new(error).with_hint("write the report to another file"));
            }
        }
        Ok(())
    }

    fn look<'p>(&self, is_terminal: bool, path: Option<&'p Path>) -> Look<'p> {
        Look {
            has_color: self.color.is_wanted(is_terminal),
            is_verbose: self.verbose,
            path,
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

/// Appends the Markdown form to the file that GitHub Actions names for the summary of a step, if it names one.
fn append_summary(page: &impl Page) -> Result<(), Failure> {
    let Some(path) = std::env::var_os(STEP_SUMMARY).filter(|path| !path.is_empty()) else {
        return Ok(());
    };
    let append = || {
        let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
        let used = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
        let mut text = Vec::new();
        page.render_summary(STEP_SUMMARY_LIMIT.saturating_sub(used), &mut text)?;
        file.write_all(&text)
    };
    let outcome: io::Result<()> = append();
    Ok(outcome.with_context(|| {
        format!(
            "failed to write {}, which {STEP_SUMMARY} names",
            Path::new(&path).display()
        )
    })?)
}
