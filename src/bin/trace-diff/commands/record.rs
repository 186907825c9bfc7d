//! `trace-diff record`: the recording proxy.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow};
use trace_diff::capture::{Capture, CaptureKind, Redactor, Residual, residual_secrets};
use trace_diff::report::plural;
use trace_diff::server::{CaptureTarget, Limits, Proxy, ProxyOptions, Upstream};

use crate::exit::{Failure, Outcome, Status};
use crate::serving::{self, ListenArgs, Signals, say};
use crate::{input, output};

/// Most places that are told one by one.
const MAX_TOLD: usize = 10;

/// Records what an agent and a real server say to each other
///
/// A proxy on a port of this machine. Point the agent's base URL at the address that the ready line names, with /v1 behind
/// it if the agent's usual base URL ends so; what URL and path have in common counts once. Requests go to the upstream
/// and responses come back as the bytes come, server-sent events and WebSockets too. Of requests only Host and what is for
/// proxies changes, of responses nothing.
///
/// HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY are heeded, for an upstream on another machine.
///
/// The proxy runs until Ctrl-C or SIGTERM, and then looks through the capture for secrets that are left in it.
///
/// Exit status: 0 ended as told, 1 the capture may still hold secrets, 2 it could not serve or write the capture.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where requests go: http://HOST[:PORT][/PATH] or https://…
    #[arg(long, value_name = "URL")]
    upstream: Upstream,
    /// Writes every request and response to OUT as it happens, secrets replaced; every mode but passthrough needs it
    #[arg(long, value_name = "OUT")]
    capture: Option<PathBuf>,
    /// What happens to a request
    #[arg(long, value_enum, default_value_t = Mode::Record)]
    mode: Mode,
    /// Answers requests that are known from this capture, for --mode replay-or-record. Without it those that are known
    /// from OUT, to which new ones are added
    #[arg(long, value_name = "CAPTURE")]
    from: Option<PathBuf>,
    /// Replaces OUT if it is there
    #[arg(long)]
    force: bool,
    /// Trusts the certificate authorities in FILE (PEM), too
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    #[command(flatten)]
    listen: ListenArgs,
    /// Writes {"port","pid"} to FILE when requests are accepted
    #[arg(long, value_name = "FILE")]
    server_info: Option<PathBuf>,
    /// Most MiB of a body or message that are kept, as sent and decoded; larger ones pass and are not kept
    #[arg(long, value_name = "MIB", default_value_t = 512)]
    max_body: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Mode {
    /// Goes to the upstream and is written down
    Record,
    /// Is answered as in the capture if it is known from there, up to ids and times; else goes to the upstream and is
    /// written down
    ReplayOrRecord,
    /// Goes to the upstream; nothing is written
    Passthrough,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let mut options = ProxyOptions::new(args.upstream.clone());
    options.address = args.listen.address();
    options.ca = args.ca.clone();
    options.variables = serving::proxy_variables();
    set_capture(&mut options, args)?;
    options.limits = Limits {
        body_bytes: args.max_body.saturating_mul(1 << 20),
        ..Limits::default()
    };
    let mut signals = Signals::catch()?;
    let proxy = Proxy::start(options).map_err(serving::proxy_failure)?;
    serving::announce(proxy.address(), args.server_info.as_deref())?;
    signals.or(proxy.capture_failed());
    proxy.stop();
    let (requests, redactor) = (proxy.state().requests, proxy.redactor());
    proxy.wait().map_err(serving::capture_failure)?;
    match (&args.capture, redactor) {
        (Some(path), Some(redactor)) if args.mode != Mode::Passthrough => {
            tell(&mut signals, path, requests, redactor)
        }
        _ => Ok(Status::Clean),
    }
}

