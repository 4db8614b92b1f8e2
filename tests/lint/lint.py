#!/usr/bin/env python3
"""lint.py [ROOT] - the rules of the source tree that a machine can check; one line a fault, exit status 1 if there is one.

The law of dependence: which folder may include which. Sizes: files and lines that fit a reader. Openings: every C file
begins with a comment. Cleanliness: no tabs, no trailing blanks, no notes to be done later, no path of one machine.
"""
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "..", ".."))
MAX_LINES, MAX_COLUMNS = 600, 140  # clang-format breaks lines at 120; a table may be wider

# Who may include whom, beside itself. The host tool of the rule table is a program of its own that needs the grammar.
LAW = {
    "ir": set(),
    "frontend": {"ir"},
    "passes": {"ir"},
    "passes/rulegen": {"ir", "frontend"},
    "codegen": {"ir"},
    "runtime": set(),
    "driver": {"ir", "frontend", "passes", "codegen"},
}
LLVM_MAY = "codegen"
# A driver sees the other folders through their one public header; likewise every folder sees ir.
PRIVATE_MAY = {"passes/rulegen"}

# Numbers of the runtime by which codegen/plan.h plans memory: neither folder sees the other.
TWINS = {"PRODUCT_TERMS": ("gemm.c", "KC"), "PRODUCT_ROWS": ("gemm.c", "MC"), "PRODUCT_CACHED": ("gemm.c", "CACHED"),
         "OPERAND_LINES": ("gemm.c", "LINES"), "OPERAND_WHOLE": ("gemm.c", "WHOLE"), "FACTOR_ROWS": ("matrix.h", "SMALL")}

# Files longer than MAX_LINES that a cut would make harder to read, each with its reason.
LONG = {}

SOURCE = (".c", ".h", ".l", ".y", ".def", ".rules")
TEXT = SOURCE + (".py", ".sh", ".test", ".tdsl", ".ir", ".md", ".in")
faults = []


def fault(path, line, what):
    faults.append(f"{os.path.relpath(path, ROOT)}:{line}: {what}")


def folder_of(rel):
    parts = os.path.dirname(rel).split(os.sep)
    both = "/".join(parts[:2])
    return both if both in LAW else parts[0]


def check_include(path, rel, number, line):
    match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
    if not match:
        return
    kind, name = match.groups()
    mine = folder_of(rel)
    if mine not in LAW:
        return
    if re.match(r"llvm(-c)?/", name):
        if mine != LLVM_MAY:
            fault(path, number, f"LLVM's headers are for {LLVM_MAY}/ only: {name}")
        return
    if kind == "<":
        return
    theirs = folder_of(name)
    if theirs not in LAW:
        fault(path, number, f'includes are written from the repository root: "{name}"')
    elif theirs != mine and theirs not in LAW[mine] and not mine.startswith(theirs + "/"):
        fault(path, number, f"{mine}/ may not include {theirs}/")
    elif theirs != mine and mine not in PRIVATE_MAY and name.endswith(".h") and not mine.startswith(theirs + "/"):
        public = f"{theirs}/{theirs}.h"
        if name != public:
            fault(path, number, f"{theirs}/ is seen from outside through {public} only: {name}")


def check_file(path):
    rel = os.path.relpath(path, ROOT)
    with open(path, encoding="utf-8", errors="replace") as file:
        text = file.read()
    lines = text.split("\n")
    code = rel.endswith(SOURCE)
    if text and not text.endswith("\n"):
        fault(path, len(lines), "no newline at the end of the file")
    if rel.endswith((".c", ".h")) and folder_of(rel) in LAW and not text.startswith("/*"):
        fault(path, 1, "a file opens with a comment: what it requires and ensures")
    if code and len(lines) - 1 > MAX_LINES and rel not in LONG:
        fault(path, len(lines) - 1, f"{len(lines) - 1} lines; at most {MAX_LINES}, or a reason in tests/lint/lint.py")
    for number, line in enumerate(lines, 1):
        if code:
            check_include(path, rel, number, line)
            if len(line) > MAX_COLUMNS:
                fault(path, number, f"{len(line)} columns; at most {MAX_COLUMNS}")
            if "\t" in line:
                fault(path, number, "a tab")
        if line != line.rstrip() and not rel.endswith(".md") and "/Inputs/" not in rel:
            fault(path, number, "trailing blanks")
        if re.search(r"\b(TODO|FIXME|XXX|HACK)\b", line) and not rel.startswith("tests/lint/"):
            fault(path, number, "a note for later: do it, or say in the documentation that it is missing")
        if re.search(r"(^|[\s\"'=(])/(home|root|work|Users)/", line) and not rel.startswith("tests/lint/"):
            fault(path, number, "a path of one machine")


def check_twins():
    def number(path, name):
        with open(path, encoding="utf-8") as file:
            found = re.search(rf"\b{name}\)? = (\d+)", file.read())
        return found and found[1]

    plan = os.path.join(ROOT, "codegen", "plan.h")
    for name, (file, theirs) in TWINS.items() if os.path.exists(plan) else ():
        if number(plan, name) != number(os.path.join(ROOT, "runtime", file), theirs):
            fault(plan, 1, f"{name} is {theirs} of runtime/{file}")


def files():
    for folder, folders, names in os.walk(ROOT):
        folders[:] = sorted(
            f for f in folders if not f.startswith((".git", "build", "__pycache__")) and not (folder == ROOT and f.startswith("."))
            and not (f == "corpus" and folder.endswith("fuzz")) and f != "Inputs"
            and not os.path.exists(os.path.join(folder, f, "pyvenv.cfg")))
        for name in sorted(names):
            if name.endswith(TEXT):
                yield os.path.join(folder, name)


def check_format(paths):
    """Formats differ between versions of clang-format, so what it says is advice."""
    tool = shutil.which("clang-format")
    if not tool:
        return
    sources = [p for p in paths if p.endswith((".c", ".h")) and folder_of(os.path.relpath(p, ROOT)) in LAW]
    odd = []
    for path in sources:
        run = subprocess.run([tool, "--dry-run", "--Werror", "--ferror-limit=1", path], capture_output=True, cwd=ROOT)
        if run.returncode:
            odd.append(os.path.relpath(path, ROOT))
    if odd:
        print(f"lint: advice: clang-format would change {len(odd)} of {len(sources)} files: {' '.join(odd)}")


paths = list(files())
for path in paths:
    check_file(path)
check_twins()
for rel in LONG:
    if not os.path.exists(os.path.join(ROOT, rel)):
        fault(os.path.join(ROOT, rel), 1, "named as long in tests/lint/lint.py, but not there")
for line in faults:
    print(line)
if os.environ.get("LINT_FORMAT"):
    check_format(paths)
print(f"lint: {len(paths)} files, {len(faults)} faults")
sys.exit(bool(faults))
