//! The least that a client of the API needs.

use std::any::Any;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use trace_diff::testing::FakeServer;

const PATIENCE: Duration = Duration::from_secs(20);

/// A request with this body, byte for byte; the connection ends with its response.
fn request(body: &str) -> String {
    format!(
        "POST /v1/responses HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sk-test-key\r\nthread-id: t1\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn turn(input: &Value) -> String {
    json!({ "model": "m", "stream": true, "instructions": "Be kind.", "input": input }).to_string()
}

pub(super) fn connect(server: &FakeServer) -> TcpStream {
    let stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends bytes and gives everything that comes back.
pub(super) fn exchange(server: &FakeServer, bytes: &[u8]) -> String {
    let mut stream = connect(server);
    stream.write_all(bytes).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Asks for a response to these items of input.
pub(super) fn ask(server: &FakeServer, input: &Value) -> String {
    exchange(server, request(&turn(input)).as_bytes())
}

/// The same for a task of any runtime with tokio's sockets.
pub(super) async fn ask_async(address: std::net::SocketAddr, input: Value) -> String {
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let bytes = request(&turn(&input));
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

pub(super) fn user(text: &str) -> Value {
    json!({ "type": "message", "role": "user", "content": [{ "type": "input_text", "text": text }] })
}

pub(super) fn output(call: &str, text: &str) -> Value {
    json!({ "type": "function_call_output", "call_id": call, "output": text })
}

/// What a panic says; the test fails without one.
pub(super) fn panic_of<T>(act: impl FnOnce() -> T) -> String {
    let caught: Box<dyn Any + Send> = match catch_unwind(AssertUnwindSafe(act)) {
        Ok(_) => panic!("there is no panic"),
        Err(caught) => caught,
    };
    match caught.downcast::<String>() {
        Ok(text) => *text,
        Err(other) => (*other.downcast::<&str>().unwrap()).to_owned(),
    }
}

/// A message as a snapshot, without the numbers that differ from run to run.
pub(super) fn assert_message(name: &str, message: &str) {
    insta::with_settings!({
        snapshot_path => "../../../snapshots",
        prepend_module_to_snapshot => false,
        omit_expression => true,
        filters => [(r"\.rs:\d+(:\d+)?", ".rs:LINE")],
    }, {
        insta::assert_snapshot!(format!("testing_{name}"), message);
    });
}
