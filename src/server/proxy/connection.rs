//! One connection of a client: its requests one after the other, over one connection to the upstream that lives as long.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use crate::capture::{Direction, End};

use super::super::framing::head_length;
use super::super::head::{MAX_HEAD_BYTES, RequestHead};
use super::super::ledger::Phase;
use super::answer::OwnAnswer;
use super::buffer::Buffer;
use super::connect::{ConnectError, Connected};
use super::known_socket::{self, KnownSocket, Left};
use super::message::BodyScan;
use super::relay::{After, Relay};
use super::replayed;
use super::request::{framing, rewritten};
use super::response::ResponseHead;
use super::shared::Shared;
use super::stand_in::numbered;
use super::taken::Taken;

/// How long a reset waits behind the last byte. A reset discards what the system has not sent yet.
const BEFORE_RESET: Duration = Duration::from_millis(10);
/// How long a close waits for the client to take note of it.
const LINGER: Duration = Duration::from_millis(500);

/// What a client waits for that expects leave to send its body.
const LEAVE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Serves a connection to its end.
pub(super) async fn serve(client: TcpStream, shared: Arc<Shared>) {
    // Events are small writes; a delayed one would wait for the acknowledgement of the one before.
    let _ = client.set_nodelay(true);
    let number = shared.connections.fetch_add(1, Ordering::Relaxed) + 1;
    let mut connection = Connection {
        client,
        input: Buffer::default(),
        upstream: None,
        shared,
        number,
    };
    let end = loop {
        match connection.exchange().await {
            After::Next => {}
            end => break end,
        }
    };
    // The upstream learns of the end first, as it would from the client.
    connection.upstream = None;
    match end {
        After::Reset => {
            tokio::time::sleep(BEFORE_RESET).await;
            // A socket that is gone can't be reset.
            let _ = connection.client.set_zero_linger();
        }
        _ => connection.close().await,
    }
}

struct Connection {
    client: TcpStream,
    /// What was read of the client and not passed on.
    input: Buffer,
    upstream: Option<Connected>,
    shared: Arc<Shared>,
    number: u64,
}

impl Connection {
    /// Passes one exchange on.
    async fn exchange(&mut self) -> After {
        let Some((bytes, began)) = self.read_head().await else {
            return After::Close;
        };
        let (head, _) = RequestHead::parse(&bytes, began);
        let framing = framing(&head);
        let is_websocket = head.headers.get("upgrade").is_some();
        let taken = Taken::new(self.shared.clone(), head, self.number);
        let body = match framing {
            Ok(body) => body,
            Err(refusal) => {
                let answer = OwnAnswer::refusal(refusal);
                return answer.send(taken, &mut self.client, true).await;
            }
        };
        if let Some(stand_in) = &self.shared.stand_in
            && !stand_in.is_over()
        {
            return self.ask_stand_in(taken, body, &bytes).await;
        }
        if self.shared.known.is_some() && !is_websocket {
            return self.look_up(taken, body, &bytes).await;
        }
        if let Some(granted) = known_socket::granted(&self.shared, taken.request()) {
            return self.recall(taken, &bytes, granted).await;
        }
        self.pass_on(taken, body, &bytes, Vec::new()).await
    }

    /// Answers a request from what was recorded before, or passes it on.
    async fn look_up(&mut self, mut taken: Taken, mut body: BodyScan, head: &[u8]) -> After {
        let waits_for_leave = taken.request().headers.get("expect").is_some();
        if waits_for_leave && self.client.write_all(LEAVE).await.is_err() {
            return After::Close;
        }
        let mut read = Vec::new();
        if !self.read_body(&mut taken, &mut body, Some(&mut read)).await {
            return After::Close;
        }
        if body.is_done()
            && let Some(answer) = taken.known_answer()
        {
            taken.request_done(body.trailer());
            return replayed::play(answer, taken, &mut self.client).await;
        }
        self.pass_on(taken, body, head, read).await
    }

