#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails if a header under engine/ or outputs/ does not compile alone, or not when included twice.

    tools/check_headers.py [--build DIR] [HEADER…]

Include paths and definitions are those of DIR/compile_commands.json (default: build).
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def flags_of(database):
    """The -I, -isystem and -D of all C++ commands, each once, in order."""
    flags = {}
    for entry in json.loads(database.read_text(encoding="utf-8")):
        if not entry["file"].endswith(".cc"):
            continue
        words = iter(entry["arguments"] if "arguments" in entry else shlex.split(entry["command"]))
        for word in words:
            if word == "-isystem":
                flags[(word, next(words))] = None
            elif word.startswith(("-I", "-D")):
                flags[(word,)] = None
    return [word for flag in flags for word in flag]


def compile_alone(header, flags):
    name = header.relative_to(ROOT).as_posix()
    text = f'#include "{name}"\n#include "{name}"\n'
    command = ["g++", "-std=c++23", "-fsyntax-only", "-Wall", "-Wextra", "-x", "c++", *flags, f"-I{ROOT}", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else f"{name}: does not stand alone\n{done.stderr}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("headers", nargs="*", type=pathlib.Path)
    options = parser.parse_args()
    database = options.build / "compile_commands.json"
    if not database.exists():
        print(f"check_headers: {database} is missing; `./dev build` makes it", file=sys.stderr)
        return 2
    flags = flags_of(database)
    headers = [h.resolve() for h in options.headers]
    headers = headers or sorted(h for top in ("engine", "outputs") for h in (ROOT / top).rglob("*.h"))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        errors = [error for error in pool.map(lambda header: compile_alone(header, flags), headers) if error]
    for error in errors:
        print(error, end="")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
