"""emit_tdsl.py ADC FOLDER FILE.tdsl NAME=VALUE… - the derivatives that `adc grad --emit=tdsl` prints are read again and give the numbers of
the original, at orders 1 and 2, for each function of the file that has a gradient.

Dimensions are 3, reals are spread over (0.2, 1), unless NAME=VALUE gives a dimension, an int or a tensor otherwise; --orders=1 leaves out the second, --fn=f all functions but f."""
import json
import os
import re
import subprocess
import sys

adc, folder, source = sys.argv[1:4]
given = dict(a.split("=", 1) for a in sys.argv[4:])
count = 0


def run(*args):
    done = subprocess.run([adc, *args], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"adc {' '.join(args)}: exit status {done.returncode}\n{done.stderr[-2000:]}")
    return done.stdout


def tensor(shape, at):
    """Numbers without a pattern that a derivative could hide in."""
    if not shape:
        global count
        count += 1
        return 0.2 + 0.8 * (count * 0.61803398875 % 1)
    return [tensor(shape[1:], at) for _ in range(shape[0])]


def leaves(arg, prefix="", flat=""):
    """(name with points, name in the printed source, its description)"""
    name = arg["name"]
    for field in arg.get("fields") or ():
        yield from leaves(field, f"{prefix}{name}.", f"{flat}{name}_")
    if not arg.get("fields"):
        yield prefix + name, flat + name, arg


def arguments(function):
    dims = {a["name"]: int(given.get(a["name"], 3)) for a in function["args"] if a["role"] == "dim"}
    points, flats = [], []
    for arg in function["args"]:
        if arg["role"] == "dim":
            if arg["name"] in given:
                points.append(f"{arg['name']}={given[arg['name']]}")
                flats.append(points[-1])
            continue
        if arg["role"] not in ("param", "seed"):
            continue
        for point, flat, leaf in leaves(arg):
            if point in given:
                value = given[point]
            elif leaf["type"] not in ("f64", "f32"):
                sys.exit(f"{source}: {function['name']}: no value for the {leaf['type']} {point}")
            else:
                value = json.dumps(tensor([eval(s.replace("/", "//"), {}, dims) for s in leaf["shape"]], 0))
            points.append(f"{point}={value}")
            flats.append(f"{flat}={value}")
    return points, flats


def numbers(value):
    if isinstance(value, (dict, list)):
        for v in value.values() if isinstance(value, dict) else value:
            yield from numbers(v)
    else:
        yield float(value)


def compare(name, order, theirs, ours):
    a, b = list(numbers(json.loads(theirs))), list(numbers(json.loads(ours)))
    if len(a) != len(b) or not a:
        sys.exit(f"{name}: {len(a)} numbers, printed and read again {len(b)}")
    for x, y in zip(a, b):
        if x != y and not abs(x - y) <= 1e-9 * (1 + abs(x)) and not (x != x and y != y):
            sys.exit(f"{source}: {name} at order {order}: {x!r}, printed and read again {y!r}\n{theirs}\n{ours}")


os.makedirs(folder, exist_ok=True)
only = [f"--fn={given.pop('--fn')}"] if "--fn" in given else []
for order in range(1, 1 + int(given.pop("--orders", 2))):
    stem = os.path.join(folder, f"order{order}")
    run("grad", source, *only, f"--order={order}", "--emit=tdsl,manifest", "-o", stem)
    run("check", stem + ".tdsl")
    with open(stem + ".json") as file:
        functions = {f["name"]: f for f in json.load(file)["functions"]}
    printed = re.findall(r"^fn (\w+)", open(stem + ".tdsl").read(), re.M)
    checked = 0
    for name in printed:
        function = functions.get(name)
        origin = function and function["origin"]
        depth = 0
        while origin:
            depth, first, origin = depth + 1, origin, functions[origin]["origin"]
        if depth != order:
            continue
        count = 0
        points, flats = arguments(function)
        compare(name, order, run("run", source, first, *points, "--derive=grad", f"--order={order}", "--json"),
                run("run", stem + ".tdsl", name, *flats, "--json"))
        checked += 1
    if not checked:
        sys.exit(f"{source}: nothing to compare at order {order}: {printed}")
    print(f"{os.path.basename(source)}: {checked} derivatives of order {order} agree")
