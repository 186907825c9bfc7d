//! Captures in which something grows, each in two sizes.

use super::agent::{Thread, call, events, frame, message, output, stream};

/// A kind of capture.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// Two sizes, the second twice the first.
    pub(crate) sizes: [usize; 2],
    /// Makes the text of the capture.
    pub(crate) make: fn(usize) -> String,
    /// Whether an agent that does this does nothing wrong.
    pub(crate) is_clean: bool,
}

const fn case(name: &'static str, size: usize, make: fn(usize) -> String) -> Case {
    Case {
        name,
        sizes: [size, 2 * size],
        make,
        is_clean: true,
    }
}

pub(crate) const CASES: &[Case] = &[
    case("growing histories", 500, growing),
    case("one growing history", 250, one_growing),
    case("unrelated requests", 500, unrelated),
    case("compactions", 500, compactions),
    case("large outputs", 100, large_outputs),
    case("threads", 1000, threads),
    case("messages on a WebSocket", 2500, |count| {
        websockets(count, count, 0)
    }),
    case("messages on WebSockets", 2500, |count| {
        websockets(count, 250, 0)
    }),
    case("messages with tools on a WebSocket", 500, |count| {
        websockets(count, count, 20)
    }),
    case("events of a response", 25_000, many_events),
    case("calls of a response", 5000, many_calls),
    Case {
        is_clean: false,
        ..case("attempts of a turn", 1000, attempts)
    },
    Case {
        is_clean: false,
        ..case("unknown responses on a WebSocket", 2500, unknown_responses)
    },
    Case {
        is_clean: false,
        ..case("calls without outputs", 500, without_outputs)
    },
];

/// Items that a thread begins with.
fn begin(number: usize) -> String {
    let messages = [
        message(
            "developer",
            3 * number,
            &"Be brief, and careful with the flowers. ".repeat(200),
        ),
        message(
            "user",
            3 * number + 1,
            "<environment_context>\n  <cwd>/work</cwd>\n</environment_context>",
        ),
        message(
            "user",
            3 * number + 2,
            "Look at the garden, part by part, then say what grows there.",
        ),
    ];
    messages.join(",")
}

/// A response that asks for one call.
fn asks(number: usize) -> String {
    stream(&events(number, &[call(number)], 8, 9000))
}

fn histories(exchanges: usize, of_thread: usize, lines: usize) -> String {
    let mut text = String::new();
    let mut input = String::new();
    for number in 0..exchanges {
        let thread = number / of_thread;
        input = match number % of_thread {
            0 => begin(thread),
            _ => format!("{input},{},{}", call(number - 1), output(number - 1, lines)),
        };
        let thread = Thread::new(thread);
        text += &(thread.http(number + 1, "turn", &input, &asks(number)) + "\n");
    }
    text
}

/// Threads whose requests grow from 20 to 80 kilobytes.
fn growing(exchanges: usize) -> String {
    histories(exchanges, 50, 16)
}

/// One thread with small items: the capture grows with the square of its requests.
fn one_growing(exchanges: usize) -> String {
    histories(exchanges, exchanges, 1)
}

fn threads(count: usize) -> String {
    histories(3 * count, 3, 1)
}

fn large_outputs(exchanges: usize) -> String {
    histories(exchanges, 10, 5000)
}

/// Requests of 40 kilobytes, each of a thread of its own.
fn unrelated(exchanges: usize) -> String {
    let mut text = String::new();
    for number in 0..exchanges {
        let notes = format!("What is there to do? It is day {number}. ").repeat(640);
        let input = format!(
            "{},{}",
            begin(number),
            message("user", 1_000_000 + number, &notes)
        );
        let answer = stream(&events(number, &[answer(number)], 8, 9000));
        text += &(Thread::new(number).http(number + 1, "turn", &input, &answer) + "\n");
    }
    text
}

fn answer(number: usize) -> String {
    format!(
        r#"{{"type":"message","id":"msg_{number}","role":"assistant","content":[{{"type":"output_text","text":"Answer {number}."}}]}}"#
    )
}

