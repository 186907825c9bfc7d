//! For tests of agents in Rust: start a fake server, drive the agent, assert what it sent. Feature `server`.
//!
//! ```
//! use trace_diff::testing::{FakeServer, call, json, request, step};
//! # mod agent {
//! #     use std::{io::{Read, Write}, net::TcpStream};
//! #     use serde_json::{Value, json};
//! #     pub fn run(base_url: &str, prompt: &str) {
//! #         let said = json!({ "role": "user", "content": prompt });
//! #         let output = json!({ "type": "function_call_output", "call_id": "call_1", "output": "hello\n" });
//! #         post(base_url, &json!([said]));
//! #         post(base_url, &json!([said, output]));
//! #     }
//! #     fn post(base_url: &str, input: &Value) {
//! #         let body = json!({ "model": "m", "stream": true, "input": input }).to_string();
//! #         let length = body.len();
//! #         let authority = base_url["http://".len()..].split('/').next().unwrap();
//! #         let mut stream = TcpStream::connect(authority).unwrap();
//! #         let head = "POST /v1/responses HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length";
//! #         write!(stream, "{head}: {length}\r\n\r\n{body}").unwrap();
//! #         stream.read_to_string(&mut String::new()).unwrap();
//! #     }
//! # }
//!
//! // In a #[test] or a #[tokio::test]:
//! let server = FakeServer::start([
//!     step().reply(call("exec_command", json!({ "cmd": "printf hello" })).id("call_1")),
//!     step().when(request().output_of("call_1").contains("hello")).reply("Done."),
//! ]);
//! agent::run(&server.base_url(), "Say hello.");
//! let requests = server.requests();
//! assert_eq!(requests[1].output_of("call_1").unwrap().text, "hello\n");
//! // Dropped here, the server fails the test if a request fitted no step or a step was not used.
//! ```
//!
//! * **What is played** is written here ([`step()`] and the other functions of [`script::build`](crate::script::build)), or is
//!   the text of a script, or a file: a script, a capture, a rollout, a raw-exchange script. See [`Source`].
//! * **What was sent**: [`FakeServer::requests`] gives [`Request`]s with the input as JSON, outputs by call, tools, headers.
//!   [`FakeServer::request`] waits for one that is still to come.
//! * **Interleavings**: a [`gate()`] in a reply holds the stream until [`Gate::open`]; [`Gate::reached`] waits until a
//!   response is there.
//! * **What went wrong**: [`FakeServer::verify`], which dropping does by itself, names the step by its line in the test, the
//!   request, and the nearest difference.
//! * **Baselines**: [`FakeServer::assert_same_as`] compares the whole run with a capture that was saved before, as the
//!   program does: ids, times and paths may differ, behaviour may not.
//!
//! Whatever waits gives a [`Pending`]: `.wait()` in a plain test, `.await` in an async one, on any runtime. The server has
//! threads of its own, so nothing here needs a runtime, and starting and dropping one inside of a runtime is fine.

mod failure;
mod fake_server;
mod gate;
mod pending;
mod request;
mod source;
mod watch;

pub use failure::Failure;
pub use fake_server::{FakeServer, SetupError};
pub use gate::Gate;
pub use pending::Pending;
pub use request::{Output, Request};
pub use source::Source;

pub use crate::responses::RequestKind;
pub use crate::script::build::{
    ScriptBuilder, StepBuilder, absent, additional_tools, bytes, call, comment, compaction,
    contains, custom, equals, event, event_named, event_without_name, fault, gate, image, item,
    lacks, matches, ping, present, raw, reasoning, refusal, request, shell, step, text,
    tool_search, wait, web_search,
};
pub use crate::script::{Deltas, Kind, Rest, Script, Usage, WebSocketPolicy};
pub use crate::server::ServerOptions;
pub use serde_json::{Value, json};
