# Says what a command gets: the name of a recorded answer, `none`, or `pass` where it is the agent's own and may run.
dir=${BASH_SOURCE[0]%/*}
command=$1
if [ "$command" = --of ]; then
  mapfile -d '' -t words < "/proc/$2/cmdline"
  command=${words[2]-}
  # A shell without a command, such as one that runs a file.
  case ${words[1]-} in -*c) ;; *) echo pass; exit ;; esac
fi
command=${command#"${command%%[!$' \t\n\f\r']*}"}
command=${command%"${command##*[!$' \t\n\f\r']}"}
matches=()

# ID COMMAND ANSWER: a call of the model, the latest first. SHARED if others of the same response have the same command.
call() {
  if [ -n "${CODEX_TOOL_CALL_ID-}" ] && [ "$CODEX_TOOL_CALL_ID" = "$1" ]; then
    echo "$3"
    exit
  fi
  if [ "$command" = "$2" ]; then
    matches+=("$3 ${4-}")
  fi
}

# COMMAND: what the agent's own command line says.
own() {
  if [ "$command" = "$1" ] && [ ${#matches[@]} = 0 ]; then
    echo pass
    exit
  fi
}

. "$dir/table"
set -C
for match in "${matches[@]}"; do
  case $match in
    *' ') echo "${match% }"; exit ;;
    *) if (: > "$dir/claimed.${match% *}") 2>/dev/null; then echo "${match% *}"; exit; fi ;;
  esac
done
if [ ${#matches[@]} -gt 0 ]; then
  echo "${matches[0]% *}"
  exit
fi
. "$dir/own"
# How Codex 0.115.0–0.169.0 looks at a shell's settings once, and puts them in place before each command.
case $command in
  *"echo '# Snapshot file'"*) echo pass ;;
  'set -e; . "'*'/.codex/shell_snapshots/'*) echo pass ;;
  '__CODEX_SNAPSHOT_'*) echo pass ;;
  *) echo none ;;
esac
