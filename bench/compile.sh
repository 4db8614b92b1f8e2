#!/bin/bash
# compile.sh [ADC [TIMES]] - how long adc itself takes: starting, running a small program, compiling the examples.
# Prints the median wall time of TIMES runs (11) in milliseconds; the commands take turns, so that a busy moment of the
# machine strikes all of them.
set -eu
cd "$(dirname "$0")/.."
adc=$(realpath "${1:-build/adc}") times=${2:-11} tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

commands=(
  "--version"
  "check examples/autograd/layer.tdsl"
  "run examples/autograd/cube.tdsl x=2 --grad"
  "run examples/autograd/layer.tdsl W=rand(4,5) X=rand(5,3) b=rand(4,1) --grad"
  "grad examples/iris/iris.tdsl --wrt=W,b -o $tmp/iris"
  "grad examples/mlp/mlp.tdsl --wrt=W1,b1,W2,b2 -o $tmp/mlp"
  "grad examples/gradbench/gmm.tdsl -o $tmp/gmm"
  "grad examples/gradbench/lstm.tdsl -o $tmp/lstm"
)

for ((i = 0; i < times; i++)); do
  for k in "${!commands[@]}"; do
    start=$(date +%s%N)
    # shellcheck disable=SC2086
    "$adc" ${commands[k]} >/dev/null 2>&1 || { echo "failed: adc ${commands[k]}" >&2; exit 1; }
    echo $((($(date +%s%N) - start) / 10000)) >>"$tmp/$k"
  done
done
for k in "${!commands[@]}"; do
  sort -n "$tmp/$k" | awk -v name="${commands[k]}" -v dir="$tmp/" \
    '{ t[NR] = $1 } END { sub(dir, "", name); printf "%9.2f ms  adc %s\n", t[int((NR + 1) / 2)] / 100, name }'
done
