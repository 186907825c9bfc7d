//! Scripts written in Rust: for each key of the language of `docs/script.md` there is one function or method.
//!
//! ```
//! use serde_json::json;
//! use trace_diff::script::Script;
//! use trace_diff::script::build::{call, fault, reasoning, request, step};
//!
//! let script = Script::builder()
//!     .step(step()
//!         .reply([
//!             reasoning("Look first."),
//!             call("exec_command", json!({ "cmd": "printf hello" })).id("call_1"),
//!         ])
//!         .usage(1200))
//!     .step(step()
//!         .when(request().output_of("call_1").contains("hello"))
//!         .reply("Done.")
//!         .fault(fault::cut().after_event(3)))
//!     .step(step().reply("Done."))
//!     .build()?;
//! assert_eq!(script.steps.len(), 3);
//! # Ok::<(), trace_diff::script::ScriptError>(())
//! ```
//!
//! A builder holds the JSON form of the script, and [`ScriptBuilder::build`] reads it as a file is read: what a file can't
//! say, a builder can't say either, and the mistakes are the same. Messages name a step by the line that calls [`step()`].

mod condition;
mod entry;
pub mod fault;
mod forms;
mod script;
mod step;

pub use condition::{
    HeaderCondition, MatcherBuilder, PointerCondition, Presence, TextCondition, absent, contains,
    equals, lacks, matches, present, request,
};
pub use entry::{
    Entries, EntryBuilder, additional_tools, bytes, call, comment, compaction, custom, event,
    event_named, event_without_name, gate, image, item, ping, raw, reasoning, refusal, shell, text,
    tool_search, wait, web_search,
};
pub use script::ScriptBuilder;
pub use step::{StepBuilder, step};
