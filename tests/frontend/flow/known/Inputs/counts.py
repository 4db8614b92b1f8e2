"""counts.py FILE.ir NAME FACTOR: prints the operations of NAME, NAME_grad, NAME_grad_grad, ...; exit status 1 if one has more than 6
times those of the one before, or the last more than FACTOR times those of the first derivative."""
import re
import sys

path, name, factor = sys.argv[1], sys.argv[2], float(sys.argv[3])
count, current = {}, None
for line in open(path):
    m = re.match(r"func @(\w+)", line)
    if m:
        current = m.group(1)
        count[current] = 0
    elif current and re.match(r"\s+(%[\w, %]+ = )?\w+", line):
        count[current] += 1
orders = [count[name]]
while (name := name + "_grad") in count:
    orders.append(count[name])
print("operations of orders 0, 1, ...:", *orders)
bad = len(orders) != 5 or orders[-1] > factor * orders[1] or any(b > 6 * a for a, b in zip(orders[1:], orders[2:]))
sys.exit(1 if bad else 0)
