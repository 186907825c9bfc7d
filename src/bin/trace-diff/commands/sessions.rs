//! `trace-diff sessions`: the rollouts in a tree.

use std::env;
use std::io::{self, BufWriter, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, anyhow};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use trace_diff::report::{SessionList, render_sessions, render_sessions_json, visible};
use trace_diff::rollout::{
    SessionSummary, find_rollouts, read_thread_names, sessions_root_of, summarize_all,
};

use crate::exit::{Failure, Outcome, Status};

/// Columns of the text form.
const WIDTH: usize = 80;

/// Lists the sessions that agents left on disk, newest first
///
/// Every rollout-….jsonl and rollout-….jsonl.zst in DIR and below is read as a whole, so damage is seen wherever it is.
/// Sessions in which no user said anything are left out unless --all asks for them.
/// Times are in UTC.
///
/// Exit status: 0 no damage, 1 a listed session is damaged, 2 a directory or file could not be read.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A CODEX_HOME, its sessions or archived_sessions, or any directory; default is $CODEX_HOME or ~/.codex
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
    /// Only sessions that worked in this directory or below
    #[arg(long, value_name = "PATH")]
    cwd: Option<PathBuf>,
    /// Only those of agents whose version begins with V
    #[arg(long, value_name = "V")]
    version: Option<String>,
    /// Only those begun at this time or later: 2026-11-21, or 2026-11-21T09:30:00Z
    #[arg(long, value_name = "DATE", value_parser = since)]
    since: Option<Timestamp>,
    /// Only those begun at this time or earlier; a date means all of that day
    #[arg(long, value_name = "DATE", value_parser = until)]
    until: Option<Timestamp>,
    /// Only damaged ones, with or without a message of a user
    #[arg(long)]
    damaged: bool,
    /// Also those without a message of a user
    #[arg(long)]
    all: bool,
    /// How to list them
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For a person
    Text,
    /// For programs; docs/sessions.md describes it
    Json,
    /// The path of each, one on a line
    Paths,
}

fn since(text: &str) -> Result<Timestamp, String> {
    time(text, |date| date.to_zoned(TimeZone::UTC))
}

fn until(text: &str) -> Result<Timestamp, String> {
    time(text, |date| {
        let next = date.checked_add(1.day())?.to_zoned(TimeZone::UTC)?;
        next.checked_sub(1.nanosecond())
    })
}

/// A time, or what `of_date` makes of a date.
fn time(
    text: &str,
    of_date: impl Fn(Date) -> Result<jiff::Zoned, jiff::Error>,
) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    let zoned = text.parse::<Date>().and_then(of_date);
    let known = zoned.map(|zoned| zoned.timestamp());
    known.map_err(|_| {
        "expected a date such as 2026-11-21 or a time such as 2026-11-21T09:30:00Z".to_owned()
    })
}

pub(crate) fn run(args: &Args) -> Outcome {
    let directory = match &args.directory {
        Some(directory) => directory.clone(),
        None => default_directory()?,
    };
    let found = find_rollouts(&directory);
    if let Some(root) = found.unreadable.iter().find(|u| u.path == directory) {
        let error = anyhow!("failed to read {}: {}", directory.display(), root.reason);
        return Err(Failure::new(error).with_hint("name a directory with rollouts in it"));
    }
    if found.files.is_empty() && directory.is_file() {
        let error = anyhow!(
            "{} is no directory and is not named as a rollout",
            directory.display()
        );
        return Err(Failure::new(error).with_hint("name a directory with rollouts in it"));
    }
    let filter = Filter::new(args)?;
    let threads = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let mut sessions = summarize_all(&found.files, threads);
    let count = sessions.len() as u64;
    sessions.retain(|session| filter.wants(session));
    name(&mut sessions, &directory);
    let is_shown =
        |session: &SessionSummary| args.all || args.damaged || session.has_user_message();
    let (mut sessions, left_out): (Vec<_>, Vec<_>) = sessions.into_iter().partition(is_shown);
    sessions.reverse();
    // Stable: sessions of one moment stay in the order of their names.
    sessions.sort_by_cached_key(|session| std::cmp::Reverse(session.started_ms()));
    let list = SessionList {
        directory: &directory.to_string_lossy(),
        found: count,
        sessions: &sessions,
        without_user: left_out.len() as u64,
        without_user_damaged: left_out.iter().filter(|s| !s.damage.is_empty()).count() as u64,
        unreadable: &found.unreadable,
    };
    write(&list, args.format)?;
    let status = say_unreadable(&list);
    let has_damage = sessions.iter().any(|session| !session.damage.is_empty());
    Ok(status.max(if has_damage {
        Status::Findings
    } else {
        Status::Clean
    }))
}

