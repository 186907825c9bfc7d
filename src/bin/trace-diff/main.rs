//! The `trace-diff` program: a client of the library.

mod agent;
mod args;
mod commands;
mod duration;
mod exit;
mod input;
mod matrix_forms;
mod output;
mod profile;
mod replay_input;
mod replay_talk;
mod report;
mod report_forms;
mod rollouts;
mod rules;
mod scratch;
mod script;
mod serving;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::args::{Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        Some(Command::Records(args)) => commands::records::run(&args),
        Some(Command::Sessions(args)) => commands::sessions::run(&args),
        Some(Command::Show(args)) => commands::show::run(&args),
        Some(Command::Recover(args)) => commands::recover::run(&args),
        Some(Command::Import(args)) => commands::import::run(&args),
        Some(Command::Export(args)) => commands::export::run(&args),
        Some(Command::Record(args)) => commands::record::run(&args),
        Some(Command::Serve(args)) => commands::serve::run(&args),
        Some(Command::Replay(args)) => commands::replay::run(&args),
        Some(Command::Run(args)) => commands::run::run(&args),
        Some(Command::Send(args)) => commands::send::run(&args),
        Some(Command::Explain(args)) => commands::explain::run(&args),
        Some(Command::Schema(args)) => commands::schema::run(&args),
        Some(Command::Completions(args)) => commands::completions::run(&args, Cli::command()),
        Some(Command::Man(args)) => commands::man::run(&args, Cli::command()),
        None => commands::compare::run(&cli.compare),
    };
    exit::code(outcome)
}
