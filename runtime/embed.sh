#!/bin/sh
# embed.sh NM FILE.bc... - writes C: the bitcode files as arrays, and the table of them that codegen/math_bc.h declares.
set -eu
nm=$1
shift
echo '#include "codegen/math_bc.h"'
k=0
for file; do
  echo "static const unsigned char file_$k[] __attribute__((aligned(16))) = {"
  od -An -v -tx1 "$file" | sed 's/ \(..\)/0x\1,/g'
  echo '0};'
  k=$((k + 1))
done
echo 'const MathFile adc_math_file[] = {'
k=0
for file; do
  case $file in */*-fused/*) fused=1 ;; *) fused=0 ;; esac
  names=$("$nm" --defined-only --extern-only --format=just-symbols "$file" | tr '\n' ' ')
  echo "    {file_$k, sizeof file_$k - 1, $fused, \" $names\"},"
  k=$((k + 1))
done
echo '    {0, 0, 0, 0}};'
