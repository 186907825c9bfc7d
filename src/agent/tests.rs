//! Agents that behave badly: each is a few words of shell.

use std::path::Path;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{AgentCommand, AgentError, Ending, Limits, Outcome, Place, Surroundings, Watch, run};

const PATIENCE: Duration = Duration::from_secs(20);

struct Toy {
    folder: TempDir,
    limits: Limits,
}

impl Toy {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            limits: Limits {
                time: PATIENCE,
                term_time: Duration::from_millis(200),
                ..Limits::default()
            },
        }
    }

    fn surroundings(&self) -> Surroundings {
        Surroundings {
            base_url: "http://127.0.0.1:4321/v1".to_owned(),
            path: "/usr/local/bin:/usr/bin:/bin".into(),
            ..Surroundings::default()
        }
    }

    /// Runs words of shell, which must end in time whatever they are.
    fn run_with(&self, script: &str, watch: &Watch<'_>) -> Outcome {
        let place = Place::below(self.folder.path()).unwrap();
        let command = AgentCommand::new(["/bin/sh", "-c", script]);
        let start = Instant::now();
        let outcome = run(&command, &place, &self.surroundings(), &self.limits, watch).unwrap();
        assert!(start.elapsed() < PATIENCE / 2, "{outcome:?}");
        assert!(outcome.survivors.is_empty(), "{outcome:?}");
        outcome
    }

    fn run(&self, script: &str) -> Outcome {
        self.run_with(script, &Watch::default())
    }
}

