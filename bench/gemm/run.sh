#!/bin/bash
# run.sh [--adc ADC] [FORM:MxNxK...] - matrix products of adc beside OpenBLAS, one thread: GFLOP/s, and adc's over OpenBLAS's (more
# than 1: adc is faster); C is m by n, the sum over k.  FORM: nn nt tn tt (which operand is transposed), mv mtv outer (n or k is 1),
# syrk (A A^T), ten (m products of 10 by 10).  The two take turns; the best of each.
# Environment: REALS (f64 f32), ADC_FLAGS (--blas=cblas, say), CPU (the core to pin to), SECONDS_EACH (0.2).  A virtual machine that
# hides its processor's name makes OpenBLAS choose kernels for an old one: OPENBLAS_CORETYPE=SkylakeX gives it those for AVX-512.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
adc=$here/../../build/adc
if [ "${1:-}" = --adc ]; then adc=$2; shift 2; fi
adc=$(realpath "$adc") tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export OPENBLAS_NUM_THREADS=1
rows=("$@")
if [ ${#rows[@]} = 0 ]; then
  for n in 8 12 16 24 32 48 64 100 128 256 512 1024 2048; do rows+=("nn:${n}x${n}x${n}"); done
  for f in nt tn tt; do for n in 16 64 256 1024; do rows+=("$f:${n}x${n}x${n}"); done; done
  rows+=(nn:64x512x784 nt:64x512x784 nt:64x10x512 tn:512x784x64 tn:10x512x64 nn:64x784x512 nn:1000x10x10 nn:10000x16x16 nt:1000x64x64)
  rows+=(tn:64x64x10000 nn:4x1024x1024 nn:1024x4x1024 tn:1024x1024x4)
  for n in 16 64 256 1024 2048; do rows+=("mv:${n}x1x${n}" "mtv:${n}x1x${n}" "outer:${n}x${n}x1"); done
  rows+=(syrk:64x64x64 syrk:512x512x512 ten:1000x1x1)
fi
cd "$tmp"
for t in ${REALS:-f64 f32}; do
  "$adc" compile "$here/products.tdsl" --cpu=native ${ADC_FLAGS:-} --real="$t" -o "products_$t" >/dev/null
  [ "$t" = f64 ] && real=double letter=d || real=float letter=s
  gcc -O2 -march=native -std=gnu17 "-DHEADER=\"products_$t.h\"" -DREAL=$real "-DP(f)=f" "-DBLAS(f)=cblas_$letter##f" -I. \
    "$here/drive.c" "products_$t.o" -lopenblas -lm -o "drive_$t"
  echo "== $t"
  ${CPU:+taskset -c $CPU} "./drive_$t" "${rows[@]}"
done
