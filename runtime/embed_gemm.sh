#!/bin/sh
# embed_gemm.sh DIR NAME... - writes C: DIR/NAME.bc and DIR/NAME.s as arrays, and the table that codegen/gemm_bc.h declares.
set -eu
dir=$1
shift
echo '#include "codegen/gemm_bc.h"'
for name; do
  for kind in bc s; do
    echo "static const unsigned char ${name}_$kind[] __attribute__((aligned(16))) = {"
    od -An -v -tx1 "$dir/$name.$kind" | sed 's/ \(..\)/0x\1,/g'
    echo '0};'
  done
done
echo 'const GemmFile adc_gemm_file[] = {'
for name; do echo "    {\"$name\", ${name}_bc, sizeof ${name}_bc - 1, ${name}_s, sizeof ${name}_s - 1},"; done
echo '    {0, 0, 0, 0, 0}};'
