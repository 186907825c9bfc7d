//! Rollouts as a recording: what the model said, in order of time, and what of each request can be rebuilt from disk.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use crate::capture::{Body, Recorded, Request};
use crate::json::{Raw, Value as Exact};
use crate::responses::RequestKind;
use crate::rollout::{
    History, ItemClass, Lineage, RecordKind, RolloutPart, RolloutReader, RolloutSource, Rules,
    classify, find_segment, is_prompt_only, sessions_root_of, wire_item, wire_items,
};
use crate::script::playback_of_rollout;
use crate::server::Renaming;

use super::expected::Asked;

const PASSTHROUGH: &str = "\"internal_chat_message_metadata_passthrough\":";

/// The threads of a session on disk, and where in them each step of the script stands.
#[derive(Debug)]
pub(super) struct Inputs {
    files: Vec<File>,
    steps: Vec<Point>,
    /// Whether the last request was never answered: it was interrupted, or the recording ends there.
    ends_open: bool,
}

/// A rollout with what it inherits from.
#[derive(Debug)]
struct File {
    lineage: Lineage,
    rules: Rules,
    /// pycodex writes no contexts to disk, and sends what stands there as it is.
    is_pycodex: bool,
}

/// The point at which a request was made: before this record of this file.
#[derive(Debug, Clone, Copy)]
struct Point {
    file: usize,
    record: usize,
}

/// A step with what orders it.
struct Step {
    time: String,
    point: Point,
    members: Map<String, Value>,
    thread: String,
}

/// Reads rollouts: the text of the script that plays them, and the requests that it answers.
///
/// With a `pace` each response takes as long as it took until its first item was written, so many times.
pub(super) fn read(sources: &[RolloutSource], pace: Option<f64>) -> io::Result<(String, Inputs)> {
    let mut files = Vec::new();
    let mut all: Vec<Vec<Step>> = Vec::new();
    for (number, source) in sources.iter().enumerate() {
        let facts = Facts::read(source)?;
        let playback = playback_of_rollout(source)?;
        let script: Value = serde_json::from_str(&playback.text).unwrap_or_default();
        let members = script.get("step").and_then(Value::as_array).cloned();
        let steps = members.unwrap_or_default().into_iter().zip(&playback.steps);
        let steps = steps.filter_map(|(members, record)| {
            let mut members = members.as_object()?.clone();
            if let Some(wait) = pace.and_then(|pace| facts.wait(*record, pace)) {
                members.insert("wait".to_owned(), wait.into());
            }
            Some(Step {
                time: facts.times.get(*record).cloned().unwrap_or_default(),
                point: Point {
                    file: number,
                    record: *record,
                },
                members,
                thread: facts.thread.clone(),
            })
        });
        let mut steps: Vec<Step> = steps.collect();
        // Codex 0.115.0–0.137.0 copies what a fork inherits, pycodex too, all at once.
        let inherited = all.iter().map(|earlier| common(earlier, &steps)).max();
        let inherited = inherited.unwrap_or(0);
        let last = inherited.checked_sub(1).and_then(|last| steps.get(last));
        if last.is_some_and(|last| facts.is_fork || facts.is_copied(last.point.record)) {
            steps.drain(..inherited);
        }
        all.push(steps);
        files.push(facts.file);
    }
    let mut steps: Vec<Step> = all.into_iter().flatten().collect();
    steps.sort_by(|a, b| a.time.cmp(&b.time));
    let ends_open = |last: &Step| last.members.get("fault") == Some(&json!({ "stall": "end" }));
    let inputs = Inputs {
        ends_open: steps.last().is_some_and(ends_open),
        files,
        steps: steps.iter().map(|step| step.point).collect(),
    };
    Ok((script_of(steps), inputs))
}

impl Inputs {
    /// Whether a step is for the last request, which was never answered.
    pub(super) fn is_open_end(&self, step: usize) -> bool {
        self.ends_open && step + 1 == self.steps.len()
    }
}

/// How many steps two files begin with alike.
fn common(earlier: &[Step], own: &[Step]) -> usize {
    let pairs = earlier.iter().zip(own);
    pairs
        .take_while(|(a, b)| a.members.get("reply") == b.members.get("reply"))
        .count()
}

