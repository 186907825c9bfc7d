//! The rules file `trace-diff.toml`: which findings are accepted, and which places are not compared.

use std::ops::Range;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use regex::Regex;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{LevelRule, RulesError, RulesProblem};
use crate::json::{PointerError, PointerPattern, bad_regex};

/// A rules file, read; see `docs/rules-file.md`.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// Path of the file as the user gave it.
    pub path: String,
    /// The capture to compare with when none is named, relative to the directory of the rules file.
    pub baseline: Option<String>,
    /// Whose contracts hold: `codex`, `codex@0.137.0`, `pycodex`, `generic`, or a file relative to the directory of the rules
    /// file.
    pub profile: Option<String>,
    /// The `[levels]` table: other levels for the findings of rules.
    pub levels: Vec<LevelRule>,
    /// The `[[accept]]` tables, first in the file first.
    pub accept: Vec<AcceptRule>,
    /// The `[[ignore]]` tables, first in the file first.
    pub ignore: Vec<IgnoreRule>,
}

/// Findings that are known and shall not fail a run; they are still shown.
#[derive(Debug, Clone)]
pub struct AcceptRule {
    /// Only findings of this rule.
    pub rule: Option<String>,
    /// Only findings at these places. At least one of `rule` and `pointer` is set.
    pub pointer: Option<PointerPattern>,
    /// Only findings that show this text in the baseline, the candidate, the subject or the detail.
    pub pattern: Option<Regex>,
    /// Why they are accepted; never empty.
    pub reason: String,
    /// The last day on which they are.
    pub until: Option<Date>,
    /// Line of the table's head in the file, from 1.
    pub line: usize,
}

/// A place that is not compared.
#[derive(Debug, Clone)]
pub struct IgnoreRule {
    /// The places.
    pub pointer: PointerPattern,
    /// Only the parts of a text that match this; without it the whole value.
    pub pattern: Option<Regex>,
    /// Why, if the file says so.
    pub reason: Option<String>,
    /// Line of the table's head in the file, from 1; `None` for a rule of the command line.
    pub line: Option<usize>,
}

impl IgnoreRule {
    /// Makes the rule of one `--ignore POINTER` option.
    pub fn from_option(pointer: PointerPattern) -> Self {
        Self {
            pointer,
            pattern: None,
            reason: None,
            line: None,
        }
    }
}

impl AcceptRule {
    /// Whether the rule accepts on this day; the day of `until` is the last one.
    pub fn is_in_force(&self, today: Date) -> bool {
        self.until.is_none_or(|until| today <= until)
    }
}

const TOP_KEYS: &[&str] = &["baseline", "profile", "levels", "accept", "ignore"];
const ACCEPT_KEYS: &[&str] = &["rule", "pointer", "pattern", "reason", "until"];
const IGNORE_KEYS: &[&str] = &["pointer", "pattern", "reason"];

impl Rules {
    /// Reads the text of a rules file; `path` is for messages, `known_rules` are the names that `rule` may have.
    ///
    /// # Errors
    ///
    /// With every problem of the file: text that is no TOML, unknown or missing keys, values of another type, bad
    /// pointers, regular expressions and dates, unknown rule names.
    pub fn parse(path: &str, text: &str, known_rules: &[&str]) -> Result<Self, RulesError> {
        let mut file = File {
            text,
            known_rules,
            problems: Vec::new(),
        };
        let mut rules = Self {
            path: path.to_owned(),
            ..Self::default()
        };
        match DeTable::parse(text) {
            Ok(document) => file.read(document.get_ref(), &mut rules),
            Err(error) => file.report(error.span().unwrap_or(0..0), error.message(), None),
        }
        let mut problems = file.problems;
        if problems.is_empty() {
            return Ok(rules);
        }
        problems.sort_by_key(|problem| (problem.line, problem.column));
        Err(RulesError {
            path: path.to_owned(),
            problems,
        })
    }

