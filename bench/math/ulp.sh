#!/bin/bash
# ulp.sh [ADC] - the largest error of each elementary function, f64 and f32, against MPFR over its whole range: at -O0, and vectorised for
# each processor of CPUS (x86-64: SSE2, haswell: AVX2, native). N points a function (100000), of polygamma a hundredth.
# FUNCTIONS: only these. Needs MPFR and GMP with their headers.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
adc=$(realpath "${1:-$here/../../build/adc}") tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
functions=${FUNCTIONS:-exp exp2 expm1 sinh cosh tanh sigmoid softplus log log2 log10 log1p asinh acosh atanh sin cos tan asin acos atan
  atan2/2 pow/2 erf erfc cbrt hypot/2 lgamma digamma polygamma1 polygamma2 polygamma3 polygamma10}
for flags in -O0 $(printf -- '-O3,--cpu=%s ' ${CPUS:-x86-64 haswell native}); do
  echo "${flags/,/ }"
  for f in $functions; do
    n=${N:-100000}
    case $f in polygamma*) n=$((n / 100)) ;; esac
    FLAGS=${flags/,/ } N=$n "$here/../../tests/codegen/math/Inputs/ulp.sh" "$adc" "${CC:-cc}" "$tmp/u" 0 "$f" || true
  done
done
