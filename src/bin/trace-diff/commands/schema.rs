//! `trace-diff schema`: the published form of our formats.

use clap::ValueEnum;

use crate::exit::Outcome;
use crate::output;

/// Prints the JSON Schema of a file format
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which format
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// The capture that `import` writes
    Capture,
    /// The outline that `show --format json` writes
    Outline,
    /// The report that `--format json` writes
    Report,
    /// The rules file trace-diff.toml
    Rules,
    /// The script that a fake server plays
    Script,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let schema = match args.format {
        Format::Capture => include_str!("../../../../schemas/capture.schema.json"),
        Format::Outline => include_str!("../../../../schemas/outline.schema.json"),
        Format::Report => include_str!("../../../../schemas/report.schema.json"),
        Format::Rules => include_str!("../../../../schemas/rules.schema.json"),
        Format::Script => include_str!("../../../../schemas/script.schema.json"),
    };
    output::write(schema.as_bytes())
}
