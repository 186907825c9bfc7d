//! `trace-diff show`: what happened in a session.

use std::io::{self, BufWriter, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use trace_diff::capture::{
    Capture, OpenError, SessionKind, read_capture, read_capture_bytes, session_kind,
};
use trace_diff::diff;
use trace_diff::outline::{
    Options, Outline, Problem, Reader, TellResume, capture_history, outline_capture,
    outline_exec_events, outline_pycodex_result, outline_rollout, rollout_history,
};
use trace_diff::report::{
    Report, TextOptions, Verdict, has_problems, outline_report, render_checked_session_json,
    render_session_json, render_session_text, render_text,
};
use trace_diff::rollout::{RolloutSource, find_rollouts, sessions_root_of};

use crate::exit::{Failure, Outcome, Status};
use crate::input;
use crate::output::Format;
use crate::report::{Color, write_file};
use crate::rollouts::RolloutArgs;

/// Columns of text; what is longer is wrapped or cut.
const WIDTH: usize = 80;

/// What can be shown.
const INPUTS: &str = "show takes rollouts, captures of any format, rollout-trace bundles, and what codex exec --json or \
     pycodex --json printed";

/// Bytes of a file that are looked at to find out what it is.
const HEAD: u64 = 64 * 1024;

/// Shows what happened in a session: turns, messages, calls with their outputs, compactions
///
/// Takes a rollout (rollout-*.jsonl of any Codex or pycodex version), a capture of any format, a rollout-trace bundle, or
/// what codex exec --json or pycodex --json printed. What FILE is, is found out by content; gzip and zstd are undone.
///
/// Every step stands behind its place: the number of its record, or #N for exchange N. Texts are cut to a few lines;
/// --full shows them whole. Secrets are masked.
///
/// Exit status: 0 nothing wrong with the input, 1 it is damaged, 2 the job could not be done.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Rollout, capture or events; - is standard input
    file: String,
    /// Shows the history that the model had after record N of a rollout, or was sent with exchange N of a capture
    #[arg(long, value_name = "N")]
    at: Option<usize>,
    /// Shows the history that this agent makes of a rollout, of the whole one without --at
    #[arg(long, value_enum)]
    reader: Option<ReaderName>,
    /// Shows texts whole
    #[arg(long)]
    full: bool,
    #[command(flatten)]
    rollouts: RolloutArgs,
    /// Form of the output
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Writes to a file instead of standard output
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
    /// When to use colours
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    color: Color,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum ReaderName {
    /// Codex, by the rules of the version that wrote the rollout
    Codex,
    /// pycodex 0.3.3 to 0.5.1
    Pycodex,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let shown = args.read()?;
    args.write(&shown)?;
    let has_findings = |report: &Report| report.verdict == Verdict::Findings;
    let is_bad = has_problems(&shown.outline) || shown.check.as_ref().is_some_and(has_findings);
    // The process ends here; to take hundreds of thousands of small texts apart would only take time.
    std::mem::forget(shown);
    Ok(match is_bad {
        true => Status::Findings,
        false => Status::Clean,
    })
}

/// The end of what could be read of an input that was read as a whole.
fn unreadable(error: io::Error) -> Problem {
    Problem {
        path: None,
        kind: "unreadable".to_owned(),
        start: 0,
        end: 0,
        message: error.to_string(),
        lost: Vec::new(),
    }
}

/// What is shown.
struct Shown {
    outline: Outline,
    /// What rollouts say of a capture, where some are named.
    check: Option<Report>,
}

impl From<Outline> for Shown {
    fn from(outline: Outline) -> Self {
        Self {
            outline,
            check: None,
        }
    }
}

impl Args {
    fn options(&self) -> Options {
        Options {
            is_full: self.full,
            resume: match (self.format, self.reader) {
                (Format::Json, Some(_)) => TellResume::Always,
                (Format::Json, None) => TellResume::IfSmall,
                (Format::Text, _) => TellResume::IfDamaged,
            },
        }
    }

    fn read(&self) -> Result<Shown, Failure> {
        if self.file != "-" && Path::new(&self.file).is_dir() {
            return self.read_directory();
        }
        let mut source = input::open(Path::new(&self.file))?;
        let mut bytes = Vec::new();
        // Compressed data that breaks off still tells what stands before.
        let mut failure = source.by_ref().take(HEAD).read_to_end(&mut bytes).err();
        if bytes.iter().all(u8::is_ascii_whitespace) && (bytes.len() as u64) < HEAD {
            return Err(Failure::new(anyhow::anyhow!("{} is empty", self.file)).with_hint(
                "neither Codex nor pycodex resumes a rollout without a record; pycodex --json prints nothing when its turn fails",
            ));
        }
        let kind = session_kind(&bytes);
        if kind.is_some() && !self.rollouts.is_empty() {
            let error = anyhow::anyhow!("{} is no capture", self.file);
            return Err(Failure::new(error)
                .with_hint("--rollout compares the requests of a capture with rollouts"));
        }
        let mut whole = || {
            let mut bytes = std::mem::take(&mut bytes);
            if failure.is_none() {
                failure = source.read_to_end(&mut bytes).err();
            }
            bytes
        };
        let mut shown: Shown = match kind {
            Some(SessionKind::ExecEvents) => {
                self.no_history("the events of a run hold no history")?;
                outline_exec_events(&self.file, &whole(), self.options()).into()
            }
            Some(SessionKind::PycodexResult) => {
                self.no_history("the result of a run holds no history")?;
                outline_pycodex_result(&self.file, &whole(), self.options()).into()
            }
            kind if self.file == "-" => self.read_memory(whole(), kind)?,
            Some(SessionKind::Rollout) => return self.read_file(Path::new(&self.file)),
            _ => {
                return match read_capture(&self.file) {
                    Ok(capture) => self.of_capture(&capture),
                    // Known only by what stands far behind damage.
                    Err(OpenError::Rollout { .. }) => self.read_file(Path::new(&self.file)),
                    Err(error) => Err(self.not_opened(error)),
                };
            }
        };
        shown.outline.problems.extend(failure.map(unreadable));
        Ok(shown)
    }

    /// Standard input, which can be read only once.
    fn read_memory(&self, bytes: Vec<u8>, kind: Option<SessionKind>) -> Result<Shown, Failure> {
        let bytes: Arc<[u8]> = bytes.into();
        let rollout = || self.read_rollout(&RolloutSource::memory("-", Arc::clone(&bytes)));
        if kind == Some(SessionKind::Rollout) {
            return rollout();
        }
        match read_capture_bytes("-", bytes.to_vec()) {
            Ok(capture) => self.of_capture(&capture),
            Err(OpenError::Rollout { .. }) => rollout(),
            Err(error) => Err(self.not_opened(error)),
        }
    }

    fn read_file(&self, path: &Path) -> Result<Shown, Failure> {
        let source = RolloutSource::file(path)
            .with_context(|| format!("failed to read {}", path.display()))?;
        self.read_rollout(&source)
    }

    /// A directory is a capture, or holds one, or holds one rollout.
    fn read_directory(&self) -> Result<Shown, Failure> {
        let error = match read_capture(&self.file) {
            Ok(capture) => return self.of_capture(&capture),
            Err(error) => error,
        };
        let files = match error {
            OpenError::NoCapture { .. } => find_rollouts(Path::new(&self.file)).files,
            _ => Vec::new(),
        };
        match files.as_slice() {
            [] => Err(self.not_opened(error)),
            [only] => self.read_file(&only.path),
            several => {
                let count = several.len();
                Err(
                    Failure::new(anyhow::anyhow!("{} holds {count} rollouts", self.file))
                        .with_hint(format!(
                            "name one of them: trace-diff sessions {} lists them",
                            self.file
                        )),
                )
            }
        }
    }

    fn not_opened(&self, error: OpenError) -> Failure {
        if let OpenError::NotACapture {
            path,
            offset,
            found,
            advice: None,
        } = error
        {
            let error = anyhow::anyhow!("{path}: byte {offset}: no session or capture: {found}");
            return Failure::new(error).with_hint(INPUTS);
        }
        let hint = match &error {
            OpenError::NoCapture { below, .. } if below.is_empty() => Some(INPUTS.to_owned()),
            error => error.hint(),
        };
        let failure = Failure::new(error);
        match hint {
            Some(hint) => failure.with_hint(hint),
            None => failure,
        }
    }

    fn read_rollout(&self, source: &RolloutSource) -> Result<Shown, Failure> {
        let root = sessions_root_of(&source.path);
        let root = (self.file != "-").then_some(root.as_path());
        let what = || format!("failed to read {}", self.file);
        let mut outline = outline_rollout(source, root, self.options()).with_context(what)?;
        if self.at.is_some() || self.reader.is_some() {
            let reader = match self.reader {
                Some(ReaderName::Pycodex) => Reader::Pycodex,
                Some(ReaderName::Codex) | None => Reader::Codex,
            };
            let history = rollout_history(source, self.at, reader, root, self.options());
            let number = self.at.unwrap_or(0);
            let nothing = || self.nothing_at(number, "record", outline.input.records);
            outline.history = Some(history.with_context(what)?.ok_or_else(nothing)?);
        }
        Ok(outline.into())
    }

    fn nothing_at(&self, number: usize, what: &str, count: Option<u64>) -> Failure {
        let error = anyhow::anyhow!("{} has no {what} {number}", self.file);
        let count = count.unwrap_or(0);
        Failure::new(error).with_hint(match count {
            0 => format!("it has no {what}s"),
            count => format!("its {what}s are numbered from 0 to {}", count - 1),
        })
    }

    fn no_history(&self, why: &str) -> Result<(), Failure> {
        match self.at {
            None => Ok(()),
            Some(_) => Err(Failure::new(anyhow::anyhow!("{}: {why}", self.file))
                .with_hint("--at is for rollouts and captures")),
        }
    }

    fn of_capture(&self, capture: &Capture) -> Result<Shown, Failure> {
        let mut outline = outline_capture(capture, self.options());
        if let Some(number) = self.at {
            let history = capture_history(capture, number, self.options());
            let count = outline.input.exchanges.map(|count| count as u64);
            let history = history.ok_or_else(|| self.nothing_at(number, "exchange", count))?;
            outline.history = Some(history);
        }
        let mut shown = Shown::from(outline);
        if !self.rollouts.is_empty() {
            let mut report = outline_report(capture);
            self.rollouts
                .check(capture, &diff::Options::default(), &mut report)?;
            shown.check = Some(report);
        }
        Ok(shown)
    }

    fn write(&self, shown: &Shown) -> Result<(), Failure> {
        if let Some(path) = &self.output {
            return write_file(path, |out| self.render(shown, false, out));
        }
        let stdout = io::stdout();
        let is_terminal = stdout.is_terminal();
        let mut out = BufWriter::new(stdout.lock());
        self.render(shown, is_terminal, &mut out)
            .and_then(|()| out.flush())
            .context("failed to write to standard output")?;
        Ok(())
    }

    fn render(&self, shown: &Shown, is_terminal: bool, mut out: &mut dyn Write) -> io::Result<()> {
        match self.format {
            Format::Json => match &shown.check {
                Some(check) => render_checked_session_json(&shown.outline, check, &mut out),
                None => render_session_json(&shown.outline, &mut out),
            },
            Format::Text => {
                let options = TextOptions {
                    has_color: self.color.is_wanted(is_terminal),
                    width: WIDTH,
                    is_verbose: self.full,
                };
                render_session_text(&shown.outline, &options, &mut out)?;
                match &shown.check {
                    Some(check) => {
                        writeln!(out)?;
                        render_text(check, &options, &mut out)
                    }
                    None => Ok(()),
                }
            }
        }
    }
}
