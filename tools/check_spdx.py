#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails if a source file does not name its licence, once, in its first three lines, and the one of its folder.

    tools/check_spdx.py [ROOT]
    tools/check_spdx.py --self-test
"""
import pathlib
import re
import sys

# The tag is written in two pieces, so that this file has only one of its own.
TAG = re.compile("SPDX-License-" + r"Identifier:\s*(.*?)\s*(\*/|-->)?$")
FOLDERS = ("bpf", "engine", "outputs", "tests", "tools", "cmake", "rules", "deploy", ".ci")
TOP_FILES = ("dev", "CMakeLists.txt")
SUFFIXES = {".h", ".cc", ".c", ".py", ".sh", ".cmake", ".yaml"}
NAMES = {"CMakeLists.txt", "layers.txt", "run"}
ENGINE = "Apache-2.0"
KERNEL = "GPL-2.0-only OR BSD-2-Clause"


def licence_of(file):
    """What runs in the kernel must be GPL-compatible; all else is the engine's."""
    in_kernel = file.endswith((".bpf.c", ".bpf.h")) or (file.startswith("bpf/") and file.endswith((".c", ".h")))
    return KERNEL if in_kernel else ENGINE


def check_text(file, text):
    want = licence_of(file)
    found = [match[1] for match in map(TAG.search, text.splitlines()[:3]) if match]
    if len(found) != 1:
        return f"{file}:1: {len(found)} licence lines in the first three, want one: {want}"
    return None if found[0] == want else f"{file}:1: licence {found[0]}, want {want}"


def check_tree(root):
    files = [root / name for name in TOP_FILES]
    for folder in FOLDERS:
        files += [p for p in (root / folder).rglob("*") if p.is_file() and (p.suffix in SUFFIXES or p.name in NAMES)]
    for path in sorted(files):
        offence = check_text(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8", errors="replace"))
        if offence:
            yield offence


def self_test():
    line = "SPDX-License-" + "Identifier: "
    rows = [
        ("engine/a.cc", f"// {line}{ENGINE}\nint a;\n", True),
        ("engine/a.py", f"#!/usr/bin/env python3\n# {line}{ENGINE}\n", True),
        ("engine/a.cc", "int a;\n", False),
        ("engine/a.cc", f"\n\n\n// {line}{ENGINE}\n", False),
        ("engine/a.cc", f"// {line}{ENGINE}\n// {line}{ENGINE}\n", False),
        ("engine/a.cc", f"// {line}{KERNEL}\n", False),
        ("bpf/a.h", f"/* {line}{KERNEL} */\n", True),
        ("bpf/a.bpf.c", f"// {line}{KERNEL}\n", True),
        ("bpf/a.h", f"/* {line}{ENGINE} */\n", False),
        ("tests/bench/a.bpf.c", f"// {line}{KERNEL}\n", True),
        ("tests/bench/a.c", f"// {line}{KERNEL}\n", False),
        ("bpf/CMakeLists.txt", f"# {line}{ENGINE}\n", True),
    ]
    return [f"{file}: {text!r}: want {good}" for file, text, good in rows if (check_text(file, text) is None) != good]


def main(args):
    if args == ["--self-test"]:
        lines = self_test()
    else:
        lines = list(check_tree(pathlib.Path(args[0]) if args else pathlib.Path(__file__).resolve().parent.parent))
    for line in lines:
        print(line)
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
