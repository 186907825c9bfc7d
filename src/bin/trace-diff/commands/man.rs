//! `trace-diff man`: manual pages.

use anyhow::anyhow;
use clap_mangen::Man;

use crate::exit::{Failure, Outcome};
use crate::output;

/// Prints the manual page of the program or of one command
///
/// To read it: trace-diff man | man -l -
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Name of a command; without it the page of the program
    command: Option<String>,
}

pub(crate) fn run(args: &Args, mut program: clap::Command) -> Outcome {
    program.build();
    let page = match &args.command {
        None => Man::new(program),
        Some(name) => {
            let command = program.find_subcommand(name).cloned().ok_or_else(|| {
                Failure::new(anyhow!("unknown command `{name}`"))
                    .with_hint("trace-diff --help lists the commands")
            })?;
            let title = format!("{}-{name}", program.get_name());
            Man::new(command).title(title)
        }
    };
    let mut roff = Vec::new();
    page.render(&mut roff)?;
    output::write(&roff)
}
