#!/bin/bash
# compile.sh [ADC [TIMES]] - how long adc itself takes: starting, running a small program, compiling the examples, and
# generated functions of 100 to 1000 statements with their gradients.
# Prints the median wall time of TIMES runs (11; generated programs: a third of it) in milliseconds; the commands take
# turns, so that a busy moment of the machine strikes all of them.
set -eu
cd "$(dirname "$0")/.."
adc=$(realpath "${1:-build/adc}") times=${2:-11} tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# generate KIND N: a function of N statements; each reads what some of the last twelve computed.  chain: N branches; numbers: N parameters.
generate() {
  awk -v kind="$1" -v n="$2" '
    function pick(most) { k = int(rand() * most); return k < made ? "v" (made - 1 - k) : made % 2 ? "x" : "y" }
    function chain(i) {
      print "fn f(x: real, y: real) -> real {\n  var s = x * y"
      for (i = 0; i < n; i++) printf "  %sif x < %d { s = s * sin(y * %d) - x * %d }", i ? "else " : "", i, i, i
      print "\n  return s\n}"
    }
    function numbers(i) {
      for (i = 0; i < n; i++) printf "%sp%d: real", i ? ", " : "fn f(", i
      print ") -> real {\n  var s = 0.0"
      for (i = 0; i < n; i++) printf "  s += sin(p%d * p%d) * p%d\n", i, (7 * i + 1) % n, (13 * i + 5) % n
      print "  return s\n}"
    }
    BEGIN {
      if (kind == "chain") chain()
      if (kind == "numbers") numbers()
      if (kind == "chain" || kind == "numbers") exit
      srand(n)
      forms["scalar"] = "A * B + 0.5;sin(A) - B;tanh(A + B);A / (1 + B * B)"
      forms["vector"] = forms["scalar"] ";where(A > 0, A, 0.1 * B)"
      forms["matrix"] = "W @ A;tanh(A + B);A * sum(B);A - 0.5 * B"
      params["scalar"] = "x: real, y: real"
      params["vector"] = "x: real[n], y: real[n]"
      params["matrix"] = "W: real[n, n], x: real[n], y: real[n]"
      print "fn f(" params[kind] ") -> real {"
      count = split(forms[kind], form, ";")
      for (made = 0; made < n; made++) {
        e = form[int(rand() * count) + 1]
        gsub(/A/, pick(6), e); gsub(/B/, pick(12), e)
        print "  let v" made " = " e
      }
      last = "v" (n - 1) " + v" (n - 2) " + v" (n - 3) " + v" (n - 4)
      print "  return " (kind == "scalar" ? last : "sum(" last ")") "\n}"
    }'
}

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
often=${#commands[@]}
for kind in scalar vector matrix; do
  for n in 100 300 1000; do
    generate $kind $n >"$tmp/$kind$n.tdsl"
    commands+=("grad $tmp/$kind$n.tdsl -o $tmp/$kind$n")
  done
done
for n in 30 100 300; do
  generate chain $n >"$tmp/chain$n.tdsl"
  generate numbers $((3 * n)) >"$tmp/numbers$((3 * n)).tdsl"
  commands+=("grad $tmp/chain$n.tdsl -o $tmp/chain" "grad $tmp/numbers$((3 * n)).tdsl -o $tmp/numbers")
done
for order in 2 3; do commands+=("grad --order=$order $tmp/scalar100.tdsl -o $tmp/order$order"); done

for ((i = 0; i < times; i++)); do
  for k in "${!commands[@]}"; do
    ((k < often || i % 3 == 0)) || continue
    start=$(date +%s%N)
    # shellcheck disable=SC2086
    "$adc" ${commands[k]} >/dev/null 2>&1 || { echo "failed: adc ${commands[k]}" >&2; exit 1; }
    echo $((($(date +%s%N) - start) / 10000)) >>"$tmp/$k"
  done
done
for k in "${!commands[@]}"; do
  sort -n "$tmp/$k" | awk -v name="${commands[k]}" -v dir="$tmp/" \
    '{ t[NR] = $1 } END { gsub(dir, "", name); printf "%9.2f ms  adc %s\n", t[int((NR + 1) / 2)] / 100, name }'
done