/// One thread that compacts after every 25 requests.
fn compactions(exchanges: usize) -> String {
    let mut thread = Thread::new(0);
    let mut text = String::new();
    let mut input = begin(0);
    for number in 0..exchanges {
        let is_compaction = number % 25 == 24;
        if is_compaction {
            let prompt = r#"{"type":"message","role":"user","content":[{"type":"input_text","text":"You are performing a CONTEXT CHECKPOINT COMPACTION. Sum up."}]}"#;
            let request = format!("{input},{prompt}");
            let summary = stream(&events(number, &[answer(number)], 8, 3000));
            text += &(thread.http(number + 1, "compaction", &request, &summary) + "\n");
            let summary = format!(
                "Another language model started to solve this problem and produced a summary of its thinking process.\nAnswer {number}."
            );
            input = format!(
                "{},{}",
                begin(0),
                message("user", 1_000_000 + number, &summary)
            );
            thread.window += 1;
        } else {
            let tokens = if number % 25 == 23 { 50_000 } else { 9000 };
            let answer = stream(&events(number, &[call(number)], 8, tokens));
            text += &(thread.http(number + 1, "turn", &input, &answer) + "\n");
            input = format!("{input},{},{}", call(number), output(number, 16));
        }
    }
    text
}

/// Short messages, each of which continues the response before; every connection is of a thread of its own.
fn websockets(messages: usize, of_connection: usize, tools: usize) -> String {
    let mut text = String::new();
    for first in (0..messages).step_by(of_connection) {
        let seq = first / of_connection;
        let thread = Thread::new(seq);
        let mut frames = Vec::new();
        for number in first..messages.min(first + of_connection) {
            let previous = number.checked_sub(1).filter(|_| number > first);
            let input = match previous {
                None => begin(seq),
                Some(previous) => output(previous, 16),
            };
            let tools = if previous.is_none() { 20 } else { tools };
            frames.push(thread.frame(number, previous, tools, &input));
            let events = events(number, &[call(number)], 8, 9000);
            frames.extend(events.iter().map(|data| frame("s2c", number, data)));
        }
        text += &(thread.websocket(seq + 1, &frames) + "\n");
    }
    text
}

fn many_events(count: usize) -> String {
    let events = events(0, &[answer(0)], count, 9000);
    Thread::new(0).http(1, "turn", &begin(0), &stream(&events)) + "\n"
}

/// A response with so many calls, and the request that answers them.
fn many_calls(count: usize) -> String {
    let thread = Thread::new(0);
    let calls: Vec<String> = (0..count).map(call).collect();
    let outputs: Vec<String> = (0..count).map(|number| output(number, 1)).collect();
    let input = format!("{},{},{}", begin(0), calls.join(","), outputs.join(","));
    let asks = stream(&events(0, &calls, 8, 9000));
    let done = stream(&events(1, &[answer(1)], 8, 9000));
    let first = thread.http(1, "turn", &begin(0), &asks);
    first + "\n" + &thread.http(2, "turn", &input, &done) + "\n"
}

/// A request that fails again and again.
fn attempts(count: usize) -> String {
    let thread = Thread::new(0);
    let failed = r#"{"status":429,"headers":[["retry-after","1"]],"body_kind":"json-compact","body":{"error":{"message":"Rate limit reached. Please try again in 1.5s.","type":"tokens","code":"rate_limit_exceeded"}},"ended":"complete"}"#;
    let record = |number| thread.http(number + 1, "turn", &begin(0), failed) + "\n";
    (0..count).map(record).collect()
}

/// Messages each of which continues a response that is not there.
fn unknown_responses(messages: usize) -> String {
    let thread = Thread::new(0);
    let mut frames = Vec::new();
    for number in 0..messages {
        frames.push(thread.frame(number, Some(number + 1_000_000), 0, &output(number, 16)));
        let events = events(number, &[call(number)], 8, 9000);
        frames.extend(events.iter().map(|data| frame("s2c", number, data)));
    }
    thread.websocket(1, &frames) + "\n"
}

/// A thread in which no call is ever answered.
fn without_outputs(exchanges: usize) -> String {
    let mut text = String::new();
    let mut input = begin(0);
    for number in 0..exchanges {
        text += &(Thread::new(0).http(number + 1, "turn", &input, &asks(number)) + "\n");
        input = format!("{input},{}", call(number));
    }
    text
}
