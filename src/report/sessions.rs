//! The list of sessions in a tree.

use std::io::{self, Write};
use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::rollout::{SessionSummary, Unreadable};

use super::mask::Mask;
use super::text::{shortened, visible, wrapped};

/// What is listed.
#[derive(Debug, Clone, Copy)]
pub struct SessionList<'a> {
    /// The directory that was searched, as the user gave it.
    pub directory: &'a str,
    /// How many sessions are in it.
    pub found: u64,
    /// What to list, in this order.
    pub sessions: &'a [SessionSummary],
    /// How many more there are that are not listed because no user said anything in them.
    pub without_user: u64,
    /// How many of those are damaged.
    pub without_user_damaged: u64,
    /// What could not be looked into.
    pub unreadable: &'a [Unreadable],
}

impl SessionList<'_> {
    fn damaged(&self) -> u64 {
        let damaged = self.sessions.iter().filter(|s| !s.damage.is_empty());
        damaged.count() as u64
    }
}

/// Writes the list as text: a line for each session and two or more below it, of at most `width` columns.
///
/// # Errors
///
/// When writing fails.
pub fn render_sessions(
    list: &SessionList<'_>,
    width: usize,
    out: &mut impl Write,
) -> io::Result<()> {
    let mut mask = Mask::new(&[]);
    if !list.sessions.is_empty() {
        let head = ["STARTED (UTC)", "ID", "TURNS", "SIZE", "STATE"];
        out.write_all(row(head).as_bytes())?;
    }
    for session in list.sessions {
        out.write_all(entry(session, width, &mut mask).as_bytes())?;
    }
    let foot = wrapped(width, "", &visible(&foot(list)), "  ");
    out.write_all(foot.as_bytes())
}

fn row([started, id, turns, size, state]: [&str; 5]) -> String {
    let row = format!("{started:<16}  {id:<36}  {turns:>5} {size:>7}  {state}");
    format!("{}\n", visible(row.trim_end()))
}

fn entry(session: &SessionSummary, width: usize, mask: &mut Mask) -> String {
    let damage = damage_words(session);
    let mut out = row([
        &minute(session),
        session.id().unwrap_or("(no id)"),
        &session.turns.to_string(),
        &size(session.disk_bytes),
        if damage.is_empty() { "" } else { "damaged" },
    ]);
    let room = width.saturating_sub(2);
    let mut lines = details(session, room);
    if !damage.is_empty() {
        lines.push(format!("damage: {damage}"));
    }
    for line in lines {
        let line = mask.text(&line);
        out.push_str(&format!("  {}\n", shortened(&visible(&line), room)));
    }
    out
}

/// What stands below the line of a session.
fn details(session: &SessionSummary, room: usize) -> Vec<String> {
    let meta = session.meta.as_ref();
    let agent = [
        meta.and_then(|meta| meta.originator.as_deref()),
        meta.and_then(|meta| meta.cli_version.as_deref()),
    ];
    let agent: Vec<&str> = agent.into_iter().flatten().collect();
    let agent = [Some(agent.join(" ")), session.model.clone()];
    let agent: Vec<String> = agent
        .into_iter()
        .flatten()
        .filter(|s| !s.is_empty())
        .collect();
    let agent = match agent.is_empty() {
        true => String::new(),
        false => format!(" ({})", agent.join(", ")),
    };
    let mut lines = Vec::new();
    let cwd = meta
        .and_then(|meta| meta.cwd.as_deref())
        .unwrap_or("(no directory)");
    lines.push(format!(
        "{}{agent}",
        end_of_path(cwd, room, agent.chars().count())
    ));
    if let Some(name) = &session.name {
        let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
        lines.push(format!("name: {name}"));
    }
    match &session.prompt {
        Some(prompt) => {
            let text = prompt.text.split_whitespace().collect::<Vec<_>>().join(" ");
            let mark = if prompt.is_cut { "…" } else { "" };
            lines.push(format!("> {text}{mark}"));
        }
        None if session.user_messages > 0 => lines.push("> (no text)".to_owned()),
        None if session.has_user_message() => {
            lines.push("(no message of a user in this file)".to_owned());
        }
        None => lines.push("(no message of a user)".to_owned()),
    }
    lines.extend(relations(session));
    lines
}

/// How the session hangs together with others.
fn relations(session: &SessionSummary) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(segment) = &session.file.name.segment_id {
        lines.push(format!("went on after a revert, segment {segment}"));
    }
    let Some(meta) = &session.meta else {
        return lines;
    };
    if let Some(parent) = &meta.forked_from_id {
        lines.push(format!("fork of {parent}"));
    }
    if let Some(parent) = &meta.parent_thread_id {
        let name = meta.agent_path.as_ref().or(meta.agent_nickname.as_ref());
        let name = name.map_or(String::new(), |name| format!(" {name}"));
        lines.push(format!("sub-agent{name} of {parent}"));
    }
    let by_name = session.file.name.thread_id.as_ref();
    if let Some(name) = by_name.filter(|name| !name.eq_ignore_ascii_case(&meta.id)) {
        lines.push(format!("the file's name says {name}"));
    }
    lines
}

/// Kinds of damage with how often they occur, in the order of the file.
fn damage_words(session: &SessionSummary) -> String {
    let mut kinds: Vec<(&str, u64)> = Vec::new();
    for damage in &session.damage {
        match kinds.iter_mut().find(|(kind, _)| *kind == damage.kind) {
            Some((_, count)) => *count += 1,
            None => kinds.push((damage.kind, 1)),
        }
    }
    let words = kinds.into_iter().map(|(kind, count)| match count {
        1 => kind.to_owned(),
        _ => format!("{count} {kind}"),
    });
    words.collect::<Vec<_>>().join(", ")
}

