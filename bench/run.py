#!/usr/bin/env python3
"""run.py [OPTION...] [ROW...] - the benchmark set.

Compiles each problem with adc and with the peers that are installed (JAX, PyTorch with and without torch.compile, CasADi),
compares every element of every gradient, times all of them in turn, and prints one table. ROW chooses: `gmm`, `gmm:f32`.
Exit status: 0; 1 a gradient is wrong or adc fails; 2 the command line is.
"""
import argparse
import contextlib
import importlib.util
import os
import multiprocessing
import pickle
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import warnings

HERE = os.path.dirname(os.path.abspath(__file__))
PROBLEMS = ["gmm", "lstm", "mlp", "conv", "attention", "brusselator", "nbody", "arm", "logistic", "gp"]
TOLERANCE = {"f64": 1e-9, "f32": 2e-3}
COMPILE_LIMIT = 150  # seconds, for a peer
SAMPLE = 2e-3  # a sample repeats its call until it takes so many seconds
MIN_ROUNDS, MAX_ROUNDS = 5, 200


def one_thread(cpu):
    """Before anything that reads them is loaded."""
    for name in ("OMP", "OPENBLAS", "MKL"):
        os.environ[f"{name}_NUM_THREADS"] = "1"
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    os.environ["JAX_PLATFORMS"] = "cpu"
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    os.environ["PYTHONWARNINGS"] = "ignore"
    warnings.simplefilter("ignore")
    if hasattr(os, "sched_setaffinity"):
        allowed = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {allowed[-1] if cpu is None else cpu})


