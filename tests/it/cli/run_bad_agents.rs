//! `run`: agents that hang, crash, flood and hide, each told and ended.

use std::fs;
use std::path::Path;

use super::run::{ASK, Setting, cell, json};

/// Each does something that an agent must not do, and says its process id in a file.
const BAD: [(&str, &str, &[&str]); 7] = [
    (
        "stays",
        "trap '' TERM; while :; do sleep 0.1; done",
        &["sent no request in time", "did not end at SIGTERM"],
    ),
    ("floods", "exec yes", &["printed more than it may"]),
    (
        "crashes",
        "kill -SEGV $$",
        &["was ended by signal 11 (SIGSEGV)"],
    ),
    ("silent", "exec sleep 60", &["sent no request in time"]),
    (
        "writes",
        "echo x > ../stray; exec sleep 60",
        &[
            "sent no request in time",
            "wrote outside of its directories: <location>/stray",
        ],
    ),
    (
        "spawns",
        "(trap '' TERM HUP; setsid sleep 61 & ) ; setsid sleep 62 & exec sleep 63",
        &["sent no request in time"],
    ),
    ("fails", "exit 3", &[]),
];

#[test]
fn bad_agents_are_told_and_ended_and_harm_no_other() {
    let setting = Setting::new();
    let pids = setting.path("pids");
    let mut agents: Vec<String> = Vec::new();
    for (name, script, _) in BAD {
        let script = format!("echo $$ >> {}\n{script}", pids.display());
        agents.push(setting.agent(name, &script, ""));
    }
    agents.push(setting.agent("good", ASK, "same"));
    let bounds = [
        "--timeout",
        "2s",
        "--connect-timeout",
        "1s",
        "--format",
        "json",
    ];
    let more: Vec<&str> = agents.iter().map(String::as_str).chain(bounds).collect();
    let began = std::time::Instant::now();
    let value = json(&setting.run(&more));
    assert!(began.elapsed() < std::time::Duration::from_secs(60));
    for (number, (name, _, wanted)) in BAD.iter().enumerate() {
        let findings = cell(&value, number)["findings"].as_array().unwrap();
        let told = |rule: &str| -> Vec<&str> {
            let of_rule = findings.iter().filter(|one| one["rule"] == rule);
            of_rule
                .map(|one| one["message"].as_str().unwrap())
                .collect()
        };
        let ends = [told("agent-ended"), told("agent-wrote-outside")].concat();
        let wanted: Vec<String> = wanted
            .iter()
            .map(|what| format!("the agent {what}"))
            .collect();
        assert_eq!(ends, wanted, "{name}");
        assert_eq!(cell(&value, number)["verdict"], "fails", "{name}");
    }
    assert_eq!(cell(&value, BAD.len())["verdict"], "pass");
    for pid in fs::read_to_string(pids).unwrap().lines() {
        assert!(!Path::new("/proc").join(pid).exists(), "{pid}");
    }
    for command in ["sleep 61", "sleep 62", "sleep 63"] {
        assert!(!is_running(command), "{command}");
    }
}

/// Whether a process with this command line is there.
fn is_running(command: &str) -> bool {
    let entries = fs::read_dir("/proc").unwrap();
    let mut lines = entries.filter_map(|entry| fs::read(entry.ok()?.path().join("cmdline")).ok());
    let wanted = format!("{}\0", command.replace(' ', "\0"));
    lines.any(|line| line == wanted.as_bytes())
}
