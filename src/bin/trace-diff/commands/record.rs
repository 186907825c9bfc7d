//! `trace-diff record`: the recording proxy.

use std::env;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use trace_diff::server::{
    CaptureTarget, Limits, Proxy, ProxyError, ProxyOptions, ProxyVariables, Upstream,
};

use crate::exit::{Failure, Outcome, Status};
use crate::serving::{self, Signals};

/// Records what an agent and a real server say to each other
///
/// A proxy on a port of this machine. Point the agent's base URL at the address that the ready line names, with /v1 behind
/// it if the agent's usual base URL ends so; what URL and path have in common counts once. Requests go to the upstream
/// and responses come back as the bytes come, server-sent events and WebSockets too. Of requests only Host and what is for
/// proxies changes, of responses nothing.
///
/// HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY are heeded, for an upstream on another machine.
///
/// The proxy runs until Ctrl-C or SIGTERM.
///
/// Exit status: 0 ended as told, 2 it could not serve or write the capture.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where requests go: http://HOST[:PORT][/PATH] or https://…
    #[arg(long, value_name = "URL")]
    upstream: Upstream,
    /// Writes every request and response to OUT as it happens, secrets replaced
    #[arg(long, value_name = "OUT")]
    capture: PathBuf,
    /// Replaces OUT if it is there
    #[arg(long)]
    force: bool,
    /// Trusts the certificate authorities in FILE (PEM), too
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Address to listen on; other machines reach it only if this is not a loopback address
    #[arg(long, value_name = "IP", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,
    /// Port to listen on; 0 takes any free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    port: u16,
    /// Writes {"port","pid"} to FILE when requests are accepted
    #[arg(long, value_name = "FILE")]
    server_info: Option<PathBuf>,
    /// Most MiB of a body or message that are kept, as sent and decoded; larger ones pass and are not kept
    #[arg(long, value_name = "MIB", default_value_t = 512)]
    max_body: u64,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let file = serving::open_capture(&args.capture, args.force)?;
    let mut options = ProxyOptions::new(args.upstream.clone());
    options.address = SocketAddr::new(args.host, args.port);
    options.ca = args.ca.clone();
    options.variables = variables();
    options.capture = CaptureTarget::File(Arc::new(file));
    options.limits = Limits {
        body_bytes: args.max_body.saturating_mul(1 << 20),
        ..Limits::default()
    };
    let mut signals = Signals::catch()?;
    let proxy = Proxy::start(options).map_err(failure)?;
    serving::announce(proxy.address(), args.server_info.as_deref())?;
    signals.or(proxy.capture_failed());
    proxy.stop();
    proxy.wait().map_err(serving::capture_failure)?;
    Ok(Status::Clean)
}

fn failure(error: ProxyError) -> Failure {
    let hint = match &error {
        ProxyError::Start(_) => {
            "port 0 takes any free port; --host takes an address of this machine"
        }
        ProxyError::Variable(_) => {
            "HTTP_PROXY, HTTPS_PROXY and ALL_PROXY are URLs of HTTP proxies: http://HOST:PORT"
        }
        ProxyError::NoAuthorities => "--ca names a file of certificate authorities",
        _ => return Failure::new(error),
    };
    Failure::new(error).with_hint(hint)
}

/// The proxy variables; those in small letters count first, as most programs have it.
fn variables() -> ProxyVariables {
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
