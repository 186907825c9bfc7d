# Sourced by bash and zsh before the command that an agent gives them: it is answered from a recording, and does not run.
if [ -n "${BASH_EXECUTION_STRING:-${ZSH_EXECUTION_STRING:-}}" ]; then
  TRACE_DIFF_ANSWER=$(/bin/bash "{dir}/decide.bash" "${BASH_EXECUTION_STRING:-$ZSH_EXECUTION_STRING}")
  if [ "$TRACE_DIFF_ANSWER" != pass ]; then
    exec /bin/bash "{dir}/answer.bash" "$TRACE_DIFF_ANSWER"
    exit 126
  fi
  unset TRACE_DIFF_ANSWER
  export BASH_ENV="{dir}/hook.bash"
fi