/// The end of a path where it is too long for a line of `room` columns, of which some are taken.
fn end_of_path(path: &str, room: usize, taken: usize) -> String {
    let room = room.saturating_sub(taken);
    let count = path.chars().count();
    if count <= room || room < 8 {
        return path.to_owned();
    }
    let end: String = path.chars().skip(count - room + 1).collect();
    format!("…{end}")
}

/// When a session began, to the minute in UTC; as it is written where it is no time.
fn minute(session: &SessionSummary) -> String {
    let Some(text) = session.started() else {
        return "?".to_owned();
    };
    match text.parse::<Timestamp>() {
        Ok(time) => {
            let time = time.to_zoned(TimeZone::UTC);
            time.strftime("%Y-%m-%d %H:%M").to_string()
        }
        Err(_) => shortened(&text, 16),
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} KB", bytes / 1_000),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

fn foot(list: &SessionList<'_>) -> String {
    let bytes = list.sessions.iter().map(|s| s.disk_bytes).sum();
    let mut parts = match list.sessions.len() {
        0 if list.found == 0 => vec![format!("no rollout in {}", list.directory)],
        0 => vec![format!(
            "none of {} sessions in {}",
            list.found, list.directory
        )],
        1 => vec![format!("1 session, {}", size(bytes))],
        count => vec![format!("{count} sessions, {}", size(bytes))],
    };
    match list.damaged() {
        0 => {}
        count => parts.push(format!("{count} damaged")),
    }
    let damaged = match list.without_user_damaged {
        0 => String::new(),
        count => format!(", {count} of them damaged"),
    };
    match list.without_user {
        0 => {}
        count => parts.push(format!(
            "{count} more without a message of a user{damaged} (--all)"
        )),
    }
    parts.join("; ")
}

/// Writes the list as one JSON object, as `docs/sessions.md` describes it.
///
/// # Errors
///
/// When writing fails.
pub fn render_sessions_json(list: &SessionList<'_>, out: &mut impl Write) -> io::Result<()> {
    let mut mask = Mask::new(&[]);
    let sessions: Vec<Value> = list
        .sessions
        .iter()
        .map(|session| session_json(session, &mut mask))
        .collect();
    let unreadable: Vec<Value> = list
        .unreadable
        .iter()
        .map(|u| json!({"path": shown(&u.path), "reason": u.reason, "is_cycle": u.is_cycle}))
        .collect();
    let whole = json!({
        "format": "trace-diff/sessions",
        "version": 1,
        "directory": list.directory,
        "sessions": sessions,
        "unreadable": unreadable,
        "summary": {
            "found": list.found,
            "sessions": list.sessions.len(),
            "damaged": list.damaged(),
            "without_user_message": list.without_user,
            "without_user_message_damaged": list.without_user_damaged,
        },
    });
    serde_json::to_writer_pretty(&mut *out, &whole)?;
    out.write_all(b"\n")
}

fn session_json(session: &SessionSummary, mask: &mut Mask) -> Value {
    let meta = session.meta.clone().unwrap_or_default();
    let name = &session.file.name;
    let damage: Vec<Value> = session
        .damage
        .iter()
        .map(|d| json!({"kind": d.kind, "start": d.span.start, "end": d.span.end, "message": d.message}))
        .collect();
    let base = meta
        .history_base
        .map(|base| json!({"thread_id": base.thread_id, "end_ordinal": base.end_ordinal}));
    let prompt = session
        .prompt
        .as_ref()
        .map(|prompt| json!({"text": mask.text(&prompt.text), "cut": prompt.is_cut}));
    json!({
        "path": shown(&session.file.path),
        "id": session.id(),
        "id_in_name": name.thread_id,
        "segment": name.segment_id,
        "session_id": meta.session_id,
        "name": session.name.as_ref().map(|name| mask.text(name)),
        "started": session.started(),
        "updated": session.last_time,
        "cwd": meta.cwd.map(|cwd| mask.text(&cwd)),
        "version": meta.cli_version,
        "originator": meta.originator,
        "source": meta.source,
        "model": session.model,
        "provider": meta.model_provider,
        "turns": session.turns,
        "user_messages": session.user_messages,
        "prompt": prompt,
        "bytes": session.disk_bytes,
        "records": session.content.records,
        "tail": session.content.tail.name(),
        "forked_from": meta.forked_from_id,
        "history_base": base,
        "parent": meta.parent_thread_id,
        "agent_path": meta.agent_path,
        "agent_nickname": meta.agent_nickname,
        "damage": damage,
    })
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        let check = |bytes, expect| assert_eq!(size(bytes), expect);
        check(0, "0 B");
        check(999, "999 B");
        check(1_000, "1 KB");
        check(37_900, "37 KB");
        check(1_250_000, "1.2 MB");
        check(3_000_000_000, "3.0 GB");
    }

    #[test]
    fn long_paths_keep_their_end() {
        assert_eq!(end_of_path("/a/b", 10, 0), "/a/b");
        assert_eq!(end_of_path("/home/user/project", 12, 0), "…ser/project");
        assert_eq!(end_of_path("/home/user/project", 20, 8), "…ser/project");
        assert_eq!(
            end_of_path("/home/user/project", 20, 18),
            "/home/user/project"
        );
    }
}
