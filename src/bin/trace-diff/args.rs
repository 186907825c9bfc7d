//! The command line; the doc comments are the help.

use clap::{Parser, Subcommand};

use crate::commands::{compare, records};

/// Compares recorded traffic of Codex-style coding agents.
///
/// Exit status: 0 nothing found, 1 findings, 2 the job could not be done.
#[derive(Debug, Parser)]
#[command(name = "trace-diff", version, args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) compare: compare::Args,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Records(records::Args),
}
