//! `trace-diff explain`: what rules mean.

use std::fmt::Write as _;

use trace_diff::report;

use crate::exit::{Failure, Outcome};
use crate::output;

/// Says what a rule means, why it matters and how to accept it
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Name of a rule, as reports show it; without it all are listed
    rule: Option<String>,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let text = match &args.rule {
        None => list(),
        Some(name) => report::explain(name)
            .map_err(|error| {
                let hint = error.nearest.map_or_else(
                    || "trace-diff explain lists the rules".to_owned(),
                    |nearest| format!("did you mean {nearest}?"),
                );
                Failure::new(error).with_hint(hint)
            })?
            .to_string(),
    };
    output::write(text.as_bytes())
}

fn list() -> String {
    let width = report::rule_names().iter().map(|name| name.len()).max();
    let width = width.unwrap_or_default();
    let mut text = String::new();
    for rule in report::rules() {
        let (name, level) = (rule.name, rule.level.name());
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "{name:width$}  {level:7}  {}", rule.means);
    }
    text
}
