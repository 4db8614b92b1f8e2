# Numbers on standard input; fails when one after the second is more than LIMIT times the one before.
import sys

size = [int(x) for x in sys.stdin.read().split()]
limit = float(sys.argv[1])
print(size)
sys.exit(len(size) < 3 or any(b > limit * a for a, b in zip(size[1:], size[2:])))
