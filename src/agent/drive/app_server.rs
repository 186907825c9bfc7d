//! `codex app-server`, spoken to in JSON-RPC: one message on each line (0.115.0–0.169.0).

use std::io::Write;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::agent::{AgentCommand, AgentError, Ending, Outcome, Process, Watch};
use crate::script::scenario::{Act, Meanwhile, Prompt};

use super::Stage;

/// How often the process and the server are looked at while a message is waited for.
const PAUSE: Duration = Duration::from_millis(5);
/// How long a server whose input has ended may take to end: 0.125.0–0.153.4 take five seconds.
const FAREWELL: Duration = Duration::from_secs(15);

/// A running `codex app-server`.
pub(super) struct AppServer<'a> {
    process: Process,
    stage: Stage<'a>,
    /// Requests that the server had when this was started.
    requests_before: usize,
    asked: u64,
    told: Told,
}

/// What it said.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) answer: String,
    pub(super) errors: Vec<String>,
    pub(super) is_failure: bool,
    /// How many turns have ended.
    turns: usize,
    /// What it told of items in this turn: words of the model as they come, commands.
    items: String,
}

/// Why a conversation ends early.
enum Stop {
    /// The process ended, or had to be ended.
    Ended(Ending),
    /// It refused something.
    Refused(String),
}

impl Told {
    /// Takes note of what is told of an item.
    fn note_item(&mut self, message: &Value) {
        let params = &message["params"];
        match message["method"].as_str() {
            Some("item/agentMessage/delta") => {
                let delta = params["delta"].as_str().unwrap_or_default();
                self.items.push_str(delta);
            }
            Some("item/started" | "item/completed") => {
                let words = ["text", "command"].map(|key| params["item"][key].as_str());
                for word in words.into_iter().flatten() {
                    self.items.extend(["\n", word, "\n"]);
                }
            }
            _ => {}
        }
    }
}

impl<'a> AppServer<'a> {
    pub(super) fn start(command: &AgentCommand, stage: Stage<'a>) -> Result<Self, AgentError> {
        let Stage {
            place,
            surroundings,
            limits,
            ..
        } = stage;
        Ok(Self {
            process: Process::start_talking(command, place, surroundings, limits)?,
            stage,
            requests_before: (stage.requests)(),
            asked: 0,
            told: Told::default(),
        })
    }

    /// Does what a user does, in this thread or in a new one, and ends the server.
    pub(super) fn converse(mut self, acts: &[Act], thread: &mut Option<String>) -> (Outcome, Told) {
        let ending = match self.play(acts, thread) {
            Ok(()) => {
                drop(self.process.stdin().take());
                self.wait_for_end()
            }
            Err(Stop::Ended(ending)) => ending,
            Err(Stop::Refused(why)) => {
                self.told.is_failure = true;
                self.told.errors.push(why);
                Ending::Stopped
            }
        };
        let (stage, before) = (self.stage, self.requests_before);
        let has_connected = || (stage.requests)() > before;
        let watch = Watch {
            has_connected: &has_connected,
            is_over: stage.is_over,
        };
        (self.process.finish(ending, &watch), self.told)
    }

