#!/bin/sh
# One result of each eval, and the time of a gradient where the sizes can be large.
# usage: run.sh [ADC]
set -e
adc=${1:-../../build/adc}
cd "$(dirname "$0")"
say() { printf '\n%s\n' "$*"; }
say "hello: the derivative of x² at 3"
"$adc" run hello.tdsl x=3 --grad
say "lse: the gradient of log-sum-exp is the softmax"
"$adc" run lse.tdsl x='[1000,1001,1002]' --grad
say "llsq: what is left of the sign function after 1 + x"
"$adc" run llsq.tdsl x='[1,1]' n=9 --grad
say "det: a determinant by recursion, its gradient the cofactors"
"$adc" run det.tdsl A='[[2,1,0],[1,3,1],[0,1,4]]' --grad
say "kmeans: Newton's direction towards the means"
"$adc" run kmeans.tdsl direction points='[[0,0],[0,2],[5,5]]' centroids='[[1,1],[4,4]]'
say "ode: y' = (x₀, x₁y₀, x₂y₁) at t = 2"
"$adc" run ode.tdsl solve_ode x='[1,1,1]' s=10
say "particle: the control, by gradient descent in four mixes of modes"
for mode in ff fr rf rr; do printf '%s ' $mode; "$adc" run particle.tdsl $mode w=0; done
say "saddle: the saddle point, in four mixes of modes"
for mode in ff fr rf rr; do "$adc" run saddle.tdsl $mode start='[1,1]'; done
say "gmm, lstm, ba, ht: what compiles"
for f in gmm lstm; do "$adc" grad $f.tdsl -o "${TMPDIR:-/tmp}/gradbench-$f"; done
for f in ba ht; do "$adc" compile $f.tdsl -o "${TMPDIR:-/tmp}/gradbench-$f"; done
