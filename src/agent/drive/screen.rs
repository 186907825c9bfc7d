//! What the terminal of pycodex shows: prompt_toolkit's prompt, which is painted anew again and again, a bar at the bottom, and what is
//! printed between (0.1.13–0.5.1).

/// What there is to see.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct View {
    /// What was printed outside of the prompt, without control sequences.
    pub(super) printed: String,
    /// Whether it waits for a line: the prompt stands there, and the bar below says that nothing is being done.
    pub(super) is_ready: bool,
}

/// What the bar at the bottom, which alone stands in reverse video, shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bar {
    /// It is not there.
    Absent,
    /// Nothing, or that only what runs beside turns is waited for.
    Idle,
    /// What is being done, behind a character that turns.
    Busy,
}

/// Looks at what a terminal was sent.
pub(super) fn view(text: &str) -> View {
    let mut printed = String::new();
    let mut has_prompt = false;
    let mut bar = Bar::Absent;
    // What was painted in reverse video since that was switched on.
    let mut painted: Option<String> = None;
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '\u{1b}' {
            match &mut painted {
                Some(painted) => painted.push(c),
                None if !has_prompt => printed.push(c),
                None => {}
            }
            continue;
        }
        match sequence(&mut rest).as_str() {
            "[?2004h" => (has_prompt, bar, painted) = (true, Bar::Absent, None),
            "[?2004l" => (has_prompt, bar, painted) = (false, Bar::Absent, None),
            "[J" => (bar, painted) = (Bar::Absent, None),
            style if style.ends_with('m') => {
                bar = painted.take().map_or(bar, |text| shown(&text, bar));
                let mut codes = style.trim_matches(['[', 'm']).split(';');
                painted = codes.any(|code| code == "7").then(String::new);
            }
            _ => {}
        }
    }
    bar = painted.map_or(bar, |text| shown(&text, bar));
    View {
        printed,
        is_ready: has_prompt && bar == Bar::Idle,
    }
}

/// What the bar shows when this was painted into it. Only what changed is painted; the character that turns always does.
fn shown(painted: &str, before: Bar) -> Bar {
    let turns = |c: char| ('\u{2801}'..='\u{28ff}').contains(&c);
    match painted.trim() {
        "" if painted.is_empty() => before,
        "" => Bar::Idle,
        // Since 0.2: sub-agents or commands go on, and a turn would begin.
        text if text.contains("idle") => Bar::Idle,
        text if text.contains(turns) => Bar::Busy,
        _ => before,
    }
}

/// The rest of a control sequence: `[`, its parameters, and the letter at its end; or one character.
fn sequence(rest: &mut impl Iterator<Item = char>) -> String {
    let mut text = String::new();
    for c in rest {
        text.push(c);
        let is_end = match text.as_str() {
            "[" => false,
            _ => !text.starts_with('[') || ('@'..='~').contains(&c),
        };
        if is_end {
            break;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::view;

    #[test]
    fn the_bar_says_when_a_line_is_waited_for() {
        let check = |text: &str, printed: &str, is_ready: bool| {
            let view = view(text);
            assert_eq!(
                (view.printed.as_str(), view.is_ready),
                (printed, is_ready),
                "{text:?}"
            );
        };
        const PROMPT: &str = "\u{1b}[?2004h\u{1b}[?25l\u{1b}[0mpycodex>\u{1b}[0m\r\n";
        const IDLE: &str = "\u{1b}[0;7m     \r\u{1b}[9C \u{1b}[3A\u{1b}[0m";
        const TALKS: &str = "\u{1b}[0;7m\u{280b} talking  \u{1b}[0m";
        const LEAVE: &str = "\u{1b}[9D\u{1b}[J\u{1b}[0m\u{1b}[?2004l";
        check("Hello.", "Hello.", false);
        check(PROMPT, "", false);
        check(&format!("{PROMPT}{IDLE}"), "", true);
        check(&format!("{PROMPT}{TALKS}"), "", false);
        // Only the character that turns is painted, then what makes the bar empty.
        let turned = format!("{PROMPT}{TALKS}\u{1b}[0;7m\u{2819}\u{1b}[0m");
        check(&turned, "", false);
        check(&format!("{turned}\u{1b}[0;7m         \u{1b}[3A"), "", true);
        check(
            &format!("{PROMPT}\u{1b}[0;7m\u{2819} idle: sleeping"),
            "",
            true,
        );
        // What is typed stands in the prompt; what is printed does not, and the prompt is painted anew behind it.
        let typed = format!("{PROMPT}{IDLE}\u{1b}[0mtyped{LEAVE}");
        check(&typed, "", false);
        let printed = format!("{typed}user> \u{1b}[1mtyped\u{1b}[0m\r\n");
        check(&printed, "user> typed\r\n", false);
        check(&format!("{printed}{PROMPT}{IDLE}"), "user> typed\r\n", true);
        check(
            &format!("{printed}{PROMPT}{TALKS}cut \u{1b}[0;"),
            "user> typed\r\n",
            false,
        );
    }
}
