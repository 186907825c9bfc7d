//! The processes of an agent: itself, and all that it started, whatever they did to get away.

use std::collections::HashSet;
use std::fs;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::outcome::Leftover;

/// The variable by which a process is known to belong to an agent, as long as it keeps its environment.
pub(super) const MARK: &str = "TRACE_DIFF_AGENT";

/// How the processes of an agent are told from all others.
#[derive(Debug, Clone)]
pub(super) struct Family {
    /// The agent, which leads a process group.
    pub(super) leader: u32,
    /// The value of [`MARK`] in its environment.
    pub(super) mark: String,
}

/// A process as `/proc` tells of it.
struct Seen {
    pid: u32,
    parent: u32,
    group: u32,
    name: String,
    is_marked: bool,
}

impl Family {
    /// All its living processes but the leader. Known are those in its group, those that carry its mark, and what those
    /// started. Elsewhere than on Linux only the group can be ended, and nobody is told of.
    pub(super) fn others(&self) -> Vec<Leftover> {
        let all = self.all_seen();
        let mut members: HashSet<u32> = HashSet::from([self.leader]);
        loop {
            let before = members.len();
            for seen in &all {
                let belongs =
                    seen.is_marked || seen.group == self.leader || members.contains(&seen.parent);
                if belongs {
                    members.insert(seen.pid);
                }
            }
            if members.len() == before {
                break;
            }
        }
        let others = all
            .into_iter()
            .filter(|seen| seen.pid != self.leader && members.contains(&seen.pid));
        others
            .map(|seen| Leftover {
                pid: seen.pid,
                name: seen.name,
            })
            .collect()
    }

    /// Sends a signal to all of them.
    pub(super) fn signal(&self, signal: Signal) {
        if let Some(group) = pid(self.leader) {
            // Who is gone needs no signal.
            let _ = kill_process_group(group, signal);
        }
        for other in self.others() {
            if let Some(other) = pid(other.pid) {
                let _ = kill_process(other, signal);
            }
        }
    }

    fn all_seen(&self) -> Vec<Seen> {
        let entries = fs::read_dir("/proc").into_iter().flatten();
        let mark = format!("{MARK}={}", self.mark);
        entries
            .filter_map(Result::ok)
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter_map(|pid: u32| see(pid, &mark))
            .collect()
    }
}

fn pid(number: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(number).ok()?)
}

/// One process; `None` when it has ended, be it that nobody asked for its exit code yet.
fn see(pid: u32, mark: &str) -> Option<Seen> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let stat = String::from_utf8_lossy(&stat);
    // The name stands in parentheses and may hold any character.
    let (before, rest) = stat.rsplit_once(") ")?;
    let name = before.split_once('(')?.1.to_owned();
    let mut fields = rest.split(' ');
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    let parent = fields.next()?.parse().ok()?;
    let group = fields.next()?.parse().ok()?;
    // Nobody may read the environment of another user's process.
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let is_marked = environment
        .split(|byte| *byte == 0)
        .any(|variable| variable == mark.as_bytes());
    Some(Seen {
        pid,
        parent,
        group,
        name,
        is_marked,
    })
}
