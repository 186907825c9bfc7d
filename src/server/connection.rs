//! One TCP connection: hyper reads its requests; the socket is taken back for responses that hyper would not send.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::capture::{Body, ContentKind, End};

use super::exchange::Exchange;
use super::former::Former;
use super::head::{MAX_HEAD_BYTES, MAX_HEADERS};
use super::ledger::Phase;
use super::patience::Patience;
use super::service::{Connection, captured};
use super::shared::Shared;
use super::tap::Tap;
use super::wire::Takeover;

/// Serves a connection to its end.
pub(super) async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    // Events are small writes; a delayed one would wait for the acknowledgement of the one before.
    let _ = stream.set_nodelay(true);
    let number = shared.connections.fetch_add(1, Ordering::Relaxed) + 1;
    let mut tap = Tap::new(stream, shared.limits.head_time);
    loop {
        let (takeover, back) = with_hyper(tap, &shared, number).await;
        let Some(takeover) = takeover else { break };
        match takeover.play(back).await {
            Some(back) => {
                tap = back;
                tap.heads().release();
            }
            None => break,
        }
    }
}

/// Lets hyper serve until the connection ends or a response has to be written without it.
async fn with_hyper(tap: Tap, shared: &Arc<Shared>, number: u64) -> (Option<Takeover>, Tap) {
    let (taker, mut taken) = mpsc::unbounded_channel();
    let heads = tap.heads();
    let context = Arc::new(Connection {
        shared: shared.clone(),
        number,
        heads,
        patience: Patience::default(),
        former: Former::default(),
        takeover: taker,
    });
    let service = service_fn(move |request| context.clone().serve(request));
    let mut connection = Builder::new()
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD_BYTES + (64 << 10))
        .header_read_timeout(None)
        .auto_date_header(false)
        .serve_connection(tap, service);
    let mut phase = shared.phase.subscribe();
    let mut is_draining = false;
    let (play, failure) = loop {
        tokio::select! {
            biased;
            play = taken.recv() => break (play, None),
            outcome = &mut connection => break (None, outcome.err()),
            _ = phase.wait_for(|phase| *phase > Phase::Running), if !is_draining => {
                is_draining = true;
                std::pin::Pin::new(&mut connection).graceful_shutdown();
            }
        }
    };
    let parts = connection.into_parts();
    let mut tap = parts.io;
    tap.unread(&parts.read_buf);
    if play.is_none() {
        let reason = match failure {
            Some(error) => error.to_string(),
            None => "the connection ended inside of the head".to_owned(),
        };
        take_down_refused(&tap, shared, number, reason);
    }
    (play, tap)
}

/// Writes down what hyper refused without asking us, and bytes that never became a request.
fn take_down_refused(tap: &Tap, shared: &Arc<Shared>, number: u64, reason: String) {
    let seen = tap.heads().next().map(|(head, _)| head);
    let Some(head) = seen.or_else(|| tap.broken_head()) else {
        return;
    };
    let body = match &head.broken {
        Some(bytes) => Body::from_bytes(bytes.clone()),
        None => Body::NotRecorded,
    };
    let began = shared.ms(head.began);
    let request = captured(&head, body, 0);
    let mut exchange = Exchange::open(shared.clone(), &request, None, number, began);
    exchange.head(None, None, ContentKind::NotRecorded);
    let extra = serde_json::json!({"refused": reason});
    exchange.end(End::Closed, Some(extra));
}