    /// Answers what is known on a WebSocket, and goes on with the upstream where a message is not.
    async fn recall(&mut self, taken: Taken, head: &[u8], granted: ResponseHead) -> After {
        let keeps = self.shared.keeps_known;
        let mut socket = KnownSocket::new(&mut self.client, &mut self.input, taken, granted, keeps);
        let left = socket.serve().await;
        let mut taken = socket.taken;
        let unknown = match left {
            Left::Ended(after) => return after,
            Left::Unknown(messages) => messages,
        };
        let head = known_socket::without_extensions(head);
        let asked = connect(&mut self.upstream, &self.shared, &head, taken.request());
        let (connected, first) = match asked.await {
            Ok(connected) => connected,
            Err(error) => {
                taken.note("upstream", &error.message);
                taken.end(End::Closed);
                return After::Close;
            }
        };
        if let Err(problem) = known_socket::ask(&mut connected.stream, &first).await {
            taken.note("upstream", &problem);
            taken.end(End::Closed);
            return After::Close;
        }
        let first = known_socket::as_sent(&unknown);
        for message in unknown {
            taken.message(Direction::ClientToServer, message);
        }
        let mut relay = Relay::new(
            &mut self.client,
            &mut self.input,
            &mut connected.stream,
            taken,
            first,
            BodyScan::Length(0),
        );
        relay.begin_websocket();
        relay.run().await.0
    }

    /// Passes a request on, of whose body these bytes were read.
    async fn pass_on(&mut self, taken: Taken, body: BodyScan, head: &[u8], read: Vec<u8>) -> After {
        let asked = connect(&mut self.upstream, &self.shared, head, taken.request());
        let (connected, mut first) = match asked.await {
            Ok(connected) => connected,
            Err(error) => {
                let answer = OwnAnswer::unreachable(&self.shared.upstream, &error);
                return self.answer(taken, body, answer).await;
            }
        };
        first.extend_from_slice(&read);
        let relay = Relay::new(
            &mut self.client,
            &mut self.input,
            &mut connected.stream,
            taken,
            first,
            body,
        );
        relay.run().await.0
    }

    /// Leaves a request to the stand-in; passes it on if that does not answer it.
    async fn ask_stand_in(&mut self, mut taken: Taken, mut body: BodyScan, head: &[u8]) -> After {
        let shared = Arc::clone(&self.shared);
        let Some(stand_in) = &shared.stand_in else {
            return After::Close;
        };
        let waits_for_leave = taken.request().headers.get("expect").is_some();
        if waits_for_leave && self.client.write_all(LEAVE).await.is_err() {
            return After::Close;
        }
        let mut read = Vec::new();
        // Where the body is longer than what is kept, nobody could send it again.
        if !self.read_body(&mut taken, &mut body, Some(&mut read)).await || !body.is_done() {
            return After::Close;
        }
        taken.request_done(body.trailer());
        taken.set_from_stand_in(true);
        let Ok(mut stream) = stand_in.connect().await else {
            return After::Close;
        };
        let route = stand_in.route(&taken.request().target);
        let first = rewritten(head, taken.request(), &route);
        let mut first = numbered(first, taken.number());
        first.extend_from_slice(&read);
        let mut relay = Relay::new(
            &mut self.client,
            &mut self.input,
            &mut stream,
            taken,
            first,
            BodyScan::Length(0),
        );
        relay.is_stand_in = true;
        let (after, mut taken) = relay.run().await;
        match after {
            After::Elsewhere => {}
            // The stand-in has closed its connection, which was this request's alone.
            After::Next if !taken.request().is_keep_alive() => return After::Close,
            after => return after,
        }
        stand_in.end();
        taken.set_from_stand_in(false);
        self.pass_on(taken, BodyScan::Length(0), head, read).await
    }

    /// The bytes of the next head, and when the first came; `None` when no head comes any more.
    async fn read_head(&mut self) -> Option<(Vec<u8>, Instant)> {
        self.input.release();
        if self.input.rest().is_empty() && !self.is_asked().await {
            return None;
        }
        let began = Instant::now();
        let until = began + self.shared.limits.head_time;
        let mut seen = 0;
        loop {
            let bytes = self.input.rest();
            let length = match head_length(bytes, &mut seen) {
                // What is longer is no head, and is refused.
                None if bytes.len() > MAX_HEAD_BYTES => Some(bytes.len()),
                length => length,
            };
            if let Some(length) = length {
                let head = bytes[..length].to_vec();
                self.input.consume(length);
                return Some((head, began));
            }
            let (input, client) = (&mut self.input, &mut self.client);
            let read = timeout_at(until, poll_fn(|cx| input.poll_fill(client, cx))).await;
            if !matches!(read, Ok(Ok(1..))) {
                self.take_down_broken(began);
                return None;
            }
        }
    }

