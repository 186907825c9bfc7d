//! `trace-diff completions`: scripts that complete our command line.

use clap_complete::Shell;

use crate::exit::Outcome;
use crate::output;

/// Prints a completion script for a shell
///
/// For bash: trace-diff completions bash > ~/.local/share/bash-completion/completions/trace-diff
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which shell
    shell: Shell,
}

pub(crate) fn run(args: &Args, mut program: clap::Command) -> Outcome {
    // The generator panics when writing fails, as it does when a pipe is closed.
    let mut script = Vec::new();
    let name = program.get_name().to_owned();
    clap_complete::generate(args.shell, &mut program, name, &mut script);
    output::write(&script)
}
