#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Many short lives under `shrike run`: are all of them seen, and does each know who started it? Prints figures, judges nothing.

  tests/bench/storm.py storm [--seconds 60] [--rate 5000] [--workers 2]   an exec storm; every exec alerts, and is compared
  tests/bench/storm.py churn [--count 1000000]                            memory before and after so many processes
"""

import argparse
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SHRIKE_BUILD", ROOT / "build"))
STORM, LEAF = BUILD / "tests/bench/storm", BUILD / "tests/bench/storm_leaf"
RULES = """
- rule: Leaf
  desc: every program of the storm
  condition: evt.type = execve and proc.exepath = "{leaf}"
  output: "%proc.args %proc.pid %proc.ppid %proc.name %proc.pcmdline %proc.aname[2] %proc.apid[2]"
  priority: NOTICE
"""
LIFE = ("sched_process_fork", "sched_process_exec", "sched_process_exit")


class Monitor:
    """`shrike run` with one rule, alerts into a file."""

    def __init__(self, directory):
        self.alerts = pathlib.Path(directory) / "alerts"
        rules = pathlib.Path(directory) / "rules.yaml"
        rules.write_text(RULES.format(leaf=LEAF))
        self.process = subprocess.Popen([BUILD / "shrike", "run", "--rules", rules, "--format", "json", "--summary", "json"],
                                        stdout=self.alerts.open("wb"), stderr=subprocess.PIPE, text=True)
        log = []
        for line in self.process.stderr:
            log.append(line)
            if line.startswith("shrike: ready"):
                return
        sys.exit("shrike did not start:\n" + "".join(log))

    def memory_kib(self, key="RssAnon:"):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(key):
                return int(line.split()[1])
        return 0

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        """The summary."""
        time.sleep(0.5)
        self.process.send_signal(signal.SIGTERM)
        lines = self.process.stderr.read().strip().splitlines()
        self.process.wait()
        return json.loads(lines[-1])


def lost(summary, hooks):
    return sum(h["lost_ring_full"] + h["lost_no_scratch"] + h["missed"] for name, h in summary["hooks"].items() if name in hooks)


def storm(seconds, rate, workers):
    """What came of it: a dict of figures."""
    with tempfile.TemporaryDirectory(prefix="shrike-storm-") as directory:
        monitor = Monitor(directory)
        start = time.monotonic()
        log = pathlib.Path(directory) / "log"
        subprocess.run([STORM, "exec", LEAF, str(seconds), str(rate), str(workers), log], check=True)
        wall, cpu = time.monotonic() - start, monitor.cpu_seconds()
        summary = monitor.stop()
        began = {}
        for worker in range(workers):
            for line in pathlib.Path(f"{log}.{worker}").read_text().splitlines():
                tag, pid, parent = line.split()
                began[tag] = (int(pid), int(parent))
        seen, wrong, examples = set(), 0, []
        for line in monitor.alerts.open():
            alert = json.loads(line)
            if alert["rule"] != "Leaf":
                continue
            f = alert["output_fields"]
            tag = f["proc.args"]
            if tag not in began:
                continue
            seen.add(tag)
            right = ((f["proc.pid"], f["proc.ppid"]) == began[tag] and f["proc.name"] == "storm_leaf" and f["proc.aname[2]"] == "storm"
                     and f["proc.pcmdline"].startswith(f"storm worker {tag.split('.')[0]} "))
            if not right:
                wrong += 1
                examples.append(f)
    return {"execs": len(began), "per_second": len(began) / wall, "missing": len(began) - len(seen), "wrong": wrong, "examples": examples[:3],
            "life_lost": lost(summary, LIFE), "all_lost": summary["lost"], "processes": summary["processes"], "cpu": cpu / wall}


def churn(count, warm_up=50_000):
    with tempfile.TemporaryDirectory(prefix="shrike-churn-") as directory:
        monitor = Monitor(directory)
        subprocess.run([STORM, "churn", LEAF, str(warm_up)], check=True)
        time.sleep(0.5)
        before, start = monitor.memory_kib(), time.monotonic()
        subprocess.run([STORM, "churn", LEAF, str(count)], check=True)
        wall = time.monotonic() - start
        time.sleep(0.5)
        after = monitor.memory_kib()
        summary = monitor.stop()
    return {"count": count, "per_second": count / wall, "before_kib": before, "after_kib": after, "life_lost": lost(summary, LIFE),
            "all_lost": summary["lost"], "processes": summary["processes"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("storm", "churn"))
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rate", type=float, default=5000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--count", type=int, default=1_000_000)
    arguments = parser.parse_args()
    if arguments.what == "storm":
        r = storm(arguments.seconds, arguments.rate, arguments.workers)
        print(f"exec storm: {r['execs']} execs, {r['per_second']:.0f}/s (asked for {arguments.rate:.0f}/s, {arguments.workers} workers)")
        print(f"  not seen {r['missing']}, lineage wrong {r['wrong']} ({100 * (1 - (r['wrong'] + r['missing']) / max(1, r['execs'])):.4f} % right), "
              f"fork, exec and exit records lost {r['life_lost']}, all records lost {r['all_lost']}, engine CPU {r['cpu']:.2f} of one")
        for example in r["examples"]:
            print(f"  wrong: {example}")
    else:
        r = churn(arguments.count)
        print(f"churn: {r['count']} processes, {r['per_second']:.0f}/s, 9 of 10 clone and exit, 1 of 10 vfork, exec, exit; after a warm-up of 50000")
        print(f"  anonymous RSS {r['before_kib']} KiB -> {r['after_kib']} KiB ({100 * (r['after_kib'] / r['before_kib'] - 1):+.2f} %), "
              f"fork, exec and exit records lost {r['life_lost']}, all records lost {r['all_lost']}")
    print(f"  process table: {r['processes']}")


if __name__ == "__main__":
    main()
