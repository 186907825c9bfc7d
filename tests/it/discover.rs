//! Finding rollouts in trees of sessions.

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use trace_diff::rollout::{
    Discovery, find_rollouts, find_segment, find_thread, read_meta, sessions_root_of,
};

const A: &str = "01a1fbd9-4114-77f0-ab79-b0886713b98b";
const B: &str = "01a1fbe4-b22a-78f1-afba-7a475d116928";
const C: &str = "01a1fbe4-b3d4-77a1-97b6-95dac3849625";

fn meta(id: &str) -> String {
    format!("{{\"timestamp\":\"t\",\"type\":\"session_meta\",\"payload\":{{\"id\":\"{id}\"}}}}\n")
}

/// A CODEX_HOME with what else lies in one.
fn home() -> TempDir {
    let home = tempfile::tempdir().unwrap();
    let add = |path: String, content: String| {
        let path = home.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    };
    let (day, next) = ("sessions/2026/11/21", "sessions/2026/11/22");
    add(
        format!("{day}/rollout-2026-11-21T09-00-00-{A}.jsonl"),
        meta(A),
    );
    add(
        format!("{next}/rollout-2026-11-22T08-00-00-{B}.jsonl"),
        meta(B),
    );
    add(
        format!("{next}/rollout-2026-11-22T08-00-00-{B}_{C}.jsonl"),
        meta(B),
    );
    add(
        format!("archived_sessions/rollout-2026-11-20T08-00-00-{C}.jsonl.zst"),
        "x".into(),
    );
    add(
        format!("worktrees/rollout-2026-11-20T08-00-00-{A}.jsonl"),
        meta(A),
    );
    add(format!("{day}/notes.jsonl"), meta(A));
    add(
        format!("{day}/rollout-2026-11-21T09-00-00-{A}.jsonl.tmp"),
        meta(A),
    );
    home
}

fn shown(found: &Discovery, root: &Path) -> Vec<String> {
    let below = |path: &Path| path.strip_prefix(root).unwrap().display().to_string();
    found.files.iter().map(|file| below(&file.path)).collect()
}

#[test]
fn of_a_home_the_two_trees_are_searched() {
    let home = home();
    let found = find_rollouts(home.path());
    assert_eq!(
        shown(&found, home.path()),
        [
            format!("archived_sessions/rollout-2026-11-20T08-00-00-{C}.jsonl.zst"),
            format!("sessions/2026/11/21/rollout-2026-11-21T09-00-00-{A}.jsonl"),
            format!("sessions/2026/11/22/rollout-2026-11-22T08-00-00-{B}.jsonl"),
            format!("sessions/2026/11/22/rollout-2026-11-22T08-00-00-{B}_{C}.jsonl"),
        ]
    );
    assert!(found.unreadable.is_empty(), "{found:?}");
    let count = |below: &str| find_rollouts(&home.path().join(below)).files.len();
    assert_eq!(count("sessions"), 3);
    assert_eq!(count("sessions/2026/11/22"), 2);
    assert_eq!(count("archived_sessions"), 1);
    assert_eq!(count("worktrees"), 1);
    assert_eq!(
        count(&format!("worktrees/rollout-2026-11-20T08-00-00-{A}.jsonl")),
        1
    );
    assert_eq!(count("sessions/2026/11/21/notes.jsonl"), 0);
    let missing = find_rollouts(&home.path().join("nowhere"));
    assert_eq!((missing.files.len(), missing.unreadable.len()), (0, 1));
}

#[test]
fn a_plain_file_hides_its_compressed_sibling() {
    let home = home();
    let day = home.path().join("sessions/2026/11/21");
    let plain = day.join(format!("rollout-2026-11-21T09-00-00-{A}.jsonl"));
    fs::write(plain.with_extension("jsonl.zst"), "x").unwrap();
    let other = day.join(format!("rollout-2026-11-21T10-00-00-{C}.jsonl.zst"));
    fs::write(&other, "x").unwrap();
    let found: Vec<_> = find_rollouts(&day)
        .files
        .into_iter()
        .map(|f| f.path)
        .collect();
    assert_eq!(found, [plain, other]);
}

