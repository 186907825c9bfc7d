//! Runs the built program as a user would, in a clean environment.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

/// A directory of its own in which the program runs.
pub(crate) struct Program {
    folder: TempDir,
    environment: Vec<(&'static str, &'static str)>,
}

impl Program {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            environment: Vec::new(),
        }
    }

    pub(crate) fn with_environment(mut self, name: &'static str, value: &'static str) -> Self {
        self.environment.push((name, value));
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file, with the directories above it.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    /// Runs the program with nothing on standard input.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.run_with(arguments, b"")
    }

    pub(crate) fn run_with(&self, arguments: &[&str], input: &[u8]) -> Output {
        let mut child = self.spawn(arguments);
        // The program may end before it has read all.
        let _ = child.stdin.take().unwrap().write_all(input);
        child.wait_with_output().unwrap()
    }

    /// Starts the program.
    pub(crate) fn spawn(&self, arguments: &[&str]) -> Child {
        Command::new(env!("CARGO_BIN_EXE_trace-diff"))
            .env_clear()
            .envs(self.environment.iter().copied())
            .current_dir(self.folder.path())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Command line, exit code, standard output and standard error, as a snapshot shows them.
    pub(crate) fn shown(&self, arguments: &[&str]) -> String {
        shown(arguments, &self.run(arguments))
    }
}

pub(crate) fn shown(arguments: &[&str], output: &Output) -> String {
    let mut text = format!("$ trace-diff {}\n", arguments.join(" "));
    text.push_str(&stdout(output));
    for line in stderr(output).lines() {
        text.push_str(&format!("! {line}\n"));
    }
    text.push_str(&format!("exit {}\n", code(output)));
    text
}

pub(crate) fn code(output: &Output) -> i32 {
    output.status.code().expect("the program was not killed")
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("output is UTF-8")
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("messages are UTF-8")
}

/// The JSON report on standard output.
pub(crate) fn report(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).expect("a report")
}

/// A snapshot in the top-level directory.
pub(crate) fn assert_snapshot(name: &str, text: &str) {
    insta::with_settings!({snapshot_path => "../../snapshots", prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_snapshot!(name, text);
    });
}

/// A capture in `raw-exchange/1`: one exchange for each of the texts, in which the user says it and the server streams
/// three events.
pub(crate) fn conversation(texts: &[&str]) -> String {
    let exchange = |(n, text): (usize, &&str)| {
        let body = serde_json::json!({
            "model": "m", "stream": true,
            "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}],
        });
        let event = |at: usize, data: serde_json::Value| serde_json::json!({"at_ms": at, "event": data["type"], "data": data});
        let item = serde_json::json!({"type": "message", "role": "assistant", "id": format!("msg_{n}"),
            "content": [{"type": "output_text", "text": format!("answer {n}")}]});
        let events = [
            event(
                1,
                serde_json::json!({"type": "response.created", "response": {"id": format!("resp_{n}")}}),
            ),
            event(
                2,
                serde_json::json!({"type": "response.output_item.done", "item": item}),
            ),
            event(
                3,
                serde_json::json!({"type": "response.completed", "response": {"id": format!("resp_{n}")}}),
            ),
        ];
        serde_json::json!({
            "format": "raw-exchange/1", "seq": n + 1, "conn": 1, "transport": "http",
            "method": "POST", "path": "/v1/responses",
            "request": {
                "headers": [["host", "127.0.0.1:4000"], ["authorization", "Bearer sk-fake-0000000000000000"], ["originator", "codex_exec"]],
                "body_kind": "json-compact", "body": body,
            },
            "response": {"status": 200, "headers": [["content-type", "text/event-stream"]], "events": events, "ended": "complete"},
        })
        .to_string()
            + "\n"
    };
    texts.iter().enumerate().map(exchange).collect()
}

/// A capture of the fixtures.
pub(crate) fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/captures")
        .join(name);
    fs::read(path).unwrap()
}
