//! The guide's tests are those that run.

use crate::samples::package;

/// Lines without their margin, and no empty ones.
fn lines(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn tests_in_the_guides_are_in_the_example() {
    let read = |path: &str| std::fs::read_to_string(package().join(path)).unwrap();
    let example = lines(&read("examples/agent_tests.rs"));
    let mut count = 0;
    for guide in ["docs/testing.md", "README.md"] {
        let text = read(guide);
        for block in text.split("```rust\n").skip(1) {
            let block = lines(block.split("```").next().unwrap());
            assert!(example.contains(&block), "{guide} has another\n{block}");
            count += 1;
        }
    }
    assert!(count >= 6, "{count}");
}
