#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a flood of opens loses, and who: a million opens in one cgroup under a running daemon, alone and beside a quiet cgroup whose
opens of a watched file are all to be alerted. Prints figures; exits 1 if a verdict or process record was lost, if a loss was not counted,
or if the quiet cgroup lost an alert.

  tests/bench/flood.py [--opens N] [--workers N] [--ring SIZE] [--quota PERCENT] [--rules FILE|DIR]
"""

import argparse
import contextlib
import json
import os
import pathlib
import shutil
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SHRIKE_BUILD", ROOT / "build"))
os.environ.setdefault("SHRIKE_BINARY", str(BUILD / "shrike"))
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
from harness import Cgroup, Shrike, token, wait_for  # noqa: E402

WATCHED = 1000


def show(title, seconds, summary, notices):
    """The table of one run; True if every record is accounted for, and no verdict or process record is lost."""
    exact = True
    print(f"{title}: {seconds:.2f} s")
    for name, one in summary["classes"].items():
        lost = one["lost_ring_full"] + one["lost_no_scratch"] + one["lost_quota"]
        exact &= one["produced"] == one["delivered"] + lost and (name == "events" or lost == 0)
        print(f"    {name:10} produced {one['produced']:9} = delivered {one['delivered']:9} + lost {lost:9} (quota {one['lost_quota']}, "
              f"ring full {one['lost_ring_full']}, no buffer {one['lost_no_scratch']})")
    for name, one in summary["hooks"].items():
        exact &= one["produced"] == one["delivered"] + one["lost_ring_full"] + one["lost_no_scratch"] + one["lost_quota"]
    reported = max((notice["output_fields"]["lost_total"] for notice in notices), default=0)
    exact &= reported == summary["lost"]
    print(f"    lost by cgroup {summary['cgroups_lost']}; {len(notices)} loss alerts tell of {reported}; every record accounted for: {exact}", flush=True)
    return exact


def run(arguments, rules, config, quiet):
    """One flood; the quiet cgroup's opens that were alerted."""
    mark = token()
    watched = pathlib.Path(arguments.scratch) / mark
    watched.touch()
    own = pathlib.Path(arguments.scratch) / "own.yaml"
    own.write_text(json.dumps([{"rule": "Watched file", "desc": "d", "condition": f"evt.type in (open, openat) and fd.name endswith {mark} and fd.num >= 0",
                                "output": "%fd.name", "priority": "NOTICE"}]))
    daemon = Shrike("--summary", "json", "--config", config, "--rules", rules, "--rules", own).wait_ready()
    with contextlib.ExitStack() as stack:
        flood = stack.enter_context(Cgroup("shrike-flood"))
        other = stack.enter_context(Cgroup("shrike-quiet"))
        start = time.monotonic()
        workers = [flood.start(BUILD / "tests/bench/workload", "open", arguments.opens // arguments.workers) for _ in range(arguments.workers)]
        if quiet:
            other.run("python3", "-c", f"import time\nfor i in range({WATCHED}):\n  open({str(watched)!r}).close(); time.sleep(0.001)", check=True)
        still = sum(worker.poll() is None for worker in workers)
        for worker in workers:
            worker.wait()
        seconds = time.monotonic() - start
    if quiet:
        wait_for(lambda: len(daemon.find("Watched file", mark)) >= WATCHED, 5)
    daemon.stop()
    summary = json.loads(daemon.log[-1])
    notices = [alert for alert in daemon.alerts if alert["rule"] == "Shrike internal: events lost"]
    good = show("flood beside a quiet cgroup" if quiet else "flood alone", seconds, summary, notices)
    if quiet:
        seen = len(daemon.find("Watched file", mark))
        print(f"    quiet cgroup: {seen} of {WATCHED} opens alerted, {still} of {arguments.workers} flooders still at it when it had ended", flush=True)
        good &= seen == WATCHED
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--opens", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, default=2 * os.cpu_count())
    parser.add_argument("--ring", default="1MiB", help="of events; small, so that something is lost")
    parser.add_argument("--quota", type=int, default=50, help="capture.quota_above_percent; 100: none")
    parser.add_argument("--rules", default=str(ROOT / "rules"))
    arguments = parser.parse_args()
    arguments.scratch = tempfile.mkdtemp(prefix="shrike-flood-", dir="/var/tmp")
    try:
        config = pathlib.Path(arguments.scratch) / "shrike.yaml"
        config.write_text(f"rule_matching: all\ncapture: {{events_ring_bytes: {arguments.ring}, quota_above_percent: {arguments.quota}}}\n")
        print(f"{arguments.opens} opens by {arguments.workers} processes, ring of events {arguments.ring}, quota above {arguments.quota} %")
        good = [run(arguments, arguments.rules, config, quiet) for quiet in (False, True)]
    finally:
        shutil.rmtree(arguments.scratch, True)
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
