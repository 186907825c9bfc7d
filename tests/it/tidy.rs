//! Rules of the house that the compiler does not check: layers, who may print, sizes, stray machine paths.
//!
//! Each rule is a function from text to complaints, tested here on small strings, then applied to the package.

// Long because: the rules of the house stand together, each with its tests.

use std::fs;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::rust_text::{code_only, paths, tokens, without_test_modules};

/// Rank of each top-level module; a module names only modules of lower rank. The table of `ARCHITECTURE.md`.
const RANKS: &[(&str, u8)] = &[
    ("json", 0),
    ("http", 1),
    ("responses", 2),
    ("rollout", 3),
    ("capture", 3),
    ("normalize", 4),
    ("script", 4),
    ("align", 5),
    ("diff", 6),
    ("check", 6),
    ("outline", 6),
    ("server", 6),
    ("replay", 7),
    ("agent", 7),
    ("send", 7),
    ("report", 7),
    ("suite", 8),
    ("testing", 8),
];

/// What only the program may do, as paths and macros.
const BIN_ONLY_PATHS: &[&str] = &[
    "std::env",
    "std::process",
    "std::time::SystemTime",
    "std::time::Instant",
    "std::io::stdin",
    "std::io::stdout",
    "std::io::stderr",
];
/// What the server may use, too, for dates in its answers, and who starts agents.
const GRANTED: &[(&str, &str)] = &[
    ("src/server", "`std::time::SystemTime"),
    ("src/agent", "`std::process"),
    ("src/agent", "`std::time::"),
];
const BIN_ONLY_MACROS: &[&str] = &["print", "println", "eprint", "eprintln"];

const MAX_LINES: usize = 500;
const LONG_BECAUSE: &str = "// Long because: ";

/// User names that examples may use below `/home`.
const SAMPLE_USERS: &[&str] = &["a", "agent", "alice", "b", "bob", "dev", "jdoe", "user"];

#[test]
fn modules_name_only_lower_layers() {
    let complaints = sources("src")
        .iter()
        .filter_map(|(path, text)| module_path(path).map(|module| (path, module, text)))
        .flat_map(|(path, module, text)| {
            prefixed(path, layer_complaints(&module, &code_only(text)))
        })
        .collect();
    assert_tidy(complaints);
}

#[test]
fn every_top_level_module_has_a_rank() {
    let lib = fs::read_to_string(root().join("src/lib.rs")).expect("the library has a root");
    let complaints = declared_modules(&code_only(&lib))
        .into_iter()
        .filter(|name| rank(name).is_none())
        .map(|name| format!("src/lib.rs: module `{name}` has no rank in the table of tidy.rs"))
        .collect();
    assert_tidy(complaints);
}

#[test]
fn only_the_program_prints_and_asks_the_system() {
    let complaints = sources("src")
        .iter()
        .filter(|(path, _)| !path.starts_with("src/bin") && !is_test_file(path))
        .flat_map(|(path, text)| {
            let code = without_test_modules(&code_only(text));
            let mut all = bin_only_complaints(&code);
            for (top, what) in GRANTED {
                all.retain(|one| !(path.starts_with(top) && one.contains(what)));
            }
            prefixed(path, all)
        })
        .collect();
    assert_tidy(complaints);
}

#[test]
fn every_test_file_is_declared() {
    let mut complaints = Vec::new();
    for (path, text) in sources("tests/it") {
        let directory = match path.file_name().and_then(|name| name.to_str()) {
            Some("main.rs" | "mod.rs") => path.with_file_name(""),
            _ => path.with_extension(""),
        };
        complaints.extend(prefixed(
            &path,
            undeclared(&text, &module_files(&directory)),
        ));
    }
    assert_tidy(complaints);
}

/// The names of the modules that the files and directories in a directory of the package can be; none without it.
fn module_files(directory: &Path) -> Vec<String> {
    fs::read_dir(root().join(directory))
        .into_iter()
        .flatten()
        .map(|entry| entry.expect("directory entries are readable").path())
        .filter(|path| {
            path.join("mod.rs").exists() || path.extension().is_some_and(|ext| ext == "rs")
        })
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .filter(|stem| stem != "main" && stem != "mod")
        .collect()
}

#[test]
fn source_files_are_short_or_say_why_not() {
    let mut complaints = Vec::new();
    for top in ["src", "tests", "benches", "examples"] {
        for (path, text) in sources(top) {
            complaints.extend(prefixed(&path, length_complaints(&text)));
        }
    }
    assert_tidy(complaints);
}

