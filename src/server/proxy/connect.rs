//! Connecting to the upstream, directly or through an HTTP proxy.

use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::options::ProxyError;
use super::request::Route;
use super::stream::Stream;
#[cfg(feature = "tls")]
use super::tls::Tls;
use super::upstream::Upstream;
use super::variables::{HttpProxy, ProxyVariables};

/// Longest time for one address, where the name has others.
const ADDRESS_TIME: Duration = Duration::from_secs(4);
/// Longest answer of an HTTP proxy to CONNECT.
const MAX_ANSWER: usize = 16 << 10;

/// Makes connections to the upstream.
#[derive(Debug)]
pub(super) struct Connector {
    upstream: Upstream,
    proxy: Option<HttpProxy>,
    time: Duration,
    #[cfg(feature = "tls")]
    tls: Option<Tls>,
}

/// Why there is no connection.
#[derive(Debug)]
pub(super) struct ConnectError {
    /// Whether it took too long.
    pub(super) is_timeout: bool,
    pub(super) message: String,
}

/// A connection, and whether an HTTP proxy at its end passes each request on.
#[derive(Debug)]
pub(super) struct Connected {
    pub(super) stream: Stream,
    is_forwarded: bool,
}

impl Connector {
    pub(super) fn new(
        upstream: Upstream,
        variables: &ProxyVariables,
        ca: Option<&Path>,
        time: Duration,
    ) -> Result<Self, ProxyError> {
        let proxy = variables.proxy(&upstream).map_err(ProxyError::Variable)?;
        let needs_tls = upstream.is_tls || proxy.as_ref().is_some_and(|proxy| proxy.address.is_tls);
        #[cfg(not(feature = "tls"))]
        if needs_tls || ca.is_some() {
            return Err(ProxyError::Tls(
                "this program is built without TLS".to_owned(),
            ));
        }
        Ok(Self {
            upstream,
            proxy,
            time,
            #[cfg(feature = "tls")]
            tls: needs_tls.then(|| Tls::new(ca)).transpose()?,
        })
    }

    /// Connects. `is_tunnel` asks for a connection that carries anything, not only requests.
    pub(super) async fn connect(&self, is_tunnel: bool) -> Result<Connected, ConnectError> {
        match timeout(self.time, self.connect_now(is_tunnel)).await {
            Ok(connected) => connected.map_err(|message| ConnectError {
                is_timeout: false,
                message,
            }),
            Err(_) => Err(ConnectError {
                is_timeout: true,
                message: format!("no connection within {} s", self.time.as_secs()),
            }),
        }
    }

    async fn connect_now(&self, is_tunnel: bool) -> Result<Connected, String> {
        let Some(proxy) = &self.proxy else {
            let stream = dial(&self.upstream).await?;
            let stream = self.secured(&self.upstream, stream).await?;
            return Ok(Connected {
                stream,
                is_forwarded: false,
            });
        };
        let at_proxy = |error| format!("HTTP proxy {}: {error}", proxy.address);
        let stream = dial(&proxy.address).await.map_err(at_proxy)?;
        let mut stream = self
            .secured(&proxy.address, stream)
            .await
            .map_err(at_proxy)?;
        if !self.upstream.is_tls && !is_tunnel {
            return Ok(Connected {
                stream,
                is_forwarded: true,
            });
        }
        open_tunnel(&mut stream, &self.upstream, proxy)
            .await
            .map_err(at_proxy)?;
        Ok(Connected {
            stream: self.secured(&self.upstream, stream).await?,
            is_forwarded: false,
        })
    }

    /// Speaks TLS where the address asks for it.
    async fn secured(&self, address: &Upstream, stream: Stream) -> Result<Stream, String> {
        #[cfg(feature = "tls")]
        if let Some(tls) = self.tls.as_ref().filter(|_| address.is_tls) {
            let secured = tls.connect(&address.host, stream).await;
            return secured.map_err(|error| format!("no TLS: {error}"));
        }
        // Without the feature no address asks for it.
        let _ = address;
        Ok(stream)
    }

    /// What a request to this target says over such a connection.
    pub(super) fn route(&self, connected: &Connected, asked: &str) -> Route {
        let target = self.upstream.target(asked);
        let authority = self.upstream.authority();
        match self.proxy.as_ref().filter(|_| connected.is_forwarded) {
            Some(proxy) => Route {
                target: match target.as_str() {
                    "*" => format!("http://{authority}"),
                    target => format!("http://{authority}{target}"),
                },
                authority,
                proxy_authorization: proxy.authorization.clone(),
            },
            None => Route {
                target,
                authority,
                proxy_authorization: None,
            },
        }
    }

    /// Whether the connection can't carry this: an HTTP proxy passes requests on, and no WebSocket.
    pub(super) fn needs_tunnel(&self, connected: &Connected) -> bool {
        connected.is_forwarded
    }
}

/// Connects to the first address of a host that answers.
async fn dial(address: &Upstream) -> Result<Stream, String> {
    let name = (address.host.as_str(), address.port);
    let found = tokio::net::lookup_host(name).await;
    let found: Vec<_> = found.map_err(|error| error.to_string())?.collect();
    let mut failure = "the name has no address".to_owned();
    for (index, one) in found.iter().enumerate() {
        let is_last = index + 1 == found.len();
        let time = if is_last { Duration::MAX } else { ADDRESS_TIME };
        match timeout(time, TcpStream::connect(one)).await {
            Ok(Ok(stream)) => {
                // Events are small writes; a delayed one would wait for the acknowledgement of the one before.
                let _ = stream.set_nodelay(true);
                return Ok(Stream::Tcp(stream));
            }
            Ok(Err(error)) => failure = error.to_string(),
            Err(_) => failure = format!("no connection within {} s", time.as_secs()),
        }
    }
    Err(failure)
}

/// Asks an HTTP proxy for a connection to the upstream.
async fn open_tunnel(
    stream: &mut Stream,
    upstream: &Upstream,
    proxy: &HttpProxy,
) -> Result<(), String> {
    let authority = upstream.host_and_port();
    let mut head = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n");
    if let Some(authorization) = &proxy.authorization {
        head.push_str(&format!("Proxy-Authorization: {authorization}\r\n"));
    }
    head.push_str("\r\n");
    let answer = ask(stream, head.as_bytes())
        .await
        .map_err(|error| error.to_string())?;
    let status = answer.lines().next().unwrap_or_default();
    match status.split_ascii_whitespace().nth(1) {
        Some(code) if code.len() == 3 && code.starts_with('2') => Ok(()),
        _ => Err(format!("it refused the connection with `{status}`")),
    }
}

/// Sends a head, and reads one to its last byte and no further.
async fn ask(stream: &mut Stream, head: &[u8]) -> io::Result<String> {
    stream.write_all(head).await?;
    stream.flush().await?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() >= MAX_ANSWER {
            let text = "its answer is no head";
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        answer.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
