//! `trace-diff export`: from any known format to one that other programs read.

use trace_diff::capture::export::{render_har, render_raw_exchange};

use crate::exit::Outcome;
use crate::{input, output};

/// Converts a capture to a format of other programs
///
/// Secrets stay as they are in the capture; `trace-diff import` replaces them.
///
/// Exit status: 0 all was read, 1 something could not be read (the rest is written), 2 nothing was written.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// File or directory to read; - is standard input
    capture: String,
    /// Format to write
    #[arg(long, value_enum, value_name = "FORMAT")]
    to: Format,
    #[command(flatten)]
    target: output::Target,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    /// HAR 1.2, with WebSocket messages as browsers write them
    Har,
    /// One JSON object per exchange or WebSocket connection
    RawExchange,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let capture = input::capture(&args.capture)?;
    args.target.fill(|mut out| {
        let rendered = match args.to {
            Format::Har => render_har(&capture, &mut out),
            Format::RawExchange => render_raw_exchange(&capture, &mut out),
        };
        Ok(rendered?)
    })?;
    Ok(output::say_problems(&capture))
}