#[test]
fn no_text_names_a_machine() {
    let complaints = all_text()
        .iter()
        .flat_map(|(path, text)| prefixed(path, machine_complaints(text)))
        .collect();
    assert_tidy(complaints);
}

#[test]
fn the_lock_file_names_only_the_public_registry() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).expect("the lock file is committed");
    assert_tidy(lock_complaints(&lock));
}

#[test]
fn guides_name_files_that_exist() {
    let mut complaints = Vec::new();
    for guide in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"] {
        let text = fs::read_to_string(root().join(guide)).expect("the guide exists");
        complaints.extend(prefixed(
            Path::new(guide),
            dead_paths(&text, |path| {
                root().join(path).exists() || is_left_out(path)
            }),
        ));
    }
    assert_tidy(complaints);
}

/// Whether a path lies in a directory that the published package does not have.
fn is_left_out(path: &str) -> bool {
    ["fuzz", ".ci"]
        .iter()
        .any(|top| Path::new(path).starts_with(top) && !root().join(top).exists())
}

fn assert_tidy(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

fn prefixed(path: &Path, complaints: Vec<String>) -> Vec<String> {
    complaints
        .into_iter()
        .map(|complaint| format!("{}: {complaint}", path.display()))
        .collect()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The Rust files below a directory of the package, with paths relative to the package.
fn sources(top: &str) -> Vec<(PathBuf, String)> {
    text_below(&root().join(top))
        .into_iter()
        .filter(|(path, _)| path.extension().is_some_and(|ext| ext == "rs"))
        .collect()
}

/// Every text file of the package but fixtures, snapshots of them, and what builds leave behind.
fn all_text() -> Vec<(PathBuf, String)> {
    text_below(&root())
}

fn text_below(top: &Path) -> Vec<(PathBuf, String)> {
    let skipped = [
        "target",
        ".git",
        "fixtures",
        "snapshots",
        "artifacts",
        "corpus",
    ];
    WalkDir::new(top)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(|entry| !skipped.iter().any(|name| entry.file_name() == *name))
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_file())
        .filter_map(|entry| {
            let text = fs::read_to_string(entry.path()).ok()?;
            let path = entry.path().strip_prefix(root()).ok()?.to_owned();
            Some((path, text))
        })
        .collect()
}

fn is_test_file(path: &Path) -> bool {
    path.file_stem().is_some_and(|stem| stem == "tests")
}

/// The module a library file defines, outermost name first; none for `lib.rs` and the program.
fn module_path(path: &Path) -> Option<Vec<String>> {
    let inside = path.strip_prefix("src").ok()?;
    if inside.starts_with("bin") || inside == Path::new("lib.rs") {
        return None;
    }
    let mut names: Vec<String> = inside
        .with_extension("")
        .components()
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect();
    if names.last().is_some_and(|name| name == "mod") {
        names.pop();
    }
    Some(names)
}

fn rank(module: &str) -> Option<u8> {
    RANKS
        .iter()
        .find(|(name, _)| *name == module)
        .map(|(_, rank)| *rank)
}

/// Complaints about paths that leave `module` for a module of the same or a higher rank.
fn layer_complaints(module: &[String], code: &str) -> Vec<String> {
    let own = &module[0];
    let Some(own_rank) = rank(own) else {
        return vec![format!(
            "module `{own}` has no rank in the table of tidy.rs"
        )];
    };
    let mut complaints: Vec<String> = paths(code)
        .into_iter()
        .filter_map(|(line, path)| {
            let target = top_level_target(module.len(), &path)?;
            let target_rank = rank(target)?;
            (target != own && target_rank >= own_rank).then(|| {
                format!(
                    "line {line}: `{own}` (rank {own_rank}) names `{target}` (rank {target_rank})"
                )
            })
        })
        .collect();
    complaints.dedup();
    complaints
}

/// The top-level module that a path leads to, when it starts at the crate's root or climbs up to it.
fn top_level_target(depth: usize, path: &[String]) -> Option<&str> {
    let climbed = path
        .iter()
        .take_while(|name| *name == "super" || *name == "self")
        .collect::<Vec<_>>();
    let supers = climbed.iter().filter(|name| **name == "super").count();
    let first = path.first()?;
    if first == "crate" || first == "trace_diff" {
        path.get(1).map(String::as_str)
    } else if supers >= depth {
        path.get(climbed.len()).map(String::as_str)
    } else {
        None
    }
}

fn bin_only_complaints(code: &str) -> Vec<String> {
    let by_path = paths(code).into_iter().filter_map(|(line, path)| {
        let path = path.join("::");
        BIN_ONLY_PATHS
            .iter()
            .any(|banned| path == *banned || path.starts_with(&format!("{banned}::")))
            .then(|| format!("line {line}: only the program may use `{path}`"))
    });
    let by_macro = tokens(code)
        .windows(2)
        .filter(|pair| BIN_ONLY_MACROS.contains(&pair[0].1) && pair[1].1 == "!")
        .map(|pair| {
            format!(
                "line {}: only the program may use `{}!`",
                pair[0].0, pair[0].1
            )
        })
        .collect::<Vec<_>>();
    by_path.chain(by_macro).collect()
}

fn declared_modules(code: &str) -> Vec<String> {
    tokens(code)
        .windows(3)
        .filter(|triple| triple[0].1 == "mod" && triple[2].1 == ";")
        .map(|triple| triple[1].1.to_owned())
        .collect()
}

fn undeclared(main: &str, stems: &[String]) -> Vec<String> {
    let declared = declared_modules(&code_only(main));
    stems
        .iter()
        .filter(|stem| !declared.contains(stem))
        .map(|stem| format!("`mod {stem};` is missing, so its tests never run"))
        .collect()
}

fn length_complaints(text: &str) -> Vec<String> {
    let lines = text.lines().count();
    let has_reason = text
        .lines()
        .any(|line| line.len() > LONG_BECAUSE.len() && line.starts_with(LONG_BECAUSE));
    if lines > MAX_LINES && !has_reason {
        vec![format!(
            "{lines} lines; split it, or say `{LONG_BECAUSE}…` if more than {MAX_LINES} are right"
        )]
    } else {
        Vec::new()
    }
}

/// Complaints about directories and package sources that exist only on one machine.
fn machine_complaints(text: &str) -> Vec<String> {
    let sources = [concat!("spar", "se+http"), concat!("replace-", "with")];
    let mut complaints = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let has_directory = absolute_paths(line).any(is_machine_path);
        let has_source = sources.iter().any(|source| line.contains(source));
        if has_directory || has_source {
            let shown: String = line.trim().chars().take(80).collect();
            complaints.push(format!("line {}: names a machine: {shown}", number + 1));
        }
    }
    complaints
}

