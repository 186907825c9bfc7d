#!/usr/bin/env bash
# Measures trace-diff beside jq, diff, Python and pycodex; prints Markdown tables.
#
# usage: benches/peers.sh [CORPUS] [--quick]
#   CORPUS   a directory with rollouts and raw-exchange captures (default ../shared/corpus)
#   --quick  a fiftieth of the size: does everything still run?
# environment:
#   TRACE_DIFF  the program to measure (default: a release build of this package)
#   PYCODEX_PYTHON  a Python that can import pycodex, to measure it too
#   SCRATCH     where the made inputs go and stay (default: trace-diff-bench in the temporary directory, removed at the end)
# Installs nothing; a peer that is not there is named and skipped.
set -euo pipefail

package=$(cd "$(dirname "$0")/.." && pwd)
corpus=$package/../shared/corpus
quick=()
for argument in "$@"; do
  case $argument in
    --quick) quick=(--quick) ;;
    *) corpus=$argument ;;
  esac
done
scratch=${SCRATCH:-${TMPDIR:-/tmp}/trace-diff-bench}
[ -n "${SCRATCH:-}" ] || trap 'rm -rf "$scratch"' EXIT

command -v python3 >/dev/null || { echo "error: python3 is not installed; it makes the inputs" >&2; exit 2; }
[ -d "$corpus" ] || { echo "error: no corpus directory $corpus; name one as the first argument" >&2; exit 2; }
if [ -z "${TRACE_DIFF:-}" ]; then
  cargo build --release --quiet --manifest-path "$package/Cargo.toml"
  TRACE_DIFF=${CARGO_TARGET_DIR:-$package/target}/release/trace-diff
fi

PYTHONDONTWRITEBYTECODE=1 python3 "$package/benches/peers.py" "$TRACE_DIFF" "$corpus" "$scratch" ${quick[@]+"${quick[@]}"}
