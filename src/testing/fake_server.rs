//! The server as tests have it.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use thiserror::Error;

use crate::capture::{
    Capture, CaptureWriter, OpenError, Redactor, read_capture, read_capture_bytes,
};
use crate::diff::{Options, compare};
use crate::report::{Report, TextOptions, Verdict, comparison_report, render_text};
use crate::script::{LoadError, Script};
use crate::server::{CaptureTarget, Limits, Server, ServerOptions, StartError};

use super::request::requests;
use super::watch::Watch;
use super::{Failure, Gate, Pending, Request, Source};

/// A fake Responses server for one test. Dropped, it stops and [verifies](Self::verify), and fails the test if the agent
/// did not do what the script says, unless the test is failing already.
#[derive(Debug)]
pub struct FakeServer {
    server: Server,
    watch: Watch,
    script: Arc<Script>,
    verifies: bool,
    /// Whether [`FakeServer::verify`] gave the failure to the test.
    is_told: AtomicBool,
}

/// Why a fake server could not be started.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SetupError {
    /// What it shall play can't be played.
    #[error(transparent)]
    Script(#[from] LoadError),
    /// It can't listen.
    #[error(transparent)]
    Start(#[from] StartError),
}

impl FakeServer {
    /// Starts a server on a free port of this machine; when this returns, it answers.
    ///
    /// # Panics
    ///
    /// When what it shall play has a mistake or can't be read, which the message shows, or no port is free.
    #[track_caller]
    pub fn start(source: impl Into<Source>) -> Self {
        match Self::start_with(source, Self::options()) {
            Ok(server) => server,
            Err(error) => panic!("the fake server can't start: {}", whole(&error)),
        }
    }

    /// Starts a server with other options: limits, a seed, leniency. Its script and where its capture goes are not taken
    /// from them.
    ///
    /// # Errors
    ///
    /// As [`SetupError`] lists.
    pub fn start_with(
        source: impl Into<Source>,
        options: ServerOptions,
    ) -> Result<Self, SetupError> {
        let script = source.into().load()?;
        let server = Server::start(ServerOptions {
            script: script.clone(),
            capture: CaptureTarget::Memory,
            ..options
        })?;
        let watch = Watch::new(&server).expect("the capture goes to memory");
        Ok(Self {
            server,
            watch,
            script,
            verifies: true,
            is_told: AtomicBool::new(false),
        })
    }

    /// What [`start`](Self::start) starts with: a free port of this machine, one thread, headers as they were sent, secrets and
    /// all, and an end without grace.
    pub fn options() -> ServerOptions {
        ServerOptions {
            redact: false,
            threads: 1,
            limits: Limits {
                // Whoever still listens to a response is part of a test that is over.
                stop_grace: Duration::ZERO,
                ..Limits::default()
            },
            ..ServerOptions::default()
        }
    }

    /// Leaves it to the test to [`verify`](Self::verify): dropping does not.
    #[must_use]
    pub fn unverified(mut self) -> Self {
        self.verifies = false;
        self
    }

    /// What agents and SDKs call the base URL: `http://127.0.0.1:PORT/v1`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// The server itself: its state, the steps that are left.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// A gate of the script.
    ///
    /// # Panics
    ///
    /// When the script has no such gate.
    #[track_caller]
    pub fn gate(&self, name: &str) -> Gate {
        let known = self.script.gates();
        let is_known = known
            .iter()
            .any(|gate| *gate == name || gate.contains("{{"));
        assert!(
            is_known,
            "the script has no gate `{name}`; its gates: {known:?}"
        );
        Gate {
            name: name.to_owned(),
            watch: self.watch.clone(),
        }
    }

    /// The requests to the model so far, first come first: those that steps are for, turns and compactions over HTTP and
    /// WebSockets.
    pub fn requests(&self) -> Vec<Request> {
        let mut all = self.all_requests();
        all.retain(Request::is_for_model);
        all
    }

    /// All requests so far, first come first: also for models, WebSocket handshakes, prewarms, and all else.
    pub fn all_requests(&self) -> Vec<Request> {
        requests(&self.capture())
    }

    /// Waits for a request to the model, numbered from 0 as in [`requests`](Self::requests).
    #[track_caller]
    pub fn request(&self, index: usize) -> Pending<Request> {
        let what = format!("no request {index} to the model came");
        let request = self.watch.clone().request(index);
        Pending::new(self.watch.clone(), what, request)
    }

    /// What was captured so far, secrets included. A response that the agent has seen whole is in it.
    pub fn capture(&self) -> Capture {
        self.watch.capture()
    }

    /// Writes what was captured so far to a file in the format of `docs/capture.md`, secrets replaced, such as a baseline for
    /// [`assert_same_as`](Self::assert_same_as).
    ///
    /// # Errors
    ///
    /// When the file can't be written.
    pub fn save_capture(&self, path: impl AsRef<Path>) -> io::Result<()> {
        fs::write(path, self.redacted())
    }

    /// Compares what was captured so far with a capture in a file, and fails if anything but ids, times, paths and the like
    /// differs.
    ///
    /// # Panics
    ///
    /// When there is a difference, with the report that `trace-diff BASELINE CANDIDATE` prints, or when the file can't be
    /// read.
    #[track_caller]
    pub fn assert_same_as(&self, baseline: impl AsRef<Path>) {
        let path = baseline.as_ref().display();
        match self.compare_with(&baseline, &Options::default()) {
            Ok(report) if report.verdict == Verdict::Clean => {}
            Ok(report) => panic!("this run is not the one of {path}\n{}", text_of(&report)),
            Err(error) => panic!(
                "{}\nhint: server.save_capture({:?}) saves a baseline",
                whole(&error),
                baseline.as_ref()
            ),
        }
    }

    /// Compares what was captured so far with a capture in a file.
    ///
    /// # Errors
    ///
    /// When the file can't be read or is no capture.
    pub fn compare_with(
        &self,
        baseline: impl AsRef<Path>,
        options: &Options,
    ) -> Result<Report, OpenError> {
        let baseline = read_capture(&baseline.as_ref().to_string_lossy())?;
        // The baseline has no secrets, either.
        let candidate = read_capture_bytes("this run", self.redacted())?;
        let comparison = compare(&baseline, &candidate, options);
        Ok(comparison_report(&baseline, &candidate, &comparison))
    }

    /// Checks that every request so far was what the script says, and that no step is left. A failure that was given out is
    /// not told again when the server is dropped.
    ///
    /// # Errors
    ///
    /// With everything that did not go as the script says.
    pub fn verify(&self) -> Result<(), Failure> {
        let violations = self.server.finish();
        if violations.is_empty() {
            return Ok(());
        }
        self.is_told.store(true, Ordering::Relaxed);
        Err(Failure {
            violations,
            story: self.watch.story(),
        })
    }

    fn redacted(&self) -> Vec<u8> {
        let written = CaptureWriter::new(Vec::new(), "serve", Some(Redactor::new())).and_then(
            |mut writer| {
                writer.capture(&self.capture())?;
                Ok(writer.into_inner())
            },
        );
        written.expect("writing to memory never fails")
    }
}

impl Drop for FakeServer {
    fn drop(&mut self) {
        let is_told = self.is_told.load(Ordering::Relaxed);
        // A second panic would end the whole test program.
        if self.verifies
            && !is_told
            && !std::thread::panicking()
            && let Err(failure) = self.verify()
        {
            panic!("{failure}");
        }
    }
}

fn text_of(report: &Report) -> String {
    let mut text = Vec::new();
    render_text(report, &TextOptions::default(), &mut text).expect("writing to memory never fails");
    String::from_utf8_lossy(&text).into_owned()
}

/// An error with its causes.
fn whole(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!("\ncaused by: {error}"));
        cause = error.source();
    }
    text
}