fn script_of(steps: Vec<Step>) -> String {
    let mut names: HashMap<String, usize> = HashMap::new();
    for step in &steps {
        let next = names.len() + 1;
        names.entry(step.thread.clone()).or_insert(next);
    }
    let named = steps.into_iter().map(|mut step| {
        let number = names.get(&step.thread).filter(|_| names.len() > 1);
        if let Some(number) = number {
            let when = step.members.entry("when").or_insert_with(|| json!({}));
            when["thread"] = format!("thread {number}").into();
        }
        Value::Object(step.members)
    });
    json!({ "version": 1, "templates": false, "step": named.collect::<Vec<_>>() }).to_string()
}

/// What is to be known of a file before its records are looked at.
struct Facts {
    file: File,
    thread: String,
    is_fork: bool,
    /// Times of the records.
    times: Vec<String>,
    /// The records with what the model was asked and told.
    inputs: Vec<usize>,
}

impl Facts {
    /// How long a response took, as a script says it.
    fn wait(&self, record: usize, pace: f64) -> Option<String> {
        let time = |record: usize| milliseconds(self.times.get(record)?);
        let asked = self.inputs.iter().rev().find(|input| **input < record);
        let asked = asked.copied().or_else(|| record.checked_sub(1))?;
        let took = time(record)? - time(asked)?;
        (took > 0).then(|| format!("{:.1}ms", took as f64 * pace))
    }

    /// Whether a record was written in one go with the first one.
    fn is_copied(&self, record: usize) -> bool {
        let time = |record: usize| milliseconds(self.times.get(record)?);
        let took = time(record).zip(time(0)).map(|(last, first)| last - first);
        took.is_some_and(|took| took < 10)
    }

    fn read(source: &RolloutSource) -> io::Result<Self> {
        let mut times = Vec::new();
        let mut inputs = Vec::new();
        let mut is_pycodex = None;
        let mut reader = RolloutReader::new(source.open()?);
        while let Some(part) = reader.next_part()? {
            if let RolloutPart::Record(record) = part {
                let time = record.timestamp.unwrap_or_default().into_owned();
                if record.kind == RecordKind::SessionMeta && is_pycodex.is_none() {
                    // pycodex 0.1.13–0.5.1 writes the offset as `+00:00`, Codex `Z`.
                    is_pycodex = Some(!time.ends_with('Z'));
                }
                let is_input = |class| {
                    matches!(
                        class,
                        ItemClass::UserTurn | ItemClass::AgentTurn | ItemClass::Output
                    )
                };
                if record.kind == RecordKind::ResponseItem && is_input(classify(record.payload)) {
                    inputs.push(times.len());
                }
                times.push(time);
            }
        }
        let root = sessions_root_of(&source.path);
        let find = |id: &str| -> Option<PathBuf> { find_segment(&root, id) };
        let lineage = Lineage::read(source.clone(), find)?;
        let meta = lineage.own().index.meta();
        let rules = Rules::named(meta.and_then(|meta| meta.cli_version.as_deref()));
        Ok(Self {
            thread: meta.map_or_else(String::new, |meta| meta.id.clone()),
            is_fork: meta.is_some_and(|meta| meta.forked_from_id.is_some())
                || lineage.own().index.metas.len() > 1,
            file: File {
                rules,
                is_pycodex: is_pycodex.unwrap_or(false),
                lineage,
            },
            times,
            inputs,
        })
    }
}

fn milliseconds(time: &str) -> Option<i64> {
    let time: jiff::Timestamp = time.parse().ok()?;
    Some(time.as_millisecond())
}

impl Inputs {
    /// How many requests can be rebuilt.
    pub(super) fn len(&self) -> usize {
        self.steps.len()
    }

    /// The file and the record in which the response of a step begins.
    pub(super) fn place(&self, step: usize) -> (usize, usize) {
        let point = self.steps.get(step);
        point.map_or((0, 0), |point| (point.file, point.record))
    }

