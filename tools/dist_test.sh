#!/usr/bin/env bash
# Test on several GPUs of one or more machines.
#   bash tools/dist_test.sh CONFIG CHECKPOINT GPUS [options of test.py]
# The environment variables NNODES, NODE_RANK, MASTER_ADDR and PORT are those
# of MMPose.
set -euo pipefail
if [ $# -lt 3 ]; then
    echo "usage: bash tools/dist_test.sh CONFIG CHECKPOINT GPUS" \
        "[options of test.py]" >&2
    exit 2
fi
exec "${PYTHON:-python}" -m torch.distributed.run \
    --nnodes="${NNODES:-1}" \
    --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" \
    --master_port="${PORT:-29500}" \
    --nproc_per_node="$3" \
    "$(dirname "$0")/test.py" "$1" "$2" --launcher pytorch "${@:4}"
