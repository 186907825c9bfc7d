//! Answers the commands of a replayed session with their recorded outputs, so that nothing of them runs.
//!
//! Agents run a command of the model as `bash -lc COMMAND` or, where they have taken a snapshot of the shell's settings, as
//! `bash -c COMMAND` (codex 0.115.0–0.169.0, pycodex 0.1.13–0.5.1); zsh and sh by the machine's or the model's choice. What a
//! shell sources before its command lies in the home that a replay makes: there it learns its command, looks it up, prints
//! what was recorded and ends. The table in which it looks is written anew for each response, before the response is sent.

mod answers;
mod calls;
mod outputs;
mod printed;
mod recorded;
mod whole;

pub(super) use answers::Answers;
pub(super) use recorded::RecordedCalls;
