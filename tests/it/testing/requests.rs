//! What can be asked of requests.

use std::io::{Read, Write};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{Message, WebSocket};
use trace_diff::capture::{Content, End, Transport};
use trace_diff::testing::{FakeServer, RequestKind, call, custom, request, step};

use super::client::{ask, connect, exchange, output, user};

#[test]
fn a_request_is_known_in_all_its_parts() {
    let server = FakeServer::start(step().reply("Fine."));
    let call = json!({ "type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}" });
    let body = json!({
        "model": "gpt-x",
        "stream": true,
        "instructions": "Be kind.",
        "tools": [{ "type": "function", "name": "f" }, { "type": "web_search" }],
        "input": [user("Hi."), call, output("c1", "Exit code: 3\nOutput:\nno")],
    })
    .to_string();
    let head = "POST /v1/responses?a=1 HTTP/1.1\r\nhost: x\r\nX-Mixed: One\r\nx-openai-subagent: review\r\n\
                thread-id: t1\r\nconnection: close\r\ncontent-length";
    exchange(
        &server,
        format!("{head}: {}\r\n\r\n{body}", body.len()).as_bytes(),
    );
    let request = server.request(0).wait();
    assert_eq!((request.number(), request.method()), (0, "POST"));
    assert_eq!(request.target(), "/v1/responses?a=1");
    assert_eq!(request.path(), "/v1/responses");
    assert_eq!(request.transport(), Transport::Http);
    assert_eq!(request.kind(), RequestKind::Turn);
    assert_eq!(request.thread(), Some("t1"));
    assert_eq!(request.subagent(), Some("review"));
    assert_eq!(request.header("x-mixed"), Some("One"));
    assert_eq!(request.header("x-absent"), None);
    assert!(
        request
            .headers()
            .iter()
            .any(|header| header.name == "X-Mixed")
    );
    assert_eq!(request.model(), "gpt-x");
    assert_eq!(request.instructions(), "Be kind.");
    assert_eq!(request.tools().len(), 2);
    assert_eq!(
        request.tool("f"),
        Some(&json!({ "type": "function", "name": "f" }))
    );
    assert_eq!(
        request.tool("web_search"),
        Some(&json!({ "type": "web_search" }))
    );
    assert_eq!(request.tool("g"), None);
    assert_eq!(request.body()["model"], "gpt-x");
    assert_eq!(request.sent(), request.body());
    assert_eq!(request.input().len(), 3);
    assert_eq!(request.items_of_type("function_call_output").len(), 1);
    assert_eq!(request.texts_of("user"), ["Hi."]);
    assert_eq!(request.texts_of("developer"), Vec::<String>::new());
    assert_eq!(request.call("c1").unwrap()["name"], "f");
    assert_eq!(request.call("c2"), None);
    assert_eq!(
        request.exchange().response.end.as_option(),
        Some(&End::Complete)
    );
    assert!(
        matches!(&request.exchange().response.content, Content::Events(stream) if stream.events.len() > 5)
    );
}

#[test]
fn outputs_are_read_in_every_form() {
    let server = FakeServer::start(step().reply("Fine."));
    let of = |id: &str, output: Value| json!({ "type": "function_call_output", "call_id": id, "output": output });
    let mut custom = of("d", json!("plain"));
    custom["type"] = "custom_tool_call_output".into();
    ask(
        &server,
        &json!([
            of(
                "a",
                json!("Wall time: 0.1 seconds\nProcess exited with code 0\nOutput:\nhi\n")
            ),
            of(
                "b",
                json!([{ "type": "input_text", "text": "one" }, { "type": "input_text", "text": "two" }])
            ),
            of("c", json!({ "content": "refused", "success": false })),
            custom,
        ]),
    );
    let request = &server.requests()[0];
    let check = |id: &str, text: &str, exit_code: Option<i64>, success: Option<bool>| {
        let output = request.output_of(id).unwrap();
        assert_eq!(output.text, text);
        assert_eq!(
            (output.exit_code, output.success),
            (exit_code, success),
            "{id}"
        );
        assert_eq!(output.item["call_id"], id);
    };
    let whole = "Wall time: 0.1 seconds\nProcess exited with code 0\nOutput:\nhi\n";
    check("a", whole, Some(0), Some(true));
    check("b", "one\ntwo", None, None);
    check("c", "refused", None, Some(false));
    check("d", "plain", None, None);
    assert_eq!(request.output_of("e"), None);
}

