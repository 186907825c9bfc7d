//! The command that looks closer at a cell.

use super::{CellVerdict, Matrix};

/// The command that shows more of a cell that fails or differs, by its row and column, when its run was kept below `kept`.
pub(super) fn closer(matrix: &Matrix, row: usize, column: usize, kept: &str) -> Option<String> {
    let cells = &matrix.scenarios.get(row)?.cells;
    let cell = cells.get(column)?;
    let path = |column: usize, rest: &str| {
        let folder = cells.get(column)?.folder.as_ref()?;
        Some(quoted(&format!("{kept}/{folder}/{rest}")))
    };
    let capture = path(column, "capture.jsonl")?;
    match cell.verdict {
        CellVerdict::Differs => {
            let baseline = path(0, "capture.jsonl")?;
            Some(format!("trace-diff {baseline} {capture}"))
        }
        CellVerdict::Fails => {
            let mut rules = cell.findings.iter().map(|finding| &finding.rule);
            let rollout = match rules.any(|rule| rule.starts_with("rollout-")) {
                true => format!(" --rollout {}", path(column, "agent/home")?),
                false => String::new(),
            };
            Some(format!("trace-diff {capture}{rollout}"))
        }
        _ => None,
    }
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./@+,:".contains(c);
    match word.chars().all(is_plain) && !word.starts_with('-') {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn words_stay_words_in_a_shell() {
        let check = |word: &str, expect: &str| assert_eq!(quoted(word), expect);
        check("runs/a/codex@0.169.0", "runs/a/codex@0.169.0");
        check("my runs", "'my runs'");
        check("it's $HOME", "'it'\\''s $HOME'");
        check("-x", "'-x'");
    }
}
