//! Texts that are the same in every run.

use crate::normalize::{Scanner, TextPlace};

/// A text in which what differs from run to run stands as its class: `<uuid>`, `<time>`, `<location>`.
pub(super) fn stable(text: &str, locations: &[String]) -> String {
    let scanner = Scanner::new(locations, true);
    let place = TextPlace {
        is_tool_output: true,
        has_versions: false,
    };
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for token in scanner.scan(text, place) {
        out.push_str(&text[from..token.range.start]);
        out.push_str(token.class.placeholder());
        from = token.range.end;
    }
    out.push_str(&text[from..]);
    without_cut_ids(&out)
}

/// Puts `<id>` for an identifier of which an excerpt has only the beginning: hexadecimal digits and dashes before `…`.
fn without_cut_ids(text: &str) -> String {
    /// As many as a UUID has before its first dash.
    const LEAST: usize = 8;
    let mut out = String::with_capacity(text.len());
    for (number, part) in text.split('…').enumerate() {
        if number > 0 {
            let kept = out.trim_end_matches(|c: char| c.is_ascii_hexdigit() || c == '-');
            let cut = &out[kept.len()..];
            if cut.len() >= LEAST && cut.contains(|c: char| c.is_ascii_digit()) {
                let kept = kept.len();
                out.truncate(kept);
                out.push_str("<id>");
            }
            out.push('…');
        }
        out.push_str(part);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::stable;

    #[test]
    fn what_changes_from_run_to_run_is_named() {
        let text = "at 01a1ffc5-8abc-76b0-8530-8de2adec5b95 and 01a1ffc5-8abc-76…, 1795292498.25, in /run/7/work, 82b930e68b37…, abc…";
        let wanted = "at <uuid> and <id>…, <time>, in <location>, <id>…, abc…";
        assert_eq!(stable(text, &["/run/7/work".to_owned()]), wanted);
    }
}
