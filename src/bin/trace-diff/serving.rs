//! What commands have in common that serve until they are told to stop, and those that write captures.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, anyhow};
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use trace_diff::report::visible;
use trace_diff::server::{CaptureTarget, ProxyError, ProxyVariables, StartError};

use crate::exit::Failure;
use crate::output;

/// Where to listen.
#[derive(Debug, clap::Args)]
pub(crate) struct ListenArgs {
    /// Address to listen on; other machines reach it only if this is not a loopback address
    #[arg(long, value_name = "IP", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,
    /// Port to listen on; 0 takes any free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    port: u16,
}

impl ListenArgs {
    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::new(self.host, self.port)
    }
}

/// Becomes true at Ctrl-C or SIGTERM, for what is not to be ended by them in the middle. An agent has a process group of its
/// own, so a terminal's signal does not end it.
pub(crate) fn interruption() -> Result<Arc<AtomicBool>, Failure> {
    let mut signals = Signals::catch()?;
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    std::thread::spawn(move || {
        signals.or(std::future::pending());
        flag.store(true, Ordering::Relaxed);
    });
    Ok(interrupted)
}

/// The signals that end a server, caught from the moment on that this is made.
pub(crate) struct Signals {
    runtime: Runtime,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(crate) fn catch() -> Result<Self, Failure> {
        let what = "failed to wait for signals";
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context(what)?;
        let (terminate, interrupt) = {
            let _entered = runtime.enter();
            (
                signal(SignalKind::terminate()).context(what)?,
                signal(SignalKind::interrupt()).context(what)?,
            )
        };
        Ok(Self {
            runtime,
            terminate,
            interrupt,
        })
    }

    /// Waits for a signal or for something else, whichever comes first.
    pub(crate) fn or(&mut self, other: impl Future<Output = ()>) {
        self.runtime.block_on(async {
            tokio::select! {
                _ = self.terminate.recv() => {}
                _ = self.interrupt.recv() => {}
                () = other => {}
            }
        });
    }
}

/// Whether nothing but errors is told.
static IS_QUIET: AtomicBool = AtomicBool::new(false);

/// Tells nothing but errors from now on.
pub(crate) fn be_quiet() {
    IS_QUIET.store(true, Ordering::Relaxed);
}

/// Tells something on standard error.
pub(crate) fn say(text: &str) {
    if IS_QUIET.load(Ordering::Relaxed) {
        return;
    }
    let mut out = io::stderr().lock();
    for line in text.lines() {
        // There is nowhere left to say that standard error is closed.
        let _ = writeln!(out, "{}", visible(line));
    }
}

/// Why a server could not be started.
pub(crate) fn start_failure(error: StartError) -> Failure {
    match &error {
        StartError::Listen { .. } => Failure::new(error).with_hint(LISTEN_HINT),
        _ => Failure::new(error),
    }
}

const LISTEN_HINT: &str = "port 0 takes any free port; --host takes an address of this machine";

/// Why a capture is not complete.
pub(crate) fn capture_failure(error: io::Error) -> Failure {
    // As text: that nobody reads a capture any more is no quiet end, unlike a closed standard output.
    let error = anyhow!("{error}").context("failed to write the capture");
    Failure::new(error).with_hint("what stands in it is complete up to there; the server has ended, for what it does would be lost")
}

/// A new file, or an empty one: a capture holds one run. It replaces nothing that this run reads.
pub(crate) fn open_capture(
    path: &Path,
    is_forced: bool,
    input: Option<&Path>,
) -> Result<CaptureTarget, Failure> {
    let what = || format!("failed to write {}", path.display());
    check_name(path)?;
    if input.is_some_and(|input| is_part(path, input)) {
        let error = anyhow!("{} is read by this run", path.display());
        return Err(Failure::new(error).with_hint("write the capture to another file"));
    }
    if !is_forced
        && fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.len() > 0)
    {
        let error = anyhow!("{} exists already", path.display());
        return Err(Failure::new(error).with_hint("--force replaces it"));
    }
    let file = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(false)
        .open(path)
        .with_context(what)?;
    Ok(CaptureTarget::Replaced(Arc::new(file)))
}

/// Standard output has the ready line or the report.
pub(crate) fn check_name(path: &Path) -> Result<(), Failure> {
    if path.as_os_str() == "-" {
        let error = anyhow!("a capture can't be written to standard output");
        return Err(Failure::new(error).with_hint("name a file"));
    }
    Ok(())
}

/// Whether a file that is there is an input, or lies in it.
fn is_part(path: &Path, input: &Path) -> bool {
    same_file::is_same_file(path, input).unwrap_or(false)
        || match (path.canonicalize(), input.canonicalize()) {
            (Ok(path), Ok(input)) => path.is_file() && path.starts_with(&input),
            _ => false,
        }
}

/// Tells where the server is: the file first, so that it is there when the ready line is seen.
pub(crate) fn announce(address: SocketAddr, info: Option<&Path>) -> Result<(), Failure> {
    if let Some(path) = info {
        let info = serde_json::json!({"port": address.port(), "pid": std::process::id()});
        write_whole(path, format!("{info}\n").as_bytes())
            .with_context(|| format!("failed to write {}", path.display()))?;
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

/// Why a proxy, or a client, could not be started.
pub(crate) fn proxy_failure(error: ProxyError) -> Failure {
    let hint = match &error {
        ProxyError::Start(StartError::Listen { .. }) => LISTEN_HINT,
        ProxyError::Variable(_) => {
            "HTTP_PROXY, HTTPS_PROXY and ALL_PROXY are URLs of HTTP proxies: http://HOST:PORT; NO_PROXY=HOST reaches the upstream without one"
        }
        ProxyError::NoAuthorities => "--ca names a file of certificate authorities",
        _ => return Failure::new(error),
    };
    Failure::new(error).with_hint(hint)
}

/// The proxy variables; those in small letters count first, as most programs have it.
pub(crate) fn proxy_variables() -> ProxyVariables {
    let value = |name: &str| {
        let small = env::var(name.to_lowercase());
        small.or_else(|_| env::var(name)).ok()
    };
    ProxyVariables {
        http: value("HTTP_PROXY"),
        https: value("HTTPS_PROXY"),
        all: value("ALL_PROXY"),
        no: value("NO_PROXY"),
    }
}
