"""A random function of many systems that do not depend on each other, each with loops and branches of its own: random_ensemble.py SEED."""
import random
import sys

R = random.Random(int(sys.argv[1]))
REALS = ["a", "b", "c"]
DEPTH = [0]


def atom(names):
    return R.choice(names + ["x[i]", "p", "q", "w[i, 1]", "0.5", "1.25"] + (["u[t]", "w[i, t]"] if DEPTH[0] and R.random() < 0.7 else []))


def expr(names, depth=2):
    if depth == 0 or R.random() < 0.2:
        return atom(names)
    l, r = expr(names, depth - 1), expr(names, depth - 1)
    return R.choice([
        f"({l} + {r})", f"({l} - {r})", f"({l} * {r})", f"{l} / (1.5 + ({r}) ** 2)", f"sin({l})", f"tanh({l})", f"exp(-({l}) ** 2)",
        f"max({l}, {r})", f"sqrt(1 + ({l}) ** 2)", f"(if {l} < {r} then {r} else {l})", f"tab[clamp(int(2 * abs({l})), 0, 4)]"])


def cond(names):
    return R.choice([f"{expr(names, 1)} < {expr(names, 1)}", f"a > {R.choice(['0.2', 'b', 'p'])}", "k[i] > 1", "h > 1"])


def statements(indent, names, depth, out):
    pad = "  " * indent
    for _ in range(R.randint(1, 3)):
        kind = R.random()
        if kind < 0.45 or depth == 0:
            out.append(f"{pad}{R.choice(REALS)} = tanh({expr(names)})")
        elif kind < 0.55:
            out.append(f"{pad}s[{R.choice(['0', '1', '2'] + (['t % 3'] if DEPTH[0] else []))}] {R.choice(['=', '+='])} 0.5 * {expr(names)}")
        elif kind < 0.63:
            out.append(f"{pad}{R.choice(REALS)} = 0.3 * sum(s) + {expr(names, 1)}")
        elif kind < 0.7:
            out.append(f"{pad}total += {expr(names, 1)}")
        elif kind < 0.8:
            out.append(f"{pad}if {cond(names)} {{")
            statements(indent + 1, names, depth - 1, out)
            if R.random() < 0.6:
                out.append(f"{pad}}} else {{")
                statements(indent + 1, names, depth - 1, out)
            out.append(pad + "}")
        elif kind < 0.9 and DEPTH[0] == 0:
            out.append(f"{pad}for t in {R.choice(['0..4', '0..m', '1..k[i]', 'm - 1 .. -1 by -1', '0..h'])} {{")
            DEPTH[0] += 1
            statements(indent + 1, names, depth - 1, out)
            if R.random() < 0.3:
                out.append(f"{pad}  if {cond(names)} {{ break }}")
            DEPTH[0] -= 1
            out.append(pad + "}")
        else:
            v = f"j{len(out)}"
            out.append(f"{pad}var {v} = 0")
            bound = R.choice(["4", "k[i] + 1", "6"])
            out.append(f"{pad}while {v} < {bound} and abs({R.choice(REALS)}) < {R.choice(['0.8', '0.6', '1.1'])} {{")
            out.append(f"{pad}  {v} += 1")
            statements(indent + 1, names, depth - 1, out)
            out.append(pad + "}")


lines = ["fn f(x: real[n], w: real[n, m], u: real[m], tab: real[5], p: real, q: real, k: int[n], h: int) -> real {",
         "  assert(m > 3, \"m\")", "  var total = 0.0", "  var e = zeros([n])", "  for i in 0..n {", "    var a = x[i]", "    var b = p",
         "    var c = 0.1", "    var s = [a, q, 0.2]"]
lines.append("    for t in 0..m {")
DEPTH[0] = 1
statements(3, REALS, 2, lines)
DEPTH[0] = 0
lines.append("    }")
statements(2, REALS, 3, lines)
lines += ["    total += a * s[1] + b", "    e[i] = c + s[2]", "  }", "  return total + sum(e * x)", "}"]
print("\n".join(lines))
