//! The report as workflow commands of GitHub Actions.

use std::io::{self, Write};

use super::finding_text::{accepted, heading, lines, varied};
use super::headline::title;
use super::text::{plural, visible};
use super::{Finding, Level, Report};

/// Annotations of one level that GitHub shows for a step; it drops the others.
pub(super) const MOST_ANNOTATIONS: usize = 10;

/// Writes the report as workflow commands: an annotation for each of the most serious findings, all findings in a
/// folded group of the log, and the verdict.
///
/// GitHub shows ten errors, ten warnings and ten notices of a step; when there are more, the last line says how many.
/// Nothing that was captured can become a command: values are on the line of their command, with GitHub's escapes, and
/// other lines never begin with one.
///
/// # Errors
///
/// When writing fails.
pub fn render_github(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let open = varied(&report.findings);
    for level in [Level::Error, Level::Warning, Level::Note] {
        let findings = open.iter().filter(|finding| finding.level == level);
        for finding in findings.take(MOST_ANNOTATIONS) {
            writeln!(out, "{}", command(finding))?;
        }
    }
    let accepted = accepted(&report.findings);
    if !open.is_empty() || !accepted.is_empty() {
        let count = plural(report.findings.len(), "finding");
        writeln!(out, "::group::trace-diff: {count}")?;
        for finding in open.iter().chain(&accepted) {
            write_plain(finding, out)?;
        }
        writeln!(out, "::endgroup::")?;
    }
    for one in &report.not_checked {
        let rules = one.rules.join(", ");
        plain(
            out,
            "",
            &format!("{rules}: not checked, because {}", one.reason),
        )?;
    }
    for rule in &report.unused_rules {
        plain(out, "", &format!("{}: {}", rule.rule, rule.message))?;
    }
    plain(out, "", &format!("trace-diff: {}", title(report)))?;
    match left_out(&open) {
        Some(text) => plain(out, "", &text),
        None => Ok(()),
    }
}

/// How many findings GitHub shows no annotation for.
fn left_out(open: &[&Finding]) -> Option<String> {
    let names = [
        (Level::Error, "more error"),
        (Level::Warning, "more warning"),
        (Level::Note, "more note"),
    ];
    let more = names.iter().filter_map(|(level, word)| {
        let count = open
            .iter()
            .filter(|finding| finding.level == *level)
            .count();
        let more = count
            .checked_sub(MOST_ANNOTATIONS)
            .filter(|more| *more > 0)?;
        Some(plural(more, word))
    });
    let more: Vec<String> = more.collect();
    (!more.is_empty()).then(|| {
        format!(
            "{} without an annotation, as GitHub shows {MOST_ANNOTATIONS} of each level for a step; the log above has them all",
            more.join(", ")
        )
    })
}

/// An annotation that stands at no file; the message may have several lines.
pub(super) fn annotation(level: Level, title: &str, message: &str) -> String {
    let title = property(&visible(title));
    format!("::{} title={title}::{}", command_name(level), data(message))
}

fn command_name(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note => "notice",
    }
}

fn command(finding: &Finding) -> String {
    let name = command_name(finding.level);
    let mut properties = Vec::new();
    // Standard input is no file that an annotation could stand at.
    if let Some(place) = finding.place.as_ref().filter(|place| place.path != "-") {
        properties.push(format!("file={}", property(&place.path)));
        properties.extend(place.line.map(|line| format!("line={line}")));
    }
    properties.push(format!("title={}", property(&heading(finding))));
    let mut message = visible(&finding.message).into_owned();
    for line in lines(finding) {
        message.push('\n');
        message.push_str(&line);
    }
    message.push_str(&format!("\ntrace-diff explain {}", finding.rule));
    format!("::{name} {}::{}", properties.join(","), data(&message))
}

/// The escapes of a command's message.
fn data(text: &str) -> String {
    guarded(text)
        .replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// The escapes of a command's properties.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

fn write_plain(finding: &Finding, out: &mut impl Write) -> io::Result<()> {
    let level = match &finding.accepted {
        Some(_) => "accepted",
        None => finding.level.name(),
    };
    let text = format!("{level}: {}: {}", heading(finding), finding.message);
    plain(out, "", &text)?;
    lines(finding)
        .iter()
        .try_for_each(|line| plain(out, "    ", line))
}

/// A text without `##[`, which a runner takes for the beginning of a command anywhere in a line.
fn guarded(text: &str) -> String {
    text.replace("##[", "##\u{2060}[")
}

/// Writes a line that is no command: a runner takes `::` at the beginning of a line for one; white space before it does
/// not matter.
pub(super) fn plain(out: &mut impl Write, indent: &str, text: &str) -> io::Result<()> {
    let text = guarded(&visible(text));
    let guard = match text.trim_start().starts_with("::") {
        true => "\u{2060}",
        false => "",
    };
    writeln!(out, "{indent}{guard}{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_captured_becomes_a_command() {
        let check = |text: &str, expect: &str| {
            let mut out = Vec::new();
            plain(&mut out, "  ", text).expect("a vector takes everything");
            assert_eq!(String::from_utf8_lossy(&out), format!("  {expect}\n"));
        };
        check("as it is: 50 %", "as it is: 50 %");
        check("::set-output name=a::b", "\u{2060}::set-output name=a::b");
        check("a\n::error::b", "a⏎::error::b");
        check("x ##[error]b", "x ##\u{2060}[error]b");
    }

    #[test]
    fn values_are_escaped() {
        assert_eq!(data("50 %\r\na:b,c"), "50 %25%0D%0Aa:b,c");
        assert_eq!(property("50 %\na:b,c"), "50 %25%0Aa%3Ab%2Cc");
    }
}
