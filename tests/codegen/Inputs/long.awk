# Long functions: numbers, vectors, products, branches and loops, each reading what some of the last statements computed.
function pick(most) { k = int(rand() * most); return k < made ? "v" (made - 1 - k) : made % 2 ? "x" : "y" }
function statements(n, forms,    form, count, e) {
  count = split(forms, form, ";")
  for (; made < n; made++) {
    e = form[int(rand() * count) + 1]
    gsub(/A/, pick(6), e); gsub(/B/, pick(12), e)
    print "  let v" made " = " e
  }
}
function last() { return "v" (made - 1) " + v" (made - 2) " + v" (made - 3) }
BEGIN {
  srand(7)
  numbers = "0.5 * A * B + 0.5;sin(A) - B;tanh(A + B);A / (1 + B * B);if A > B then A * B else sin(B)"
  print "fn numbers(x: real, y: real) -> real {"; made = 0
  statements(300, numbers)
  print "  return " last() "\n}"
  print "fn vectors(W: real[n, n], x: real[n], y: real[n]) -> (out: real, all: real[n]) {"; made = 0
  statements(360, "W @ A;tanh(A + B);A * tanh(sum(B));A - 0.5 * B;where(A > B, A, 0.1 * B)")
  print "  return (tanh(sum(" last() ")), v" (made - 1) ")\n}"
  print "fn turns(x: real, y: real, z: real[n]) -> real {\n  var s = x\n  var w = z\n  for i in 0..n {"; made = 0
  print "    let v0 = s + z[i]"; made = 1
  statements(300, numbers)
  print "    s = tanh(" last() ")\n    w = w * s\n    w[i] = s * w[i] + 1\n  }\n  return s + sum(w)\n}"
}
