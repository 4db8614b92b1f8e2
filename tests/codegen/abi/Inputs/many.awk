# Functions of 90 numbers each, and their calls in C.
function list(before, after,   i, s) {
  for (i = 0; i < 90; i++) s = s (i ? ", " : "") before i after
  return s
}
function turned(   i, s) {
  for (i = 1; i <= 90; i++) s = s (i > 1 ? ", " : "") "p" i % 90
  return s
}
BEGIN {
  if (c) {
    print "static double p[90], d[90];"
    print "#define NUMBERS " list("p[", "]")
    print "#define PLACES " list("&d[", "]")
    exit
  }
  print "struct S[n] { a: real; v: real[n] }"
  params = list("p", ": real")
  print "fn many(x: real[n], k: int, on: bool, c: f32, s: S[n], " params ") -> real {"
  print "  var t = sum(x) * k * f64(c) + s.a * dot(s.v, x)"
  for (i = 0; i < 90; i++) print "  t += p" i " * p" i " * " i + 1 ".0"
  print "  return if on then t else -t\n}"
  print "fn few(x: real[n], k: int, on: bool, c: f32, s: S[n], " params ") -> real ="
  print "  (if on then p0 else p1) * p89 + sum(x) * k * f64(c) + s.a * dot(s.v, x)"
  print "fn tree(k: int, " params ") -> real ="
  print "  if k == 0 then p0 * p3 else 0.25 * tree(k - 1, " turned() ") + 0.5 * tree(k - 1, " list("p", "") ")"
}
