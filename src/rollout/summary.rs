//! One rollout at a glance.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::http::open_compressed;
use crate::json::{Problem, Raw, Summary};

use super::discover::RolloutFile;
use super::reader::{RolloutPart, RolloutReader};
use super::record::{RecordKind, RolloutRecord};
use super::session::SessionMeta;
use super::user_message::is_user_turn;

/// Bytes of a prompt that are kept.
const PROMPT: usize = 400;

/// What a list of sessions says of a rollout. Its whole file was read once, without building anything of its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionSummary {
    /// The file.
    pub file: RolloutFile,
    /// Its first valid `session_meta`, without the base instructions; `None` if there is none.
    pub meta: Option<SessionMeta>,
    /// Bytes of the file on disk.
    pub disk_bytes: u64,
    /// Totals of its content.
    pub content: Summary,
    /// What is damaged in it, in order of position.
    pub problems: Vec<Problem>,
    /// Why it could not be read, or not to its end.
    pub broke_off: Option<String>,
    /// Whether it could not even be opened.
    pub is_unreadable: bool,
    /// Turns: those that the agent numbered by ids (Codex since about 0.6x), else messages of the user.
    pub turns: u64,
    /// Messages of the user, without those that the agent sent in the user's name.
    pub user_messages: u64,
    /// The first of them.
    pub prompt: Option<Prompt>,
    /// The model of the last turn.
    pub model: Option<String>,
    /// The time of the first record that has one, as written.
    pub first_time: Option<String>,
    /// The time of the last record that has one, as written.
    pub last_time: Option<String>,
}

/// One thing that is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// A stable kebab-case name: of a [`ProblemKind`](crate::json::ProblemKind), or `unreadable`, `empty`,
    /// `no-session-meta`.
    pub kind: &'static str,
    /// Where, in bytes of the decompressed content.
    pub span: Range<u64>,
    /// One sentence for a person.
    pub message: String,
}

/// The beginning of what a user said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// At most about 400 bytes of it.
    pub text: String,
    /// Whether there is more.
    pub is_cut: bool,
}

impl SessionSummary {
    /// The thread's id: by its `session_meta`, else by the file's name.
    pub fn id(&self) -> Option<&str> {
        let by_meta = self.meta.as_ref().map(|meta| meta.id.as_str());
        by_meta.or(self.file.name.thread_id.as_deref())
    }

    /// When the session began, RFC 3339: by its `session_meta`, else by the first record, else by the file's name,
    /// whose local time is then taken for UTC.
    pub fn started(&self) -> Option<String> {
        let by_meta = self.meta.as_ref().and_then(|meta| meta.timestamp.as_ref());
        let known = by_meta.or(self.first_time.as_ref()).cloned();
        known.or_else(|| self.file.name.started.as_deref().and_then(time_of_name))
    }

    /// Whether a user said something in this file, or in the one whose history it goes on with.
    pub fn has_user_message(&self) -> bool {
        let meta = self.meta.as_ref();
        self.user_messages > 0 || meta.is_some_and(|meta| meta.history_base.is_some())
    }

    /// When the session began, in milliseconds since 1970; `None` where [`started`](Self::started) is no time.
    pub fn started_ms(&self) -> Option<i64> {
        let time: jiff::Timestamp = self.started()?.parse().ok()?;
        Some(time.as_millisecond())
    }

    /// What is wrong with the file as such: damaged bytes, a missing `session_meta`, an end that can't be read.
    pub fn damage(&self) -> Vec<Damage> {
        let of_problem = |problem: &Problem| Damage {
            kind: problem.kind.name(),
            span: problem.span.clone(),
            message: problem.to_string(),
        };
        let mut all: Vec<Damage> = self.problems.iter().map(of_problem).collect();
        let end = self.content.bytes;
        let mut add = |kind, message| {
            let span = end..end;
            all.push(Damage {
                kind,
                span,
                message,
            });
        };
        if let Some(reason) = &self.broke_off {
            let message = format!("the file can't be read beyond byte {end} ({reason})");
            add("unreadable", message);
        } else if end == 0 {
            add("empty", "the file is empty".to_owned());
        } else if self.meta.is_none() {
            let message =
                "no record says which session this is (session_meta); Codex refuses such a file";
            add("no-session-meta", message.to_owned());
        }
        all
    }
}

/// `2026-11-21T01-40-52` with colons and a zone.
fn time_of_name(name: &str) -> Option<String> {
    match name.split_once('T') {
        Some((date, time)) => Some(format!("{date}T{}Z", time.replace('-', ":"))),
        None => Some(format!("{name}T00:00:00Z")),
    }
}

