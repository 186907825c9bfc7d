# Sourced by a login sh, which does not tell its command: the kernel does, on Linux.
if [ -z "${BASH_VERSION:-}${ZSH_VERSION:-}" ]; then
  TRACE_DIFF_ANSWER=$(/bin/bash "{dir}/decide.bash" --of $$)
  if [ "$TRACE_DIFF_ANSWER" != pass ]; then
    exec /bin/bash "{dir}/answer.bash" "$TRACE_DIFF_ANSWER"
    exit 126
  fi
  unset TRACE_DIFF_ANSWER
fi