fn is_running(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

#[test]
fn what_it_prints_and_how_it_ends_is_told() {
    let outcome = Toy::new().run("echo out; echo err >&2; exit 3");
    assert_eq!(outcome.ending, Ending::Exited(3));
    assert_eq!(outcome.stdout.text(), "out\n");
    assert_eq!(outcome.stderr.text(), "err\n");
    assert!(!outcome.ignored_term);
    assert_eq!(outcome.ending.to_string(), "ended with exit code 3");
}

#[test]
fn it_finds_only_what_it_is_given() {
    let toy = Toy::new();
    let outcome = toy.run("env | cut -d= -f1 | sort | tr '\\n' ' '; echo $HOME $PWD");
    let place = Place::below(toy.folder.path()).unwrap();
    let expect = format!(
        "ALL_PROXY CODEX_API_KEY CODEX_HOME HOME HTTPS_PROXY HTTP_PROXY LANG NO_PROXY OPENAI_API_KEY OPENAI_BASE_URL PATH PWD \
         SHELL TERM TMPDIR TRACE_DIFF_AGENT TZ all_proxy http_proxy https_proxy no_proxy {} {}\n",
        place.home.display(),
        place.work.display()
    );
    assert_eq!(outcome.stdout.text(), expect);
}

#[test]
fn placeholders_are_filled_in() {
    let toy = Toy::new();
    let outcome = toy.run("echo '{base_url} {port} {home} {work} {other} {'");
    let place = Place::below(toy.folder.path()).unwrap();
    let expect = format!(
        "http://127.0.0.1:4321/v1 4321 {} {} {{other}} {{\n",
        place.home.display(),
        place.work.display()
    );
    assert_eq!(outcome.stdout.text(), expect);
}

#[test]
fn one_that_hangs_is_ended() {
    let mut toy = Toy::new();
    toy.limits.time = Duration::from_millis(200);
    let outcome = toy.run("echo begun; sleep 1000");
    assert!(matches!(outcome.ending, Ending::TimedOut(_)), "{outcome:?}");
    assert!(!outcome.ignored_term);
    assert_eq!(outcome.stdout.text(), "begun\n");
}

#[test]
fn one_that_ignores_sigterm_is_killed() {
    let mut toy = Toy::new();
    toy.limits.time = Duration::from_millis(200);
    let outcome = toy.run("trap '' TERM; while :; do sleep 1; done");
    assert!(matches!(outcome.ending, Ending::TimedOut(_)), "{outcome:?}");
    assert!(outcome.ignored_term);
}

#[test]
fn one_that_crashes_says_how() {
    let outcome = Toy::new().run("kill -SEGV $$");
    assert_eq!(outcome.ending, Ending::Crashed { signal: 11 });
    assert_eq!(
        outcome.ending.to_string(),
        "was ended by signal 11 (SIGSEGV)"
    );
}

#[test]
fn one_that_floods_is_ended_and_a_part_is_kept() {
    let mut toy = Toy::new();
    toy.limits.printed_bytes = 1 << 20;
    toy.limits.kept_bytes = 1 << 10;
    let outcome = toy.run("yes");
    assert!(matches!(outcome.ending, Ending::Flooded(_)), "{outcome:?}");
    let kept = outcome.stdout.head.len() + outcome.stdout.tail.len();
    assert_eq!(kept, 1 << 10);
    assert!(outcome.stdout.left_out() > 0);
}

#[test]
fn one_that_never_connects_is_ended() {
    let mut toy = Toy::new();
    toy.limits.connect_time = Duration::from_millis(200);
    let watch = Watch {
        has_connected: &|| false,
        ..Watch::default()
    };
    let outcome = toy.run_with("sleep 1000", &watch);
    assert!(
        matches!(outcome.ending, Ending::NeverConnected(_)),
        "{outcome:?}"
    );
    assert!(!outcome.has_connected);
}

#[test]
fn one_is_stopped_on_demand() {
    let watch = Watch {
        is_over: &|| true,
        ..Watch::default()
    };
    assert_eq!(
        Toy::new().run_with("sleep 1000", &watch).ending,
        Ending::Stopped
    );
}

#[test]
fn processes_that_it_leaves_are_ended() {
    let outcome = Toy::new().run("sleep 1000 & echo $!");
    assert_eq!(outcome.ending, Ending::Exited(0));
    if !Path::new("/proc/self/stat").exists() {
        println!("skipped: processes are listed on Linux only");
        return;
    }
    let names: Vec<&str> = outcome
        .leftovers
        .iter()
        .map(|left| left.name.as_str())
        .collect();
    assert_eq!(names, ["sleep"]);
    assert!(!is_running(outcome.stdout.text().trim()));
}

#[test]
fn processes_that_leave_its_group_are_ended_too() {
    if !Path::new("/usr/bin/setsid").exists() || !Path::new("/proc/self/stat").exists() {
        println!("skipped: needs setsid and /proc");
        return;
    }
    let mut toy = Toy::new();
    toy.limits.time = Duration::from_millis(500);
    let outcome =
        toy.run("setsid sh -c 'trap \"\" TERM HUP; echo $$; sleep 1000; sleep 1000' & sleep 1000");
    assert!(matches!(outcome.ending, Ending::TimedOut(_)), "{outcome:?}");
    let pid = outcome.stdout.text();
    assert!(!pid.is_empty());
    assert!(!is_running(pid.trim()));
}

#[test]
fn what_it_writes_elsewhere_is_told() {
    let mut toy = Toy::new();
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::write(elsewhere.path().join("old"), "1").unwrap();
    toy.limits.outside.directories = vec![(elsewhere.path().to_owned(), 1)];
    let other = elsewhere.path().display();
    let outcome = toy.run(&format!(
        "echo in > here; echo in > $HOME/home; echo in > $TMPDIR/t; echo out > ../stray; echo out > {other}/new"
    ));
    let root = Place::below(toy.folder.path()).unwrap().root.unwrap();
    let mut expect = [root.join("stray"), elsewhere.path().join("new")];
    expect.sort();
    assert_eq!(outcome.outside, expect);
}

#[test]
fn one_that_is_not_there_is_an_error() {
    let toy = Toy::new();
    let place = Place::below(toy.folder.path()).unwrap();
    let start = |argv: &[&str]| {
        let command = AgentCommand::new(argv.iter().copied());
        run(
            &command,
            &place,
            &toy.surroundings(),
            &toy.limits,
            &Watch::default(),
        )
        .unwrap_err()
    };
    assert!(matches!(start(&[]), AgentError::NoProgram));
    let error = start(&["no-such-agent"]);
    assert_eq!(error.to_string(), "failed to start no-such-agent");
}

#[test]
fn the_configuration_of_codex_is_toml() {
    let toy = Toy::new();
    let place = Place::below(toy.folder.path()).unwrap();
    let settings = super::Settings {
        model: Some("gpt \"x\"".to_owned()),
        provider: Some("OpenAI".to_owned()),
        compact_limit: Some(20_000),
        idle_time: Some(Duration::from_millis(900)),
        websocket: true,
        ..super::Settings::default()
    };
    let written = super::configure(
        super::Profile::Codex,
        &settings,
        &place,
        &toy.surroundings(),
    )
    .unwrap();
    let text = std::fs::read_to_string(&written[0]).unwrap();
    let table: toml::Table = text.parse().unwrap();
    assert_eq!(table["model"].as_str(), Some("gpt \"x\""));
    assert_eq!(table["sandbox_mode"].as_str(), Some("read-only"));
    let provider = &table["model_providers"]["trace-diff"];
    assert_eq!(
        provider["base_url"].as_str(),
        Some("http://127.0.0.1:4321/v1")
    );
    assert_eq!(provider["stream_idle_timeout_ms"].as_integer(), Some(900));
    assert_eq!(provider["supports_websockets"].as_bool(), Some(true));
    let again = super::configure(
        super::Profile::Codex,
        &settings,
        &place,
        &toy.surroundings(),
    )
    .unwrap();
    assert_eq!(again, written, "what was made here is made anew");
    std::fs::write(&written[0], "model = \"own\"").unwrap();
    let settings = super::Settings::default();
    let kept = super::configure(
        super::Profile::Codex,
        &settings,
        &place,
        &toy.surroundings(),
    );
    assert!(kept.unwrap().is_empty(), "what a user wrote stays");
    std::fs::remove_file(&written[0]).unwrap();
    let pycodex = super::Profile::Pycodex;
    super::configure(pycodex, &settings, &place, &toy.surroundings()).unwrap();
    let text = std::fs::read_to_string(&written[0]).unwrap();
    assert!(text.contains("\nmodel = "), "pycodex needs one: {text}");
}
