//! A small agent, and how its tests use a fake server: `cargo test --example agent_tests`.

/// Asks the model, does what it asks for, and gives its last message.
mod agent {
    use std::io::{self, Read, Write};
    use std::net::TcpStream;

    use serde_json::{Value, json};

    /// Most tries for one request.
    const TRIES: usize = 3;

    /// Works on a prompt until the model asks for nothing more.
    pub(crate) fn run(base_url: &str, prompt: &str) -> io::Result<String> {
        let mut input = vec![json!({ "type": "message", "role": "user", "content": prompt })];
        loop {
            let items = ask_with_retries(base_url, &input)?;
            let mut said = None;
            let mut outputs = Vec::new();
            for item in &items {
                match item["type"].as_str() {
                    Some("message") => said = item["content"][0]["text"].as_str(),
                    Some("function_call") => outputs.push(json!({
                        "type": "function_call_output",
                        "call_id": item["call_id"],
                        "output": echo(&item["arguments"]),
                    })),
                    _ => {}
                }
            }
            if outputs.is_empty() {
                return Ok(said.unwrap_or_default().to_owned());
            }
            input.extend(items);
            input.extend(outputs);
        }
    }

    /// The only tool: gives back what it is given.
    fn echo(arguments: &Value) -> Value {
        let arguments: Value =
            serde_json::from_str(arguments.as_str().unwrap_or_default()).unwrap_or_default();
        arguments["text"].clone()
    }

    fn ask_with_retries(base_url: &str, input: &[Value]) -> io::Result<Vec<Value>> {
        let mut outcome = ask(base_url, input);
        for _ in 1..TRIES {
            if outcome.is_ok() {
                break;
            }
            outcome = ask(base_url, input);
        }
        outcome
    }

    /// The items of one response; an error unless it was completed.
    fn ask(base_url: &str, input: &[Value]) -> io::Result<Vec<Value>> {
        let (authority, path) = base_url
            .strip_prefix("http://")
            .and_then(|rest| rest.split_once('/'))
            .ok_or(io::ErrorKind::InvalidInput)?;
        let body = json!({ "model": "small", "stream": true, "input": input }).to_string();
        let mut stream = TcpStream::connect(authority)?;
        write!(
            stream,
            "POST /{path}/responses HTTP/1.1\r\nhost: {authority}\r\nauthorization: Bearer key\r\n\
             content-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let mut items = Vec::new();
        for data in answer
            .lines()
            .filter_map(|line| line.strip_prefix("data: "))
        {
            let event: Value = serde_json::from_str(data)?;
            match event["type"].as_str() {
                Some("response.output_item.done") => items.push(event["item"].clone()),
                Some("response.completed") => return Ok(items),
                _ => {}
            }
        }
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

fn main() -> std::io::Result<()> {
    use std::io::Write;
    use trace_diff::testing::{FakeServer, step};

    let server = FakeServer::start(step().reply("Hello."));
    let said = agent::run(&server.base_url(), "Say hello.")?;
    writeln!(std::io::stdout(), "the model said {said:?} to the agent")
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::thread;

    use trace_diff::testing::{FakeServer, call, fault, gate, json, request, step, text};

    use super::agent;

    #[test]
    fn a_tool_is_run_and_its_output_sent() {
        let server = FakeServer::start([
            step().reply(call("echo", json!({ "text": "hello" })).id("call_1")),
            step()
                .when(request().output_of("call_1").contains("hello"))
                .reply("Done."),
        ]);
        let said = agent::run(&server.base_url(), "Say hello.").unwrap();
        assert_eq!(said, "Done.");
        let requests = server.requests();
        assert_eq!(requests[0].texts_of("user"), ["Say hello."]);
        assert_eq!(requests[1].output_of("call_1").unwrap().text, "hello");
    }

    #[test]
    fn a_stream_that_breaks_off_is_asked_for_again() {
        let server = FakeServer::start(
            step()
                .reply("Done.")
                .fault(fault::cut().after_event(2).times(2)),
        );
        assert_eq!(agent::run(&server.base_url(), "Go.").unwrap(), "Done.");
        assert_eq!(server.requests().len(), 3);
    }

    #[test]
    fn nothing_is_given_before_the_response_is_complete() {
        let server = FakeServer::start(step().reply([text("Almost."), gate("finish")]));
        let base_url = server.base_url();
        let running = thread::spawn(move || agent::run(&base_url, "Go.").unwrap());
        server.gate("finish").reached().wait();
        assert!(!running.is_finished());
        server.gate("finish").open();
        assert_eq!(running.join().unwrap(), "Almost.");
    }

    #[tokio::test]
    async fn the_same_in_an_async_test() {
        let server = FakeServer::start(step().reply([text("Almost."), gate("finish")]));
        let base_url = server.base_url();
        let running = tokio::task::spawn_blocking(move || agent::run(&base_url, "Go.").unwrap());
        server.gate("finish").reached().await;
        assert!(!running.is_finished());
        server.gate("finish").open();
        assert_eq!(running.await.unwrap(), "Almost.");
    }

    #[test]
    fn a_recorded_run_is_played_to_the_agent() {
        let recorded = Path::new("fixtures/captures/codex-0.169.0-02-shell-roundtrip.jsonl");
        let server = FakeServer::start(recorded);
        agent::run(&server.base_url(), "Print hello.").unwrap();
        assert_eq!(server.requests().len(), 2);
    }

    #[test]
    fn the_agent_behaves_as_it_did() {
        let server = FakeServer::start([
            step().reply(call("echo", json!({ "text": "hello" }))),
            step().reply("Done."),
        ]);
        agent::run(&server.base_url(), "Say hello.").unwrap();
        server.assert_same_as("examples/agent_tests.jsonl");
    }
}