/// Reads many rollouts on several threads; the order is that of the files. Files that vanished meanwhile are left out.
pub fn summarize_all(files: &[RolloutFile], threads: NonZeroUsize) -> Vec<SessionSummary> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some((at, file)) = {
            let at = next.fetch_add(1, Ordering::Relaxed);
            files.get(at).map(|file| (at, file))
        } {
            done.extend(summarize(file).map(|summary| (at, summary)));
        }
        done
    };
    let count = threads.get().min(files.len());
    let mut all: Vec<(usize, SessionSummary)> = thread::scope(|scope| {
        let workers: Vec<_> = (1..count).map(|_| scope.spawn(work)).collect();
        let mut all = work();
        for worker in workers {
            match worker.join() {
                Ok(done) => all.extend(done),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all
    });
    all.sort_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, summary)| summary).collect()
}

/// Reads a rollout once; `None` if it is not there any more, as agents move and compress files.
pub fn summarize(file: &RolloutFile) -> Option<SessionSummary> {
    let mut summary = SessionSummary {
        file: file.clone(),
        meta: None,
        disk_bytes: 0,
        content: Summary::default(),
        problems: Vec::new(),
        broke_off: None,
        is_unreadable: false,
        turns: 0,
        user_messages: 0,
        prompt: None,
        model: None,
        first_time: None,
        last_time: None,
    };
    let outcome = match File::open(&file.path) {
        Ok(opened) => summary.read(opened),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            summary.is_unreadable = true;
            Err(error)
        }
    };
    summary.broke_off = outcome.err().map(|error| error.to_string());
    Some(summary)
}

impl SessionSummary {
    fn read(&mut self, file: File) -> io::Result<()> {
        self.disk_bytes = file.metadata()?.len();
        let mut reader = RolloutReader::new(open_compressed(file)?);
        let mut turns = HashSet::new();
        let outcome = loop {
            match reader.next_part() {
                Ok(Some(RolloutPart::Record(record))) => self.add(&record, &mut turns),
                Ok(Some(RolloutPart::Problem(problem))) => self.problems.push(problem),
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        self.content = reader.summary();
        self.turns = match turns.len() as u64 {
            0 => self.user_messages,
            count => count,
        };
        outcome
    }

    fn add(&mut self, record: &RolloutRecord<'_>, turns: &mut HashSet<String>) {
        if let Some(time) = &record.timestamp {
            if self.first_time.is_none() {
                self.first_time = Some(time.clone().into_owned());
            }
            let last = self.last_time.get_or_insert_default();
            last.clear();
            last.push_str(time);
        }
        match record.kind {
            RecordKind::SessionMeta if self.meta.is_none() => {
                self.meta = SessionMeta::parse(record.payload);
                if let Some(meta) = &mut self.meta {
                    meta.base_instructions = None;
                }
            }
            RecordKind::ResponseItem => self.add_item(record),
            RecordKind::TurnContext => {
                let model = record.payload.get_string("model");
                self.model = model.map(|model| model.into_owned()).or(self.model.take());
                add_turn(record.payload, turns);
            }
            RecordKind::EventMsg => {
                if matches!(
                    record.payload_type().as_deref(),
                    Some(
                        "task_started"
                            | "turn_started"
                            | "task_complete"
                            | "turn_complete"
                            | "turn_aborted"
                    )
                ) {
                    add_turn(record.payload, turns);
                }
            }
            _ => {}
        }
    }

    fn add_item(&mut self, record: &RolloutRecord<'_>) {
        if !is_user_turn(record.payload) {
            return;
        }
        self.user_messages += 1;
        if self.prompt.is_none() {
            self.prompt = prompt(record.payload);
        }
    }
}

fn add_turn(payload: Raw<'_>, turns: &mut HashSet<String>) {
    if let Some(id) = payload.get_string("turn_id")
        && !turns.contains(id.as_ref())
    {
        turns.insert(id.into_owned());
    }
}

/// The first text of a message.
fn prompt(message: Raw<'_>) -> Option<Prompt> {
    let content = message.get("content")?;
    let in_parts = || {
        let mut texts = content.items().filter_map(|part| part.get("text"));
        texts.next()
    };
    let text = if content.string_start(0).is_some() {
        Some(content)
    } else {
        in_parts()
    };
    let (text, is_whole) = text?.string_start(PROMPT)?;
    Some(Prompt {
        text: text.into_owned(),
        is_cut: !is_whole,
    })
}
