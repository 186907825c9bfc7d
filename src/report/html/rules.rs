//! What the rules mean that a page names.

use std::io::{self, Write};

use super::parts::escaped;
use crate::report::explain;

/// Writes what each of these rules means, once, by name; names that are no rules are left out.
pub(in crate::report) fn write_rules(mut names: Vec<&str>, out: &mut impl Write) -> io::Result<()> {
    names.sort_unstable();
    names.dedup();
    let known: Vec<_> = names
        .into_iter()
        .filter_map(|name| explain(name).ok())
        .collect();
    if known.is_empty() {
        return Ok(());
    }
    writeln!(out, "<h2>What the rules mean</h2>")?;
    for rule in known {
        writeln!(
            out,
            "<h3 id=\"r-{name}\"><code>{name}</code> <span class=\"dim\">{level}</span></h3>\n<p>{means}</p>\n\
             <p><span class=\"dim\">Why it matters:</span> {matters}</p>\n\
             <p><span class=\"dim\">Where the expectation comes from:</span> {expectation}</p>\n\
             <p class=\"dim\">To accept it, say so in trace-diff.toml:</p>\n<pre>{accept}</pre>",
            name = rule.name,
            level = rule.level.name(),
            means = escaped(rule.means),
            matters = escaped(rule.matters),
            expectation = escaped(rule.expectation),
            accept = rule
                .accept_table()
                .lines()
                .map(|line| format!("<span>{}</span>", escaped(line)))
                .collect::<String>(),
        )?;
    }
    Ok(())
}