/// Opens what the mode writes, and reads what it answers from.
fn set_capture(options: &mut ProxyOptions, args: &Args) -> Result<(), Failure> {
    if args.from.is_some() && args.mode != Mode::ReplayOrRecord {
        let error = anyhow!("--from is for --mode replay-or-record");
        return Err(Failure::new(error));
    }
    let out = match (&args.capture, args.mode) {
        (_, Mode::Passthrough) => return Ok(()),
        (Some(out), _) => out,
        (None, _) => {
            let error = anyhow!("there is nowhere to write to");
            return Err(Failure::new(error).with_hint("--capture OUT names a file"));
        }
    };
    let is_same = |from: &Path| same_file::is_same_file(from, out).unwrap_or(false);
    options.capture = match (
        args.mode,
        args.from.as_deref().filter(|from| !is_same(from)),
    ) {
        (Mode::ReplayOrRecord, Some(from)) => {
            options.known = Some(known(from)?);
            serving::open_capture(out, args.force, Some(from))?
        }
        (Mode::ReplayOrRecord, None) => {
            serving::check_name(out)?;
            let has_records = out.metadata().is_ok_and(|metadata| metadata.len() > 0);
            options.known = has_records.then(|| known_to_grow(out)).transpose()?;
            options.keeps_known = false;
            let file =
                open_for_more(out).with_context(|| format!("failed to write {}", out.display()))?;
            CaptureTarget::File(Arc::new(file))
        }
        _ => serving::open_capture(out, args.force, None)?,
    };
    Ok(())
}

fn known(path: &Path) -> Result<Capture, Failure> {
    let capture = input::capture(&path.to_string_lossy())?;
    output::say_problems(&capture);
    Ok(capture)
}

/// Reads a capture to which records are added: only to one of our own format, uncompressed, records of ours can be.
fn known_to_grow(path: &Path) -> Result<Capture, Failure> {
    let capture = known(path)?;
    let mut first = [0];
    let what = || format!("failed to read {}", path.display());
    let is_text = File::open(path)
        .and_then(|mut file| file.read_exact(&mut first))
        .with_context(what)
        .map(|()| first == *b"{")?;
    if is_text && capture.kind == CaptureKind::Capture {
        return Ok(capture);
    }
    let name = path.display();
    let error = anyhow!("nothing can be added to {name}, which is compressed or of another format");
    Err(Failure::new(error).with_hint(format!(
        "answer from it and write to another file: --from {name} --capture OUT"
    )))
}

/// Opens a capture to write at its end, which is made the start of a line.
fn open_for_more(path: &Path) -> io::Result<File> {
    let mut file = OpenOptions::new()
        .create(true)
        .read(true)
        .append(true)
        .open(path)?;
    let mut last = [b'\n'];
    if file.metadata()?.len() > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    if last != [b'\n'] {
        file.write_all(b"\n")?;
    }
    Ok(file)
}

/// Tells what was recorded, and what may be left of secrets. That takes a while where the capture is long; another signal
/// ends it.
fn tell(signals: &mut Signals, path: &Path, requests: u64, redactor: Redactor) -> Outcome {
    let name = path.display();
    let requests = plural(usize::try_from(requests).unwrap_or(usize::MAX), "request");
    let count = plural(redactor.count(), "secret");
    // A pipe can't be read again.
    if !path.is_file() {
        say(&format!("{requests}, {count} replaced"));
        return Ok(Status::Clean);
    }
    let (done, mut found) = tokio::sync::oneshot::channel();
    let owned = path.to_owned();
    std::thread::spawn(move || {
        let file = File::open(&owned);
        let found = file.and_then(|file| residual_secrets(BufReader::new(file), &redactor));
        // Who waited may have been told to end.
        let _ = done.send(found);
    });
    let mut outcome = None;
    signals.or(async { outcome = (&mut found).await.ok() });
    let Some(found) = outcome else {
        say(&format!(
            "{name}: {requests}, {count} replaced; not looked through"
        ));
        return Ok(Status::Clean);
    };
    let found = found.with_context(|| format!("failed to read {name}"))?;
    if found.is_empty() {
        say(&format!(
            "{name}: {requests}, {count} replaced, none seen that is left"
        ));
        return Ok(Status::Clean);
    }
    for place in found.iter().take(MAX_TOLD) {
        say(&format!("warning: {name}: {}", in_words(place)));
    }
    if found.len() > MAX_TOLD {
        say(&format!("warning: {name}: {} more", found.len() - MAX_TOLD));
    }
    Ok(Status::Findings)
}

fn in_words(place: &Residual) -> String {
    let exchange = place
        .exchange
        .map_or_else(String::new, |number| format!(" (exchange {number})"));
    let (line, form) = (place.line, place.form.name());
    format!("line {line}{exchange} may hold a secret, {form}")
}
