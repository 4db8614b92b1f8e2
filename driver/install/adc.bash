# Completion of adc for bash.
_adc() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} verb=${COMP_WORDS[1]} options
  local verbs="grad compile run test bench plot graph check opt explain fmt"
  # bash splits --option=value at the '='.
  if [[ $cur == = ]]; then cur= prev=${COMP_WORDS[COMP_CWORD - 1]}
  elif [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD - 2]}; fi
  if [ "$COMP_CWORD" -eq 1 ]; then
    mapfile -t COMPREPLY < <(compgen -W "$verbs --help --version" -- "$cur")
    return
  fi
  case $prev in
    --derive) options="grad vjp jvp hvp jacobian hessian" ;;
    --emit) options="obj header asm llvm ir tdsl dot manifest" ;;
    --real) options="f64 f32" ;;
    --cpu) options="native" ;;
    --blas) options="builtin cblas" ;;
    --target) options="x86_64-linux-gnu aarch64-linux-gnu riscv64-linux-gnu wasm32 thumbv7em-none-eabihf" ;;
    --diagnostics) options="text json" ;;
    --color) options="auto always never" ;;
  esac
  if [ -n "$options" ]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
    return
  fi
  local code="--wrt= --order= --real= --cpu= -O0 -O1 -O2 -O3 -g --threads --mem-limit= --trap-nan -o"
  local files="--fn= --emit= --prefix= --target= --blas= --freestanding -MD --time-passes --explain-memory"
  case $verb in
    grad) options="$code $files" ;;
    compile) options="--derive= $code $files" ;;
    run) options="--grad --json --seed= --derive= $code" ;;
    test) options="--order= --seed= --real=" ;;
    bench) options="--derive= --wrt= --order= --json --seed= --seconds= --real= --cpu= -O0 -O1 -O2 -O3 --threads --mem-limit= --trap-nan" ;;
    plot) options="--order= --real= -o" ;;
    graph) options="--fn= --wrt= --derive= --order= --real= -o" ;;
    check) options="--real=" ;;
    fmt) options="--check" ;;
    opt) options="--passes= --real= -o" ;;
  esac
  if [[ $cur == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options --diagnostics= --color= --help" -- "$cur")
    [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace
  else
    compopt -o filenames
    mapfile -t COMPREPLY < <(compgen -d -- "$cur"; compgen -f -X "!*.@(tdsl|ir)" -- "$cur")
  fi
}
shopt -s extglob
complete -F _adc adc
