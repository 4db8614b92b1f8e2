"""The systems that the table compares. Each class compiles the gradient of a problem for the sizes of its data, and offers

    compile_seconds       from source to callable; for JAX and torch.compile until the first result
    gradient(times)       seconds that so many calls take; each computes the value too
    result()              (value, {parameter: gradient}), of the last call

An array's memory is what the problem's `data` made, row-major. CasADi's matrices are column-major and have two axes: it sees
(rows, columns) of an array of two axes as (columns, rows), and more axes with all but the last as columns.
"""
import ctypes
import itertools
import json
import logging
import os
import statistics
import subprocess
import time

import numpy

HERE = os.path.dirname(os.path.abspath(__file__))
CC = os.environ.get("CC", "cc")


class Failed(Exception):
    """Why a system has no number in a row."""


def run(command):
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise Failed(f"{' '.join(command)}: {done.stderr.strip()[-400:]}")
    return time.perf_counter() - start


_driver = None
_made = itertools.count()


def driver(folder):
    global _driver
    if not _driver:
        run([CC, "-O2", "-fPIC", "-shared", os.path.join(HERE, "call.c"), "-o", f"{folder}/call.so"])
        _driver = ctypes.CDLL(f"{folder}/call.so")
        _driver.repeat_packed.restype = _driver.repeat_casadi.restype = ctypes.c_double
    return _driver


def is_array(value):
    return isinstance(value, numpy.ndarray)


class Adc:
    name = "adc"
    C_TYPES = {"f64": ctypes.c_double, "f32": ctypes.c_float, "i64": ctypes.c_int64, "i32": ctypes.c_int32}

    def __init__(self, problem, data, real, adc, folder, compiles=3):
        stem = f"{folder}/adc{next(_made)}"  # a library that is loaded must not be written again
        command = [adc, "grad", "--cpu=native", f"--real={real}", f"--fn={problem.function}", f"--wrt={','.join(problem.wrt)}",
                   "--emit=obj,manifest", "-o", stem, os.path.join(HERE, problem.__name__, problem.source)]
        self.compile_seconds = statistics.median(run(command) for _ in range(compiles))
        run([CC, "-shared", f"{stem}.o", "-lm", "-o", f"{stem}.so"])
        self.driver = driver(folder)
        self.library = ctypes.CDLL(f"{stem}.so")
        with open(f"{stem}.json", encoding="utf-8") as file:
            self.functions = {f["name"]: f for f in json.load(file)["functions"]}
        self.problem, self.keep = problem, []
        self.results = {}
        self.calls = {name: self.prepare(name, data, real) for name in (problem.function, f"{problem.function}_grad")}

    def prepare(self, name, data, real):
        """The function and its packed arguments: the addresses of the values."""
        args = self.functions[name]["args"]
        of = lambda arg: data[arg["name"]] if arg["name"] in data else data[arg["name"].rstrip("_")]  # C may own a name
        dims = {formula: extent for arg in args if arg["role"] == "param" and arg["rank"]
                for formula, extent in zip(arg["shape"], of(arg).shape)}
        values, sizes = [], []
        for arg in args:
            role, number = arg["role"], self.C_TYPES.get(arg["type"])
            if role == "dim":
                value = number(dims[arg["name"]])
            elif role == "param":
                value = self.pointer(of(arg)) if arg["rank"] else number(of(arg))
            elif role == "workspace":
                value = self.pointer(self.workspace(name, sizes))
            else:
                what = of(args[arg["of"]]) if role == "gradient" else 0.0
                array = numpy.zeros(numpy.shape(what), "float64" if real == "f64" else "float32")
                self.results[name, args[arg["of"]]["name"] if role == "gradient" else None] = array
                value = self.pointer(array)
            if role == "dim" or role == "param" and arg["type"] == "i64" and not arg["rank"]:
                sizes.append(value)
            values.append(value)
        self.keep += values
        return self.library[f"{name}_packed"], (ctypes.c_void_p * len(values))(*map(ctypes.addressof, values))

    def pointer(self, array):
        self.keep.append(array)
        return ctypes.c_void_p(array.ctypes.data)

    def workspace(self, name, sizes):
        """An adc_ws: base, len, and words that the call sets."""
        formula = self.library[f"{name}_ws"]
        formula.restype = ctypes.c_size_t
        self.workspace_bytes = formula(*sizes)
        memory = numpy.zeros(self.workspace_bytes + 64, "uint8")
        self.keep.append(memory)
        base = (memory.ctypes.data + 63) // 64 * 64
        return numpy.array([base, self.workspace_bytes, 0, 0, 0, 0, 0, 0], "uint64")

    def call(self, name, times):
        function, packed = self.calls[name]
        seconds = self.driver.repeat_packed(function, packed, ctypes.c_long(times))
        if seconds < 0:
            raise Failed(f"{name} fails")
        return seconds

    def objective(self, times):
        return self.call(self.problem.function, times)

    def gradient(self, times):
        return self.call(f"{self.problem.function}_grad", times)

    def value(self):
        self.objective(1)
        return float(self.results[self.problem.function, None])

    def result(self):
        name = f"{self.problem.function}_grad"
        return float(self.results[name, None]), {what: self.results[name, what] for what in self.problem.wrt}


