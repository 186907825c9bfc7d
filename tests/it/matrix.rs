//! The matrix in all its forms: nothing that an agent said is markup, a command or a control sequence.

use std::collections::{BTreeMap, HashSet};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use regex::Regex;
use sha2::{Digest, Sha256};
use trace_diff::report::{
    Cell, CellFinding, CellVerdict, Level, Matrix, MatrixAgent, MatrixOptions, MatrixRow,
    render_matrix_github, render_matrix_html, render_matrix_markdown, render_matrix_text,
};

const HOSTILE: &str = "</script><img src=x onerror=alert(1)>\"'&\u{1b}[31m\u{202e}\n::error::owned @you `<b>` ##[error]x";

const TAGS: &str = "html head meta title style body h1 h2 h3 p table thead tbody tr th td details summary span code pre a b br \
                    div label input section ul li script";
const ATTRIBUTES: &str = "lang charset http-equiv content name id class href scope tabindex type checked placeholder aria-label \
                          hidden data-row";

fn finding(rule: &str, message: &str) -> CellFinding {
    CellFinding::new(rule, Level::Error, message.to_owned())
}

fn cell(verdict: CellVerdict, findings: Vec<CellFinding>) -> Cell {
    Cell {
        verdict,
        reason: matches!(verdict, CellVerdict::Gap | CellVerdict::NotApplicable)
            .then(|| HOSTILE.to_owned()),
        findings,
        accepted: Vec::new(),
        shared_differences: (verdict == CellVerdict::Differs).then_some(0),
        folder: (verdict != CellVerdict::NotApplicable).then(|| "scenario/agent".to_owned()),
    }
}

fn agent(name: &str) -> MatrixAgent {
    MatrixAgent {
        name: name.to_owned(),
        profile: "codex".to_owned(),
        version: Some(HOSTILE.to_owned()),
        counts: BTreeMap::new(),
    }
}

/// A row for each verdict, hostile in every text.
fn matrix() -> Matrix {
    let many = |count: usize| {
        let findings = (0..count).map(|n| finding("answer", &format!("{n} {HOSTILE}")));
        findings.collect::<Vec<_>>()
    };
    let shared = || finding("header-changed", HOSTILE);
    let second = [
        cell(CellVerdict::Pass, Vec::new()),
        cell(CellVerdict::Differs, [many(20), vec![shared()]].concat()),
        cell(CellVerdict::Differs, vec![shared()]),
        cell(CellVerdict::Gap, Vec::new()),
        cell(CellVerdict::Fails, many(3)),
        cell(CellVerdict::NotApplicable, Vec::new()),
    ];
    let rows = second
        .into_iter()
        .enumerate()
        .map(|(number, cell)| MatrixRow {
            name: format!("{number} {HOSTILE}"),
            title: Some(HOSTILE.to_owned()),
            cells: vec![self::cell(CellVerdict::Pass, Vec::new()), cell],
        });
    Matrix::new(vec![agent("upstream"), agent(HOSTILE)], rows.collect())
}

fn options() -> MatrixOptions {
    MatrixOptions {
        kept: Some("../my%20runs".to_owned()),
        ..MatrixOptions::default()
    }
}

fn html() -> String {
    let mut out = Vec::new();
    render_matrix_html(&matrix(), &options(), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// What stands between two texts, each time.
fn between<'t>(text: &'t str, start: &'t str, end: &'t str) -> Vec<&'t str> {
    let parts = text.split(start).skip(1);
    parts.map(|part| part.split(end).next().unwrap()).collect()
}

#[test]
fn only_our_own_tags_are_tags_of_the_page() {
    let page = html();
    assert!(!page.contains(|c: char| (c.is_control() && c != '\n') || c == '\u{202e}'));
    let mut markup = page.strip_prefix("<!doctype html>").unwrap().to_owned();
    for inside in between(&page, "<script>", "</script>") {
        markup = markup.replace(inside, "");
    }
    let tag = Regex::new("<[^>]*>").unwrap();
    let attribute = Regex::new(" ([^ =]+)(?:=\"([^\"]*)\")?").unwrap();
    for tag in tag.find_iter(&markup).map(|found| found.as_str()) {
        let inside = tag.trim_matches(['<', '>', '/']);
        let word = inside.split(' ').next().unwrap();
        assert!(TAGS.split_whitespace().any(|known| known == word), "{tag}");
        for found in attribute.captures_iter(&inside[word.len()..]) {
            let mut known = ATTRIBUTES.split_whitespace();
            assert!(known.any(|known| known == &found[1]), "{tag}");
            if &found[1] == "href" {
                let url = &found[2];
                assert!(
                    url.starts_with('#') || url.starts_with("../my%20runs/"),
                    "{tag}"
                );
            }
        }
    }
    for name in ["details", "section", "table", "div", "ul"] {
        let open = markup.matches(&format!("<{name}")).count();
        assert_eq!(
            open,
            markup.matches(&format!("</{name}>")).count(),
            "{name}"
        );
    }
}