    /// Writes bytes down that never became a request.
    fn take_down_broken(&mut self, began: Instant) {
        let bytes = self.input.rest();
        if !bytes.is_empty() {
            let head = RequestHead::broken(bytes, began);
            let mut taken = Taken::new(self.shared.clone(), head, self.number);
            taken.note("refused", "the connection ended inside of the head");
        }
    }

    /// Waits for a request; false when none comes, because the client, the upstream or the proxy has ended.
    async fn is_asked(&mut self) -> bool {
        let mut phase = self.shared.ledger.phase.subscribe();
        let (mut first, mut unasked) = ([0], [0; 4096]);
        let upstream = async {
            match &mut self.upstream {
                Some(connected) => connected.stream.read(&mut unasked).await,
                None => std::future::pending().await,
            }
        };
        let said = tokio::select! {
            biased;
            _ = phase.wait_for(|phase| *phase > Phase::Running) => return false,
            count = self.client.peek(&mut first) => return matches!(count, Ok(1..)),
            said = upstream => said,
        };
        // What a server says unasked, that it has waited for too long perhaps, goes on as it is.
        if let Ok(count @ 1..) = said {
            let _ = self.client.write_all(&unasked[..count]).await;
        }
        false
    }

    /// Answers a request without the upstream: when it has come whole, so that the capture has it.
    async fn answer(&mut self, mut taken: Taken, mut body: BodyScan, answer: OwnAnswer) -> After {
        let waits_for_leave = taken.request().headers.get("expect").is_some();
        if !waits_for_leave && !self.read_body(&mut taken, &mut body, None).await {
            return After::Close;
        }
        if body.is_done() {
            taken.request_done(body.trailer());
        }
        let is_last = !body.is_done() || !taken.request().is_keep_alive();
        answer.send(taken, &mut self.client, is_last).await
    }

    /// Reads a request body to its end, or to where it is none or longer than what is kept, and gives its bytes to `read`;
    /// false when it does not come.
    async fn read_body(
        &mut self,
        taken: &mut Taken,
        body: &mut BodyScan,
        mut read: Option<&mut Vec<u8>>,
    ) -> bool {
        let pause = self.shared.limits.body_pause;
        loop {
            let bytes = self.input.rest();
            let count = body.push(bytes, |data| taken.request_data(data));
            let mut is_long = false;
            if let Some(read) = &mut read {
                read.extend_from_slice(&bytes[..count]);
                is_long = read.len() > self.shared.kept_bytes();
            }
            self.input.consume(count);
            if is_long || body.is_done() || body.is_broken() {
                return true;
            }
            let (input, client) = (&mut self.input, &mut self.client);
            let fill = poll_fn(|cx| input.poll_fill(client, cx));
            if !matches!(timeout(pause, fill).await, Ok(Ok(1..))) {
                return false;
            }
        }
    }

    /// Closes the sending side and gives the client time to read: when unread bytes of it are there at a close, the system
    /// resets the connection instead, and what was sent last may be lost.
    async fn close(&mut self) {
        if self.client.shutdown().await.is_err() {
            return;
        }
        let mut bytes = [0; 4096];
        let discard = async { while matches!(self.client.read(&mut bytes).await, Ok(1..)) {} };
        let _ = timeout(LINGER, discard).await;
    }
}

/// Makes sure that there is a connection to the upstream, and gives it with the head as it goes there. One that has ended
/// meanwhile, or may not be used for this request, is replaced.
async fn connect<'u>(
    upstream: &'u mut Option<Connected>,
    shared: &Shared,
    head: &[u8],
    request: &RequestHead,
) -> Result<(&'u mut Connected, Vec<u8>), ConnectError> {
    let connector = &shared.connector;
    let is_websocket = request.headers.get("upgrade").is_some();
    if let Some(connected) = upstream {
        let is_fit = !is_websocket || !connector.needs_tunnel(connected);
        if !is_fit || !is_alive(connected).await {
            *upstream = None;
        }
    }
    let connected = match upstream {
        Some(connected) => connected,
        None => upstream.insert(connector.connect(is_websocket).await?),
    };
    let route = connector.route(connected, &request.target);
    let first = rewritten(head, request, &route);
    Ok((connected, first))
}

/// Whether the upstream has not ended the connection, as far as is known now.
async fn is_alive(connected: &mut Connected) -> bool {
    let mut byte = [0];
    poll_fn(|cx| {
        let read = std::pin::pin!(connected.stream.read(&mut byte));
        Poll::Ready(read.poll(cx).is_pending())
    })
    .await
}