/// Sets the names that users gave to threads.
fn name(sessions: &mut [SessionSummary], directory: &Path) {
    let names = match directory.is_file() {
        true => read_thread_names(&sessions_root_of(directory)),
        false => read_thread_names(&sessions_root_of(&directory.join("any"))),
    };
    for session in sessions {
        session.name = session.id().and_then(|id| names.get(id)).cloned();
    }
}

fn default_directory() -> Result<PathBuf, Failure> {
    if let Some(home) = env::var_os("CODEX_HOME").filter(|home| !home.is_empty()) {
        return Ok(PathBuf::from(home));
    }
    env::home_dir()
        .map(|home| home.join(".codex"))
        .ok_or_else(|| {
            Failure::new(anyhow!("neither CODEX_HOME nor a home directory is known"))
                .with_hint("name a directory with rollouts in it")
        })
}

/// Which sessions the user asks for.
struct Filter<'a> {
    args: &'a Args,
    /// The directory as it was named, made absolute, and as it is without links.
    directories: Vec<PathBuf>,
}

impl<'a> Filter<'a> {
    fn new(args: &'a Args) -> Result<Self, Failure> {
        let mut directories = Vec::new();
        if let Some(cwd) = &args.cwd {
            let absolute = std::path::absolute(cwd)
                .with_context(|| format!("failed to find {}", cwd.display()))?;
            directories.extend(absolute.canonicalize());
            directories.push(absolute);
        }
        Ok(Self { args, directories })
    }

    fn wants(&self, session: &SessionSummary) -> bool {
        let meta = session.meta.as_ref();
        let cwd = meta.and_then(|meta| meta.cwd.as_deref()).map(Path::new);
        let is_there = self.args.cwd.is_none()
            || cwd.is_some_and(|cwd| self.directories.iter().any(|d| cwd.starts_with(d)));
        let version = meta.and_then(|meta| meta.cli_version.as_deref());
        let is_version = match &self.args.version {
            Some(wanted) => version.is_some_and(|version| version.starts_with(wanted.as_str())),
            None => true,
        };
        is_there
            && is_version
            && (!self.args.damaged || !session.damage.is_empty())
            && self.is_in_time(session)
    }

    fn is_in_time(&self, session: &SessionSummary) -> bool {
        if self.args.since.is_none() && self.args.until.is_none() {
            return true;
        }
        let Some(started) = session.started_ms() else {
            return false;
        };
        let is_since = |time: &Timestamp| started >= time.as_millisecond();
        let is_until = |time: &Timestamp| started <= time.as_millisecond();
        self.args.since.as_ref().is_none_or(is_since)
            && self.args.until.as_ref().is_none_or(is_until)
    }
}

fn write(list: &SessionList<'_>, format: Format) -> Result<(), Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    let written = match format {
        Format::Text => render_sessions(list, WIDTH, &mut out),
        Format::Json => render_sessions_json(list, &mut out),
        Format::Paths => list
            .sessions
            .iter()
            .try_for_each(|session| writeln!(out, "{}", session.file.path.display())),
    };
    written
        .and_then(|()| out.flush())
        .context("failed to write to standard output")?;
    Ok(())
}

/// Says what could not be read. A link back to a directory above hides nothing.
fn say_unreadable(list: &SessionList<'_>) -> Status {
    let mut out = io::stderr().lock();
    let mut status = Status::Clean;
    let mut say = |path: &Path, reason: &str| {
        let text = format!("warning: {}: {reason}", path.display());
        // There is nowhere left to say that standard error is closed.
        let _ = writeln!(out, "{}", visible(&text));
    };
    for unreadable in list.unreadable {
        say(&unreadable.path, &unreadable.reason);
        if !unreadable.is_cycle {
            status = Status::Failed;
        }
    }
    for session in list.sessions {
        if let Some(reason) = &session.unreadable {
            say(&session.file.path, reason);
            status = Status::Failed;
        }
    }
    status
}
