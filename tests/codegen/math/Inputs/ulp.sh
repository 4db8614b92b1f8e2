#!/bin/bash
# ulp.sh ADC CC TMP BOUND FUNCTION... - compares elementary functions, f64 and f32, with MPFR; fails above BOUND ulp.
# A name ending in /2 has two operands; polygammaN is polygamma(N, x). FLAGS: more options of adc; RUN: what runs the programs; N: points a function.
set -eu
adc=$1 cc=$2 tmp=$3 bound=$4
shift 4
: >"$tmp.tdsl"
table=
for name in "$@"; do
  f=${name%/2}
  for t in f64 f32; do
    if [[ $f = polygamma* ]]; then echo "fn ${f}_$t(x: $t[n]) -> $t[n] = polygamma(${f#polygamma}, x)"
    elif [ "$f" = "$name" ]; then echo "fn ${f}_$t(x: $t[n]) -> $t[n] = $f(x)"
    else echo "fn ${f}_$t(x: $t[n], y: $t[n]) -> $t[n] = $f(x, y)"; fi >>"$tmp.tdsl"
  done
  if [ "$f" = "$name" ]; then table+=" ONE($f)"; else table+=" TWO($f)"; fi
done
# shellcheck disable=SC2086
"$adc" compile "$tmp.tdsl" ${FLAGS:-} -o "$tmp" >/dev/null
$cc -O1 -DTABLE="$table" -DHEADER="\"$tmp.h\"" "$(dirname "$0")/ulp.c" "$tmp.o" -lmpfr -lgmp -lm -o "$tmp.exe"
${RUN:-} "$tmp.exe" "$bound" "${N:-6000}"
