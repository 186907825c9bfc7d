//! Just enough of Rust's grammar for the tidy rules: code without comments and strings, tokens, paths.

/// The source with comments and the insides of string and character literals replaced by blanks; lines stay lines.
pub(crate) fn code_only(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let previous_is_name = code.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let (length, is_code) = if rest.starts_with("//") {
            (rest.find('\n').unwrap_or(rest.len()), false)
        } else if rest.starts_with("/*") {
            (block_comment_length(rest), false)
        } else if let Some(length) = raw_string_length(rest).filter(|_| !previous_is_name) {
            (length, false)
        } else if first == '"' {
            (quoted_length(rest, '"'), false)
        } else if first == '\'' && is_char_literal(rest) {
            (quoted_length(rest, '\''), false)
        } else {
            (first.len_utf8(), true)
        };
        let (piece, after) = rest.split_at(length);
        if is_code {
            code.push_str(piece);
        } else {
            code.extend(piece.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        }
        rest = after;
    }
    code
}

fn block_comment_length(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(next) = text[at..].find(['/', '*']) {
        at += next;
        if text[at..].starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if text[at..].starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    text.len()
}

fn raw_string_length(text: &str) -> Option<usize> {
    let after = text.strip_prefix("br").or_else(|| text.strip_prefix('r'))?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    let body = after[hashes..].strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    let end = body.find(&close)? + close.len();
    Some(text.len() - body.len() + end)
}

fn quoted_length(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Tells `'a'` and `'\n'` from the lifetime `'a`.
fn is_char_literal(text: &str) -> bool {
    let mut chars = text.chars().skip(1);
    match chars.next() {
        Some('\\') => true,
        Some(_) => chars.next() == Some('\''),
        None => false,
    }
}

/// Blanks the block of each `#[cfg(test)] mod name { … }`; expects [`code_only`] text.
pub(crate) fn without_test_modules(code: &str) -> String {
    const ATTRIBUTE: &str = "#[cfg(test)]";
    let mut kept = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(at) = rest.find(ATTRIBUTE) {
        let (before, after) = rest.split_at(at + ATTRIBUTE.len());
        kept.push_str(before);
        rest = after;
        let Some(open) = after.find(['{', ';']).filter(|at| {
            after[..*at].trim_start().starts_with("mod ") && after[*at..].starts_with('{')
        }) else {
            continue;
        };
        let mut depth = 0_usize;
        let close = after[open..]
            .char_indices()
            .find(|(_, c)| {
                match c {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    _ => {}
                }
                depth == 0
            })
            .map_or(after.len(), |(at, _)| open + at);
        kept.extend(after[..close].chars().filter(|c| *c == '\n'));
        rest = &after[close..];
    }
    kept.push_str(rest);
    kept
}

/// Names, `::` and single punctuation characters, each with its line counted from 1.
pub(crate) fn tokens(code: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (number, line) in code.lines().enumerate() {
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let name = rest
                .find(|c: char| !(c.is_alphanumeric() || c == '_'))
                .unwrap_or(rest.len());
            let length = match name {
                0 if rest.starts_with("::") => 2,
                0 => first.len_utf8(),
                name => name,
            };
            found.push((number + 1, &rest[..length]));
            rest = rest[length..].trim_start();
        }
    }
    found
}

/// Every path of two or more names, groups (`a::{b, c::d}`) spelled out, with the line of its last name.
pub(crate) fn paths(code: &str) -> Vec<(usize, Vec<String>)> {
    let tokens = tokens(code);
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        at = read_path(&tokens, at, &[], &mut found);
    }
    found.retain(|(_, path)| path.len() > 1);
    found
}

/// Reads one path at `at`, adds what it names to `found`, and returns where it ends.
fn read_path(
    tokens: &[(usize, &str)],
    mut at: usize,
    prefix: &[String],
    found: &mut Vec<(usize, Vec<String>)>,
) -> usize {
    let mut path = prefix.to_vec();
    let mut line = 0;
    while let Some((number, token)) = tokens.get(at).copied() {
        if token == "{" && path.len() > prefix.len() {
            at += 1;
            while tokens.get(at).is_some_and(|(_, token)| *token != "}") {
                at = read_path(tokens, at, &path, found);
            }
            return at + 1;
        }
        let is_name = token.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '*');
        if !is_name {
            at += usize::from(path.len() == prefix.len());
            break;
        }
        path.push(token.to_owned());
        line = number;
        at += 1;
        if tokens.get(at).is_none_or(|(_, token)| *token != "::") {
            break;
        }
        at += 1;
    }
    if path.len() > prefix.len() {
        found.push((line, path));
    }
    at
}

#[test]
fn comments_and_literals_are_blanked() {
    let check = |source: &str, expect: &str| assert_eq!(code_only(source), expect, "{source}");
    check("a // b\nc", "a     \nc");
    check("a /* /* b */ */ c", "a               c");
    check(r#"f("a\"b", 'c', '\'')"#, "f(      ,    ,     )");
    check("r#\"a\"b\"# x", "         x");
    check("fn f<'a>(x: &'a str)", "fn f<'a>(x: &'a str)");
    check("for r in br\"a\" {}", "for r in       {}");
}

#[test]
fn test_modules_are_blanked_and_lines_kept() {
    let code = "a\n#[cfg(test)]\nmod tests {\n if x { y }\n}\nb";
    let kept = without_test_modules(code);
    assert!(!kept.contains('y') && kept.ends_with("\nb"), "{kept}");
    assert_eq!(kept.lines().count(), code.lines().count());
}

#[test]
fn groups_are_spelled_out() {
    let found: Vec<String> = paths("use a::{b, c::{d, e}, self};\nlet x = f::<g::H>(i);")
        .into_iter()
        .map(|(line, path)| format!("{line} {}", path.join("::")))
        .collect();
    assert_eq!(
        found,
        ["1 a::b", "1 a::c::d", "1 a::c::e", "1 a::self", "2 g::H"]
    );
}
