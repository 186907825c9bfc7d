//! An upstream that plays bytes, a proxy before it, and what the proxy wrote down.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::capture::{Capture, Exchange};
use crate::server::tests::client::Client;
use crate::server::{CaptureTarget, Proxy, ProxyOptions};

/// Longest time for which a test waits for bytes.
const PATIENCE: Duration = Duration::from_secs(20);

/// An upstream on a thread.
pub(super) struct Upstream<T> {
    pub(super) address: SocketAddr,
    thread: JoinHandle<T>,
}

impl<T: Send + 'static> Upstream<T> {
    /// Takes one connection and plays it.
    pub(super) fn start(play: impl FnOnce(Peer) -> T + Send + 'static) -> Self {
        Self::listen(|listener| play(accept(&listener)))
    }

    pub(super) fn listen(play: impl FnOnce(TcpListener) -> T + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
        let address = listener.local_addr().expect("it has an address");
        Self {
            address,
            thread: std::thread::spawn(move || play(listener)),
        }
    }

    /// What playing gave.
    pub(super) fn join(self) -> T {
        self.thread.join().expect("the upstream played to its end")
    }
}

pub(super) fn accept(listener: &TcpListener) -> Peer {
    let (stream, _) = listener.accept().expect("the proxy connects");
    stream
        .set_read_timeout(Some(PATIENCE))
        .expect("a time is set");
    stream.set_nodelay(true).expect("it is set");
    Peer(stream)
}

/// The upstream's end of a connection.
pub(super) struct Peer(pub(super) TcpStream);

impl Peer {
    pub(super) fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).expect("the proxy reads");
    }

    /// Reads until these bytes have come, and gives all.
    pub(super) fn read_until(&mut self, end: &[u8]) -> String {
        let mut bytes = Vec::new();
        while !bytes.ends_with(end) {
            let mut byte = [0];
            self.0.read_exact(&mut byte).expect("more bytes come");
            bytes.extend(byte);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    pub(super) fn read_head(&mut self) -> String {
        self.read_until(b"\r\n\r\n")
    }

    pub(super) fn read_to_end(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // A reset is an end, too.
        let _ = self.0.read_to_end(&mut bytes);
        bytes
    }

    /// Ends the connection with a reset.
    pub(super) fn reset(self) {
        std::thread::sleep(Duration::from_millis(30));
        let stream = self.0;
        stream.set_nonblocking(true).expect("it is set");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime starts");
        let _entered = runtime.enter();
        let stream = tokio::net::TcpStream::from_std(stream).expect("it is registered");
        stream.set_zero_linger().expect("it is set");
    }
}

pub(super) fn options(upstream: SocketAddr) -> ProxyOptions {
    let url = format!("http://{upstream}");
    let mut options = ProxyOptions::new(url.parse().expect("it is a URL"));
    options.capture = CaptureTarget::Memory;
    options.threads = 2;
    options
}

pub(super) fn start(options: ProxyOptions) -> Proxy {
    Proxy::start(options).expect("a loopback port is free")
}

pub(super) fn proxy(upstream: SocketAddr) -> Proxy {
    start(options(upstream))
}

pub(super) fn client(proxy: &Proxy) -> Client {
    Client::to(proxy.address())
}

/// The capture, once it has so many ended exchanges.
pub(super) fn captured(proxy: &Proxy, count: usize) -> Capture {
    const PAUSE: Duration = Duration::from_millis(2);
    for _ in 0..PATIENCE.as_millis() / PAUSE.as_millis() {
        let capture = proxy.capture().expect("the capture is in memory");
        let ended = |exchange: &&Exchange| exchange.response.end.as_option().is_some();
        if capture.exchanges.iter().filter(ended).count() >= count {
            return capture;
        }
        std::thread::sleep(PAUSE);
    }
    panic!("{:?}", proxy.capture());
}

/// A member of what is noted beside an exchange, as JSON text.
pub(super) fn extra(exchange: &Exchange, name: &str) -> Option<String> {
    let extra = exchange.extra.as_ref()?;
    Some(extra.node().get(name)?.text().to_owned())
}
