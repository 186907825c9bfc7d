//! `trace-diff serve`: the fake Responses server.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use trace_diff::script::{PlayerOptions, Script, Violation};
use trace_diff::server::{CaptureTarget, Limits, Server, ServerOptions};

use crate::exit::{Outcome, Status};
use crate::script;
use crate::serving::{self, ListenArgs, Signals, say};

/// How often a script is looked at for changes.
const WATCH_PAUSE: Duration = Duration::from_millis(200);

/// Serves scripted responses to an agent, and keeps every request
///
/// A fake Responses API on a port of this machine. Point the agent's base URL at the address that the ready line names;
/// any path prefix is fine. Without a script every request is answered with a plain "OK".
///
/// The server runs until Ctrl-C or SIGTERM. Below /__trace-diff/ it tells its state and opens gates.
///
/// Exit status: 0 ended as told, 1 the script was not used up or a request found no step, 2 it could not serve.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to play: a script, or a capture or rollout whose responses are played again; - is standard input. Without
    /// it every request gets a plain "OK"
    script: Option<PathBuf>,
    /// Reads the script again whenever it changes, and starts over with it
    #[arg(long, requires = "script")]
    watch: bool,
    /// Answers requests that fit no step with a plain "OK", and puts up with steps that are not used
    #[arg(long)]
    lenient: bool,
    /// Refuses what the real API refuses, with its errors, whatever the script says
    #[arg(long)]
    strict_api: bool,
    /// Where random faults begin, before what the script says
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    #[command(flatten)]
    listen: ListenArgs,
    /// Writes every request and response to OUT as it happens, secrets replaced
    #[arg(long, value_name = "OUT")]
    capture: Option<PathBuf>,
    /// Replaces OUT if it is there
    #[arg(long, requires = "capture")]
    force: bool,
    /// Writes {"port","pid"} to FILE when requests are accepted
    #[arg(long, value_name = "FILE")]
    server_info: Option<PathBuf>,
    /// Lets POST /__trace-diff/shutdown end the server
    #[arg(long)]
    http_shutdown: bool,
    /// Most MiB of a request body, as sent and decoded; larger ones are refused with 413
    #[arg(long, value_name = "MIB", default_value_t = 512)]
    max_body: u64,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let capture = match &args.capture {
        Some(path) => serving::open_capture(path, args.force, args.script.as_deref())?,
        None => CaptureTarget::None,
    };
    let script = match &args.script {
        Some(path) => script::read(path)?,
        None => Script::default(),
    };
    let options = ServerOptions {
        script: Arc::new(script),
        play: PlayerOptions {
            seed: args.seed,
            is_lenient: args.lenient,
            is_strict_api: args.strict_api,
        },
        address: args.listen.address(),
        capture,
        http_shutdown: args.http_shutdown,
        limits: Limits {
            body_bytes: args.max_body.saturating_mul(1 << 20),
            ..Limits::default()
        },
        ..ServerOptions::default()
    };
    let mut signals = Signals::catch()?;
    let server = Server::start(options).map_err(serving::start_failure)?;
    if let Some(seed) = server.seed() {
        say(&format!("seed {seed}"));
    }
    serving::announce(server.address(), args.server_info.as_deref())?;
    let watched = args.script.as_deref().filter(|_| args.watch);
    let mut said = 0;
    signals.or(async {
        tokio::select! {
            () = server.stopping() => {}
            () = server.capture_failed() => {}
            () = watch(&server, watched) => {}
            () = say_violations(&server, &mut said) => {}
        }
    });
    server.stop();
    let violations = server.finish();
    let written = server.wait();
    violations.iter().skip(said).for_each(say_violation);
    written.map_err(serving::capture_failure)?;
    Ok(match violations.is_empty() || args.lenient {
        true => Status::Clean,
        false => Status::Findings,
    })
}

/// Reads the script again when its file changes; never returns. A script that can't be read leaves the one before it.
async fn watch(server: &Server, path: Option<&Path>) {
    let Some(path) = path else {
        return std::future::pending().await;
    };
    let stamp = || {
        fs::metadata(path)
            .and_then(|metadata| metadata.modified())
            .ok()
    };
    let mut seen = stamp();
    loop {
        tokio::time::sleep(WATCH_PAUSE).await;
        let now = stamp();
        // A file that is being replaced is missing for a moment.
        if now.is_none() || now == seen {
            continue;
        }
        seen = now;
        match script::read(path) {
            Ok(script) => {
                server.reload(Arc::new(script));
                say(&format!("reads {} again", path.display()));
            }
            Err(failure) => failure.print(),
        }
    }
}

/// Tells of violations when they happen; never returns. `said` counts them.
async fn say_violations(server: &Server, said: &mut usize) {
    loop {
        let violations = server.violations_behind(*said).await;
        violations.iter().for_each(say_violation);
        *said += violations.len();
    }
}

fn say_violation(violation: &Violation) {
    say(&format!("violation: {violation}"));
}
