//! Markdown: what GitHub would make of it.

use regex::Regex;
use trace_diff::capture::read_capture_bytes;
use trace_diff::diff::{Options, compare};
use trace_diff::report::{MarkdownOptions, comparison_report, render_markdown};

use super::{rendered, runs};
use crate::program::fixture;

/// Rows of tables that are findings.
pub(super) fn rows(text: &str) -> usize {
    let is_row = |line: &&str| line.starts_with("| ") && !line.contains("| --- ");
    let heads = text.matches("| rule | where | what |").count();
    text.lines().filter(is_row).count() - heads
}

/// The text without its code (blocks, spans, what stands in `<code>`) and without entities.
fn without_code(text: &str) -> String {
    let mut out = String::new();
    let mut fence: Option<String> = None;
    for line in text.lines() {
        let ticks: String = line.chars().take_while(|c| *c == '`').collect();
        match &fence {
            Some(open) if *open == line => fence = None,
            Some(_) => {}
            None if ticks.len() >= 3 => fence = Some(ticks),
            None => {
                out.push_str(line);
                out.push('\n');
            }
        }
    }
    assert_eq!(fence, None, "a block is not closed");
    let code = Regex::new("`[^`\n]*`|<code>[^<\n]*</code>|&#[0-9]+;").unwrap();
    code.replace_all(&out, "").into_owned()
}

#[test]
fn nothing_captured_is_markup() {
    let (program, runs) = runs();
    let tag = Regex::new("<[^>\n]*>").unwrap();
    for (name, arguments) in &runs {
        let text = rendered(&program, arguments, "markdown");
        assert!(
            !text.contains(|c: char| c.is_control() && c != '\n'),
            "{name}"
        );
        let plain = without_code(&text);
        for tag in tag.find_iter(&plain) {
            let known = ["<details>", "</details>", "<summary>", "</summary>"];
            assert!(known.contains(&tag.as_str()), "{name}: {}", tag.as_str());
        }
        for markup in ["`", "@octocat", "#1", "](", "::"] {
            assert!(!plain.contains(markup), "{name}: {markup} in {plain}");
        }
        for line in plain.lines().filter(|line| line.starts_with('|')) {
            assert_eq!(line.matches('|').count(), 5, "{name}: {line}");
        }
    }
}

#[test]
fn a_page_over_the_limit_says_what_is_left_out() {
    let read = |name: &str| read_capture_bytes(name, fixture(name)).unwrap();
    let baseline = read("codex-0.169.0-02-shell-roundtrip.jsonl");
    let candidate = read("pycodex-0.5.1-02-shell-roundtrip.jsonl");
    let comparison = compare(&baseline, &candidate, &Options::default());
    let report = comparison_report(&baseline, &candidate, &comparison);
    let page = |limit: usize| {
        let options = MarkdownOptions {
            limit,
            outline: None,
        };
        let mut out = Vec::new();
        render_markdown(&report, &options, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    let whole = page(1 << 20);
    assert!(!whole.contains("Left out"));
    for limit in (1_000..whole.len() + 600).step_by(700) {
        let text = page(limit);
        assert!(text.len() <= limit, "{limit}");
        assert_eq!(
            text.matches("<details>").count(),
            text.matches("</details>").count()
        );
        let left_out = text.split("**Left out").nth(1);
        assert_eq!(left_out.is_none(), text.len() == whole.len(), "{limit}");
        let without_a_row = left_out.and_then(|note| {
            let number = note.split(" findings without a row").next()?;
            number.rsplit(' ').next()?.parse::<usize>().ok()
        });
        let all = rows(&text) + without_a_row.unwrap_or_default();
        assert_eq!(all, report.findings.len(), "{limit}");
    }
}
