//! The directories of a run: where the agent worked and where it keeps its files.

use std::sync::LazyLock;

use memchr::memmem;

static MARKS: LazyLock<[memmem::Finder<'static>; 4]> = LazyLock::new(|| {
    ["<cwd>", "/.codex/", "/skills/.system", "/sessions/2"].map(memmem::Finder::new)
});

/// Finds working directories and agent homes named in texts, in order of first appearance.
///
/// Working directories stand in `<cwd>…</cwd>` of the environment context (codex 0.115.0–0.169.0, pycodex 0.1.2–0.5.1);
/// homes are what stands before `/.codex/` (with and without it), `/skills/.system` or `/sessions/<year>/` in a path. Codex
/// 0.153.4–0.169.0 tells the model the directory of skills without a path behind it.
#[derive(Debug, Default)]
pub struct LocationFinder {
    found: Vec<String>,
}

impl LocationFinder {
    /// Looks through a text; JSON text as it is will do.
    pub fn add(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let [cwd, home, skills, sessions] = &*MARKS;
        for at in cwd.find_iter(bytes) {
            let rest = &text[at + 5..];
            if let Some(end) = rest.find('<') {
                self.push(&rest[..end]);
            }
        }
        for at in home.find_iter(bytes) {
            let start = path_start(bytes, at);
            self.push(&text[start..at + 7]);
            self.push(&text[start..at]);
        }
        for at in skills.find_iter(bytes).chain(sessions.find_iter(bytes)) {
            self.push(&text[path_start(bytes, at)..at]);
        }
    }

    fn push(&mut self, location: &str) {
        let is_path =
            location.len() > 1 && (location.starts_with('/') || location.get(1..3) == Some(":\\"));
        if is_path
            && !location.contains(['\n', '"'])
            && !self.found.iter().any(|known| known == location)
        {
            self.found.push(location.to_owned());
        }
    }

    /// Gives the directories that were found, each once, as they are written.
    pub fn finish(self) -> Vec<String> {
        self.found
    }
}

/// Where the path begins that has its separator at `at`: at what sets it apart from the text around it, else behind the last
/// character that is rare in paths.
fn path_start(bytes: &[u8], at: usize) -> usize {
    set_apart(bytes, at).unwrap_or_else(|| plain_start(bytes, at))
}

/// Where a path begins that stands behind a quote, a backtick, or `(file: ` as Codex 0.115.0–0.145.0 tells of skills: there it
/// may hold anything, spaces too. With a second path in it, it is none.
fn set_apart(bytes: &[u8], at: usize) -> Option<usize> {
    /// Longest path that systems take.
    const LONGEST: usize = 4096;
    let floor = at.saturating_sub(LONGEST);
    let before = &bytes[floor..at];
    let behind = |length: usize| move |found: usize| found + length;
    let mark = memchr::memrchr3(b'`', b'"', b'\n', before).map(behind(1));
    let file = memmem::rfind(before, b"(file: ").map(behind(7));
    let path = &before[mark.max(file)?..];
    let begins_again = |pair: &[u8]| pair[1] == b'/' && b" =:;'".contains(&pair[0]);
    let is_path = path.starts_with(b"/") && !path.windows(2).any(begins_again);
    // A backslash is of an escape, such as a line end in a JSON string.
    (is_path && !path.contains(&b'\\')).then_some(at - path.len())
}

fn plain_start(bytes: &[u8], at: usize) -> usize {
    let is_path = |b: &u8| {
        b.is_ascii_alphanumeric()
            || matches!(b, b'/' | b'.' | b'-' | b'_' | b'+' | b'@')
            || *b >= 0x80
    };
    at - bytes[..at].iter().rev().take_while(|b| is_path(b)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_working_directory_and_home() {
        let mut finder = LocationFinder::default();
        finder.add(r#""<cwd>/home/a/project</cwd>\n (file: /home/a/.codex/skills/.system/x)""#);
        finder.add(
            "see /srv/agent-home/sessions/2026/11/21/rollout.jsonl, <cwd>/home/a/project</cwd>",
        );
        assert_eq!(
            finder.finish(),
            [
                "/home/a/project",
                "/home/a/.codex",
                "/home/a",
                "/srv/agent-home"
            ]
        );
        let check = |text: &str, expect: &[&str]| {
            let mut finder = LocationFinder::default();
            finder.add(text);
            assert_eq!(finder.finish(), expect, "{text}");
        };
        check("- `r0` = `/srv/codex/skills/.system`", &["/srv/codex"]);
        check("`r0` = `/a b/(c), d/skills/.system`", &["/a b/(c), d"]);
        check("- x: y (file: /a b/skills/.system/x.md)", &["/a b"]);
        check(r#"{"p":"/a b/.codex/x"}"#, &["/a b/.codex", "/a b"]);
        check(r#"{"cmd":"/bin/sh -c /a/.codex/x"}"#, &["/a/.codex", "/a"]);
        check(r#"{"cmd":"/bin/env A=/a/.codex/b"}"#, &["/a/.codex", "/a"]);
        check(r#"{"cmd":"/bin/x b:/a/.codex/x"}"#, &["/a/.codex", "/a"]);
        check(r#"{"o":"/bin/x y\nz /a/.codex/x"}"#, &["/a/.codex", "/a"]);
        check(r#"{"o":"/bin/x y\tz=/a/.codex/x"}"#, &["/a/.codex", "/a"]);
    }
}
