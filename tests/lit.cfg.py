# Configuration of lit, read for every run of `make check`, which passes the parameters below.
#
# A test is a .test, .tdsl or .ir file whose RUN lines are bash. Folders named Inputs, and what is no test by suffix, hold
# material. Substitutions, beside lit's own %s %S %t:
#   %adc             the compiler
#   %cc %cxx         the C and C++ compilers of a user; %cflags, %cxxflags: the strict warnings that a header must pass
#   %run             goes before a program linked with generated code: valgrind under SAN=1, otherwise nothing
#   %native          --cpu=native, but nothing under SAN=1 (valgrind does not know every instruction)
#   %cc_aarch64      a C compiler for aarch64, and %run_aarch64 what runs its programs (REQUIRES: qemu-aarch64)
#   %libadc          what a program that uses driver/adc.h is compiled and linked with
#   %support         the folder of the programs built from tests/support/
#   %src %build      the repository and the build directory; %examples: %src/examples
#   %make            make, with the variables of this build
#   %python          the Python that runs lit
# Features: san, valgrind, cmake, pkg-config, gnuplot, graphviz, qemu-aarch64, numpy, mpfr, tsan, x86_64, aarch64, llvm-NN.
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile

import lit.formats

param = lit_config.params.get
build = param("build")
if not build:
    lit_config.fatal("run the tests by `make check` (or give lit --param build=DIR --param llvm_bin=DIR)")
root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
san = bool(param("san"))

config.name = "adc"
config.test_format = lit.formats.ShTest(execute_external=True)
config.suffixes = [".test", ".tdsl", ".ir"]
config.excludes = ["Inputs", "corpus", "support"]
config.test_source_root = os.path.join(root, "tests")
config.test_exec_root = os.path.join(build, "lit")
if lit_config.maxIndividualTestTimeIsSupported[0]:
    lit_config.maxIndividualTestTime = 600

path = [param("llvm_bin", ""), os.environ["PATH"]]
config.environment["PATH"] = os.pathsep.join(filter(None, path))
config.environment["LC_ALL"] = "C.UTF-8"
config.environment["UBSAN_OPTIONS"] = "print_stacktrace=1"
for name in ("HOME", "ASAN_OPTIONS", "CCACHE_DIR"):
    if name in os.environ:
        config.environment[name] = os.environ[name]

features = config.available_features
for tool, program in (("cmake",) * 2, ("pkg-config",) * 2, ("valgrind",) * 2, ("gnuplot",) * 2, ("graphviz", "dot")):
    if shutil.which(program):
        features.add(tool)
if san:
    features.add("san")
if any(os.path.exists(f"{include}/mpfr.h") for include in ("/usr/include", "/usr/local/include")):
    features.add("mpfr")
if importlib.util.find_spec("numpy"):
    features.add("numpy")
machine = platform.machine()
features.add({"amd64": "x86_64", "arm64": "aarch64"}.get(machine, machine))
llvm_version = param("llvm_version", "").split(".")[0]
if llvm_version:
    features.add("llvm-" + llvm_version)

cc = param("cc", "gcc")
with tempfile.TemporaryDirectory() as folder:
    program = os.path.join(folder, "tsan")
    built = subprocess.run([*cc.split(), "-fsanitize=thread", "-x", "c", "-", "-o", program], input=b"int main(void) { return 0; }", capture_output=True)
    if built.returncode == 0 and shutil.which("setarch") and subprocess.run(["setarch", "-R", program], capture_output=True).returncode == 0:
        features.add("tsan")
cc_aarch64, run_aarch64 = "aarch64-linux-gnu-gcc", "qemu-aarch64 -L /usr/aarch64-linux-gnu"
if machine == "aarch64":
    cc_aarch64, run_aarch64 = cc, ""
if machine == "aarch64" or (shutil.which("aarch64-linux-gnu-gcc") and shutil.which("qemu-aarch64")):
    features.add("qemu-aarch64")

cxx = cc.replace("gcc", "g++") if "gcc" in cc else cc.replace("clang", "clang++") if "clang" in cc else "c++"
if not shutil.which(cxx.split()[0]):
    cxx = "c++"
valgrind = "valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite"
warnings = "-Wall -Wextra -Wpedantic -Werror"
libadc = f"-I{root}/driver {param('sanflags', '')} {build}/libadc.a {param('llvm_libs', '')} -lm -lpthread"

for name, value in (
    ("adc", f"{build}/adc"),
    ("cc", cc),
    ("cxx", cxx),
    ("cflags", f"-std=c99 {warnings}"),
    ("cxxflags", f"-std=c++17 {warnings}"),
    ("run", valgrind if san and "valgrind" in features else ""),
    ("native", "" if san else "--cpu=native"),
    ("cc_aarch64", cc_aarch64),
    ("run_aarch64", run_aarch64),
    ("libadc", libadc),
    ("support", f"{build}/tests"),
    ("make", param("make", "make")),
    ("src", root),
    ("build", build),
    ("examples", f"{root}/examples"),
    ("python", sys.executable),
):
    config.substitutions.append((rf"%{name}\b", value))