/// The absolute paths in a line: each maximal run of path characters that starts with a slash.
fn absolute_paths(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !(c.is_alphanumeric() || "/._-~".contains(c)))
        .filter(|word| word.starts_with('/'))
}

fn is_machine_path(path: &str) -> bool {
    let mut parts = path.split('/').skip(1);
    let (top, below) = (parts.next(), parts.next().filter(|part| !part.is_empty()));
    match (top, below) {
        (Some("work" | "root"), Some(_)) => true,
        (Some("home"), Some(user)) => !SAMPLE_USERS.contains(&user) && parts.next().is_some(),
        _ => false,
    }
}

/// The paths into the package that a guide names and that are not there; patterns such as `src/<name>.rs` are left out.
fn dead_paths(text: &str, exists: impl Fn(&str) -> bool) -> Vec<String> {
    const TOPS: &[&str] = &[
        "src/",
        "tests/",
        "benches/",
        "schemas/",
        "fixtures/",
        "docs/",
        "snapshots/",
        "fuzz/",
        ".ci/",
    ];
    text.split(|c: char| c.is_whitespace() || "`,;()".contains(c))
        .map(|word| word.trim_end_matches(['.', ':']))
        .filter(|word| TOPS.iter().any(|top| word.starts_with(top)))
        .filter(|word| !word.contains('<') && !exists(word))
        .map(|word| format!("names `{word}`, which is not there"))
        .collect()
}

fn lock_complaints(lock: &str) -> Vec<String> {
    let public = "registry+https://github.com/rust-lang/crates.io-index";
    lock.lines()
        .filter_map(|line| {
            line.strip_prefix("source = \"")?
                .strip_suffix('"')
                .map(str::to_owned)
        })
        .filter(|source| source != public)
        .map(|source| format!("Cargo.lock: a package comes from `{source}`"))
        .collect()
}