    fn play(&mut self, acts: &[Act], thread: &mut Option<String>) -> Result<(), Stop> {
        let client = json!({ "name": "trace_diff", "title": "trace-diff", "version": "1" });
        let initialize =
            json!({ "clientInfo": client, "capabilities": { "experimentalApi": true } });
        self.ask("initialize", initialize)?;
        self.send(&json!({ "method": "initialized" }));
        let begun = match thread.as_ref() {
            Some(thread) => self.ask("thread/resume", json!({ "threadId": thread }))?,
            None => self.ask("thread/start", json!({ "cwd": self.stage.place.work }))?,
        };
        let mut id = begun["thread"]["id"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let model = begun["model"].clone();
        for act in acts {
            self.act(act, &mut id, &model)?;
        }
        *thread = Some(id);
        Ok(())
    }

    fn act(&mut self, act: &Act, thread: &mut String, model: &Value) -> Result<(), Stop> {
        match act {
            Act::Prompt(prompt) => self.turn(prompt, thread, model),
            Act::Compact => {
                let turns = self.told.turns;
                self.ask("thread/compact/start", json!({ "threadId": thread }))?;
                self.turn_end(turns)
            }
            Act::Fork => {
                let forked = self.ask("thread/fork", json!({ "threadId": thread }))?;
                let id = forked["thread"]["id"].as_str();
                *thread = id.unwrap_or_default().to_owned();
                Ok(())
            }
            Act::Rollback => self.roll_back(thread),
            Act::Review(instructions) => {
                let target = json!({ "type": "custom", "instructions": instructions });
                let review = json!({ "threadId": thread, "target": target, "delivery": "inline" });
                let turns = self.told.turns;
                self.ask("review/start", review)?;
                self.turn_end(turns)
            }
        }
    }

    fn turn(&mut self, prompt: &Prompt, thread: &str, model: &Value) -> Result<(), Stop> {
        let (before, turns) = ((self.stage.requests)(), self.told.turns);
        self.told.items.clear();
        let mut input = vec![json!({ "type": "text", "text": prompt.text })];
        let work = &self.stage.place.work;
        let images = prompt.images.iter();
        input.extend(images.map(|path| json!({ "type": "localImage", "path": work.join(path) })));
        let mut turn = json!({ "threadId": thread, "input": input });
        if prompt.is_plan {
            let settings =
                json!({ "model": model, "reasoning_effort": null, "developer_instructions": null });
            turn["collaborationMode"] = json!({ "mode": "plan", "settings": settings });
        }
        let begun = self.ask("turn/start", turn)?;
        let id = &begun["turn"]["id"];
        let Some(meanwhile) = &prompt.meanwhile else {
            return self.turn_end(turns);
        };
        self.moment(before, turns, prompt.once.as_deref())?;
        match meanwhile {
            Meanwhile::Interrupt => {
                self.ask(
                    "turn/interrupt",
                    json!({ "threadId": thread, "turnId": id }),
                )?;
            }
            Meanwhile::Steer(text) => {
                let input = json!([{ "type": "text", "text": text }]);
                let steer = json!({ "threadId": thread, "expectedTurnId": id, "input": input });
                self.ask("turn/steer", steer)?;
            }
            Meanwhile::Kill => return Err(Stop::Ended(Ending::Stopped)),
        }
        (self.stage.open_gates)();
        self.turn_end(turns)
    }

    /// Waits for the moment of what the user does in the middle of a turn: the server has sent what it sends for now, and `once`
    /// has been told. How much of an answer the server has read it tells by the items in it only, hence `once`.
    fn moment(&mut self, before: usize, turns: usize, once: Option<&str>) -> Result<(), Stop> {
        loop {
            let is_told = once.is_none_or(|text| self.told.items.contains(text));
            if is_told && self.stage.is_at_rest(before) {
                return Ok(());
            }
            if self.told.turns > turns {
                let why = "the turn was over before the user did anything in it";
                return Err(Stop::Refused(why.to_owned()));
            }
            self.received()?;
        }
    }

    /// `thread/rollback` up to 0.137.0, `thread/revert` behind it.
    fn roll_back(&mut self, thread: &str) -> Result<(), Stop> {
        let rollback = json!({ "threadId": thread, "numTurns": 1 });
        match self.ask("thread/rollback", rollback) {
            Err(Stop::Refused(_)) => {}
            done => return done.map(|_| ()),
        }
        let read = self.ask(
            "thread/read",
            json!({ "threadId": thread, "includeTurns": true }),
        )?;
        let turns = read["thread"]["turns"].as_array();
        let last = turns.and_then(|turns| turns.last());
        let last = last.map_or(Value::Null, |turn| turn["id"].clone());
        let revert = json!({ "threadId": thread, "beforeTurnId": last });
        self.ask("thread/revert", revert).map(|_| ())
    }

    /// Waits until more than so many turns have ended: the end may be told before the answer to what was asked last.
    fn turn_end(&mut self, turns: usize) -> Result<(), Stop> {
        while self.told.turns <= turns {
            self.received()?;
        }
        Ok(())
    }

    fn ask(&mut self, method: &str, params: Value) -> Result<Value, Stop> {
        self.asked += 1;
        let id = self.asked;
        self.send(&json!({ "id": id, "method": method, "params": params }));
        loop {
            let Some(mut message) = self.received()? else {
                continue;
            };
            if message["id"] != id || message.get("method").is_some() {
                continue;
            }
            return match message.get("error") {
                Some(error) => Err(Stop::Refused(format!("{method}: {}", error["message"]))),
                None => Ok(message["result"].take()),
            };
        }
    }

    fn send(&mut self, message: &Value) {
        if let Some(stdin) = self.process.stdin() {
            // A process that has ended is noticed when its answer is waited for.
            let _ = writeln!(stdin, "{message}").and_then(|()| stdin.flush());
        }
    }

    /// A message, if one comes soon; notifications are taken note of.
    fn received(&mut self) -> Result<Option<Value>, Stop> {
        let received = match self.process.lines() {
            Some(lines) => lines.recv_timeout(PAUSE),
            None => Err(RecvTimeoutError::Disconnected),
        };
        match received {
            Ok(line) => {
                let message = serde_json::from_slice::<Value>(&line).ok();
                message.iter().for_each(|message| self.note(message));
                return Ok(message);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => std::thread::sleep(PAUSE),
        }
        self.look()?;
        Ok(None)
    }

    fn note(&mut self, message: &Value) {
        let params = &message["params"];
        let text = |value: &Value| value.as_str().map(str::to_owned);
        self.told.note_item(message);
        match message["method"].as_str() {
            Some("item/completed") if params["item"]["type"] == "agentMessage" => {
                self.told.answer = text(&params["item"]["text"]).unwrap_or_default();
            }
            Some("error") => self.told.errors.extend(text(&params["error"]["message"])),
            Some("turn/completed") => {
                self.told.turns += 1;
                self.told.is_failure = params["turn"]["status"] == "failed";
                self.told
                    .errors
                    .extend(text(&params["turn"]["error"]["message"]));
            }
            _ => {}
        }
    }

    /// Whether it goes on.
    fn look(&mut self) -> Result<(), Stop> {
        let (stage, before) = (self.stage, self.requests_before);
        let has_connected = || (stage.requests)() > before;
        let watch = Watch {
            has_connected: &has_connected,
            is_over: stage.is_over,
        };
        match self.process.poll(&watch) {
            Some(ending) => Err(Stop::Ended(ending)),
            None => Ok(()),
        }
    }

    fn wait_for_end(&mut self) -> Ending {
        let asked = Instant::now();
        loop {
            match self.look() {
                Err(Stop::Ended(ending)) => return ending,
                _ if asked.elapsed() > FAREWELL => return Ending::TimedOut(asked.elapsed()),
                _ => std::thread::sleep(PAUSE),
            }
        }
    }
}
