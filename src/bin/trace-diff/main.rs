//! The `trace-diff` program: a client of the library.

mod args;
mod commands;
mod exit;
mod input;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        Some(Command::Records(args)) => commands::records::run(&args),
        None => commands::compare::run(&cli.compare),
    };
    exit::code(outcome)
}
