# each_kind.sh ADC OPTIONS…: results and gradients of every function of kinds.tdsl, at sizes that are no multiples of anything.
adc=$1
shift
run() { "$adc" run "$(dirname "$0")/kinds.tdsl" "$@" --grad --json --seed=3; }
run chain x='randn(1037)' y='randn(1037)' "$@"
run chain x='randn(70001)' y='randn(70001)' "$@"
run folds A='randn(613, 37)' "$@"
run folds A='randn(37, 613)' "$@"
run products A='rand(131, 77)' B='rand(77, 131)' "$@"
run products A='rand(300, 290)' B='rand(290, 300)' "$@"
run batches Q='rand(7, 40, 33)' K='rand(7, 40, 33)' "$@"
run layers X='rand(61, 90)' U='rand(150, 90)' V='rand(7, 150)' "$@"
run layers X='rand(19, 800)' U='rand(290, 800)' V='rand(77, 290)' "$@"
run least_squares A='randn(1013, 39)' x='randn(39)' b='randn(1013)' "$@"
run table T='randn(61, 9)' x='randn(5003)' "$@"
run mixture alpha='randn(11)' mu='randn(11, 5)' x='randn(1999, 5)' "$@"
run rays c='randn(57, 3)' x='randn(10007, 3)' w='randn(10007)' "$@"
run pairs x='randn(211, 3)' "$@"
run numbers v='randn(53)' x='randn(20011)' "$@"
run steps u='randn(61, 67)' k=3 "$@"
run scans A='randn(211, 73)' "$@"
run places A='randn(211, 73)' "$@"
run factors A='randn(37, 6, 6)' "$@"