#[cfg(unix)]
#[test]
fn links_are_followed_once_and_cycles_told() {
    use std::os::unix::fs::symlink;
    let home = home();
    let day = home.path().join("sessions/2026/11/21");
    symlink(home.path().join("sessions"), day.join("above")).unwrap();
    symlink("nowhere", day.join("dead-link")).unwrap();
    symlink(
        "nowhere",
        day.join(format!("rollout-2026-11-21T10-00-00-{C}.jsonl")),
    )
    .unwrap();
    let other = tempfile::tempdir().unwrap();
    fs::write(
        other
            .path()
            .join(format!("rollout-2026-01-01T00-00-00-{C}.jsonl")),
        meta(C),
    )
    .unwrap();
    symlink(other.path(), home.path().join("sessions/one")).unwrap();
    symlink(other.path(), home.path().join("sessions/two")).unwrap();
    let found = find_rollouts(home.path());
    assert_eq!(found.files.len(), 5, "{found:?}");
    let told: Vec<_> = found
        .unreadable
        .iter()
        .map(|u| (u.is_cycle, u.path.clone()))
        .collect();
    assert_eq!(
        told,
        [
            (true, day.join("above")),
            (
                false,
                day.join(format!("rollout-2026-11-21T10-00-00-{C}.jsonl"))
            ),
        ]
    );
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_no_rollout() {
    let home = home();
    let pipe = home
        .path()
        .join(format!("sessions/rollout-2026-11-21T09-00-00-{C}.jsonl"));
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    if !made.is_ok_and(|status| status.success()) {
        println!("skipped: no mkfifo");
        return;
    }
    assert_eq!(find_rollouts(home.path()).files.len(), 4);
}

#[test]
fn threads_are_found_by_name_and_by_what_stands_inside() {
    let home = home();
    let sessions = home.path().join("sessions");
    let names = |id: &str| -> Vec<String> {
        let found = find_thread(home.path(), id).into_iter();
        found
            .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
            .collect()
    };
    let first = format!("rollout-2026-11-22T08-00-00-{B}.jsonl");
    assert_eq!(
        names(B),
        [
            first.clone(),
            format!("rollout-2026-11-22T08-00-00-{B}_{C}.jsonl")
        ]
    );
    assert_eq!(names("01a1fbe4-0000-0000-0000-000000000000"), [""; 0]);
    // A copy under a name of its own, whose beginning is damaged.
    let inside = "01a1fbe4-1111-7111-8111-111111111111";
    fs::write(
        sessions.join("rollout-copy.jsonl"),
        format!("{{\"type\":\n{}", meta(inside)),
    )
    .unwrap();
    assert_eq!(names(inside), ["rollout-copy.jsonl"]);
    // A name that lies loses to the file that says so itself.
    let liar = format!("rollout-2026-11-23T00-00-00-{inside}.jsonl");
    fs::write(sessions.join(liar), meta(A)).unwrap();
    assert_eq!(names(inside), ["rollout-copy.jsonl"]);
    let segment = |id: &str| find_segment(home.path(), id);
    assert_eq!(segment(B), Some(sessions.join("2026/11/22").join(first)));
    assert_eq!(
        segment(inside).unwrap().file_name().unwrap(),
        format!("rollout-2026-11-23T00-00-00-{inside}.jsonl").as_str()
    );
    assert_eq!(segment("01a1fbe4-0000-0000-0000-000000000000"), None);
}

#[test]
fn a_directory_that_is_no_tree_is_not_searched_for_threads() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("deep")).unwrap();
    let name = |id: &str| format!("rollout-2026-11-22T08-00-00-{id}.jsonl");
    fs::write(folder.path().join(name(A)), meta(A)).unwrap();
    fs::write(folder.path().join("deep").join(name(B)), meta(B)).unwrap();
    assert_eq!(find_thread(folder.path(), A).len(), 1);
    assert_eq!(find_thread(folder.path(), B).len(), 0);
}

#[test]
fn the_tree_of_a_rollout_is_its_home() {
    let home = home();
    let root = home.path().canonicalize().unwrap();
    let check = |path: &str, expect: &str| {
        let found = sessions_root_of(&home.path().join(path));
        assert_eq!(found, root.join(expect), "{path}");
    };
    check("sessions/2026/11/21/rollout-x.jsonl", "");
    check("archived_sessions/rollout-x.jsonl", "");
    check("worktrees/rollout-x.jsonl", "worktrees");
    fs::create_dir_all(home.path().join("saved/2026/11/21")).unwrap();
    check("saved/2026/11/21/rollout-x.jsonl", "saved");
    assert!(sessions_root_of(Path::new("rollout-x.jsonl")).is_dir());
}

#[test]
fn the_first_valid_meta_counts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rollout-x.jsonl");
    let text = format!(
        "{{\"type\":\"session_meta\",\"payload\":{{}}}}\n{}{}",
        meta(A),
        meta(B)
    );
    fs::write(&path, text).unwrap();
    assert_eq!(read_meta(&path).unwrap().unwrap().id, A);
    fs::write(&path, "").unwrap();
    assert_eq!(read_meta(&path).unwrap(), None);
    assert!(read_meta(&folder.path().join("missing")).is_err());
}
