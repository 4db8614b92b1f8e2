#compdef adc
# Completion of adc for zsh.
local -a verbs common code files derive
verbs=(
  'grad:write functions and their gradients as an object and a header'
  'compile:write functions, with the derivatives asked for'
  'run:compile in memory and call'
  'test:certify the derivatives of a function'
  'bench:time a function and its derivatives'
  'plot:draw a function of one variable and its derivatives'
  'graph:draw the IR of functions and derivatives'
  'check:parse and type, write nothing'
  'opt:run passes on IR text'
  'explain:what a diagnostic code means'
  'fmt:format in place'
)
common=(
  '--diagnostics=[form of diagnostics]:form:(text json)'
  '--color=[colour of diagnostics]:when:(auto always never)'
  '--help[help for this verb]'
)
derive=('--derive=[derivatives to make]:kinds:_values -s , kind grad vjp jvp hvp jacobian hessian')
order='--order=[how often the derivative is taken]:order:(1 2 3)'
real='--real=[what real means]:type:(f64 f32)'
code=(
  '--wrt=[parameters to differentiate with respect to]:parameters'
  $order
  $real
  '--cpu=[processor to compile for]:cpu:(native)'
  '(-O0 -O1 -O2 -O3)'{-O0,-O1,-O2,-O3}'[how hard to optimise]'
  '--mem-limit=[the largest workspace]:bytes'
  '--trap-nan[the first NaN or infinity is an error]'
  '-g[debug information]'
  '--threads=-[threads share long loops]::operations of a chunk'
)
files=(
  '--fn=[functions to compile]:functions'
  '--emit=[what to write]:kinds:_values -s , kind obj header asm llvm ir tdsl dot manifest'
  '--prefix=[put before exported names]:prefix'
  '--target=[machine to compile for]:triple:(x86_64-linux-gnu aarch64-linux-gnu riscv64-linux-gnu wasm32 thumbv7em-none-eabihf)'
  '--blas=[whose matrix products]:library:(builtin cblas)'
  '--freestanding[without malloc]'
  '-MD[write a depfile]'
  '--time-passes[how long each stage took]'
  '--explain-memory[what is kept in memory, where and why]'
  '-o[stem of the files written]:stem:_files'
  '*:source:_files -g "*.tdsl"'
)
if (( CURRENT == 2 )); then
  _describe verb verbs
  return
fi
local verb=$words[2]
shift words
(( CURRENT-- ))
case $verb in
  grad) _arguments $common $code $files ;;
  compile) _arguments $common $derive $code $files ;;
  run) _arguments $common $derive $code '--grad[gradients beside the results]' '--json[one JSON object]' \
    '--seed=[seed of random arguments]:seed' '-o[write the results]:file:_files -g "*.(npy|csv)"' \
    '1:source:_files -g "*.tdsl"' '*:argument:' ;;
  test) _arguments $common $order $real '--seed=[seed of random arguments]:seed' '1:source:_files -g "*.tdsl"' '*:argument:' ;;
  bench) _arguments $common $derive $code '--json[one JSON object]' '--seed=[seed of random arguments]:seed' \
    '--seconds=[how long each function is measured]:seconds' '1:source:_files -g "*.tdsl"' '*:argument:' ;;
  plot) _arguments $common $order $real '-o[the picture]:file:_files -g "*.(svg|png)"' '1:source:_files -g "*.tdsl"' '*:argument:' ;;
  graph) _arguments $common $derive $order $real '--fn=[functions to draw]:functions' \
    '--wrt=[parameters to differentiate with respect to]:parameters' '-o[the picture]:file:_files -g "*.(dot|svg|png|pdf)"' \
    '*:source:_files -g "*.tdsl"' ;;
  check) _arguments $common '--real=[what real means]:type:(f64 f32)' '*:source:_files -g "*.tdsl"' ;;
  fmt) _arguments $common '--check[tell whether it is formatted]' '*:source:_files -g "*.tdsl"' ;;
  opt) _arguments $common '--passes=[passes to run]:passes' '--real=[what real means]:type:(f64 f32)' '-o[where to write]:file:_files' \
    '*:source:_files -g "*.(ir|tdsl)"' ;;
  *) _arguments $common ;;
esac
