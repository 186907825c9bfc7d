//! The command line; the doc comments are the help.

use clap::{Parser, Subcommand};

use crate::commands::{
    compare, completions, explain, export, import, man, record, records, recover, replay, run,
    schema, send, serve, sessions, show,
};

/// What the program reads, for `--help`.
const INPUTS: &str = "\
Captures:
  Formats are found out by content; gzip and zstd are undone; - is standard input.
    capture.jsonl                  our own format, written by trace-diff import
    raw-exchange/1                 one JSON object for each exchange or WebSocket connection
    HAR 1.2                        from browsers and proxies, with WebSocket messages
    mitmproxy flow file            .mitm, .flow
    pycodex capture directory      NNN_METHOD_path.json files
    responses-api-proxy directory  what codex responses-api-proxy --dump-dir writes
    rollout-trace bundle           what Codex writes below CODEX_ROLLOUT_TRACE_ROOT
    JSON request body              saved by hand, one or several

Examples:
  trace-diff old.jsonl new.jsonl
      How does the new agent behave otherwise? Nothing is printed but a verdict when it does not.
  trace-diff old.jsonl new.jsonl --only /request/body/tools
      Only the tools.
  trace-diff new.jsonl --baseline old.har --report json=report.json -q
      For CI: a report in a file, and the exit status.
  trace-diff new.jsonl
      One capture alone: a line for each request, and what a correct agent would not do.

Exit status:
  0  nothing found
  1  errors or warnings that no rule accepts
  2  the job could not be done";

/// Compares recorded traffic of Codex-style coding agents
///
/// Two captures are aligned request by request, and what differs is told once, however often it recurs. Ids, times and
/// paths that change from run to run are no difference. Everything happens offline, on files.
#[derive(Debug, Parser)]
#[command(
    name = "trace-diff",
    version,
    args_conflicts_with_subcommands = true,
    after_long_help = INPUTS,
    after_help = "trace-diff --help lists the formats of captures, examples and exit codes.",
    override_usage = "trace-diff [OPTIONS] BASELINE CANDIDATE\n       trace-diff [OPTIONS] CAPTURE\n       trace-diff COMMAND …"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) compare: compare::Args,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Records(records::Args),
    Show(show::Args),
    Sessions(sessions::Args),
    Recover(recover::Args),
    Serve(serve::Args),
    Record(record::Args),
    Replay(Box<replay::Args>),
    Run(Box<run::Args>),
    Send(Box<send::Args>),
    Import(import::Args),
    Export(export::Args),
    Explain(explain::Args),
    Schema(schema::Args),
    Completions(completions::Args),
    Man(man::Args),
}
