//! One rollout at a glance.

use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::http::open_compressed;
use crate::json::{Problem, Raw, Summary};

use super::discover::RolloutFile;
use crate::rollout::damage::{OrderCheck, OrderProblem};
use crate::rollout::index::{Entry, RolloutIndex, What};
use crate::rollout::reader::{RolloutPart, RolloutReader};
use crate::rollout::record::{RecordKind, RolloutRecord};
use crate::rollout::session::SessionMeta;
use crate::rollout::user_message::ItemClass;

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
    /// What is wrong with it, in order of position.
    pub damage: Vec<Damage>,
    /// Why it could not even be opened.
    pub unreadable: Option<String>,
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
    /// A stable kebab-case name: of a [`ProblemKind`](crate::json::ProblemKind) or an [`OrderKind`](crate::rollout::OrderKind), or
    /// `unreadable`, `empty`, `no-session-meta`.
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
    let opened = File::open(&file.path).and_then(|opened| Ok((opened.metadata()?.len(), opened)));
    let (disk_bytes, opened) = match opened {
        Ok((bytes, opened)) => (bytes, Ok(opened)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => (0, Err(error)),
    };
    let unreadable = opened.as_ref().err().map(ToString::to_string);
    let mut pass = Pass::default();
    let outcome = opened.and_then(|opened| pass.read(opened));
    let damage = pass.damage(file, outcome);
    let is_user = |entry: &&Entry| entry.what == What::Item(ItemClass::UserTurn);
    let user_messages = pass.index.entries.iter().filter(is_user).count() as u64;
    let meta = pass
        .index
        .metas
        .into_iter()
        .next()
        .map(|(_, meta)| SessionMeta {
            base_instructions: None,
            ..meta
        });
    Some(SessionSummary {
        file: file.clone(),
        meta,
        disk_bytes,
        content: pass.index.summary.unwrap_or_default(),
        damage,
        unreadable,
        turns: match pass.index.turn_ids.len() as u64 {
            0 => user_messages,
            count => count,
        },
        user_messages,
        prompt: pass.prompt,
        model: pass.model,
        first_time: pass.first_time,
        last_time: pass.last_time,
    })
}

/// What one pass over a file gathers.
#[derive(Default)]
struct Pass {
    index: RolloutIndex,
    order: OrderCheck,
    prompt: Option<Prompt>,
    model: Option<String>,
    first_time: Option<String>,
    last_time: Option<String>,
}

impl Pass {
    fn read(&mut self, file: File) -> io::Result<()> {
        let mut reader = RolloutReader::new(open_compressed(file)?);
        let outcome = loop {
            match reader.next_part() {
                Ok(Some(RolloutPart::Record(record))) => self.add(&record),
                Ok(Some(RolloutPart::Problem(problem))) => self.index.add_problem(problem),
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        self.index.summary = Some(reader.summary());
        outcome
    }

    fn add(&mut self, record: &RolloutRecord<'_>) {
        self.index.add_record(record);
        self.order.add(record);
        if let Some(time) = &record.timestamp {
            if self.first_time.is_none() {
                self.first_time = Some(time.clone().into_owned());
            }
            let last = self.last_time.get_or_insert_default();
            last.clear();
            last.push_str(time);
        }
        let what = self.index.entries.last().map(|entry| entry.what);
        if what == Some(What::Item(ItemClass::UserTurn)) && self.prompt.is_none() {
            self.prompt = prompt(record.payload);
        }
        if record.kind == RecordKind::TurnContext
            && let Some(model) = record.payload.get_string("model")
        {
            self.model = Some(model.into_owned());
        }
    }

    fn damage(&mut self, file: &RolloutFile, outcome: io::Result<()>) -> Vec<Damage> {
        let of_problem = |(_, problem): &(usize, Problem)| Damage {
            kind: problem.kind.name(),
            span: problem.span.clone(),
            message: problem.to_string(),
        };
        let of_order = |problem: OrderProblem| Damage {
            kind: problem.kind.name(),
            span: problem.span,
            message: problem.message,
        };
        let mut all: Vec<Damage> = self.index.problems.iter().map(of_problem).collect();
        let order = std::mem::take(&mut self.order);
        all.extend(
            order
                .finish(&self.index, &file.path)
                .into_iter()
                .map(of_order),
        );
        all.sort_by_key(|damage| damage.span.start);
        let end = self.index.summary.unwrap_or_default().bytes;
        let mut add = |kind, message| {
            let span = end..end;
            all.push(Damage {
                kind,
                span,
                message,
            });
        };
        if let Err(error) = outcome {
            let message = format!("the file can't be read beyond byte {end} ({error})");
            add("unreadable", message);
        } else if end == 0 {
            add("empty", "the file is empty".to_owned());
        } else if self.index.metas.is_empty() {
            let message =
                "no record says which session this is (session_meta); Codex refuses such a file";
            add("no-session-meta", message.to_owned());
        }
        all
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