def load(name):
    spec = importlib.util.spec_from_file_location(name, f"{HERE}/{name}/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows(chosen, small):
    """(problem, sizes, real), in the order of the table."""
    for name in PROBLEMS:
        problem = load(name)
        for real in ("f64", "f32") if getattr(problem, "f32", True) else ("f64",):
            if not chosen or name in chosen or f"{name}:{real}" in chosen:
                for sizes in [problem.small] if small else problem.sizes:
                    yield problem, sizes, real


def make_data(problem, sizes):
    """Every real is one that f32 has too, so that the rows of both types compute the same."""
    import numpy

    made = problem.data(numpy.random.default_rng(1), **sizes)
    narrow = lambda x: x.astype("float32").astype("float64") if x.dtype.kind == "f" else x
    return {name: numpy.ascontiguousarray(narrow(x)) if isinstance(x, numpy.ndarray) else
            float(numpy.float32(x)) if isinstance(x, float) else x for name, x in made.items()}


def as_real(data, real):
    import numpy

    single = lambda x: isinstance(x, numpy.ndarray) and x.dtype.kind == "f" and real == "f32"
    return {name: x.astype("float32") if single(x) else x for name, x in data.items()}


# ---- checking --------------------------------------------------------------------------------------------------------


def error(got, want, real):
    """The largest error of an element, relative to it or, if that is larger, to a small part of the largest of its array: one
    that is small only because large terms cancelled cannot be exact."""
    import numpy

    got, want = numpy.asarray(got, "float64"), numpy.asarray(want, "float64")
    scale = numpy.maximum(abs(want), (1e-4 if real == "f64" else 1e-2) * abs(want).max(initial=0))
    bad = abs(got - want) / numpy.where(scale > 0, scale, 1)
    return float("inf") if numpy.isnan(bad).any() else bad.max(initial=0)


def differences(system, data, problem):
    """The gradient against central differences of five points along random directions, a parameter at a time."""
    import numpy

    random, (_, gradients), worst = numpy.random.default_rng(2), system.result(), 0
    for name in problem.wrt:
        if not isinstance(data[name], numpy.ndarray):
            continue  # by value: its address is not ours to change
        array, keep = data[name], data[name].copy()
        way = random.standard_normal(array.shape)
        want, size, best = (way * gradients[name]).sum(), abs(gradients[name]).sum() / array.size**0.5, float("inf")
        for h in (1e-3, 1e-4, 1e-5, 1e-6):
            at = {}
            for k in (-2, -1, 1, 2):
                array[...] = keep + k * h * way
                at[k] = system.value()
            slope = (at[-2] - 8 * at[-1] + 8 * at[1] - at[2]) / (12 * h)
            best = min(best, abs(slope - want) / max(abs(want), 1e-2 * size, 1e-300))
        array[...] = keep
        worst = max(worst, best)
    return worst


# ---- timing ----------------------------------------------------------------------------------------------------------


def measure(calls, seconds):
    """Medians of `calls`, which take turns, for about so long."""
    times, samples = {}, {name: [] for name in calls}
    for name, call in calls.items():
        once = min(call(1), call(1))
        times[name] = max(1, int(SAMPLE / max(once, 1e-9)))
    start = time.perf_counter()
    for n in range(MAX_ROUNDS):
        if n >= MIN_ROUNDS and time.perf_counter() - start > seconds:
            break
        for name, call in calls.items():
            samples[name].append(call(times[name]) / times[name])
    return {name: statistics.median(s) for name, s in samples.items()}


# ---- a row -----------------------------------------------------------------------------------------------------------


class Row:
    def __init__(self, problem, sizes, real):
        self.name = f"{problem.__name__} {'x'.join(str(v) for v in sizes.values())} {real}"
        self.peers, self.notes, self.errors, self.medians, self.good = {}, {}, {}, {}, False


class Remote:
    """A peer in a process of its own, which can be ended when it compiles for too long, and may crash."""

    def __init__(self, peer, *arguments):
        context = multiprocessing.get_context("fork")
        self.name, (self.pipe, theirs) = peer.name, context.Pipe()
        self.process = context.Process(target=self.serve, args=(theirs, peer, arguments), daemon=True)
        self.process.start()
        theirs.close()
        try:
            if not self.pipe.poll(COMPILE_LIMIT):
                raise TimeoutError(f"compiling takes longer than {COMPILE_LIMIT} s")
            self.compile_seconds = self.receive()
        except Exception:
            self.end()
            raise

    def serve(self, pipe, peer, arguments):
        os.setpgid(0, 0)  # so that the C compilers it starts end with it
        try:
            system = peer(*arguments)
            pipe.send(system.compile_seconds)
            while True:
                method, given = pipe.recv()
                pipe.send(getattr(system, method)(*given))
        except EOFError:
            pass
        except Exception as fault:  # what it throws may be of a type that cannot be sent
            pipe.send(RuntimeError(" ".join(str(fault).split())[:200] or type(fault).__name__))

    def end(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.join()

    def receive(self):
        try:
            answer = self.pipe.recv()
        except EOFError:
            raise RuntimeError("it crashes") from None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def gradient(self, times):
        self.pipe.send(("gradient", (times,)))
        return self.receive()

    def result(self):
        self.pipe.send(("result", ()))
        return self.receive()


def compile_peers(problem, data, real, wanted, folder, row):
    import systems

    made = {}
    for peer in systems.PEERS:
        if peer.name not in wanted:
            continue
        try:
            made[peer.name] = Remote(peer, problem, data, real, folder)
        except Exception as fault:
            row.notes[peer.name] = str(fault)
    return made


def check(row, problem, full, real, adc, made, options):
    """Everyone against an independent derivative: another system's, or differences. For f32: against f64's, which the row of
    f64 compares with the others'."""
    import systems

    adc.gradient(1)
    if real == "f32":
        reference = systems.Adc(problem, full, "f64", options.adc, options.folder, 1)
    else:
        reference = next(iter(made.values()), None)
    if reference:
        reference.gradient(1)
        value, gradients = reference.result()
        for system in [adc, *made.values()]:
            system.gradient(1)
            got, parts = system.result()
            row.errors[system.name] = max([error(got, value, real)] + [error(parts[w], gradients[w], real) for w in problem.wrt])
    else:
        row.errors["differences"] = differences(adc, full, problem) * TOLERANCE["f64"] / 1e-6
    wrong = {name: e for name, e in row.errors.items() if e > TOLERANCE[real]}
    if wrong:
        print(f"{row.name}: WRONG: " + ", ".join(f"{name} {e:.1e}" for name, e in wrong.items()), file=sys.stderr, flush=True)
    for name in wrong:
        if name in made:
            row.notes[name] = f"its gradient is off by {wrong[name]:.1e}"
            made.pop(name).end()
    return not (wrong.keys() & {"adc", "differences"})


def fill(problem, sizes, real, options):
    import systems

    row, full = Row(problem, sizes, real), make_data(problem, sizes)
    data = as_real(full, real)
    adc = systems.Adc(problem, data, real, options.adc, options.folder, 1 if options.check else 3)
    row.compile, row.workspace = adc.compile_seconds, adc.workspace_bytes
    made = compile_peers(problem, data, real, options.peers, options.folder, row)
    try:
        row.good = check(row, problem, full, real, adc, made, options)
        if not options.check:
            calls = {"objective": adc.objective, "adc": adc.gradient, **{name: system.gradient for name, system in made.items()}}
            row.medians = measure(calls, options.seconds)
            row.peers = {name: (row.medians[name], system.compile_seconds) for name, system in made.items()}
    finally:
        for peer in made.values():
            peer.end()
    return row


def in_a_process(work):
    """What work() returns, or None if it crashes: a row must not end the others, nor leave them its memory."""
    there, here = os.pipe()
    child = os.fork()
    if not child:
        status = 1
        try:
            os.close(there)
            with os.fdopen(here, "wb") as file:
                pickle.dump(work(), file)
            status = 0
        except Exception as fault:
            print(f"{type(fault).__name__}: {fault}", file=sys.stderr, flush=True)
        finally:
            os._exit(status)
    os.close(here)
    with os.fdopen(there, "rb") as file:
        data = file.read()
    _, status = os.waitpid(child, 0)
    if status and os.WIFSIGNALED(status):
        print(f"killed by signal {os.WTERMSIG(status)}", file=sys.stderr, flush=True)
    return pickle.loads(data) if data and not status else None


# ---- the table -------------------------------------------------------------------------------------------------------


def duration(seconds):
    for unit, factor in (("s", 1), ("ms", 1e3), ("µs", 1e6)):
        if seconds * factor >= 1:
            break
    return f"{seconds * factor:.3g} {unit}" if seconds * factor < 1000 else f"{seconds * factor:.0f} {unit}"


def size(count):
    for unit, factor in (("MB", 1e6), ("kB", 1e3), ("B", 1)):
        if count >= factor:
            break
    return f"{count / factor:.3g} {unit}" if count else "0"


HEAD = ["problem", "compile", "objective", "gradient", "grad/obj", "workspace"]


def cells(row, columns):
    out = [row.name, duration(row.compile), duration(row.medians["objective"]), duration(row.medians["adc"]),
           f"{row.medians['adc'] / row.medians['objective']:.2f}", size(row.workspace)]
    for column, names in columns.items():
        there = {name: row.peers[name] for name in names if name in row.peers}
        if not there:
            out.append("-")
            continue
        best = min(there, key=there.get)
        seconds, compiling = there[best]
        compiling = f", compile {duration(compiling)}" if best != "PyTorch" else ", eager"
        ratio = seconds / row.medians["adc"]
        out.append(f"{'**' if ratio < 1 else ''}{ratio:.2f}x{'**' if ratio < 1 else ''} ({duration(seconds)}{compiling})")
    return out


def table(made, peers):
    columns = {name: names for name, names in (("JAX", ["JAX"]), ("PyTorch", ["PyTorch", "torch.compile"]), ("CasADi", ["CasADi"]))
               if set(names) & set(peers)}
    lines = [HEAD + list(columns), ["---"] * (len(HEAD) + len(columns))] + [cells(row, columns) for row in made]
    text = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    notes = {}
    for row in made:
        for name, note in row.notes.items():
            if not (name == "CasADi" and row.name.endswith("f32")):
                notes.setdefault((name, note), []).append(row.name)
    return text + "\n\n" + "".join(f"- no {name} for {', '.join(where)}: {note}\n" for (name, note), where in notes.items())


def version(command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\n")[0]
    except (OSError, subprocess.CalledProcessError):
        return "?"


def machine(options):
    from importlib.metadata import version as package

    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as file:
        model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), model)
    packages = {"JAX": "jax", "PyTorch": "torch", "CasADi": "casadi"}
    peers = [f"{name} {package(packages[name])}" for name in options.peers if name in packages]
    return (f"{time.strftime('%d %B %Y', time.gmtime())}; {model}, one core of {os.cpu_count()}; "
            f"{', '.join([version([options.adc, '--version'])] + peers + [version([os.environ.get('CC', 'cc'), '--version'])])}; "
            f"load {os.getloadavg()[0]:.1f} at the end.")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[1])
    parser.add_argument("--adc", default=f"{HERE}/../build/adc")
    parser.add_argument("--seconds", type=float, default=5, help="of timing a row (5)")
    parser.add_argument("--check", action="store_true", help="compare the gradients, time nothing")
    parser.add_argument("--small", action="store_true", help="small sizes")
    parser.add_argument("--peers", help="which: JAX,PyTorch,torch.compile,CasADi; or none")
    parser.add_argument("--cpu", type=int, help="the core to run on (the last)")
    parser.add_argument("-o", dest="output", help="put the table into this file, too, after its line '## Measured'")
    parser.add_argument("rows", nargs="*")
    options = parser.parse_args()
    one_thread(options.cpu)
    sys.path.insert(0, HERE)
    if not importlib.util.find_spec("numpy"):
        sys.exit("bench/run.py: this Python has no numpy: run `make bench/peers`, or install numpy")
    unknown = {row.split(":")[0] for row in options.rows} - set(PROBLEMS)
    if unknown:
        print(f"no problem is called {', '.join(unknown)}: there are {', '.join(PROBLEMS)}", file=sys.stderr)
        return 2
    options.adc = os.path.realpath(options.adc)
    needs = {"JAX": "jax", "PyTorch": "torch", "torch.compile": "torch", "CasADi": "casadi"}
    wanted = needs if options.peers is None else [] if options.peers == "none" else options.peers.split(",")
    options.peers = [name for name in wanted if importlib.util.find_spec(needs[name])]
    made = []
    with tempfile.TemporaryDirectory() as options.folder:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = f"{options.folder}/inductor"  # an empty one: compile time is measured
        for problem, sizes, real in rows(options.rows, options.small):
            row = in_a_process(lambda: fill(problem, sizes, real, options))
            made.append(row or Row(problem, sizes, real))
            if not row:
                print(f"{made[-1].name}: FAILED", file=sys.stderr, flush=True)
                continue
            errors = ", ".join(f"{name} {e:.1e}" for name, e in row.errors.items())
            print(f"{row.name}: errors: {errors}" if options.check else
                  f"{row.name}: {', '.join(f'{name} {duration(t)}' for name, t in row.medians.items())}", file=sys.stderr, flush=True)
    if not options.check:
        text = f"{machine(options)}\n\n{table([row for row in made if row.medians], options.peers)}"
        print(text, end="")
        if options.output:
            before = ""
            if os.path.exists(options.output):
                with open(options.output, encoding="utf-8") as file:
                    before = file.read().split("## Measured\n")[0]
            with open(options.output, "w", encoding="utf-8") as file:
                file.write(f"{before}## Measured\n\n{text}")
    return 0 if all(row.good for row in made) else 1


if __name__ == "__main__":
    sys.exit(main())
