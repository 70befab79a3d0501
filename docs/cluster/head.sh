#!/bin/sh
# The first machine of a Ray cluster. Run it in the environment that has promopilot:
#   sh head.sh [options of `ray start`, as --num-cpus 2]
# It stays until Ctrl-C (or SIGTERM), which ends Ray's processes of this node and nobody else's.
# `ray stop` would end every Ray on the machine.
#   RAY_AUTH_TOKEN_PATH  the file with the cluster's token, made here if there is none
#   PORT                 where the cluster answers
#   RAY_TMPDIR           where Ray keeps its logs and sockets (a short path)
set -eu
export RAY_AUTH_TOKEN_PATH="${RAY_AUTH_TOKEN_PATH:-$HOME/.promopilot-token}"

if [ ! -e "$RAY_AUTH_TOKEN_PATH" ]; then
  (umask 077 && od -An -N32 -tx1 /dev/urandom | tr -d ' \n' > "$RAY_AUTH_TOKEN_PATH")
  echo "made $RAY_AUTH_TOKEN_PATH: copy it to every machine (scp -p), for your user alone"
fi
if [ -n "$(find "$RAY_AUTH_TOKEN_PATH" ! -perm 600 ! -perm 400)" ]; then
  echo "others may read $RAY_AUTH_TOKEN_PATH: chmod 600 it" >&2
  exit 2
fi

export RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0
unset RAY_AUTH_TOKEN RAY_ADDRESS  # they would go before the file and the port
exec ray start --head --port="${PORT:-6379}" --include-dashboard=false --block "$@"
