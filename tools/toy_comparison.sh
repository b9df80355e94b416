#!/usr/bin/env bash
# Compares POET and AE over strides on synthetic people, in one command: sets
# up .venv, draws the people, trains and evaluates six models, writes table and
# figure. It may be interrupted and run again: every step continues.
#   bash tools/toy_comparison.sh [--no-venv]
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/setup_env.sh "$@"

"$PYTHON" tools/make_toy_coco.py --out data/toy_strides --train 3000 \
    --val 200 --size 128 --seed 1
exec "$PYTHON" tools/compare_strides.py configs/comparisons/stride_toy.py
