#!/bin/bash
# run.sh [ADC] - elementary functions: ns an element, one thread, of adc's vector code, of the same loop compiled by gcc with
# glibc's vector library (-O3 -march=native -ffast-math), and of glibc's scalar functions. Medians; the three take turns.
# f64 and f32, 4096 elements between LOW and HIGH (-3 and 3, or 0.1 and 10 for functions of positive numbers).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
adc=$(realpath "${1:-$here/../../build/adc}") tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
one=(exp exp2 expm1 sinh cosh tanh sin cos tan atan asinh erf erfc cbrt)
positive=(log log2 log10 log1p lgamma)
unit=(asin acos atanh)
two=(pow atan2 hypot)
cd "$tmp"
for t in f64 f32; do
  for f in "${one[@]}" "${positive[@]}" "${unit[@]}" acosh sigmoid softplus; do echo "fn ${f}_$t(x: $t[n]) -> $t[n] = $f(x)"; done
  for f in "${two[@]}"; do echo "fn ${f}_$t(x: $t[n], y: $t[n]) -> $t[n] = $f(x, y)"; done
done >functions.tdsl
"$adc" compile functions.tdsl --cpu=native -o functions >/dev/null
{
  for f in "${one[@]}"; do echo "ONE($f, -3, 3)"; done
  for f in "${positive[@]}"; do echo "ONE($f, 0.1, 10)"; done
  for f in "${unit[@]}"; do echo "ONE($f, -0.99, 0.99)"; done
  echo "ONE(acosh, 1, 10)"
  for f in "${two[@]}"; do echo "TWO($f, 0.1, 10)"; done
} >table.inc
flags="-O3 -march=native -std=gnu17 -I$tmp"
gcc $flags -ffast-math -DPREFIX=vector_ -c "$here/loops.c" -o vector.o
gcc $flags -fno-tree-vectorize -fno-math-errno -DPREFIX=scalar_ -c "$here/loops.c" -o scalar.o
gcc $flags "$here/drive.c" functions.o vector.o scalar.o -lmvec -lm -o drive
${CPU:+taskset -c $CPU} ./drive