#[test]
fn layers_are_checked_in_every_spelling() {
    let check = |module: &[&str], code: &str| {
        let module: Vec<String> = module.iter().map(|name| (*name).to_owned()).collect();
        layer_complaints(&module, &code_only(code)).len()
    };
    assert_eq!(check(&["http", "sse"], "use crate::json::Value;"), 0);
    assert_eq!(check(&["http", "sse"], "use crate::http::HeaderList;"), 0);
    assert_eq!(check(&["http", "sse"], "use crate::capture::Exchange;"), 1);
    assert_eq!(
        check(
            &["http"],
            "use crate::{json::{Value, Node},\n report::Model};"
        ),
        1
    );
    assert_eq!(check(&["http"], "fn f() { super::diff::run() }"), 1);
    assert_eq!(check(&["http", "sse"], "use super::super::diff::run;"), 1);
    assert_eq!(check(&["http", "sse"], "use super::diff::run;"), 0);
    assert_eq!(check(&["normalize"], "use crate::align::Alignment;"), 1);
    assert_eq!(
        check(&["json"], "// crate::report\nlet a = \"crate::report\";"),
        0
    );
    assert_eq!(check(&["unheard_of"], ""), 1);
}

#[test]
fn printing_and_asking_are_seen() {
    let check = |code: &str| bin_only_complaints(&without_test_modules(&code_only(code))).len();
    assert_eq!(check("fn f() { println!(\"x\") }"), 1);
    assert_eq!(check("fn f() { eprint!(\"x\") }"), 1);
    assert_eq!(check("use std::{env, fs};"), 1);
    assert_eq!(check("let t = std::time::Instant::now();"), 1);
    assert_eq!(check("std::process::exit(1)"), 1);
    assert_eq!(check("use std::time::Duration; // std::env"), 0);
    assert_eq!(check("let path = env!(\"CARGO_MANIFEST_DIR\");"), 0);
    assert_eq!(
        check("#[cfg(test)]\nmod tests {\n fn f() { println!(\"}\") }\n}\n"),
        0
    );
    assert_eq!(
        check("#[cfg(test)]\nmod tests {\n}\nfn f() { println!() }"),
        1
    );
    assert_eq!(check("#[cfg(test)]\nmod tests;\nfn f() { println!() }"), 1);
}

#[test]
fn a_forgotten_test_file_is_seen() {
    let stems = ["tidy", "cli"].map(str::to_owned);
    assert_eq!(undeclared("mod tidy;\nmod cli;", &stems).len(), 0);
    assert_eq!(undeclared("mod tidy;\n// mod cli;", &stems).len(), 1);
}

#[test]
fn a_long_file_needs_a_reason() {
    let long = "x\n".repeat(MAX_LINES + 1);
    assert_eq!(length_complaints(&long[2..]).len(), 0);
    assert_eq!(length_complaints(&long).len(), 1);
    assert_eq!(
        length_complaints(&format!("{LONG_BECAUSE}\n{long}")).len(),
        1
    );
    assert_eq!(
        length_complaints(&format!("{LONG_BECAUSE}one table\n{long}")).len(),
        0
    );
}

#[test]
fn machine_paths_and_sources_are_seen() {
    let check = |line: &str| machine_complaints(line).len();
    assert_eq!(check(concat!("see /wo", "rk/shared")), 1);
    assert_eq!(check(concat!("`/ro", "ot/.codex`")), 1);
    assert_eq!(check(concat!("\"/ho", "me/builder/src\"")), 1);
    assert_eq!(check(concat!("spar", "se+https://host/")), 1);
    assert_eq!(check("/home/alice/src and /home/ and \"/root/\""), 0);
    assert_eq!(check("../shared/work/x and network/work/y"), 0);
}

#[test]
fn a_foreign_registry_is_seen() {
    let public = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";
    assert_eq!(lock_complaints(public).len(), 0);
    assert_eq!(lock_complaints("source = \"git+https://host/x\"").len(), 1);
}

#[test]
fn a_dead_path_is_seen() {
    let check = |text: &str| dead_paths(text, |path| path == "src/here.rs").len();
    assert_eq!(check("see `src/here.rs`, or src/here.rs."), 0);
    assert_eq!(check("see `src/gone.rs` and `src/<name>.rs`"), 1);
    assert_eq!(check("cargo run -- fixtures/gone.jsonl"), 1);
}
