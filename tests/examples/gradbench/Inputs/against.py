"""against.py ADC FILE.tdsl CASES.json: runs adc on each case and compares its results with the recorded ones.

A case is {"run": [function, options...], "give": {argument: value}, "want": {result: value}, "tol": relative tolerance}; the
tolerance is absolute below the largest magnitude of the same result.  reference.py makes the cases."""
import json
import subprocess
import sys


def flat(v):
    if isinstance(v, dict):
        return [x for k in sorted(v) for x in flat(v[k])]
    return [x for u in v for x in flat(u)] if isinstance(v, list) else [v]


def shape(v):
    return [len(v)] + (shape(v[0]) if v else []) if isinstance(v, list) else []


adc, program, cases = sys.argv[1:]
failed = 0
for case in json.load(open(cases)):
    give = [f"{k}={json.dumps(v)}" for k, v in case["give"].items()]
    done = subprocess.run([adc, "run", program, *case["run"], *give, "--json"], capture_output=True, text=True)
    name = " ".join(case["run"])
    if done.returncode:
        print(f"{name}: exit status {done.returncode}: {done.stderr[:2000]}")
        failed = 1
        continue
    got = json.loads(done.stdout)
    if got.keys() != case["want"].keys():
        print(f"{name}: results {sorted(got)}, want {sorted(case['want'])}")
        failed = 1
    for key in got.keys() & case["want"].keys():
        g, w = flat(got[key]), flat(case["want"][key])
        scale = max([abs(x) for x in w], default=0) or 1
        worst = max([abs(x - y) / scale if abs(x - y) < float("inf") else float("inf") for x, y in zip(g, w)], default=0)
        if shape(got[key]) != shape(case["want"][key]) or not worst <= case["tol"]:
            print(f"{name}: {key} is off by {worst:.2g} (tolerance {case['tol']}): {str(got[key])[:200]}, "
                  f"want {str(case['want'][key])[:200]}")
            failed = 1
sys.exit(failed)