class Jax:
    name = "JAX"

    def __init__(self, problem, data, real, folder):
        import jax

        jax.config.update("jax_enable_x64", True)
        self.problem, self.jax = problem, jax
        function = problem.in_jax()
        names = [name for name, value in data.items() if is_array(value) or name in problem.wrt]
        fixed = {name: value for name, value in data.items() if name not in names}
        self.arrays = [jax.numpy.asarray(data[name], None if is_array(data[name]) else "float64" if real == "f64" else "float32")
                       for name in names]
        of = lambda *arrays: function(*({**dict(zip(names, arrays)), **fixed}[name] for name in data))
        self.function = jax.jit(jax.value_and_grad(of, [names.index(name) for name in problem.wrt]))
        start = time.perf_counter()
        self.gradient(1)
        self.compile_seconds = time.perf_counter() - start

    def gradient(self, times):
        start = time.perf_counter()
        for _ in range(times):
            self.last = self.jax.block_until_ready(self.function(*self.arrays))
        return time.perf_counter() - start

    def result(self):
        value, gradients = self.last
        return float(value), {name: numpy.asarray(g) for name, g in zip(self.problem.wrt, gradients)}


class Torch:
    """Eagerly."""
    name = "PyTorch"

    def __init__(self, problem, data, real, folder):
        import torch

        logging.getLogger("torch").setLevel(logging.CRITICAL + 1)
        torch.set_num_threads(1)
        self.problem, self.torch = problem, torch
        self.function = problem.in_torch(self.compiled)
        real = torch.float64 if real == "f64" else torch.float32
        self.data = {name: torch.from_numpy(value.astype("int64") if value.dtype.kind == "i" else value.copy())
                     if is_array(value) else torch.tensor(value, dtype=real) if name in problem.wrt else value
                     for name, value in data.items()}
        self.wrt = [self.data[name].requires_grad_() for name in problem.wrt]
        start = time.perf_counter()
        self.gradient(1)
        self.compile_seconds = time.perf_counter() - start

    def compiled(self, function):
        return function

    def gradient(self, times):
        start = time.perf_counter()
        for _ in range(times):
            value = self.function(*self.data.values())
            self.last = value, self.torch.autograd.grad(value, self.wrt)
        return time.perf_counter() - start

    def result(self):
        value, gradients = self.last
        return float(value.detach()), {name: g.numpy() for name, g in zip(self.problem.wrt, gradients)}


class TorchCompile(Torch):
    name = "torch.compile"

    def compiled(self, function):
        self.torch._dynamo.reset()
        return self.torch.compile(function, dynamic=False)


class Casadi:
    """Through its generated C."""
    name = "CasADi"

    def __init__(self, problem, data, real, folder):
        if isinstance(problem.in_casadi, str):
            raise Failed(problem.in_casadi)
        if real != "f64":
            raise Failed("CasADi computes in f64")
        import casadi as ca

        self.problem = problem
        reals = [name for name, value in data.items() if name in problem.wrt or is_array(value) and value.dtype.kind == "f"]
        start = time.perf_counter()
        symbols = {name: ca.MX.sym(name, *self.shape(data[name])) for name in reals}
        value = problem.in_casadi(ca, *(symbols.get(name, value) for name, value in data.items()))
        wrt = [symbols[name] for name in problem.wrt]
        adjoints = ca.jtimes(value, ca.veccat(*wrt), ca.DM(1), True)
        cuts = numpy.cumsum([0] + [w.numel() for w in wrt])
        function = ca.Function("gradient", list(symbols.values()), [value] + [adjoints[a:b] for a, b in zip(cuts, cuts[1:])])
        stem = f"casadi{next(_made)}"
        here = os.getcwd()
        os.chdir(folder)  # where it writes
        try:
            function.generate(f"{stem}.c", {"with_header": False})
        finally:
            os.chdir(here)
        stem = f"{folder}/{stem}"
        run([CC, "-O3", "-march=native", "-fPIC", "-shared", f"{stem}.c", "-lm", "-o", f"{stem}.so"])
        self.compile_seconds = time.perf_counter() - start
        self.load(function, f"{stem}.so", folder, [data[name] for name in reals], [data[name] for name in problem.wrt])

    @staticmethod
    def shape(value):
        shape = numpy.shape(value)
        return (shape[-1], int(numpy.prod(shape[:-1]))) if len(shape) > 1 else (shape or (1,))[0:1] + (1,)

    def load(self, function, library, folder, given, wrt):
        self.driver = driver(folder)
        self.function = ctypes.CDLL(library).gradient
        self.inputs = [numpy.ascontiguousarray(value, "float64") for value in given]
        self.outputs = [numpy.zeros(())] + [numpy.zeros(numpy.shape(value)) for value in wrt]
        sizes = function.sz_arg(), function.sz_res(), function.sz_iw(), function.sz_w()
        self.args, self.results = ((ctypes.c_void_p * n)(*(a.ctypes.data for a in arrays))
                                   for n, arrays in zip(sizes, (self.inputs, self.outputs)))
        self.words = (ctypes.c_longlong * (sizes[2] + 1))(), (ctypes.c_double * (sizes[3] + 1))()

    def gradient(self, times):
        seconds = self.driver.repeat_casadi(self.function, self.args, self.results, *self.words, ctypes.c_long(times))
        if seconds < 0:
            raise Failed("the generated function fails")
        return seconds

    def result(self):
        return float(self.outputs[0]), dict(zip(self.problem.wrt, self.outputs[1:]))


PEERS = [Jax, Torch, TorchCompile, Casadi]
