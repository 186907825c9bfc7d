//! What can be seen of a server from outside, now and later.

use tokio::runtime::Handle;

use crate::capture::{Capture, read_capture_bytes};
use crate::report::{render_outline, visible};
use crate::server::{Gates, Memory, Server};

use super::request::{Request, requests};

/// Sees what a server captures and who waits at its gates.
#[derive(Debug, Clone)]
pub(super) struct Watch {
    memory: Memory,
    pub(super) gates: Gates,
    pub(super) runtime: Handle,
}

impl Watch {
    /// `None` for a server that does not capture to memory.
    pub(super) fn new(server: &Server) -> Option<Self> {
        Some(Self {
            memory: server.memory()?,
            gates: server.gates().clone(),
            runtime: server.runtime().clone(),
        })
    }

    /// What happened so far.
    pub(super) fn capture(&self) -> Capture {
        parsed(self.memory.clone().records())
    }

    /// The so many-th request to the model, as soon as it is there.
    pub(super) async fn request(self, index: usize) -> Request {
        let mut memory = self.memory;
        loop {
            let requests = requests(&parsed(memory.records())).into_iter();
            if let Some(request) = requests.filter(Request::is_for_model).nth(index) {
                return request;
            }
            memory.grown().await;
        }
    }

    /// What happened so far, for messages: a line for each request, and who waits at which gate.
    pub(super) fn story(&self) -> String {
        let mut story = match render_outline(&self.capture()) {
            requests if requests.is_empty() => "no request came\n".to_owned(),
            requests => format!("requests:\n{}", indented(&requests)),
        };
        for (name, count) in self.gates.waiting() {
            let wait = match count {
                1 => "1 response waits".to_owned(),
                count => format!("{count} responses wait"),
            };
            story.push_str(&format!("{wait} at the gate `{}`\n", visible(&name)));
        }
        story
    }
}

fn parsed(records: Vec<u8>) -> Capture {
    // The server's own format is never unknown, whatever is missing at its end.
    read_capture_bytes("this run", records).expect("what a server writes is a capture")
}

/// Lines, each behind two spaces.
pub(super) fn indented(text: &str) -> String {
    text.lines()
        .map(|line| format!("  {}\n", visible(line)))
        .collect()
}
