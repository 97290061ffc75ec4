#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails if a file includes what tools/layers.txt does not grant its folder.

    tools/check_layers.py [ROOT]        one line per offence: file:line: X may not include Y
    tools/check_layers.py --self-test   the checker against a made-up tree
"""
import pathlib
import re
import sys
import tempfile

INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')
SUFFIXES = {".h", ".cc", ".c"}
TOP = ("bpf", "engine", "outputs", "tests")


class TableError(Exception):
    pass


def read_table(text):
    """Returns (folder → folders it may include, foreign header prefix → folders that may include it)."""
    folders, foreign, seen_in = {}, {}, {}
    for number, line in enumerate(text.splitlines(), 1):
        line = line.split("#")[0].strip()
        if not line:
            continue
        name, colon, granted = line.partition(":")
        if not colon or not name.strip():
            raise TableError(f"layers.txt:{number}: want `folder: folders`")
        name, granted = name.strip(), granted.split()
        if name in seen_in:
            raise TableError(f"layers.txt:{number}: {name} is listed twice")
        seen_in[name] = number
        if name[0] in '<"':
            foreign[name.rstrip('>"')] = granted
            continue
        if granted == ["*"]:
            granted = list(folders)
        for other in granted:
            # Folders are listed lowest first; so what is granted is known, and a cycle can't be written down.
            if other not in folders:
                why = "itself" if other == name else "a folder not listed above it (a cycle, or a wrong name)"
                raise TableError(f"layers.txt:{number}: {name} names {why}: {other}")
        folders[name] = {name, *granted}
    return folders, foreign


def layer_of(path, folders):
    """The longest listed folder that holds `path`."""
    return max((f for f in folders if path.startswith(f + "/")), key=len, default=None)


def check_include(root, folders, foreign, file, quote, target):
    """What is wrong with `file` including `target`; None if nothing."""
    mine = layer_of(file, folders)
    if mine is None:
        return f"{file.rpartition('/')[0]} is not in layers.txt"
    owners = next((o for prefix, o in foreign.items() if (quote + target).startswith(prefix)), None)
    if owners is not None:
        if any(file.startswith(owner + "/") for owner in owners):
            return None
        return f"{mine} may not include {target}"
    if quote == "<":
        return f'{target} is ours: include it with "…"' if target.split("/")[0] in TOP and (root / target).exists() else None
    if target.startswith((".", "/")) or "/../" in target or not (root / target).is_file():
        return f'"{target}" is no path from the root of the tree'
    other = layer_of(target, folders)
    if other is None:
        return f"{target.rpartition('/')[0]} is not in layers.txt"
    return None if other in folders[mine] else f"{mine} may not include {other}"


def check_tree(root, table):
    folders, foreign = read_table(table)
    offences = []
    for path in sorted(p for top in TOP for p in (root / top).rglob("*") if p.suffix in SUFFIXES):
        file = path.relative_to(root).as_posix()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            match = INCLUDE.match(line)
            offence = match and check_include(root, folders, foreign, file, match[1], match[2])
            if offence:
                offences.append(f"{file}:{number}: {offence}")
    return offences


TREE = {
    "bpf/abi/event.h": "#include <linux/types.h>",
    "bpf/iter/task.bpf.c": '#include "vmlinux.h"\n#include <bpf/bpf_helpers.h>\n#include "bpf/abi/event.h"',
    "engine/base/result.h": "#include <string>",
    "engine/event/event.h": '#include "engine/base/result.h"\n#include "bpf/abi/event.h"',
    "engine/event/value.h": '#include "value_tables.h"\n#include "../base/result.h"',
    "engine/decode/decode.h": '#include "bpf/abi/event.h"\n  #  include "engine/event/event.h"  // why\n#include <bpf/libbpf.h>',
    "engine/stray/a.cc": '#include "engine/base/result.h"',
    "engine/app/main.cc": '#include <spdlog/spdlog.h>\n#include "engine/decode/decode.h"\n#include "tests/support/fakes.h"',
    "tests/support/fakes.h": '#include "engine/decode/decode.h"\n#include <spdlog/spdlog.h>\n#include <engine/base/result.h>',
}
TABLE = """
bpf/abi:
bpf/iter: bpf/abi
engine/base:
engine/event: engine/base
engine/decode: engine/base engine/event bpf/abi   # a remark
engine/app: *
tests: *
<bpf/>: bpf engine/kernel
"vmlinux.h": bpf
<spdlog/>: engine/app
"""
WANTED = """\
engine/app/main.cc:3: engine/app may not include tests
engine/decode/decode.h:3: engine/decode may not include bpf/libbpf.h
engine/event/event.h:2: engine/event may not include bpf/abi
engine/event/value.h:1: "value_tables.h" is no path from the root of the tree
engine/event/value.h:2: "../base/result.h" is no path from the root of the tree
engine/stray/a.cc:1: engine/stray is not in layers.txt
tests/support/fakes.h:2: tests may not include spdlog/spdlog.h
tests/support/fakes.h:3: engine/base/result.h is ours: include it with "…\""""
BAD_TABLES = {
    "a: b\nb: a": "layers.txt:1: a names a folder not listed above it (a cycle, or a wrong name): b",
    "a:\nb: c a": "layers.txt:2: b names a folder not listed above it (a cycle, or a wrong name): c",
    "a: a": "layers.txt:1: a names itself: a",
    "a:\na:": "layers.txt:2: a is listed twice",
    "a b": "layers.txt:1: want `folder: folders`",
}


def self_test():
    failures = []
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        for file, text in TREE.items():
            (root / file).parent.mkdir(parents=True, exist_ok=True)
            (root / file).write_text(text + "\n", encoding="utf-8")
        got = check_tree(root, TABLE)
    failures += [f"missed: {line}" for line in WANTED.splitlines() if line not in got]
    failures += [f"unwanted: {line}" for line in got if line not in WANTED.splitlines()]
    for table, want in BAD_TABLES.items():
        try:
            read_table(table)
            failures.append(f"accepted: {table!r}")
        except TableError as error:
            if str(error) != want:
                failures.append(f"{table!r}: {error}, want {want}")
    return failures


def main(args):
    root = pathlib.Path(__file__).resolve().parent.parent
    if args == ["--self-test"]:
        lines = self_test()
    else:
        if args:
            root = pathlib.Path(args[0])
        try:
            lines = check_tree(root, (root / "tools/layers.txt").read_text(encoding="utf-8"))
        except TableError as error:
            lines = [f"tools/{error}"]
    for line in lines:
        print(line)
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