    /// Where the baseline is, seen from the current directory: its path is relative to the rules file.
    pub fn baseline_path(&self) -> Option<PathBuf> {
        let directory = Path::new(&self.path).parent().unwrap_or(Path::new(""));
        self.baseline
            .as_ref()
            .map(|baseline| directory.join(baseline))
    }

    /// How reports name the rule at this line: `trace-diff.toml:12`.
    pub fn location(&self, line: usize) -> String {
        format!("{}:{line}", self.path)
    }
}

/// A rules file while it is read.
pub(super) struct File<'a> {
    text: &'a str,
    pub(super) known_rules: &'a [&'a str],
    problems: Vec<RulesProblem>,
}

impl File<'_> {
    pub(super) fn report(
        &mut self,
        span: Range<usize>,
        message: impl Into<String>,
        hint: Option<String>,
    ) {
        self.problems
            .push(RulesProblem::new(self.text, span, message, hint));
    }

    fn read(&mut self, document: &DeTable<'_>, rules: &mut Rules) {
        self.check_keys(document, TOP_KEYS);
        rules.baseline = self
            .text_at(document, "baseline")
            .map(|(text, _)| text.to_owned());
        rules.profile = self
            .text_at(document, "profile")
            .map(|(text, _)| text.to_owned());
        rules.levels = self.levels(document);
        for (table, span) in self.tables_at(document, "accept") {
            rules.accept.extend(self.accept_rule(table, span));
        }
        for (table, span) in self.tables_at(document, "ignore") {
            rules.ignore.extend(self.ignore_rule(table, span));
        }
    }

    fn accept_rule(&mut self, table: &DeTable<'_>, head: Range<usize>) -> Option<AcceptRule> {
        self.check_keys(table, ACCEPT_KEYS);
        let line = self.line(&head);
        let rule = self.rule_name(table);
        let pointer = self.pointer(table);
        let pattern = self.pattern(table);
        let until = self.until(table);
        if !table.contains_key("rule") && !table.contains_key("pointer") {
            let hint = "say which findings are accepted by one of them or both".to_owned();
            self.report(
                head.clone(),
                "`rule` and `pointer` are both missing",
                Some(hint),
            );
        }
        let Some((reason, span)) = self.text_at(table, "reason") else {
            if !table.contains_key("reason") {
                let hint = "say why it is accepted: `reason = \"…\"`".to_owned();
                self.report(head, "`reason` is missing", Some(hint));
            }
            return None;
        };
        if reason.trim().is_empty() {
            self.report(span, "`reason` is empty", None);
        }
        Some(AcceptRule {
            rule,
            pointer,
            pattern,
            reason: reason.to_owned(),
            until,
            line,
        })
    }

    fn ignore_rule(&mut self, table: &DeTable<'_>, head: Range<usize>) -> Option<IgnoreRule> {
        self.check_keys(table, IGNORE_KEYS);
        let line = Some(self.line(&head));
        let pattern = self.pattern(table);
        let reason = self
            .text_at(table, "reason")
            .map(|(text, _)| text.to_owned());
        if !table.contains_key("pointer") {
            let hint = "say what is not compared: `pointer = \"/request/…\"`".to_owned();
            self.report(head, "`pointer` is missing", Some(hint));
        }
        let pointer = self.pointer(table)?;
        Some(IgnoreRule {
            pointer,
            pattern,
            reason,
            line,
        })
    }

    fn check_keys(&mut self, table: &DeTable<'_>, known: &[&str]) {
        for key in table.keys() {
            let name = key.get_ref().as_ref();
            if !known.contains(&name) {
                let message = format!("unknown key `{name}`");
                self.report(
                    key.span(),
                    message,
                    Some(suggest(name, known, "the keys here are")),
                );
            }
        }
    }

    fn rule_name(&mut self, table: &DeTable<'_>) -> Option<String> {
        let (name, span) = self.text_at(table, "rule")?;
        self.check_rule_name(name, span);
        Some(name.to_owned())
    }

    pub(super) fn check_rule_name(&mut self, name: &str, span: Range<usize>) {
        if !self.known_rules.contains(&name) {
            let hint = similar_name(name, self.known_rules).map_or_else(
                || "`trace-diff explain` lists the rules".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            self.report(span, format!("unknown rule `{name}`"), Some(hint));
        }
    }

    fn pointer(&mut self, table: &DeTable<'_>) -> Option<PointerPattern> {
        let (text, span) = self.text_at(table, "pointer")?;
        match PointerPattern::parse(text) {
            Ok(pointer) => Some(pointer),
            Err(error) => {
                let hint = match error {
                    PointerError::NoLeadingSlash => Some(format!("did you mean `/{text}`?")),
                    _ => Some("write `~0` for `~` and `~1` for `/` inside a key".to_owned()),
                };
                let span = self.span_within(span, text, error.offset());
                self.report(span, error.to_string(), hint);
                None
            }
        }
    }

    fn pattern(&mut self, table: &DeTable<'_>) -> Option<Regex> {
        let (text, span) = self.text_at(table, "pattern")?;
        if text.is_empty() {
            let hint = "leave `pattern` out to mean every text".to_owned();
            self.report(span, "`pattern` is empty", Some(hint));
            return None;
        }
        match Regex::new(text) {
            Ok(pattern) => Some(pattern),
            Err(error) => {
                self.report(span, bad_regex(&error), None);
                None
            }
        }
    }

    fn until(&mut self, table: &DeTable<'_>) -> Option<Date> {
        let value = table.get("until")?;
        let text = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Datetime(date) => date.to_string(),
            _ => String::new(),
        };
        // The crate's parser also takes times and dates without hyphens.
        let date = text
            .parse::<Date>()
            .ok()
            .filter(|date| date.to_string() == text);
        if date.is_none() {
            let hint =
                "write the last day on which the rule accepts, such as \"2027-03-01\"".to_owned();
            self.report(value.span(), "`until` is no date", Some(hint));
        }
        date
    }

    fn text_at<'t>(
        &mut self,
        table: &'t DeTable<'_>,
        key: &str,
    ) -> Option<(&'t str, Range<usize>)> {
        let value = table.get(key)?;
        let text = value.get_ref().as_str();
        if text.is_none() {
            let message = format!("`{key}` is no string but {}", type_name(value));
            self.report(value.span(), message, None);
        }
        text.map(|text| (text, value.span()))
    }

    fn tables_at<'t, 'i>(
        &mut self,
        document: &'t DeTable<'i>,
        key: &str,
    ) -> Vec<(&'t DeTable<'i>, Range<usize>)> {
        let Some(value) = document.get(key) else {
            return Vec::new();
        };
        let hint = || Some(format!("begin each rule with `[[{key}]]`"));
        let Some(elements) = value.get_ref().as_array() else {
            self.report(
                value.span(),
                format!("`{key}` is no list of tables but {}", type_name(value)),
                hint(),
            );
            return Vec::new();
        };
        let mut tables = Vec::new();
        for element in elements.iter() {
            match element.get_ref().as_table() {
                Some(table) => tables.push((table, element.span())),
                None => self.report(
                    element.span(),
                    format!("`{key}` holds {}", type_name(element)),
                    hint(),
                ),
            }
        }
        tables
    }

    fn line(&self, span: &Range<usize>) -> usize {
        RulesProblem::new(self.text, span.clone(), "", None).line
    }

    /// The span of one character of a string value, or of the whole value where escapes shift positions.
    fn span_within(&self, span: Range<usize>, value: &str, offset: usize) -> Range<usize> {
        let source = self.text.get(span.clone()).unwrap_or_default();
        match source.find(value) {
            Some(start) if offset < value.len() => {
                let at = span.start + start + offset;
                at..at + 1
            }
            _ => span,
        }
    }
}

pub(super) fn type_name(value: &Spanned<DeValue<'_>>) -> &'static str {
    match value.get_ref() {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// A hint for a name that is not known: the nearest one, or all.
fn suggest(name: &str, known: &[&str], all: &str) -> String {
    match similar_name(name, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("{all} `{}`", known.join("`, `")),
    }
}

fn similar_name<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    similar::get_close_matches(name, known, 1, 0.6)
        .first()
        .copied()
}
