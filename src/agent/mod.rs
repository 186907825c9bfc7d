//! Starts a real agent against a server, in a home and a work directory of its own, and collects what it leaves.
//! Feature `server`.
//!
//! ```no_run
//! use trace_diff::agent::{AgentCommand, Limits, Place, Surroundings, Watch, run};
//!
//! let place = Place::below("run".as_ref())?;
//! let command = AgentCommand::new(["my-agent", "--url", "{base_url}", "Say hello."]);
//! let surroundings = Surroundings {
//!     base_url: "http://127.0.0.1:4321/v1".to_owned(),
//!     path: "/usr/local/bin:/usr/bin:/bin".into(),
//!     ..Surroundings::default()
//! };
//! let outcome = run(&command, &place, &surroundings, &Limits::default(), &Watch::default())?;
//! println!("{}: {}", outcome.ending, outcome.stdout.text());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! * A **command** is a program with arguments, in which `{base_url}`, `{home}`, `{work}` and `{port}` stand for what
//!   [`run`] knows.
//! * A **place** is where an agent lives: home, work directory, directory for temporary files. It finds nothing else of this
//!   machine's user; its environment is made anew, see [`environment`].
//! * An **outcome** is how it ended, what it printed, and what it left. An agent that hangs, floods, never connects or ignores
//!   SIGTERM is ended in bounded time, with every process it started, and the outcome says so.

mod command;
mod drive;
mod ending;
mod environment;
mod error;
mod limits;
mod outcome;
mod output;
mod outside;
mod place;
mod process;
mod processes;
mod settings;
mod terminal;

#[cfg(test)]
mod tests;

pub use command::AgentCommand;
pub use drive::{Agent, DriveError, Driven, Stage, drive};
pub use ending::Ending;
pub use environment::{FAKE_KEY, NOWHERE, Surroundings, environment};
pub use error::AgentError;
pub use limits::{Limits, Watch};
pub use outcome::{Leftover, Outcome};
pub use output::Output;
pub use outside::{Outside, OutsideFiles};
pub use place::Place;
pub use process::{Process, run};
pub use settings::{Profile, Settings, configure};
pub use terminal::Terminal;
