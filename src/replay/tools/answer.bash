# Prints what was recorded for a command, in as many parts as it was recorded in, and ends as it ended.
dir=${BASH_SOURCE[0]%/*}
if [ "${1:-none}" = none ]; then
  echo 'trace-diff: this command was not recorded, and was not run'
  exit 127
fi
LC_ALL=C
# On a terminal the recording has what the terminal made of the output, and the echo of what was typed.
if [ -t 0 ]; then
  command -p stty raw -echo
fi
part=1
while :; do
  file=$dir/answer.$1.$part
  until [ -e "$file" ]; do
    [ -d "$dir" ] || exit 1
    command -p sleep 0.02
  done
  {
    read -r what code bytes
    typed=
    if [ "$bytes" -gt 0 ]; then
      IFS= read -r -d '' -n "$bytes" -t 10 typed <&3
    fi
    echoed=
    # pycodex 0.5.1 gives a pipe for a terminal, and makes the echo itself.
    [ -t 3 ] || echoed=${typed//$'\n'/$'\r\n'}
    while IFS= read -r -d '' text; do
      printf '%s\0' "${text#"$echoed"}"
      echoed=
    done
    printf '%s' "${text#"$echoed"}"
  } 3<&0 < "$file"
  if [ "$what" = exit ]; then
    exit "$code"
  fi
  part=$((part + 1))
done
