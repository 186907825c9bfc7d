//! The options that say which forms are written, and where.

use super::{FORMATS, rendered, runs};
use crate::program::{code, stderr, stdout};

#[test]
fn any_number_of_reports_is_written_beside_the_printed_one() {
    let (program, _) = runs();
    let pair = ["old.jsonl", "new.jsonl"];
    let mut arguments: Vec<String> = pair.iter().map(|one| (*one).to_owned()).collect();
    for format in FORMATS {
        arguments.extend(["--report".to_owned(), format!("{format}=out.{format}")]);
    }
    arguments.extend(["--format".to_owned(), "json".to_owned()]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output = program.run(&arguments);
    assert_eq!(code(&output), 1);
    assert_eq!(stdout(&output), rendered(&program, &pair, "json"));
    for format in FORMATS {
        let written = std::fs::read_to_string(program.path(&format!("out.{format}"))).unwrap();
        assert_eq!(written, rendered(&program, &pair, format), "{format}");
    }
}

#[test]
fn the_printed_report_may_go_to_a_file() {
    let (program, _) = runs();
    let output = program.run(&["old.jsonl", "new.jsonl", "--format", "sarif", "-o", "out"]);
    assert_eq!((code(&output), output.stdout.len()), (1, 0));
    let written = std::fs::read_to_string(program.path("out")).unwrap();
    assert_eq!(
        written,
        rendered(&program, &["old.jsonl", "new.jsonl"], "sarif")
    );
}

#[test]
fn what_can_not_be_written_is_said() {
    let (program, _) = runs();
    let before = std::fs::read(program.path("new.jsonl")).unwrap();
    let check = |more: &[&str], expect: &str| {
        let mut arguments = vec!["old.jsonl", "new.jsonl"];
        arguments.extend(more);
        let output = program.run(&arguments);
        assert_eq!(code(&output), 2, "{more:?}");
        assert!(
            stderr(&output).contains(expect),
            "{more:?}: {}",
            stderr(&output)
        );
    };
    let formats = "text, json, junit, github, markdown, sarif, html";
    check(&["--format", "xml"], formats);
    check(&["--report", "xml=out"], formats);
    check(&["--report", "out"], formats);
    check(&["--report", "junit="], "the path is missing");
    check(
        &["--report", "junit=no/such/out"],
        "failed to write no/such/out",
    );
    check(
        &["--report", "json=a", "--report", "html=a"],
        "two reports would be written to a",
    );
    check(
        &["--report", "json=a", "-o", "a"],
        "two reports would be written to a",
    );
    check(&["-o", "./new.jsonl"], "is an input of this report");
    assert_eq!(std::fs::read(program.path("new.jsonl")).unwrap(), before);
}
