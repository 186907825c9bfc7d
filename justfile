# Recipes for daily work; `just` lists them.

_default:
    @just --list

# What continuous integration runs.
ci:
    .ci/run

# All tests.
test:
    cargo test

# Formats, then lints as strictly as continuous integration does.
lint:
    cargo fmt
    cargo clippy --all-targets --all-features -- -D warnings

# Runs the tests and steps through changed snapshots (needs cargo-insta).
review:
    cargo insta test --review

# Side by side with jq, diff and Python; CORPUS is a directory of rollouts and captures.
bench CORPUS="../shared/corpus":
    benches/peers.sh {{CORPUS}}

# Fuzzes one target for a while (needs cargo-fuzz).
fuzz TARGET SECONDS="60":
    trap '' PIPE; RUSTC_BOOTSTRAP=1 cargo fuzz run -s none {{TARGET}} -- -max_len=65536 -timeout=10 -max_total_time={{SECONDS}}

# Licences, duplicates and advisories of dependencies (needs cargo-deny).
deny:
    cargo deny check
