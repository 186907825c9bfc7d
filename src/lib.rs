//! Compares recorded traffic of Codex-style coding agents, the requests they send to the Responses API and the
//! responses they get, and reads the session files that they leave on disk.
//!
//! Two runs of one agent have no difference here, however many ids, times and paths changed. A changed header, tool,
//! instruction or history item is one change, however many requests it recurs in. Everything works on files and bytes:
//! nothing in this library reads the environment or prints, and only the `server` opens sockets and asks for the time.
//!
//! # Example
//!
//! ```
//! use trace_diff::{Options, compare, read_capture_bytes};
//!
//! let old = br#"{"model":"m","store":false,"tools":[],"input":[{"role":"user","content":"hi"}]}"#;
//! let new = br#"{"model":"m","store":true,"tools":[],"input":[{"role":"user","content":"hi"}]}"#;
//! let baseline = read_capture_bytes("old.json", old.to_vec())?;
//! let candidate = read_capture_bytes("new.json", new.to_vec())?;
//! let comparison = compare(&baseline, &candidate, &Options::default());
//! for change in &comparison.changes {
//!     println!("{} {} {}", change.level.name(), change.pointer, change.message);
//! }
//! assert_eq!(comparison.changes[0].message, "false became true");
//! # assert_eq!(comparison.changes[0].pointer.as_str(), "/request/body/store");
//! # Ok::<(), trace_diff::capture::OpenError>(())
//! ```
//!
//! [`read_capture`] reads files and directories; [`comparison_report`] makes the [`Report`] that [`render_text`] and
//! [`render_json`] write; [`Rules`] and [`apply_accept`](report::apply_accept) say which findings are known.
//!
//! # Concepts
//!
//! * A **record** is one JSON value of a file, with its exact bytes. What is damaged between records is a **problem**
//!   with a position; it never makes reading fail as a whole.
//! * An **exchange** is a request with its response. A [`Capture`] is a list of them. [`capture::flatten`] takes
//!   WebSocket connections apart, so that each request is one exchange, numbered from 0: alignments and findings use
//!   these numbers. What a format did not record is [`capture::Recorded::NotRecorded`] and never a difference.
//! * The **baseline** is what a capture is compared with, the **candidate** what is judged. An **alignment** says
//!   which exchange goes with which, by what they are for and not by their number.
//! * The **renaming** maps the identifiers of the baseline to those of the candidate, one to one over the whole
//!   capture. An identifier that does not fit it is a change: what was tied is not, or the other way round.
//! * A **change** is one difference with its place (a [`Pointer`] from the exchange), told once with all places where
//!   it recurs. Changes and problems become **findings** of a [`Report`]; errors and warnings that no rule accepts
//!   decide its verdict.
//!
//! * A **rollout** is an agent's session file. [`rollout::RolloutIndex`] says what each record is; a
//!   [`rollout::Lineage`] adds the files that it inherits from, [`rollout::History`] is what the model sees of them,
//!   [`rollout::predict_resume`] what a resume would send. An [`outline::Outline`] is what happened in a session, told by
//!   a rollout, a capture or exec events alike. [`check`] holds a capture against rollouts.
//!
//! * A **script** is what the fake server plays, read from a file ([`script::Script::parse`]) or written in Rust
//!   ([`script::build`]). `testing` starts a server with one inside of a test, and says what the agent did instead.
//!
//! `docs/comparison.md` in the package says in detail what counts as a difference and what is dynamic.
//!
//! # Modules
//!
//! Each module names only those above it.
//!
//! | module | what is in it |
//! | --- | --- |
//! | [`json`] | text without any domain: records of concatenated JSON, trees that keep exact text, pointers |
//! | [`http`] | header lists, content codings, server-sent events |
//! | [`responses`] | the words of the Responses API: what a request is for, items, calls |
//! | [`rollout`] | what agents write to disk: records, sessions, the history that they make |
//! | [`capture`] | recorded traffic: the model, our own format, importers and exporters |
//! | [`normalize`] | what is dynamic, by shape and by place; the renaming; the rules file |
//! | [`script`] | what a fake Responses server plays, as data: steps, replies, faults, gates |
//! | [`align`] | which exchange goes with which, which item goes with which |
//! | [`outline`] | what happened in a session: threads, turns, calls with their outputs, compactions |
//! | [`diff`] | how two aligned things differ |
//! | `server` | the fake Responses server and the recording proxy, with the feature of this name |
//! | `send` | recorded requests played at an endpoint, and its answers judged, with the feature `server` |
//! | [`check`] | whether one trace is right by itself: wire against disk |
//! | [`report`] | one model of findings, its renderers, and what each rule means |
//! | `testing` | for Rust tests of agents: a fake server in one line, typed requests, gates; with the feature `server` |
//!
//! # Features
//!
//! * `server`: the fake Responses server, the recording proxy and `testing`, and with them tokio and hyper. Enough for tests of agents.
//! * `tls`: `https` upstreams of the recording proxy, and with them rustls.
//! * `cli` (default): the program `trace-diff` and what only it needs. A library user turns it off with
//!   `default-features = false`.
//!
//! # Stability
//!
//! Before 1.0 a minor version may change this API. Formats that are written (the capture, the report, the rules file)
//! carry a version of their own; every older one stays readable. Names of rules and ids of findings are kept within a
//! version of the report.

#[cfg(feature = "server")]
pub mod agent;
pub mod align;
pub mod capture;
pub mod check;
pub mod diff;
pub mod http;
pub mod json;
pub mod normalize;
pub mod outline;
#[cfg(feature = "server")]
pub mod replay;
pub mod report;
pub mod responses;
pub mod rollout;
pub mod script;
#[cfg(feature = "server")]
pub mod send;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "server")]
pub mod suite;
#[cfg(feature = "server")]
pub mod testing;

pub use capture::{Capture, Exchange, read_capture, read_capture_bytes};
pub use diff::{Change, Comparison, Level, Options, compare};
pub use json::Pointer;
pub use normalize::Rules;
pub use report::{Finding, Report, comparison_report, render_json, render_text};
