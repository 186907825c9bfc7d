//! Every `--help`, in one snapshot.

use std::process::{Command, Stdio};

/// What `--help` prints for a command; the empty name is the program itself.
fn help(command: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_trace-diff"))
        .env_clear()
        .args(command.split_whitespace())
        .arg("--help")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{command}: {output:?}");
    assert!(output.stderr.is_empty(), "{command}");
    String::from_utf8(output.stdout).unwrap()
}

/// The names in the list of commands.
fn commands(main: &str) -> Vec<&str> {
    let list = main.lines().skip_while(|line| *line != "Commands:").skip(1);
    list.take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect()
}

#[test]
fn every_help_reads_well() {
    let main = help("");
    let names = commands(&main);
    assert!(names.len() >= 7, "{names:?}");
    let mut all = format!("$ trace-diff --help\n{main}");
    for name in names {
        all.push_str(&format!("\n$ trace-diff {name} --help\n{}", help(name)));
    }
    insta::with_settings!({
        snapshot_path => "../../snapshots",
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!("help", all);
    });
}

#[test]
fn the_version_is_that_of_the_package() {
    let output = Command::new(env!("CARGO_BIN_EXE_trace-diff"))
        .env_clear()
        .arg("-V")
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        format!("trace-diff {}\n", env!("CARGO_PKG_VERSION"))
    );
}
