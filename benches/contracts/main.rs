//! Checking the contracts of one capture beside reading it: how long it takes, and how much memory. Two sizes of each capture show how
//! it grows.
//!
//! `cargo bench --bench contracts [-- [--memory] [NAME…]]`, where a case is chosen by a part of its name.

// Printing is what a measurement is for.
#![allow(clippy::print_stdout)]

mod agent;
mod cases;

use std::error::Error;
use std::hint::black_box;
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use trace_diff::capture::{Capture, read_capture_bytes};
use trace_diff::check::{Profile, check_capture};

use cases::{CASES, Case};

const ROUNDS: usize = 9;

fn main() -> Result<(), Box<dyn Error>> {
    let mut names: Vec<String> = std::env::args().skip(1).collect();
    names.retain(|name| name != "--bench");
    if let [flag, name, size] = names.as_slice()
        && flag == "--one"
    {
        return tell_memory(name, size.parse()?);
    }
    let wants_memory = names.first().is_some_and(|name| name == "--memory");
    names.retain(|name| name != "--memory");
    let is_wanted =
        |case: &&Case| names.is_empty() || names.iter().any(|name| case.name.contains(name));
    println!(
        "| case | size | MB | {} |",
        if wants_memory {
            "read, MB | checked, at most, MB"
        } else {
            "read, ms | check, ms | ratio"
        }
    );
    for case in CASES.iter().filter(is_wanted) {
        for size in case.sizes {
            match wants_memory {
                true => spawn(case, size)?,
                false => tell_time(case, size)?,
            }
        }
    }
    Ok(())
}

fn read(text: &str) -> Result<Capture, Box<dyn Error>> {
    Ok(read_capture_bytes("bench", text.as_bytes().to_vec())?)
}

/// Reads and checks in turns, so that what else the machine does falls on both.
fn tell_time(case: &Case, size: usize) -> Result<(), Box<dyn Error>> {
    let text = (case.make)(size);
    let profile = Profile::named("codex@0.169.0")?;
    let capture = read(&text)?;
    assert!(capture.problems.is_empty(), "{:?}", capture.problems);
    if case.is_clean {
        let contracts = check_capture(&capture, &profile);
        assert_eq!(contracts.violations, [], "{}", case.name);
        assert_eq!(contracts.not_checked, [], "{}", case.name);
    }
    let (mut reading, mut checking) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        reading.push(time(|| read(&text)));
        checking.push(time(|| check_capture(&capture, &profile)));
    }
    let (reading, checking) = (median(reading), median(checking));
    println!(
        "| {} | {size} | {:.1} | {reading:.1} | {checking:.1} | {:.2} |",
        case.name,
        text.len() as f64 / 1e6,
        checking / reading
    );
    Ok(())
}

fn time<T>(work: impl Fn() -> T) -> Duration {
    let start = spent();
    let made = black_box(work());
    let took = spent() - start;
    drop(made);
    took
}

/// The time that this thread has been running so far, whatever else the machine does; elsewhere than on Linux the time of day.
fn spent() -> Duration {
    let start = START.get_or_init(Instant::now);
    let line = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = line.split(' ').next().and_then(|nanos| nanos.parse().ok());
    nanos.map_or_else(|| start.elapsed(), Duration::from_nanos)
}

static START: OnceLock<Instant> = OnceLock::new();

/// The middle of an odd number of times, in milliseconds.
fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e3
}

/// Tells of the memory of a case in a process of its own.
fn spawn(case: &Case, size: usize) -> Result<(), Box<dyn Error>> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["--one", case.name, &size.to_string()])
        .status()?;
    Ok(())
}

/// The memory that is resident after reading, and the most while checking (Linux).
fn tell_memory(name: &str, size: usize) -> Result<(), Box<dyn Error>> {
    let case = CASES
        .iter()
        .find(|case| case.name == name)
        .ok_or("no such case")?;
    let text = (case.make)(size);
    let bytes = text.len();
    let capture = read(&text)?;
    drop(text);
    // Forgets the most so far.
    std::fs::write("/proc/self/clear_refs", "5")?;
    let before = resident("VmRSS:")?;
    black_box(check_capture(&capture, &Profile::named("codex@0.169.0")?));
    let most = resident("VmHWM:")?;
    println!(
        "| {name} | {size} | {:.1} | {before:.1} | {most:.1} |",
        bytes as f64 / 1e6
    );
    Ok(())
}

/// A line of the process's status, in megabytes.
fn resident(line: &str) -> Result<f64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let found = status.lines().find_map(|one| one.strip_prefix(line));
    let text = found.and_then(|rest| rest.split_whitespace().next());
    Ok(text.ok_or("no such line")?.parse::<f64>()? / 1e3)
}
