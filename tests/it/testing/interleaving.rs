//! Gates and waiting, in plain and in async tests.

use std::thread;
use std::time::Duration;

use serde_json::json;
use trace_diff::testing::{FakeServer, gate, step, text};

use super::client::{ask, ask_async, assert_message, panic_of, user};

#[test]
fn a_gate_holds_a_response_until_it_is_opened() {
    let server = FakeServer::start([
        step().reply([text("One."), gate("middle"), text("Two.")]),
        step().gate("before").reply("Three."),
    ]);
    thread::scope(|scope| {
        let first = scope.spawn(|| ask(&server, &json!([user("a")])));
        let middle = server.gate("middle");
        middle.reached().wait();
        assert_eq!(middle.waiting(), 1);
        assert!(!first.is_finished());
        middle.open();
        assert!(first.join().unwrap().contains("Two."));
        assert_eq!(middle.waiting(), 0);
        let second = scope.spawn(|| ask(&server, &json!([user("b")])));
        server.gate("before").reached().wait();
        assert_eq!(server.request(1).wait().texts_of("user"), ["b"]);
        server.gate("before").open();
        assert!(second.join().unwrap().contains("Three."));
    });
}

/// The agent is a task of the same thread: nothing here may block it.
#[tokio::test(flavor = "current_thread")]
async fn everything_works_on_the_only_thread_of_a_runtime() {
    let server = FakeServer::start([step().reply([text("One."), gate("g"), text("Two.")])]);
    let agent = tokio::spawn(ask_async(server.address(), json!([user("a")])));
    let request = server.request(0).await;
    assert_eq!(request.texts_of("user"), ["a"]);
    server
        .gate("g")
        .reached()
        .within(Duration::from_secs(20))
        .await;
    assert!(!agent.is_finished());
    server.gate("g").open();
    assert!(agent.await.unwrap().contains("Two."));
    server.verify().unwrap();
    drop(server);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_is_dropped_inside_of_a_runtime_while_it_answers() {
    let server = FakeServer::start([step().reply([gate("g")])]);
    let agent = tokio::spawn(ask_async(server.address(), json!([user("a")])));
    server.gate("g").reached().await;
    drop(server);
    assert!(!agent.await.unwrap().contains("response.completed"));
}

/// No runtime of ours: the executor is this thread and a waker that wakes it.
#[test]
fn awaiting_needs_no_tokio() {
    struct Unpark(thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }
    let server = FakeServer::start(step().reply("One."));
    let answer = thread::scope(|scope| {
        let agent = scope.spawn(|| ask(&server, &json!([user("a")])));
        let mut request = server.request(0).into_future();
        let waker = std::sync::Arc::new(Unpark(thread::current())).into();
        let mut context = std::task::Context::from_waker(&waker);
        let request = loop {
            match request.as_mut().poll(&mut context) {
                std::task::Poll::Ready(request) => break request,
                std::task::Poll::Pending => thread::park(),
            }
        };
        assert_eq!(request.texts_of("user"), ["a"]);
        agent.join().unwrap()
    });
    assert!(answer.contains("One."));
}

#[test]
fn what_does_not_come_fails_with_what_came() {
    let server = FakeServer::start([
        step().reply("One."),
        step().optional().reply([gate("finish")]),
    ]);
    ask(&server, &json!([user("Hi.")]));
    let short = Duration::from_millis(20);
    let message = panic_of(|| server.request(1).within(short).wait());
    assert_message("no_request", &message);
    let message = panic_of(|| server.gate("finish").reached().within(short).wait());
    assert!(
        message.starts_with("no response came to the gate `finish` within 20ms"),
        "{message}"
    );
}

#[tokio::test]
async fn what_does_not_come_fails_an_async_test_too() {
    let server = FakeServer::start("version = 1");
    let late = tokio::spawn(
        server
            .request(0)
            .within(Duration::from_millis(20))
            .into_future(),
    );
    let error = late.await.unwrap_err().into_panic();
    let message = error.downcast::<String>().unwrap();
    assert!(
        message.starts_with("no request 0 to the model came within 20ms"),
        "{message}"
    );
    assert!(message.contains("interleaving.rs"), "{message}");
    assert!(message.ends_with("no request came"), "{message}");
}

#[test]
fn a_gate_that_the_script_has_not_is_a_mistake() {
    let server = FakeServer::start(step().optional().gate("one").reply([gate("two")]));
    assert_eq!(server.gate("two").name(), "two");
    let message = panic_of(|| server.gate("tow"));
    assert_eq!(
        message,
        r#"the script has no gate `tow`; its gates: ["one", "two"]"#
    );
}

#[test]
fn servers_do_not_know_of_each_other() {
    let play = |name: &str| {
        let server = FakeServer::start([step().reply([text(name), gate("g")])]);
        thread::scope(|scope| {
            let agent = scope.spawn(|| ask(&server, &json!([user(name)])));
            server.gate("g").reached().wait();
            server.gate("g").open();
            assert!(agent.join().unwrap().contains(name));
        });
        assert_eq!(server.requests().len(), 1);
        assert_eq!(server.requests()[0].texts_of("user"), [name]);
        server.address()
    };
    let held = FakeServer::start([step().optional().reply([gate("g")])]);
    thread::scope(|scope| {
        let first = scope.spawn(|| play("Anna"));
        let second = scope.spawn(|| play("Berta"));
        let addresses = [
            held.address(),
            first.join().unwrap(),
            second.join().unwrap(),
        ];
        assert!(!addresses[1..].contains(&addresses[0]));
    });
    assert_eq!(held.requests().len(), 0);
}
