#!/usr/bin/env bash
# Set up .venv, make synthetic images, train and test the fast POET, and draw its
# predictions. After an interruption, run it again: it continues.
#   bash tools/quickstart.sh [--no-venv]
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/setup_env.sh "$@"

config=configs/poet_fast_r18_toy.py
work=work_dirs/quickstart
data=data/toy_strides

trap 'echo; echo "quickstart: interrupted; run it again to continue."; exit 130' \
    INT TERM
step() { printf '\n== [%d s] %s\n' "$SECONDS" "$*"; }

# Threads of OpenMP spin while they wait for each other. Beside another busy
# process a step then takes 7 times longer; with sleeping threads it takes
# 1.9 times longer, but alone 1.4 times. So they sleep if the CPUs are not idle.
idle() { awk '/^cpu / { print $5 }' /proc/stat; }  # 1/100 s, of all CPUs
before=$(idle); sleep 1
[ $(($(idle) - before)) -gt $((60 * $(getconf _NPROCESSORS_ONLN))) ] ||
    { export OMP_WAIT_POLICY=passive
      echo 'The CPUs are busy: this takes longer than on an idle machine.'; }

step "1/4 Making images with synthetic people in $data"
"$PYTHON" tools/make_toy_coco.py --out "$data" --train 3000 --val 200 \
    --size 128 --seed 1

step "2/4 Training the fast POET (5 minutes on 2 cores), with the AP on" \
    "unseen images after every epoch"
"$PYTHON" tools/train.py "$config" --data-root "$data" --work-dir "$work" \
    --resume

checkpoint=$(cat "$work/last_checkpoint")
step '3/4 Testing on unseen images'
"$PYTHON" tools/test.py "$config" "$checkpoint" --data-root "$data" \
    --work-dir "$work/test" --out "$work/unseen.json"

step '4/4 Drawing predictions'
"$PYTHON" tools/analyze.py report "$config" "$checkpoint" \
    --data-root "$data" --out "$work/report"
ap=$("$PYTHON" -c 'import json, sys
print("{coco/AP:.3f}".format_map(json.load(open(sys.argv[1]))))' \
    "$work/unseen.json")
printf '\nCheckpoint  %s\n' "$checkpoint"
echo "AP $ap on unseen images. The paper's POET has 0.018 after 8 epochs of" \
    "4,000 images (docs/results/peers_toy)."
