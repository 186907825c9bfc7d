//! The options that say what counts: the rules file, `--only`, `--ignore`.

use std::path::{Path, PathBuf};

use anyhow::Context;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use trace_diff::diff::Options;
use trace_diff::json::PointerPattern;
use trace_diff::normalize::{IgnoreRule, LevelRule, Rules};
use trace_diff::report::{Standards, explain, rule_names};

use crate::exit::Failure;

const FILE_NAME: &str = "trace-diff.toml";

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Comparison")]
pub(crate) struct RuleArgs {
    /// Tells only what is found at this place or below it, such as /request/body/tools, and exchanges that one side lacks; may be repeated
    #[arg(long, value_name = "POINTER")]
    only: Vec<PointerPattern>,
    /// Leaves out this place and all below it; * is any one step, ** any number; may be repeated
    #[arg(long, value_name = "POINTER")]
    ignore: Vec<PointerPattern>,
    /// Rules file, which says what is known; without it trace-diff.toml here or in a directory above
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// Gives the findings of a rule another level: error, warning, note, or off; may be repeated
    #[arg(long = "rule", value_name = "NAME=LEVEL", value_parser = level_rule)]
    levels: Vec<LevelRule>,
}

/// Reads `NAME=LEVEL`.
fn level_rule(text: &str) -> Result<LevelRule, String> {
    let expected = || {
        format!(
            "expected NAME=LEVEL, where LEVEL is one of {}",
            LevelRule::WORDS.join(", ")
        )
    };
    let (name, word) = text.split_once('=').ok_or_else(expected)?;
    explain(name).map_err(|error| match error.nearest {
        Some(nearest) => format!("{error}; did you mean {nearest}?"),
        None => format!("{error}; trace-diff explain lists the rules"),
    })?;
    LevelRule::new(name, word).ok_or_else(expected)
}

impl RuleArgs {
    /// Reads the rules file; where there is none and none is named, there are no rules.
    pub(crate) fn load(&self) -> Result<Rules, Failure> {
        let Some(path) = self.path() else {
            return Ok(Rules::default());
        };
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("failed to read {}", path.display()))?;
        let shown = path.to_string_lossy();
        Ok(Rules::parse(&shown, &text, &rule_names())?)
    }

    /// The rules file, if there is one.
    pub(crate) fn path(&self) -> Option<PathBuf> {
        self.rules.clone().or_else(find)
    }

    /// The levels that rules have for this run; those of the command line count before those of the file.
    fn levels(&self, rules: &Rules) -> Vec<LevelRule> {
        rules.levels.iter().chain(&self.levels).cloned().collect()
    }

    /// By what a report is judged today.
    pub(crate) fn standards(&self, rules: &Rules) -> Standards {
        Standards {
            levels: self.levels(rules),
            today: today(),
            rules: rules.clone(),
        }
    }

    /// What the comparison has to know; the ignore rules of the file come first.
    pub(crate) fn options(&self, rules: &Rules) -> Options {
        let from_command_line = self.ignore.iter().cloned().map(IgnoreRule::from_option);
        Options {
            only: self.only.clone(),
            ignore: rules
                .ignore
                .iter()
                .cloned()
                .chain(from_command_line)
                .collect(),
        }
    }
}

/// The nearest rules file, from the current directory upward, as a relative path.
fn find() -> Option<PathBuf> {
    let here = std::env::current_dir().ok()?;
    let directories = std::iter::successors(Some(PathBuf::new()), |path| {
        Some(Path::new("..").join(path))
    });
    let candidates = directories
        .take(here.ancestors().count())
        .map(|path| path.join(FILE_NAME));
    candidates.into_iter().find(|path| path.is_file())
}

/// The day by which rules expire, in UTC so that all machines agree.
fn today() -> Date {
    Timestamp::now().to_zoned(TimeZone::UTC).date()
}