    /// What disk tells of the request that a step answers, beside what was sent. Both are reduced to their `input`; items
    /// that are never on disk are taken from what was sent.
    ///
    /// A file that can't be read any more tells nothing.
    pub(super) fn pair(
        &self,
        step: usize,
        candidate: &Asked,
        renaming: &Renaming,
    ) -> (Asked, Asked) {
        let mut sent = items_of(candidate);
        let is_pycodex = self.file(step).is_some_and(|file| file.is_pycodex);
        // Which provider it was, by whose name Codex sends more or less of each item, is not on disk.
        let has_passthrough = sent.iter().any(|item| item.contains(PASSTHROUGH));
        let due = self.due(step, has_passthrough);
        let mut due = due.unwrap_or_else(|| sent.clone());
        // Directories that the model was told of in contexts that are not on disk.
        for item in due.iter_mut().filter(|_| is_pycodex) {
            *item = renaming.rename(item);
        }
        if let Some(file) = self
            .file(step)
            .filter(|file| candidate.is_expanded && !file.is_pycodex)
        {
            // What stands for an earlier response is the server's word, not the agent's.
            let resent = sent
                .iter()
                .map(|item| wire_item(item, &file.rules).unwrap_or_default());
            sent = resent.filter(|item| !item.is_empty()).collect();
        }
        let before = sent
            .iter()
            .take_while(|item| {
                let raw = Raw::new(item);
                is_prompt_only(raw) || is_pycodex && classify(raw) == ItemClass::Context
            })
            .count();
        let facts = &candidate.facts;
        let asks_last = facts.kind == RequestKind::Compaction && facts.endpoint == "/responses";
        let behind = sent.len() - usize::from(asks_last && before < sent.len());
        let baseline = sent[..before].iter().chain(&due).chain(&sent[behind..]);
        (
            self.asked(candidate, baseline),
            self.asked(candidate, sent.iter()),
        )
    }

    /// What disk tells of the request that a step answers.
    pub(super) fn alone(&self, step: usize, like: Option<&Asked>) -> Asked {
        let due = self.due(step, false).unwrap_or_default();
        let mut asked = Asked::new(request("/v1/responses", due.iter()));
        if let Some(like) = like {
            asked.facts = like.facts.clone();
            asked.exchange.request.target = like.exchange.request.target.clone();
        }
        asked
    }

    /// What was sent, reduced to what can be on disk.
    pub(super) fn reduced(&self, candidate: &Asked) -> Asked {
        self.asked(candidate, items_of(candidate).iter())
    }

    fn asked<'a>(&self, like: &Asked, items: impl Iterator<Item = &'a String>) -> Asked {
        let request = request(&like.exchange.request.target, items);
        Asked {
            facts: like.facts.clone(),
            ..Asked::new(request)
        }
    }

    fn file(&self, step: usize) -> Option<&File> {
        self.files.get(self.steps.get(step)?.file)
    }

    /// The items that a request should send, as JSON.
    fn due(&self, step: usize, has_passthrough: bool) -> Option<Vec<String>> {
        let point = self.steps.get(step)?;
        let file = self.file(step)?;
        let rules = match has_passthrough {
            true => file.rules.for_openai(),
            false => file.rules,
        };
        let history = History::plan(&file.lineage, Some(point.record), &rules).ok()?;
        let texts = history.load(&file.lineage).ok()?;
        if file.is_pycodex {
            return Some(texts.into_iter().map(|item| item.text).collect());
        }
        let items = wire_items(&texts, &rules);
        Some(items.into_iter().map(|item| item.text).collect())
    }
}

/// The items of a request's input, each as it was sent.
fn items_of(asked: &Asked) -> Vec<String> {
    let body = asked.exchange.request.body.json();
    let input = body.and_then(|body| Raw::new(body.text()).get("input"));
    let items = input.into_iter().flat_map(|input| input.items());
    items.map(|item| item.text().to_owned()).collect()
}

fn request<'a>(target: &str, items: impl Iterator<Item = &'a String>) -> Request {
    let items: Vec<&str> = items.map(String::as_str).collect();
    let body = Exact::parse(format!(r#"{{"input":[{}]}}"#, items.join(",")));
    Request {
        method: "POST".to_owned(),
        target: target.to_owned(),
        http_version: Recorded::NotRecorded,
        headers: Recorded::NotRecorded,
        // Items are JSON, each by itself.
        body: body.map_or(Body::NotRecorded, Body::from_value),
        wire_body_bytes: Recorded::NotRecorded,
    }
}
