//! Integration tests: one module per area.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "clippy.toml allows these in tests, but clippy sees only `#[test]` functions, not their helpers"
)]

mod capture;
mod capture_damage;
mod capture_format;
mod check_rollouts;
mod cli;
mod cli_bad_input;
mod cli_rules;
mod cli_secrets;
mod compare;
mod compare_properties;
mod compressed;
mod contracts;
mod contracts_of_compaction;
mod contracts_of_responses;
mod corpus;
mod discover;
mod documents;
mod explain;
mod fixtures;
mod formats;
mod help;
mod import_foreign;
mod json;
mod late_arrival;
mod matrix;
mod mutations;
mod profiles;
mod program;
mod recover;
mod replay;
mod report;
mod report_text;
mod rollout_damage;
mod rollout_history;
mod rollout_rules;
mod rules;
mod rules_options;
mod rust_text;
mod samples;
mod schema;
mod script;
mod serve_corpus;
mod show;
mod show_long;
mod testing;
mod tidy;
mod tools;