#[test]
fn a_body_that_is_no_json_has_no_members() {
    let server = FakeServer::start("version = 1");
    exchange(
        &server,
        b"POST /v1/other HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 3\r\n\r\nabc",
    );
    assert_eq!(server.requests().len(), 0);
    let request = &server.all_requests()[0];
    assert_eq!(request.kind(), RequestKind::Other);
    assert_eq!(request.body(), &Value::Null);
    assert!(request.input().is_empty() && request.tools().is_empty());
}

/// A WebSocket that was granted.
fn socket(server: &FakeServer) -> WebSocket<std::net::TcpStream> {
    let mut stream = connect(server);
    stream
        .write_all(
            b"GET /v1/responses HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\nthread-id: t1\r\n\
              sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        )
        .unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "));
    WebSocket::from_raw_socket(stream, Role::Client, None)
}

/// Sends a request and reads its response to the end.
fn say(socket: &mut WebSocket<std::net::TcpStream>, mut message: Value) {
    message["type"] = "response.create".into();
    socket.send(Message::text(message.to_string())).unwrap();
    loop {
        let event = socket.read().unwrap().into_text().unwrap();
        if event.contains(r#""type":"response.completed""#) {
            return;
        }
    }
}

#[test]
fn messages_on_a_websocket_are_requests_with_their_whole_input() {
    let server = FakeServer::start([
        step()
            .id("resp_1")
            .reply([call("f", json!({})).id("c1"), custom("g", "x").id("c2")]),
        step().reply("Done."),
    ]);
    let mut socket = socket(&server);
    say(
        &mut socket,
        json!({ "model": "m", "generate": false, "input": [] }),
    );
    say(&mut socket, json!({ "model": "m", "input": [user("Go.")] }));
    let rest =
        json!({ "model": "m", "previous_response_id": "resp_1", "input": [output("c1", "fine")] });
    say(&mut socket, rest.clone());
    let kinds: Vec<_> = server
        .all_requests()
        .iter()
        .map(|r| (r.transport(), r.kind()))
        .collect();
    assert_eq!(
        kinds,
        [
            (Transport::Handshake, RequestKind::Other),
            (Transport::WebSocket, RequestKind::Prewarm),
            (Transport::WebSocket, RequestKind::Turn),
            (Transport::WebSocket, RequestKind::Turn),
        ]
    );
    let requests = server.requests();
    assert_eq!(
        (requests[1].method(), requests[1].path()),
        ("WS", "/v1/responses")
    );
    assert_eq!(requests[1].header("thread-id"), Some("t1"));
    assert_eq!(requests[1].sent()["input"], rest["input"]);
    assert_eq!(requests[1].texts_of("user"), ["Go."]);
    assert_eq!(requests[1].call("c1").unwrap()["name"], "f");
    assert_eq!(requests[1].call("c2").unwrap()["type"], "custom_tool_call");
    assert_eq!(requests[1].output_of("c1").unwrap().text, "fine");
}

#[test]
fn requests_come_in_the_order_in_which_they_arrived() {
    let server = FakeServer::start(step().repeat(3).reply("Fine."));
    let mut socket = socket(&server);
    say(&mut socket, json!({ "model": "m", "input": [user("one")] }));
    ask(&server, &json!([user("two")]));
    say(
        &mut socket,
        json!({ "model": "m", "input": [user("three")] }),
    );
    let texts: Vec<_> = server
        .requests()
        .iter()
        .flat_map(|request| request.texts_of("user"))
        .collect();
    assert_eq!(texts, ["one", "two", "three"]);
    let numbers: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.number())
        .collect();
    assert_eq!(numbers, [1, 3, 2]);
}

#[test]
fn an_input_that_is_one_text_is_the_users() {
    let server = FakeServer::start(step().when(request().text("Hi")).reply("Fine."));
    let body = json!({ "model": "m", "stream": true, "input": "Hi there." }).to_string();
    let head = "POST /v1/responses HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length";
    exchange(
        &server,
        format!("{head}: {}\r\n\r\n{body}", body.len()).as_bytes(),
    );
    let request = server.request(0).wait();
    assert_eq!(request.texts_of("user"), ["Hi there."]);
    assert!(request.texts_of("developer").is_empty() && request.input().is_empty());
}
