"""deep.py DIR - programs that nest 100000 deep, one for each way to nest."""
import os
import sys

N = 100000
WAYS = {
    "parentheses": "fn f() -> real = " + "(" * N + "1" + ")" * N,
    "open": "fn f() -> real = " + "(" * N,
    "lists": "fn f() -> real = " + "[" * N + "1" + "]" * N,
    "minus": "fn f() -> real = " + "-" * N + "1",
    "power": "fn f() -> real = " + "1 ** " * N + "1",
    "calls": "fn f(x: real) -> real = " + "exp(" * N + "x" + ")" * N,
    "subscripts": "fn f(x: real[n]) -> real = x" + "[0]" * N,
    "conditions": "fn f(a: bool) -> real = " + "if a then 1 else " * N + "1",
    "lambdas": "fn f(x: real) -> real = " + "fn(x) => " * N + "x",
    "blocks": "fn f(a: bool) -> real { " + "if a { " * N + "}" * N + " return 1 }",
    "else_if": "fn f(a: bool) -> real { " + "if a { return 1 } else " * N + "{ return 2 } }",
    "types": "fn f(g: " + "fn(" * N + "real" + ") -> real" * N + ") -> real = 1",
}
os.makedirs(sys.argv[1], exist_ok=True)
for name, text in WAYS.items():
    with open(os.path.join(sys.argv[1], name + ".tdsl"), "w", encoding="utf-8") as file:
        file.write(text + "\n")
