//! `trace-diff serve`: the fake Responses server.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use tokio::signal::unix::{SignalKind, signal};
use trace_diff::report::visible;
use trace_diff::script::{PlayerOptions, Script, Violation};
use trace_diff::server::{CaptureTarget, Limits, Server, ServerOptions};

use crate::exit::{Failure, Outcome, Status};
use crate::{output, script};

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
    /// Address to listen on; other machines reach it only if this is not a loopback address
    #[arg(long, value_name = "IP", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,
    /// Port to listen on; 0 takes any free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    port: u16,
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
        Some(path) => CaptureTarget::File(Arc::new(open_capture(path, args.force)?)),
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
        address: SocketAddr::new(args.host, args.port),
        capture,
        http_shutdown: args.http_shutdown,
        limits: Limits {
            body_bytes: args.max_body.saturating_mul(1 << 20),
            ..Limits::default()
        },
        ..ServerOptions::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("failed to wait for signals")?;
    // Signals are caught before anyone can know of the server.
    let (mut terminate, mut interrupt) = {
        let _entered = runtime.enter();
        (
            signal(SignalKind::terminate()).context("failed to wait for signals")?,
            signal(SignalKind::interrupt()).context("failed to wait for signals")?,
        )
    };
    let server = Server::start(options).map_err(|error| {
        Failure::new(error)
            .with_hint("port 0 takes any free port; --host takes an address of this machine")
    })?;
    announce(&server, args.server_info.as_deref())?;
    let watched = args.script.as_deref().filter(|_| args.watch);
    let mut said = 0;
    runtime.block_on(async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
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
    written.map_err(|error| {
        // As text: that nobody reads a capture any more is no quiet end, unlike a closed standard output.
        let error = anyhow!("{error}").context("failed to write the capture");
        Failure::new(error).with_hint("what stands in it is complete up to there; the server has ended, for what it does would be lost")
    })?;
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

fn say(text: &str) {
    let mut out = io::stderr().lock();
    for line in text.lines() {
        // There is nowhere left to say that standard error is closed.
        let _ = writeln!(out, "{}", visible(line));
    }
}

/// A new file, or an empty one: a capture holds one run.
fn open_capture(path: &Path, is_forced: bool) -> Result<File, Failure> {
    let what = || format!("failed to write {}", path.display());
    if !is_forced
        && fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.len() > 0)
    {
        let error = anyhow!("{} exists already", path.display());
        return Err(Failure::new(error).with_hint("--force replaces it"));
    }
    let file = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(is_forced)
        .open(path)
        .with_context(what)?;
    Ok(file)
}

/// Tells where the server is: the file first, so that it is there when the ready line is seen.
fn announce(server: &Server, info: Option<&Path>) -> Result<(), Failure> {
    let address = server.address();
    if let Some(path) = info {
        let info = serde_json::json!({"port": address.port(), "pid": std::process::id()});
        write_whole(path, format!("{info}\n").as_bytes())
            .with_context(|| format!("failed to write {}", path.display()))?;
    }
    if let Some(seed) = server.seed() {
        say(&format!("seed {seed}"));
    }
    output::write(format!("listening on http://{address}\n").as_bytes())?;
    Ok(())
}

/// Writes a file so that nobody sees a part of it.
fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let draft = path.with_file_name(name);
    let outcome = File::create(&draft)
        .and_then(|mut file| file.write_all(content))
        .and_then(|()| fs::rename(&draft, path));
    if outcome.is_err() {
        // The draft is of no use; that it may not even be there changes nothing.
        let _ = fs::remove_file(&draft);
    }
    outcome
}
