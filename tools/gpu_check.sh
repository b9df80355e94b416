#!/usr/bin/env bash
# Check and measure poet_mm on a GPU, without a network, in at most 9 minutes.
# Before that, tools/setup_env.sh makes .venv, with a network.
#   bash tools/gpu_check.sh --data-root COCO_MINI
#   bash tools/gpu_check.sh --no-venv [options of gpu_check.py]
set -euo pipefail
tools=$(dirname "${BASH_SOURCE[0]}")

no_venv=
for argument; do
  shift
  case $argument in
    --no-venv) no_venv=$argument ;;
    *) set -- "$@" "$argument" ;;
  esac
done
. "$tools/setup_env.sh" "$no_venv"
exec "$PYTHON" "$tools/gpu_check.py" "$@"