#[test]
fn the_policy_allows_the_styles_and_the_filter_alone() {
    let page = html();
    let digest = |text: &&str| {
        let digest = BASE64_STANDARD.encode(Sha256::digest(text.as_bytes()));
        format!(" 'sha256-{digest}'")
    };
    let styles: String = between(&page, "<style>", "</style>")
        .iter()
        .map(digest)
        .collect();
    let scripts: String = between(&page, "<script>", "</script>")
        .iter()
        .map(digest)
        .collect();
    let policy = format!(
        "content=\"default-src 'none'; style-src{styles}; script-src{scripts}; base-uri 'none'; form-action 'none'\""
    );
    assert!(page.contains(&policy), "it should be {policy}");
}

#[test]
fn links_within_the_page_lead_somewhere() {
    let page = html();
    let ids: Vec<&str> = between(&page, " id=\"", "\"");
    assert_eq!(
        ids.iter().collect::<HashSet<_>>().len(),
        ids.len(),
        "ids are unique"
    );
    let targets = between(&page, "href=\"#", "\"");
    assert!(targets.iter().all(|target| ids.contains(target)));
    // Cell, what is told of it, and back; shared differences and where they are shown.
    for target in ["c-1-1", "t-1-1", "s-1", "t-2-1", "r-header-changed"] {
        assert!(targets.contains(&target), "{target}");
    }
}

#[test]
fn a_cell_links_to_its_run_only_if_that_was_kept() {
    assert!(html().contains("href=\"../my%20runs/scenario/agent/capture.jsonl\""));
    let mut out = Vec::new();
    render_matrix_html(&matrix(), &MatrixOptions::default(), &mut out).unwrap();
    assert!(!String::from_utf8(out).unwrap().contains("capture.jsonl"));
}

#[test]
fn nothing_said_by_an_agent_is_a_command_of_github() {
    let mut out = Vec::new();
    render_matrix_github(&matrix(), &options(), &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    let commands: Vec<&str> = text
        .lines()
        .filter(|line| line.trim_start().starts_with("::") || line.contains("##["))
        .collect();
    let names: Vec<&str> = commands
        .iter()
        .map(|line| line[2..].split([' ', ':']).next().unwrap())
        .collect();
    assert_eq!(names, ["error", "warning", "warning", "group", "endgroup"]);
    assert!(commands[0].contains("title=4 "), "{}", commands[0]);
    assert!(!text.contains('\u{1b}'));
}

#[test]
fn a_summary_stays_within_its_limit_and_says_what_is_left_out() {
    let whole = |limit: usize| {
        let mut out = Vec::new();
        let options = MatrixOptions { limit, ..options() };
        render_matrix_markdown(&matrix(), &options, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    assert!(!whole(1 << 20).contains("Left out"));
    let cut = whole(4096);
    assert!(cut.len() <= 4096 && cut.contains("**Left out"), "{cut}");
    assert_eq!(
        cut.matches("<details>").count(),
        cut.matches("</details>").count()
    );
}

#[test]
fn the_text_names_the_command_that_looks_closer() {
    let text = |options: &MatrixOptions| {
        let mut out = Vec::new();
        render_matrix_text(&matrix(), options, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    let kept = text(&MatrixOptions {
        kept: Some("my runs".to_owned()),
        ..MatrixOptions::default()
    });
    let capture = "'my runs/scenario/agent/capture.jsonl'";
    assert!(
        kept.contains(&format!("  → trace-diff {capture}\n")),
        "{kept}"
    );
    assert!(
        kept.contains(&format!("  → trace-diff {capture} {capture}\n")),
        "{kept}"
    );
    assert!(!text(&MatrixOptions::default()).contains('→'));
    let coloured = text(&MatrixOptions {
        has_color: true,
        ..MatrixOptions::default()
    });
    assert!(coloured.contains("\u{1b}[31mfails\u{1b}[0m"));
    let plain = Regex::new("\u{1b}\\[[0-9]+m").unwrap();
    assert_eq!(
        plain.replace_all(&coloured, ""),
        text(&MatrixOptions::default())
    );
}
