//! Pieces of the page: escaped text, one finding, tables.

use crate::report::finding_text::{difference, exchanges, place, untold_subject};
use crate::report::text::visible;
use crate::report::{Finding, RolloutPlace};

/// Captured text as HTML: nothing in it is markup, and control characters are shown.
pub(in crate::report) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in visible(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// Captured text as code; nothing for an empty text.
pub(in crate::report) fn code(text: &str) -> String {
    match text {
        "" => String::new(),
        text => format!("<code>{}</code>", escaped(text)),
    }
}

/// A sentence in which what stands between back-ticks is code.
pub(in crate::report) fn sentence(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return escaped(text);
    }
    let numbered = parts.iter().enumerate();
    let parts = numbered.map(|(at, part)| match at % 2 {
        0 => escaped(part),
        _ => code(part),
    });
    parts.collect()
}

/// One finding, folded: its sentence, and below it values, places and the rule.
pub(super) fn finding_html(finding: &Finding, label: &str) -> String {
    let level = match &finding.accepted {
        Some(_) => "accepted",
        None => finding.level.name(),
    };
    let subject = untold_subject(finding).map_or(String::new(), |subject| {
        format!("<b>{}</b>: ", sentence(&subject))
    });
    let label = match label {
        label if finding.message.contains(label) => String::new(),
        label => format!("{} ", code(label)),
    };
    let numbers = exchanges(finding);
    format!(
        "<details id=\"f-{id}\"><summary><span class=\"level {level}\">{level}</span> {subject}{label}{message} \
         <span class=\"dim\">{numbers}</span></summary>\n{facts}{values}</details>\n",
        id = escaped(&finding.id),
        message = sentence(&finding.message),
        numbers = escaped(&numbers),
        facts = facts(finding),
        values = values(finding),
    )
}

/// Where it was found, by which rule, and what accepts it.
fn facts(finding: &Finding) -> String {
    let mut rows = vec![(
        "rule",
        format!(
            "<a href=\"#r-{0}\"><code>{0}</code></a>",
            escaped(&finding.rule)
        ),
    )];
    let mut add = |name, text: String| {
        if !text.is_empty() {
            rows.push((name, text));
        }
    };
    add("place", code(finding.pointer.as_str()));
    let also: Vec<String> = finding.also.iter().map(|p| code(p.as_str())).collect();
    add("also at", also.join("<br>"));
    add("exchanges", escaped(&exchanges(finding)));
    add(
        "file",
        finding
            .place
            .as_ref()
            .map_or(String::new(), |file| code(&place(file))),
    );
    add(
        "on disk",
        finding.rollout.as_ref().map_or(String::new(), on_disk),
    );
    if let Some(accepted) = &finding.accepted {
        add(
            "accepted by",
            format!("{}: {}", code(&accepted.rule), escaped(&accepted.reason)),
        );
    }
    add("id", code(&finding.id));
    table(&rows)
}

fn on_disk(place: &RolloutPlace) -> String {
    format!(
        "record {}, bytes {}–{} {} of {}",
        place.record,
        place.start,
        place.end,
        code(place.pointer.as_str()),
        code(&place.path)
    )
}

/// Rows of a name and HTML.
pub(in crate::report) fn table(rows: &[(&str, String)]) -> String {
    let rows = rows
        .iter()
        .map(|(name, html)| format!("<tr><th>{name}</th><td>{html}</td></tr>\n"));
    format!("<table>\n{}</table>\n", rows.collect::<String>())
}

/// The values and what differs in them.
fn values(finding: &Finding) -> String {
    let lines = difference(finding);
    match lines.is_empty() {
        true => String::new(),
        false => coloured(&lines),
    }
}

/// Lines of a difference, coloured by their signs.
fn coloured(lines: &[String]) -> String {
    let line = |line: &String| {
        let class = match line.chars().next() {
            Some('-') => " class=\"minus\"",
            Some('+') => " class=\"plus\"",
            _ => "",
        };
        format!("<span{class}>{}</span>", escaped(line))
    };
    format!(
        "<pre>{}</pre>\n",
        lines.iter().map(line).collect::<String>()
    )
}

/// Something folded, closed at first.
pub(super) fn folded(summary: &str, html: &str) -> String {
    format!("<details><summary>{summary}</summary>\n{html}</details>\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captured_text_is_no_markup() {
        assert_eq!(
            escaped("<img src=x onerror='a&b'>\u{1b}[31m\n\"\u{202e}"),
            "&lt;img src=x onerror=&#39;a&amp;b&#39;&gt;\\u{1b}[31m⏎&quot;\\u{202e}"
        );
    }
}
