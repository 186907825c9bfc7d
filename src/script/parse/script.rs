//! The top of a script.

use super::ScriptError;
use super::fields::{Reader, Table};
use super::steps::{self, Settings};
use super::tree::{Tree, TreeKind};
use crate::json::SourceProblem;
use crate::script::model::{Repeat, Rest, Script, Step, WebSocketPolicy};

/// The version of the format that is written.
const VERSION: u64 = 1;

pub(super) const KEYS: &[&str] = &[
    "version",
    "name",
    "model",
    "seed",
    "strict_api",
    "token_budget",
    "headers",
    "deltas",
    "usage",
    "flush",
    "templates",
    "websocket",
    "rest",
    "run",
    "expect",
    "step",
    "default",
];

impl Script {
    /// Reads the text of a script, TOML or JSON; `path` is for messages and may be empty.
    ///
    /// # Errors
    ///
    /// With every problem of the text: no TOML or JSON, another version, unknown keys, values of another type or out of
    /// range, steps that can never be reached, placeholders that nothing fills.
    pub fn parse(path: &str, text: &str) -> Result<Self, ScriptError> {
        let mut reader = Reader::new(text);
        let mut script = Self {
            path: path.to_owned(),
            ..Self::default()
        };
        match Tree::parse(text) {
            Ok(tree) => match &tree.kind {
                TreeKind::Table(members) => {
                    let top = Table {
                        members,
                        span: &tree.span,
                    };
                    reader.read_script(top, &mut script);
                }
                _ => reader.wrong_type(&tree, "a script", "a table"),
            },
            Err(error) => {
                let problem = SourceProblem::new(text, error.span, error.message, error.hint);
                reader.problems.push(problem);
            }
        }
        let mut problems = reader.problems;
        if problems.is_empty() {
            return Ok(script);
        }
        problems.sort_by_key(|problem| (problem.line, problem.column));
        Err(ScriptError {
            path: path.to_owned(),
            problems,
        })
    }
}

impl Reader<'_> {
    fn read_script(&mut self, top: Table<'_>, script: &mut Script) {
        if !self.check_version(top) {
            return;
        }
        self.check_keys_or(top, KEYS, "a script", |key| {
            steps::KEYS
                .contains(&key)
                .then(|| format!("`{key}` belongs to a step: put it below `[[step]]`"))
        });
        script.name = self.string(top, "name");
        script.scenario = self.scenario(top);
        script.model = self.string(top, "model");
        script.seed = self.integer(top, "seed", 0);
        script.is_strict_api = self.boolean(top, "strict_api").unwrap_or_default();
        script.token_budget = self.integer(top, "token_budget", 1);
        script.headers = self.headers(top, "headers");
        script.websocket = self.websocket(top);
        script.rest = self.rest(top);
        let settings = Settings {
            deltas: self.deltas(top).unwrap_or_default(),
            usage: self.usage(top).unwrap_or_default(),
            is_flushed: self.boolean(top, "flush").unwrap_or_default(),
            has_templates: self.boolean(top, "templates").unwrap_or(true),
        };
        script.steps = self.steps(top, "step", &settings);
        script.defaults = self.steps(top, "default", &settings);
        for default in &mut script.defaults {
            default.repeat = Repeat::Any;
        }
        self.check_reachable(top, &script.steps);
        self.check_placeholders(top, script);
    }

    fn check_version(&mut self, top: Table<'_>) -> bool {
        let Some(tree) = top.get("version") else {
            let place = top
                .members
                .first()
                .map_or(0..0, |first| first.key_span.clone());
            let hint = format!("begin the script with `version = {VERSION}`");
            self.report(&place, "`version` is missing", hint);
            return false;
        };
        match self.integer_of(tree, "version", 1) {
            Some(VERSION) => true,
            Some(other) => {
                let message = format!("version {other} of scripts is not known");
                let hint =
                    format!("this program reads version {VERSION}; a newer one may read {other}");
                self.report(&tree.span, message, hint);
                false
            }
            None => false,
        }
    }

    fn rest(&mut self, top: Table<'_>) -> Rest {
        let words = [("violation", Rest::Violation), ("ok", Rest::Ok)];
        let tree = top.get("rest");
        tree.and_then(|tree| self.word(tree, "rest", &words))
            .unwrap_or_default()
    }

    fn websocket(&mut self, top: Table<'_>) -> WebSocketPolicy {
        let Some(tree) = top.get("websocket") else {
            return WebSocketPolicy::Accept;
        };
        match &tree.kind {
            TreeKind::Bool(true) => WebSocketPolicy::Accept,
            TreeKind::Bool(false) => WebSocketPolicy::Refuse {
                status: 426,
                times: None,
            },
            TreeKind::Table(_) => {
                let Some(table) = self.table(tree, "`websocket`") else {
                    return WebSocketPolicy::Accept;
                };
                self.check_keys(table, &["refuse", "times"], "`websocket`");
                let times = self.integer(table, "times", 1).map(|times| times as u32);
                let status = table
                    .get("refuse")
                    .and_then(|tree| self.status_of(tree, "refuse"));
                WebSocketPolicy::Refuse {
                    status: status.unwrap_or(426),
                    times,
                }
            }
            _ => {
                let wanted = "true, false, or { refuse = 426 }";
                self.wrong_type(tree, "`websocket`", wanted);
                WebSocketPolicy::Accept
            }
        }
    }

    /// Finds steps behind one that takes every request for ever.
    fn check_reachable(&mut self, top: Table<'_>, steps: &[Step]) {
        let takes_all = |step: &Step| step.repeat == Repeat::Any && step.when.is_empty();
        let Some(first) = steps.iter().position(takes_all) else {
            return;
        };
        let trees = top.get("step").map(|tree| self.one_or_more(tree));
        let behind = trees.and_then(|trees| trees.get(first + 1));
        if let Some(behind) = behind
            && steps[first + 1].when.endpoint.is_none()
        {
            let message = format!(
                "this step is never reached: step {} takes every request",
                first + 1
            );
            let hint = "give that step a `when`, or a `repeat` that is a number".to_owned();
            let place = behind.span.clone();
            self.report(&place, message, hint);
        }
    }
}
