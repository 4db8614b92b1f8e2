# usage: nesting.py ADC FILE ORDER FUNCTION... - fails unless the vjps up to that order have neither calls nor loops in loops.
import subprocess, sys

adc, path, order = sys.argv[1:4]
text = subprocess.run([adc, "opt", "--passes=unwind,inline,optimise" + ",adjoint,inline,optimise" * int(order), path],
                      capture_output=True, text=True, check=True).stdout
bad = seen = 0
name, stack = "", []
for line in text.splitlines():
    words = line.split()
    if words[:1] == ["func"]: name, stack = words[1][1:].split("(")[0], []
    stem = name.split("_vjp")[0]
    if not words or stem not in sys.argv[4:]: continue
    seen += words[0] == "func"
    if words[0] == "}":
        last = stack.pop() if stack else ""
        if words[-1] == "{": stack.append(last)  # the second region
    elif words[-1] == "{" and words[0] != "func":
        stack.append(next(w for w in ("while", "for", "if") if f" {w} " in f" {line} "))
    loops = sum(s != "if" for s in stack)
    if loops > 1 or " call " in line or words[0] == "call":
        bad += 1
        print(f"{name}: {line}")
want = len(sys.argv[4:]) * (int(order) + 1)
print(f"{seen} of {want} functions, {bad} lines")
sys.exit(bad > 0 or seen != want)
