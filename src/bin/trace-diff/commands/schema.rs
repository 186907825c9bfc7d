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
    /// The matrix that `run --format json` writes
    Matrix,
    /// The outline that `show --format json` writes
    Outline,
    /// What an agent is expected to do
    Profile,
    /// What `recover --format json` says
    Recovery,
    /// The report that `--format json` writes
    Report,
    /// The rules file trace-diff.toml
    Rules,
    /// The script that a fake server plays
    Script,
    /// The list that `sessions --format json` writes
    Sessions,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let schema = match args.format {
        Format::Capture => include_str!("../../../../schemas/capture.schema.json"),
        Format::Matrix => include_str!("../../../../schemas/matrix.schema.json"),
        Format::Outline => include_str!("../../../../schemas/outline.schema.json"),
        Format::Profile => include_str!("../../../../schemas/profile.schema.json"),
        Format::Recovery => include_str!("../../../../schemas/recovery.schema.json"),
        Format::Report => include_str!("../../../../schemas/report.schema.json"),
        Format::Rules => include_str!("../../../../schemas/rules.schema.json"),
        Format::Script => include_str!("../../../../schemas/script.schema.json"),
        Format::Sessions => include_str!("../../../../schemas/sessions.schema.json"),
    };
    output::write(schema.as_bytes())
}
