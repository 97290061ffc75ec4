#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What watching costs: each workload alone and under `shrike run`, in turn, within one run. Prints figures, judges nothing.

  tests/bench/overhead.py [--rules FILE|DIR] [--pairs N] [--scale X] [workload …]
"""

import argparse
import contextlib
import json
import os
import pathlib
import resource
import signal
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SHRIKE_BUILD", ROOT / "build"))
COUNTS = {"open": 1_000_000, "spawn": 5_000, "connect": 50_000, "getppid": 10_000_000}


def run_workload(name, scale):
    """Wall and CPU seconds of one run."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run([BUILD / "tests/bench/workload", name, str(int(COUNTS[name] * scale))], check=True)
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - start
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_kib(pid, key):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1])
    return 0


@contextlib.contextmanager
def shrike(rules):
    """A running daemon; yields a dict that gets its figures."""
    figures, start = {}, time.monotonic()
    process = subprocess.Popen([BUILD / "shrike", "run", "--rules", rules, "--format", "json", "--summary", "json"], stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True)
    log = []
    for line in process.stderr:
        log.append(line)
        if line.startswith("shrike: ready"):
            break
    else:
        sys.exit("shrike did not start:\n" + "".join(log))
    figures["start_s"], figures["start_cpu_s"] = time.monotonic() - start, cpu_seconds(process.pid)
    yield figures
    time.sleep(0.3)  # what is in the rings
    figures["cpu_s"] = cpu_seconds(process.pid) - figures["start_cpu_s"]
    figures["rss_mib"], figures["rss_anon_mib"] = memory_kib(process.pid, "VmRSS:") / 1024, memory_kib(process.pid, "RssAnon:") / 1024
    process.send_signal(signal.SIGTERM)
    figures["summary"] = json.loads(process.stderr.read().strip().splitlines()[-1])
    process.wait()


@contextlib.contextmanager
def empty_program():
    process = subprocess.Popen([BUILD / "tests/bench/hold_program", BUILD / "tests/bench/empty_sys_exit.bpf.o"], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE)
    if process.stdout.readline() != b"ready\n":
        sys.exit("the empty program did not attach")
    yield {}
    process.stdin.close()
    process.wait()


def ratio(pairs, index):
    ratios = [b[index] / a[index] for a, b in pairs]
    return f"{statistics.median(ratios):.3f} ({min(ratios):.3f}-{max(ratios):.3f})"


def compare(title, name, scale, pairs, baseline, monitored):
    """A B A B …: baseline and monitored are context managers."""
    results, figures = [], []
    for _ in range(pairs):
        with baseline():
            a = run_workload(name, scale)
        with monitored() as extra:
            b = run_workload(name, scale)
        results.append((a, b))
        figures.append(extra)
    a_wall, b_wall = statistics.median(a[0] for a, _ in results), statistics.median(b[0] for _, b in results)
    print(f"{title:34} wall {a_wall:7.3f} s -> {b_wall:7.3f} s  ratio {ratio(results, 0)}  cpu ratio {ratio(results, 1)}", flush=True)
    for extra in figures:
        if not extra:
            continue
        summary = extra["summary"]
        print(f"    engine cpu {extra['cpu_s']:.2f} s, {summary['events']} events, {summary['lost']} lost, "
              f"start {extra['start_s']:.2f} s (cpu {extra['start_cpu_s']:.2f} s), rss {extra['rss_mib']:.1f} MiB (anonymous {extra['rss_anon_mib']:.1f})", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rules", default=str(ROOT / "rules"))
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help="of the workloads' counts")
    parser.add_argument("workloads", nargs="*", default=list(COUNTS))
    arguments = parser.parse_args()
    print(f"rules {arguments.rules}, {arguments.pairs} pairs, median (min-max)")
    nothing = contextlib.nullcontext
    for name in arguments.workloads or COUNTS:
        compare(f"{name}: alone -> shrike", name, arguments.scale, arguments.pairs, nothing, lambda: shrike(arguments.rules))
        if name == "getppid":
            compare("getppid: alone -> empty sys_exit", name, arguments.scale, arguments.pairs, nothing, empty_program)
            compare("getppid: empty sys_exit -> shrike", name, arguments.scale, arguments.pairs, empty_program, lambda: shrike(arguments.rules))


if __name__ == "__main__":
    main()
