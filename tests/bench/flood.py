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


QUIET = """
import os, socket, time
for i in range({watched}):
  open({path!r}).close()
  time.sleep(0.001)
  if i % 10 == 0:
    with socket.socket() as one: one.connect_ex(("127.0.0.1", 9))
    os.posix_spawn("/bin/true", ["true", {mark!r}], {{}})
    os.wait()
"""


def run(arguments, quiet):
    """One flood; beside it, if asked for, a quiet cgroup that opens a watched file, connects where a rule would refuse it, and runs programs."""
    mark = token()
    scratch = pathlib.Path(arguments.scratch)
    watched = scratch / mark
    watched.touch()
    rule = lambda name, condition, **more: {"rule": name, "desc": "d", "condition": condition, "output": "%fd.name %proc.args", "priority": "NOTICE", **more}
    (scratch / "own.yaml").write_text(json.dumps([
        rule("Watched file", f"evt.type in (open, openat) and fd.name endswith {mark} and fd.num >= 0"),
        rule("Watched program", f"evt.type = execve and evt.failed = false and proc.args contains {mark} and proc.exepath endswith true"),
        rule("Watched port", "evt.type in (connect, sendto, sendmsg, sendmmsg) and fd.sport = 9 and fd.sip = 127.0.0.1", action="block")]))
    with contextlib.ExitStack() as stack:
        flood = stack.enter_context(Cgroup("shrike-flood"))
        other = stack.enter_context(Cgroup("shrike-quiet"))
        config = scratch / "shrike.yaml"
        config.write_text(f"rule_matching: all\nenforcement: {{cgroup: {other.path}}}\n"
                          f"capture: {{events_ring_bytes: {arguments.ring}, quota_above_percent: {arguments.quota}}}\n")
        daemon = Shrike("--mode", "monitor", "--summary", "json", "--config", config, "--rules", arguments.rules, "--rules", scratch / "own.yaml").wait_ready()
        stack.callback(daemon.stop)
        start = time.monotonic()
        workers = [flood.start(BUILD / "tests/bench/workload", "open", arguments.opens // arguments.workers) for _ in range(arguments.workers)]
        if quiet:
            other.run("python3", "-c", QUIET.format(watched=WATCHED, path=str(watched), mark=mark), check=True)
        still = sum(worker.poll() is None for worker in workers)
        for worker in workers:
            worker.wait()
        seconds = time.monotonic() - start
        wanted = {"Watched file": WATCHED, "Watched program": WATCHED // 10, "Watched port": WATCHED // 10} if quiet else {}
        alerted = lambda name: sum(alert["rule"] == name for alert in list(daemon.alerts))
        wait_for(lambda: all(alerted(name) >= count for name, count in wanted.items()), 5)
        daemon.stop()
    summary = json.loads(daemon.log[-1])
    notices = [alert for alert in daemon.alerts if alert["rule"] == "Shrike internal: events lost"]
    good = show("flood beside a quiet cgroup" if quiet else "flood alone", seconds, summary, notices)
    if quiet:
        print("    quiet cgroup: " + ", ".join(f"{alerted(name)} of {count} alerts of {name}" for name, count in wanted.items()) +
              f"; {still} of {arguments.workers} flooders still at it when it had ended", flush=True)
        good &= all(alerted(name) == count for name, count in wanted.items())
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
        print(f"{arguments.opens} opens by {arguments.workers} processes, ring of events {arguments.ring}, quota above {arguments.quota} %")
        good = [run(arguments, quiet) for quiet in (False, True)]
    finally:
        shutil.rmtree(arguments.scratch, True)
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
