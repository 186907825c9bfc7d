//! `fault`: what goes wrong.

use super::fields::{Reader, Table};
use super::tree::{Member, Tree, TreeKind};
use crate::script::answer::Ending;
use crate::script::fault::{Count, ErrorInfo, Fault, FaultKind, RetryAfter};

/// The keys that say what goes wrong.
pub(super) const KINDS: &[&str] = &[
    "status",
    "failed",
    "incomplete",
    "error",
    "no_completed",
    "cut",
    "reset",
    "stall",
    "end",
    "pause",
    "duplicate",
    "drop",
    "swap",
    "shuffle",
    "unknown",
    "malformed",
    "comments",
    "line_ends",
    "multi_line",
    "nameless",
    "done",
    "content_type",
    "content_length",
    "until_close",
    "bad_chunk",
    "chunks",
    "trickle",
    "slow_head",
    "close",
    "fragments",
    "ping",
    "binary",
];
const ERROR_KEYS: &[&str] = &["code", "message", "type", "param", "extra"];
const STATUS_KEYS: &[&str] = &["body", "headers", "retry_after"];

impl Reader<'_> {
    pub(super) fn faults(&mut self, step: Table<'_>) -> Vec<Fault> {
        let Some(tree) = step.get("fault") else {
            return Vec::new();
        };
        let items = self.one_or_more(tree);
        items.iter().filter_map(|item| self.fault(item)).collect()
    }

    pub(super) fn fault(&mut self, tree: &Tree) -> Option<Fault> {
        let table = self.table(tree, "a fault")?;
        let mut kinds = table
            .members
            .iter()
            .filter(|member| KINDS.contains(&member.key.as_str()));
        let Some(member) = kinds.next() else {
            let mut known = KINDS.to_vec();
            known.extend(["times", "chance"]);
            self.check_keys(table, &known, "a fault");
            if table
                .members
                .iter()
                .all(|m| known.contains(&m.key.as_str()))
            {
                let hint = super::fields::key_hint("", KINDS);
                self.report(table.span, "this fault says not what goes wrong", hint);
            }
            return None;
        };
        if let Some(second) = kinds.next() {
            let message = format!("`{}` and `{}` are two faults", member.key, second.key);
            let hint = "write a list: `fault = [{ … }, { … }]`".to_owned();
            self.report(&second.key_span, message, hint);
        }
        self.check_fault_keys(table, member);
        Some(Fault {
            times: self.integer(table, "times", 1).map(|times| times as u32),
            chance: self.chance(table),
            kind: self.fault_kind(member, table)?,
        })
    }

    pub(super) fn check_fault_keys(&mut self, table: Table<'_>, kind: &Member) {
        let mut known = vec![kind.key.as_str(), "times", "chance"];
        if kind.key == "status" {
            known.extend_from_slice(ERROR_KEYS);
            known.extend_from_slice(STATUS_KEYS);
        }
        let rest: Vec<Member> = table
            .members
            .iter()
            .filter(|member| !KINDS.contains(&member.key.as_str()))
            .cloned()
            .collect();
        let rest = Table {
            members: &rest,
            span: table.span,
        };
        self.check_keys(rest, &known, &format!("the fault `{}`", kind.key));
    }

    pub(super) fn chance(&mut self, table: Table<'_>) -> Option<f64> {
        let tree = table.get("chance")?;
        let chance = match &tree.kind {
            TreeKind::Number(text) => text.parse().ok().filter(|c| (0.0..=1.0).contains(c)),
            _ => None,
        };
        if chance.is_none() {
            self.report(&tree.span, "`chance` is a number from 0 to 1", None);
        }
        chance
    }

    pub(super) fn fault_kind(&mut self, member: &Member, table: Table<'_>) -> Option<FaultKind> {
        let tree = &member.value;
        let key = member.key.as_str();
        Some(match key {
            "status" => self.status_fault(tree, table)?,
            "failed" | "error" => self.error_fault(tree, key)?,
            "incomplete" => self.incomplete(tree)?,
            "cut" => self.cut(tree, key, Ending::Close)?,
            "reset" => self.cut(tree, key, Ending::Reset)?,
            "end" => self.cut(tree, key, Ending::Complete)?,
            "stall" => self.stall(tree)?,
            "pause" => {
                let inner = self.table(tree, "`pause`")?;
                let wait = self.required_duration(inner, "wait")?;
                let at = self.place(inner, "pause", &["wait"])?;
                FaultKind::Pause { wait, at }
            }
            "duplicate" | "drop" | "swap" | "unknown" | "malformed" => {
                self.event_fault(tree, key)?
            }
            "comments" => FaultKind::Comments(match &tree.kind {
                TreeKind::Bool(true) => "comment".to_owned(),
                _ => self.string_of(tree, key)?,
            }),
            "line_ends" => {
                let words = [("crlf", "\r\n"), ("cr", "\r"), ("lf", "\n")];
                FaultKind::LineEnds(self.word(tree, key, &words)?)
            }
            "content_type" => FaultKind::ContentType(self.string_of(tree, key)?),
            "content_length" => FaultKind::ContentLength(self.content_length(tree)?),
            "bad_chunk" => self.bad_chunk(tree)?,
            "chunks" => self.chunks(tree)?,
            "trickle" => {
                let inner = self.table(tree, "`trickle`")?;
                self.check_keys(inner, &["bytes", "every"], "`trickle`");
                let size = self.integer(inner, "bytes", 1).unwrap_or(1) as u32;
                let every = self.required_duration(inner, "every")?;
                FaultKind::Chunks {
                    sizes: vec![size],
                    every,
                }
            }
            "slow_head" => self.slow_head(tree)?,
            "close" => self.close_frame(tree)?,
            "fragments" => FaultKind::Fragments(self.integer_of(tree, key, 1)? as u32),
            "ping" => {
                let inner = self.table(tree, "`ping`")?;
                self.check_keys(inner, &["after_event"], "`ping`");
                let after_event = self.required_count(inner, "after_event")?;
                FaultKind::Ping { after_event }
            }
            _ => self.switch(tree, key)?,
        })
    }

    /// Faults that are only switched on.
    pub(super) fn switch(&mut self, tree: &Tree, key: &str) -> Option<FaultKind> {
        if !matches!(tree.kind, TreeKind::Bool(true)) {
            self.wrong_type(tree, &format!("`{key}`"), "true");
            return None;
        }
        Some(match key {
            "no_completed" => FaultKind::NoCompleted,
            "shuffle" => FaultKind::Shuffle,
            "multi_line" => FaultKind::MultiLine,
            "nameless" => FaultKind::Nameless,
            "done" => FaultKind::Done,
            "until_close" => FaultKind::UntilClose,
            _ => FaultKind::BinaryFrames,
        })
    }

    pub(super) fn status_fault(&mut self, tree: &Tree, table: Table<'_>) -> Option<FaultKind> {
        let status = self.status_of(tree, "status")?;
        let body = table.get("body").map(|tree| match &tree.kind {
            TreeKind::String(text) => text.clone(),
            _ => tree.to_json(),
        });
        Some(FaultKind::Status {
            status,
            body,
            error: self.error_info(table),
            retry_after: self.retry_after(table),
            headers: self.headers(table, "headers"),
        })
    }

    pub(super) fn retry_after(&mut self, table: Table<'_>) -> Option<RetryAfter> {
        let tree = table.get("retry_after")?;
        match &tree.kind {
            TreeKind::Number(_) => self
                .integer_of(tree, "retry_after", 0)
                .map(RetryAfter::Seconds),
            TreeKind::String(text) => Some(match super::fields::parse_duration(text) {
                Some(wait) if wait.subsec_nanos() == 0 => RetryAfter::Seconds(wait.as_secs()),
                _ => RetryAfter::Text(text.clone()),
            }),
            _ => {
                let inner = self.table(tree, "`retry_after`")?;
                self.check_keys(inner, &["date"], "`retry_after`");
                self.required_duration(inner, "date")
                    .map(RetryAfter::DateIn)
            }
        }
    }

    pub(super) fn error_info(&mut self, table: Table<'_>) -> ErrorInfo {
        let extra = table
            .get("extra")
            .and_then(|tree| self.members_of(tree, "extra"));
        ErrorInfo {
            code: self.string(table, "code"),
            message: self.string(table, "message"),
            kind: self.string(table, "type"),
            param: self.string(table, "param"),
            extra: extra.unwrap_or_default(),
        }
    }

    pub(super) fn error_fault(&mut self, tree: &Tree, key: &str) -> Option<FaultKind> {
        let (error, after_event) = match &tree.kind {
            TreeKind::String(code) => {
                let error = ErrorInfo {
                    code: Some(code.clone()),
                    ..ErrorInfo::default()
                };
                (error, None)
            }
            _ => {
                let inner = self.table(tree, &format!("`{key}`"))?;
                let mut known = ERROR_KEYS.to_vec();
                known.push("after_event");
                self.check_keys(inner, &known, &format!("`{key}`"));
                (self.error_info(inner), self.count(inner, "after_event"))
            }
        };
        Some(match key {
            "failed" => FaultKind::Failed { error, after_event },
            _ => FaultKind::ErrorEvent { error, after_event },
        })
    }

    pub(super) fn incomplete(&mut self, tree: &Tree) -> Option<FaultKind> {
        if let TreeKind::String(reason) = &tree.kind {
            return Some(FaultKind::Incomplete {
                reason: reason.clone(),
                after_event: None,
            });
        }
        let inner = self.table(tree, "`incomplete`")?;
        self.check_keys(inner, &["reason", "after_event"], "`incomplete`");
        let reason = self.string(inner, "reason");
        Some(FaultKind::Incomplete {
            reason: reason.unwrap_or_else(|| "max_output_tokens".to_owned()),
            after_event: self.count(inner, "after_event"),
        })
    }

    pub(super) fn event_fault(&mut self, tree: &Tree, key: &str) -> Option<FaultKind> {
        let what = format!("`{key}`");
        if key == "drop" || key == "swap" {
            let counts = self.event_numbers(tree, key)?;
            return match (key, &counts[..]) {
                ("swap", [first, second]) => Some(FaultKind::Swap(*first, *second)),
                ("swap", _) => {
                    let hint = "write `swap = [3, 5]`".to_owned();
                    self.report(&tree.span, "`swap` takes two events", hint);
                    None
                }
                _ => Some(FaultKind::Drop(counts)),
            };
        }
        let inner = self.table(tree, &what)?;
        match key {
            "duplicate" => {
                self.check_keys(inner, &["event", "times"], &what);
                let times = self.integer(inner, "times", 1).unwrap_or(1) as u32;
                let event = self.required_count(inner, "event")?;
                Some(FaultKind::Duplicate { event, times })
            }
            "malformed" => {
                self.check_keys(inner, &["event", "data"], &what);
                let data = self.string(inner, "data");
                let event = self.required_count(inner, "event")?;
                Some(FaultKind::Malformed { event, data })
            }
            _ => {
                self.check_keys(inner, &["after_event", "type"], &what);
                let kind = self.string(inner, "type");
                let after_event = self.required_count(inner, "after_event")?;
                Some(FaultKind::Unknown {
                    kind: kind.unwrap_or_else(|| "response.unknown".to_owned()),
                    after_event,
                })
            }
        }
    }

    /// The events of `drop` and `swap`: numbers, or `{ event = 3 }`.
    pub(super) fn event_numbers(&mut self, tree: &Tree, key: &str) -> Option<Vec<Count>> {
        if let TreeKind::Table(members) = &tree.kind {
            let inner = Table {
                members,
                span: &tree.span,
            };
            self.check_keys(inner, &["event"], &format!("`{key}`"));
            return self.required_count(inner, "event").map(|count| vec![count]);
        }
        let items = self.one_or_more(tree);
        items
            .iter()
            .map(|item| self.count_of(item, key, 1))
            .collect()
    }
}
