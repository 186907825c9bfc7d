//! The report as JUnit XML, for test reporters of CI systems.

use std::io::{self, Write};

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

use super::cases::{Case, Suite, Threads, suites};
use super::finding_text::{heading, lines};
use super::headline::is_counted;
use super::text::{plural, visible};
use super::{Finding, Level, Report};

/// Writes the report as JUnit XML: a test suite for each input, a test case for each rule and thread.
///
/// A case fails when it has errors or warnings that no rule accepts; it is skipped when it could not be checked. What is
/// accepted and notes are output of their case. The elements and attributes are those of `junit-10.xsd`, the schema of
/// Jenkins' xUnit plug-in, which GitLab's reader and those for GitHub Actions understand.
///
/// # Errors
///
/// When writing fails.
pub fn render_junit(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let suites = suites(report);
    let threads = Threads::new(report);
    let mut xml = Writer::new_with_indent(out, b' ', 2);
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let totals = suites.iter().map(Totals::of);
    let total = totals.fold(Totals::default(), Totals::plus);
    let mut root = element("testsuites", &[("name", "trace-diff")]);
    total.put(&mut root, false);
    xml.write_event(Event::Start(root))?;
    for suite in &suites {
        write_suite(&mut xml, suite, &threads)?;
    }
    xml.write_event(Event::End(BytesEnd::new("testsuites")))?;
    xml.into_inner().write_all(b"\n")
}

/// Numbers of cases.
#[derive(Debug, Clone, Copy, Default)]
struct Totals {
    tests: usize,
    failures: usize,
    skipped: usize,
}

impl Totals {
    fn of(suite: &Suite<'_>) -> Self {
        let count = |is: fn(&Case<'_>) -> bool| suite.cases.iter().filter(|case| is(case)).count();
        Self {
            tests: suite.cases.len(),
            failures: count(|case| case.is_failed()),
            skipped: count(|case| case.skipped.is_some()),
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            tests: self.tests + other.tests,
            failures: self.failures + other.failures,
            skipped: self.skipped + other.skipped,
        }
    }

    /// Writes them as attributes; only suites have a number of skipped cases.
    fn put(self, element: &mut BytesStart<'_>, has_skipped: bool) {
        element.push_attribute(("tests", self.tests.to_string().as_str()));
        element.push_attribute(("failures", self.failures.to_string().as_str()));
        element.push_attribute(("errors", "0"));
        if has_skipped {
            element.push_attribute(("skipped", self.skipped.to_string().as_str()));
        }
    }
}

fn write_suite<W: Write>(
    xml: &mut Writer<W>,
    suite: &Suite<'_>,
    threads: &Threads<'_>,
) -> io::Result<()> {
    let input = suite.input;
    let path = text(&input.path);
    let mut start = element("testsuite", &[("name", &path)]);
    Totals::of(suite).put(&mut start, true);
    start.push_attribute(("file", path.as_str()));
    xml.write_event(Event::Start(start))?;
    let mut properties = vec![
        ("role".to_owned(), input.role.name().to_owned()),
        ("kind".to_owned(), input.kind.clone()),
        ("exchanges".to_owned(), input.exchanges.to_string()),
    ];
    if suite.cases.len() > 1 {
        let ids = threads.ids.iter().enumerate();
        properties.extend(ids.map(|(at, id)| (format!("thread {}", at + 1), (*id).to_owned())));
    }
    xml.write_event(Event::Start(BytesStart::new("properties")))?;
    for (name, value) in &properties {
        let property = element("property", &[("name", name), ("value", &text(value))]);
        xml.write_event(Event::Empty(property))?;
    }
    xml.write_event(Event::End(BytesEnd::new("properties")))?;
    for case in &suite.cases {
        write_case(xml, case, &path)?;
    }
    xml.write_event(Event::End(BytesEnd::new("testsuite")))
}

fn write_case<W: Write>(xml: &mut Writer<W>, case: &Case<'_>, path: &str) -> io::Result<()> {
    // Reporters take what stands before the last dot for a package: here the capture.
    let class = format!("{}.{}", path.replace('.', "_"), case.area);
    let start = element(
        "testcase",
        &[
            ("name", &text(&case.name)),
            ("classname", &class),
            ("time", "0"),
        ],
    );
    let (counted, others): (Vec<&Finding>, Vec<&Finding>) = case
        .findings
        .iter()
        .partition(|finding| is_counted(finding));
    if counted.is_empty() && others.is_empty() && case.skipped.is_none() {
        return xml.write_event(Event::Empty(start));
    }
    xml.write_event(Event::Start(start))?;
    if let Some(worst) = counted.iter().min_by_key(|finding| finding.level) {
        let more = match counted.len() - 1 {
            0 => String::new(),
            more => format!(" (and {})", plural(more, "more finding")),
        };
        let message = format!("{}{more}", text(&worst.message));
        let failure = element(
            "failure",
            &[("message", &message), ("type", worst.level.name())],
        );
        write_text(xml, failure, &paragraphs(&counted))?;
    }
    if let Some(reason) = &case.skipped {
        let skipped = element("skipped", &[("message", &text(reason))]);
        xml.write_event(Event::Empty(skipped))?;
    }
    if !others.is_empty() {
        write_text(xml, BytesStart::new("system-out"), &paragraphs(&others))?;
    }
    xml.write_event(Event::End(BytesEnd::new("testcase")))
}

pub(super) fn element<'a>(name: &'a str, attributes: &[(&str, &str)]) -> BytesStart<'a> {
    let mut start = BytesStart::new(name);
    for attribute in attributes {
        start.push_attribute(*attribute);
    }
    start
}

pub(super) fn write_text<W: Write>(
    xml: &mut Writer<W>,
    start: BytesStart<'_>,
    text: &str,
) -> io::Result<()> {
    let end = start.to_end().into_owned();
    xml.write_event(Event::Start(start))?;
    xml.write_event(Event::Text(BytesText::new(text)))?;
    xml.write_event(Event::End(end))
}

/// Findings one below the other, with an empty line between them.
fn paragraphs(findings: &[&Finding]) -> String {
    let one = |finding: &&Finding| {
        let level = match (finding.level, &finding.accepted) {
            (_, Some(_)) => "accepted",
            (Level::Error, None) => "error",
            (Level::Warning, None) => "warning",
            (Level::Note, None) => "note",
        };
        let mut block = format!(
            "{level}: {}\n{}\n",
            heading(finding),
            visible(&finding.message)
        );
        for line in lines(finding) {
            block.push_str(&format!("  {line}\n"));
        }
        block.push_str(&format!("  id: {}\n", finding.id));
        block
    };
    let blocks: Vec<String> = findings.iter().map(one).collect();
    blocks
        .join("\n")
        .lines()
        .map(|line| format!("{}\n", text(line)))
        .collect()
}

/// A text with nothing in it that XML 1.0 has no characters for.
pub(super) fn text(text: &str) -> String {
    visible(text)
        .chars()
        .map(|c| match c {
            '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
            c => c,
        })
        .collect()
}
