#!/bin/bash
# documented.sh ADC FOLDER - names each verb and option of `adc --help` that the manual or a completion in FOLDER lacks.
adc=$1 folder=$2 missing=0
lacks() { echo "$1 lacks $2"; missing=1; }
verbs=$("$adc" --help | sed -n 's/^  \([a-z][a-z]*\)  .*/\1/p')
for verb in $verbs; do
  for file in adc.bash adc.zsh adc.fish; do grep -qw -e "$verb" "$folder/$file" || lacks $file "$verb"; done
  grep -qx -e ".B $verb" "$folder/adc.1.in" || lacks adc.1.in "$verb"
  # -O0 to -O3 stand for themselves.
  for option in $("$adc" "$verb" --help | sed -n 's/^  \(--*[A-Za-z][A-Za-z-]*\).*/\1/p'); do
    [ "$option" != -O ] || option=-O3
    name=${option##-} name=${name#-}
    grep -q -e "$option\b" "$folder/adc.bash" || lacks adc.bash "$option"
    grep -q -e "$option\b" "$folder/adc.zsh" || lacks adc.zsh "$option"
    grep -qE -e "-[lso] $name( |$)" "$folder/adc.fish" || lacks adc.fish "$option"
    sed 's/\\-/-/g' "$folder/adc.1.in" | grep -qE -e "^\.B[IR]* $option\b" || lacks adc.1.in "$option"
  done
done
[ -n "$verbs" ] || lacks "adc --help" "its verbs"
exit $missing
