"""json_fields.py FILE - reads diagnostics as JSON and prints their fields, a line each."""
import json
import sys


def place(d):
    return f"{d['line']}:{d['column']}-{d['endLine']}:{d['endColumn']}"


with open(sys.argv[1], encoding="utf-8") as file:
    for d in json.load(file):
        assert d["file"].endswith(".tdsl")
        print(d["severity"], d["code"], place(d), d["message"])
        for n in d["notes"]:
            print("note", place(n), n["message"])
        for h in d["help"]:
            print("help", h)
