#!/bin/sh
# A further machine of a Ray cluster. Run it in the same environment as on the first one:
#   sh worker.sh HOST:PORT [options of `ray start`, as --num-cpus 2]
# It stays until Ctrl-C (or SIGTERM), which ends Ray's processes of this node and nobody else's.
#   RAY_AUTH_TOKEN_PATH  a copy of the first machine's token
#   RAY_TMPDIR           where Ray keeps its logs and sockets (a short path)
set -eu
export RAY_AUTH_TOKEN_PATH="${RAY_AUTH_TOKEN_PATH:-$HOME/.promopilot-token}"

if [ $# -eq 0 ]; then
  echo "name the first machine: sh worker.sh HOST:PORT" >&2
  exit 2
fi
if [ ! -r "$RAY_AUTH_TOKEN_PATH" ]; then
  echo "no token in $RAY_AUTH_TOKEN_PATH: copy it from the first machine (scp -p)" >&2
  exit 2
fi
if [ -n "$(find "$RAY_AUTH_TOKEN_PATH" ! -perm 600 ! -perm 400)" ]; then
  echo "others may read $RAY_AUTH_TOKEN_PATH: chmod 600 it" >&2
  exit 2
fi

address=$1
shift
export RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0
unset RAY_AUTH_TOKEN RAY_ADDRESS
exec ray start --address="$address" --block "$@"
