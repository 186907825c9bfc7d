//! The tables `run` and `expect` at the top of a script.

use std::ops::Range;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use super::fields::{Reader, Table};
use super::tree::{Tree, TreeKind};
use crate::script::scenario::{
    Act, AgentPattern, AgentSettings, Expectation, Meanwhile, Prompt, RolloutExpectation, Scenario,
};

const RUN_KEYS: &[&str] = &[
    "prompt",
    "turns",
    "processes",
    "files",
    "model",
    "provider",
    "compact_at",
    "request_retries",
    "stream_retries",
    "idle_timeout",
    "websocket",
    "account",
    "memories",
    "output_schema",
];

const EXPECT_KEYS: &[&str] = &[
    "agent",
    "not_applicable",
    "gap",
    "outcome",
    "answer",
    "error",
    "exit",
    "requests",
    "pauses",
    "files",
    "rollout",
];

const ROLLOUT_KEYS: &[&str] = &["turns", "records", "has", "lacks"];

const ACT_KEYS: &[&str] = &[
    "prompt",
    "images",
    "mode",
    "interrupt",
    "steer",
    "kill",
    "once",
    "review",
];

impl Reader<'_> {
    pub(super) fn scenario(&mut self, top: Table<'_>) -> Option<Scenario> {
        let Some(run) = top.get("run") else {
            if let Some(expect) = top.member("expect") {
                let hint = "add a table `[run]` with a `prompt`, or put it below `[[step]]`";
                let message = "`expect` without `run` says nothing: nobody runs an agent";
                self.report(&expect.key_span, message, hint.to_owned());
            }
            return None;
        };
        let run = self.table(run, "`run`")?;
        self.check_keys(run, RUN_KEYS, "`run`");
        Some(Scenario {
            settings: self.agent_settings(run),
            files: self.given_files(run),
            processes: self.processes(run),
            expectations: self.expectations(top),
        })
    }

    fn agent_settings(&mut self, run: Table<'_>) -> AgentSettings {
        AgentSettings {
            model: self.string(run, "model"),
            provider: self.string(run, "provider"),
            compact_at: self.integer(run, "compact_at", 1),
            request_retries: self.integer(run, "request_retries", 0),
            stream_retries: self.integer(run, "stream_retries", 0),
            idle_timeout: self.duration(run, "idle_timeout"),
            has_websocket: self.boolean(run, "websocket").unwrap_or_default(),
            has_account: self.boolean(run, "account").unwrap_or_default(),
            has_memories: self.boolean(run, "memories").unwrap_or_default(),
            output_schema: run.get("output_schema").and_then(|tree| self.json(tree)),
        }
    }

    /// One of `prompt`, `turns` and `processes`.
    fn processes(&mut self, run: Table<'_>) -> Vec<Vec<Act>> {
        let given = ["prompt", "turns", "processes"].map(|key| run.member(key));
        let mut given = given.into_iter().flatten();
        let (first, more) = (given.next(), given.next());
        if let Some(more) = more {
            let message = "`run` has one of `prompt`, `turns` and `processes`";
            self.report(&more.key_span, message, None);
        }
        let Some(member) = first else {
            let hint = "say what the agent is asked: `prompt = \"…\"`".to_owned();
            self.report(run.span, "`run` has no `prompt`", hint);
            return Vec::new();
        };
        match member.key.as_str() {
            "prompt" => vec![self.act(&member.value).into_iter().collect()],
            "turns" => vec![self.acts(&member.value)],
            _ => {
                let processes = self.one_or_more(&member.value);
                processes.iter().map(|one| self.acts(one)).collect()
            }
        }
    }

    fn acts(&mut self, tree: &Tree) -> Vec<Act> {
        let trees = self.one_or_more(tree);
        trees.iter().filter_map(|tree| self.act(tree)).collect()
    }

    fn act(&mut self, tree: &Tree) -> Option<Act> {
        if let TreeKind::String(text) = &tree.kind {
            return match text.as_str() {
                "/compact" => Some(Act::Compact),
                "/fork" => Some(Act::Fork),
                "/rollback" => Some(Act::Rollback),
                _ if text.starts_with('/') => {
                    let hint = "the words are `/compact`, `/fork` and `/rollback`; a prompt that \
                                begins so is written `{ prompt = \"/…\" }`";
                    let message = format!("`{text}` is nothing that a user does here");
                    self.report(&tree.span, message, hint.to_owned());
                    None
                }
                _ => Some(Act::Prompt(Prompt {
                    text: text.clone(),
                    ..Prompt::default()
                })),
            };
        }
        let table = self.table(tree, "what a user does")?;
        self.check_keys(table, ACT_KEYS, "what a user does");
        if let Some(instructions) = self.string(table, "review") {
            return Some(Act::Review(instructions));
        }
        let Some(text) = self.string(table, "prompt") else {
            let hint = "`{ prompt = \"…\" }` or `{ review = \"…\" }`".to_owned();
            self.report(&tree.span, "what a user does has no `prompt`", hint);
            return None;
        };
        let mode = table.get("mode");
        let is_plan = mode.and_then(|mode| self.word(mode, "mode", &[("plan", true)]));
        let meanwhile = self.meanwhile(table);
        if meanwhile.is_none()
            && let Some(once) = table.member("once")
        {
            let message = "`once` says when a turn is interrupted, steered or killed, and nothing of that is said";
            self.report(&once.key_span, message, None);
        }
        Some(Act::Prompt(Prompt {
            text,
            images: self.images(table),
            is_plan: is_plan.unwrap_or_default(),
            meanwhile,
            once: self.string(table, "once"),
        }))
    }

    fn meanwhile(&mut self, table: Table<'_>) -> Option<Meanwhile> {
        let interrupt = self.boolean(table, "interrupt").unwrap_or_default();
        let kill = self.boolean(table, "kill").unwrap_or_default();
        let steer = self.string(table, "steer").map(Meanwhile::Steer);
        let all = [
            interrupt.then_some(Meanwhile::Interrupt),
            kill.then_some(Meanwhile::Kill),
            steer,
        ];
        let mut all = all.into_iter().flatten();
        let first = all.next();
        if all.next().is_some() {
            let message = "a turn has one of `interrupt`, `steer` and `kill`";
            self.report(table.span, message, None);
        }
        first
    }

    /// Files by their paths below the work directory: a text, or `{ base64 = "…" }`.
    fn given_files(&mut self, run: Table<'_>) -> Vec<(String, Vec<u8>)> {
        let mut files = Vec::new();
        for (path, tree) in self.paths(run) {
            let bytes = match &tree.kind {
                TreeKind::String(text) => Some(text.clone().into_bytes()),
                _ => self.encoded(tree),
            };
            files.extend(bytes.map(|bytes| (path, bytes)));
        }
        files
    }

    fn encoded(&mut self, tree: &Tree) -> Option<Vec<u8>> {
        let table = self.table(tree, "a file")?;
        self.check_keys(table, &["base64"], "a file");
        let text = self.string(table, "base64")?;
        let bytes = BASE64_STANDARD.decode(&text).ok();
        if bytes.is_none() {
            self.report(&tree.span, "this is no base64", None);
        }
        bytes
    }

    /// The members of `files`, whose keys are paths that stay below the work directory.
    fn paths<'t>(&mut self, table: Table<'t>) -> Vec<(String, &'t Tree)> {
        let Some(files) = table.get("files") else {
            return Vec::new();
        };
        let Some(files) = self.table(files, "`files`") else {
            return Vec::new();
        };
        for member in files.members {
            self.check_path(&member.key, &member.key_span);
        }
        let members = files.members.iter();
        members.map(|one| (one.key.clone(), &one.value)).collect()
    }

    /// Paths of images below the work directory: a text, or a list.
    fn images(&mut self, table: Table<'_>) -> Vec<String> {
        let Some(tree) = table.get("images") else {
            return Vec::new();
        };
        let mut images = Vec::new();
        for tree in self.one_or_more(tree) {
            let image = self.string_of(tree, "images");
            image
                .iter()
                .for_each(|path| self.check_path(path, &tree.span));
            images.extend(image);
        }
        images
    }

    /// Notes a path that does not stay below the work directory.
    fn check_path(&mut self, path: &str, span: &Range<usize>) {
        if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
            let hint = "write it as `directory/file`".to_owned();
            self.report(span, "a path leads out of the work directory", hint);
        }
    }

    fn expectations(&mut self, top: Table<'_>) -> Vec<Expectation> {
        let Some(tree) = top.get("expect") else {
            return vec![Expectation::default()];
        };
        let trees = self.one_or_more(tree);
        let mut expectations = Vec::with_capacity(trees.len());
        for tree in trees {
            let takes_all = |one: &Expectation| one.agents.is_empty();
            if expectations.last().is_some_and(takes_all) {
                let hint = "put the one without `agent` last".to_owned();
                self.report(&tree.span, "this is never reached", hint);
            }
            expectations.extend(self.expectation(tree));
        }
        expectations
    }

    fn expectation(&mut self, tree: &Tree) -> Option<Expectation> {
        let table = self.table(tree, "`expect`")?;
        self.check_keys_or(table, EXPECT_KEYS, "`expect` at the top", |key| {
            super::matchers::KEYS.contains(&key).then(|| {
                "what a request must hold stands in the `expect` of its `[[step]]`".to_owned()
            })
        });
        let outcomes = [("completed", false), ("failed", true)];
        let outcome = table.get("outcome");
        let is_failure = outcome.and_then(|tree| self.word(tree, "outcome", &outcomes));
        let files = self.paths(table);
        let files = files.into_iter().filter_map(|(path, tree)| {
            let text = self.string_of(tree, "files")?;
            Some((path, text))
        });
        Some(Expectation {
            files: files.collect(),
            agents: self.agents(table),
            not_applicable: self.string(table, "not_applicable"),
            gap: self.string(table, "gap"),
            is_failure: is_failure.unwrap_or_default(),
            answer: self.string(table, "answer"),
            error: self.string(table, "error"),
            exit: self.exit_code(table),
            requests: self.integer(table, "requests", 0).map(|count| count as u32),
            pauses: self.pauses(table),
            rollouts: self.rollouts(table),
        })
    }

    fn exit_code(&mut self, table: Table<'_>) -> Option<i32> {
        let code = self.integer(table, "exit", 0)?;
        if code > 255 {
            let span = table.get("exit").map_or(table.span, |tree| &tree.span);
            self.report(span, "an exit code is at most 255", None);
        }
        i32::try_from(code).ok()
    }

    /// What rollouts must hold: a table, or a list of them.
    fn rollouts(&mut self, table: Table<'_>) -> Vec<RolloutExpectation> {
        let Some(tree) = table.get("rollout") else {
            return Vec::new();
        };
        let mut rollouts = Vec::new();
        for tree in self.one_or_more(tree) {
            let Some(table) = self.table(tree, "`rollout`") else {
                continue;
            };
            self.check_keys(table, ROLLOUT_KEYS, "`rollout`");
            let count = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
            rollouts.push(RolloutExpectation {
                turns: self.integer(table, "turns", 0).map(count),
                records: self.counts(table),
                has: self.records(table, "has"),
                lacks: self.records(table, "lacks"),
            });
        }
        rollouts
    }

    /// Numbers of records by their types.
    fn counts(&mut self, table: Table<'_>) -> Vec<(String, u32)> {
        let Some(tree) = table.get("records") else {
            return Vec::new();
        };
        let Some(table) = self.table(tree, "`records`") else {
            return Vec::new();
        };
        let mut counts = Vec::new();
        for member in table.members {
            let count = self.integer_of(&member.value, &member.key, 0);
            let count = count.map(|count| u32::try_from(count).unwrap_or(u32::MAX));
            counts.extend(count.map(|count| (member.key.clone(), count)));
        }
        counts
    }

    /// Records by members that they hold.
    fn records(&mut self, table: Table<'_>, key: &str) -> Vec<Value> {
        let Some(tree) = table.get(key) else {
            return Vec::new();
        };
        let mut records = Vec::new();
        for tree in self.one_or_more(tree) {
            if self.table(tree, &format!("a record of `{key}`")).is_some() {
                records.extend(self.json(tree));
            }
        }
        records
    }

    fn agents(&mut self, table: Table<'_>) -> Vec<AgentPattern> {
        let Some(tree) = table.get("agent") else {
            return Vec::new();
        };
        let mut agents = Vec::new();
        for tree in self.one_or_more(tree) {
            let Some(text) = self.string_of(tree, "agent") else {
                continue;
            };
            let pattern = AgentPattern::parse(&text);
            if pattern.is_none() {
                let hint =
                    "write `codex`, `pycodex` or `other`, with versions as in `codex@0.169` or `codex@0.125..0.153`"
                        .to_owned();
                self.report(&tree.span, format!("`{text}` names no agents"), hint);
            }
            agents.extend(pattern);
        }
        agents
    }

    /// Durations: at least, and at most if that is said.
    fn pauses(&mut self, table: Table<'_>) -> Vec<(Duration, Duration)> {
        let Some(tree) = table.get("pauses") else {
            return Vec::new();
        };
        let mut pauses = Vec::new();
        for tree in self.one_or_more(tree) {
            match self.one_or_more(tree) {
                [least, rest @ ..] if rest.len() < 2 => {
                    let least = self.duration_of(least, "pauses");
                    let most = match rest.first() {
                        Some(most) => self.duration_of(most, "pauses"),
                        None => Some(Duration::MAX),
                    };
                    pauses.extend(least.zip(most));
                }
                _ => {
                    let hint = "write `pauses = [[\"900ms\"], [\"0s\", \"2s\"]]`".to_owned();
                    self.report(&tree.span, "a pause has a least, and may have a most", hint);
                }
            }
        }
        pauses
    }
}
