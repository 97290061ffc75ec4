# SPDX-License-Identifier: Apache-2.0
"""`run --record`, and `replay` of it: the same alerts. Recordings of this machine live in a scratch directory for the test only."""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

import harness
from harness import Cgroup, Shrike, quiet, token, wait_for

FLOOD = int(os.environ.get("SHRIKE_FLOOD", "100000"))
WORKLOAD = harness.BINARY.parent / "tests" / "bench" / "workload"


def rule(name, condition, output, **more):
    return {"rule": name, "desc": "d", "condition": condition, "output": output, "priority": "NOTICE", **more}


def alerts_of(lines):
    """What the two must agree in: all but the alert's own id and the engine's notices."""
    return [{key: value for key, value in alert.items() if key != "id"} for alert in lines if alert["source"] != "internal"]


class Record(unittest.TestCase):
    maxDiff = 4000

    def setUp(self):
        if os.geteuid() != 0 or not pathlib.Path("/sys/kernel/btf/vmlinux").exists():
            self.skipTest("needs root and BTF")
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="shrike-record-", dir="/var/tmp"))
        self.addCleanup(shutil.rmtree, self.dir, True)
        self.recording = self.dir / "recording.jsonl"

    def file(self, name, content):
        path = self.dir / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    def start(self, *arguments):
        daemon = Shrike("--summary", "json", "--record", self.recording, *arguments)
        self.addCleanup(daemon.stop)
        return daemon.wait_ready()

    def replay(self, *arguments):
        done = subprocess.run([harness.BINARY, "replay", "--format", "json", "--events", self.recording, *arguments], capture_output=True, text=True,
                              errors="surrogateescape", check=False, timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("bad records", done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()], done.stderr

    def deeds(self, mark):
        """Names that are no UTF-8, failures, links, execs, a thousand bytes of arguments."""
        for name in (mark, mark + " \n\"\\", mark.encode() + b"\xff\xc3("):
            path = os.path.join(os.fsencode(self.dir), os.fsencode(name))
            with open(path, "wb"):
                pass
            os.symlink(path, path + b".link")
            os.link(path, path + b".hard")
            with self.assertRaises(FileNotFoundError):
                open(path + b"/none".replace(b"/", b"."), "rb")
            subprocess.run([b"/bin/true", path, b"x\xff", b"y" * 9000], check=True)
        with self.assertRaises(PermissionError):
            quiet(self.dir / mark)  # no program

    def test_replay_gives_the_same_alerts(self):
        self.record_and_replay(harness.ROOT / "rules")

    def test_replay_gives_the_same_alerts_of_falcos_packs(self):
        if not harness.STABLE_PACK.exists():
            self.skipTest(f"{harness.STABLE_PACK} is not here")
        packs = sorted(harness.STABLE_PACK.parent.glob("*.yaml"), key=lambda path: path != harness.STABLE_PACK)
        self.record_and_replay(*packs, matching="first")

    def record_and_replay(self, *rules, matching="all"):
        mark = token()
        own = self.file("own.yaml", [
            rule("Opened", f"evt.type in (open, openat, creat) and fd.name contains {mark}",
                 "%evt.type %fd.name %fd.num %evt.arg.flags %evt.res %user.name %proc.aname %proc.pname %proc.cmdline %evt.time %fd.filename"),
            rule("Linked", f"evt.type in (symlink, symlinkat, link, linkat) and evt.args contains {mark}", "%evt.args %evt.arg.linkpath %proc.exepath"),
            rule("Ran", f"evt.type = execve and (proc.args contains {mark} or evt.arg.filename contains {mark})",
                 "%proc.args %proc.exepath %proc.aname[2] %evt.failed %proc.cwd %proc.tty %proc.vpid %container.id %evt.num"),
            rule("Other", "evt.type = openat and fd.name = /etc/ld.so.cache", "%proc.name %proc.ppid %fd.directory %proc.exe_ino"),
        ])
        config = self.file("shrike.yaml", f"rule_matching: {matching}\n")
        arguments = ["--config", config, "--rules", own, *(word for path in rules for word in ("--rules", path))]
        daemon = self.start(*arguments)
        self.deeds(mark)
        self.assertTrue(wait_for(lambda: len(daemon.find("Ran", mark)) >= 3), daemon.log)
        time.sleep(0.3)
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(os.stat(self.recording).st_mode & 0o777, 0o600)
        replayed, log = self.replay(*arguments)
        live, again = alerts_of(daemon.alerts), alerts_of(replayed)
        mine = {alert["rule"] for alert in live if mark in json.dumps(alert)}
        self.assertLessEqual({"Opened", "Linked", "Ran"}, mine)
        self.assertTrue(any("incomplete=arguments" in alert["output"] for alert in live), "9,000 bytes of arguments are cut")
        self.assertEqual(len(live), len(again), log)
        for one, other in zip(live, again):
            self.assertEqual(one, other)
        summary = json.loads(daemon.log[-1])
        self.assertEqual(summary["recorded"]["missing"], 0)
        self.assertIn(f"replayed {summary['recorded']['events']} events", log)

    def test_verdicts_are_replayed_as_the_kernel_gave_them(self):
        cgroup = self.enterContext(Cgroup("shrike-record"))
        rules = self.file("rules.yaml", [
            rule("No such port", "evt.type in (connect, sendto, sendmsg, sendmmsg) and fd.sport = 9 and fd.sip = 127.0.0.1", "%evt.type %fd.sip:%fd.sport %evt.res", action="block"),
            rule("Seen", "evt.type = connect and fd.sport = 9", "%proc.name %fd.name %evt.res"),
        ])
        config = self.file("shrike.yaml", f"mode: enforce\nenforcement: {{cgroup: {cgroup.path}}}\n")
        daemon = self.start("--config", config, "--rules", rules)
        deed = "import socket; s = socket.socket(); r = s.connect_ex(('127.0.0.1', 9)); raise SystemExit(r)"
        self.assertEqual(cgroup.run("python3", "-c", deed).returncode, 1, "EPERM")
        with socket.socket() as outside:
            outside.connect_ex(("127.0.0.1", 9))
        self.assertTrue(wait_for(lambda: len([a for a in daemon.alerts if a["rule"] == "Seen"]) >= 2), daemon.log)
        self.assertEqual(daemon.stop(), 0)
        replayed, log = self.replay("--config", config, "--rules", rules)
        self.assertEqual(alerts_of(replayed), alerts_of(daemon.alerts), log)
        blocked = [alert for alert in replayed if alert["rule"] == "No such port"]
        self.assertEqual([(a["verdict"], a["hook"], a["errno"], a["generation"]) for a in blocked], [("blocked", "cgroup_connect", 1, 1)])

    def test_losses_are_replayed_and_a_flood_leaves_room_for_another_cgroup(self):
        mark = token()
        flood, quiet_one = self.enterContext(Cgroup("shrike-flood")), self.enterContext(Cgroup("shrike-quiet"))
        rules = self.file("rules.yaml", [rule("Marked", f"evt.type in (open, openat) and fd.name endswith {mark} and fd.num >= 0", "%fd.name")])
        path = self.file(mark, "")
        config = self.file("shrike.yaml", "capture: {processes_ring_bytes: 64MiB}\n")  # it sleeps while others on this machine work
        daemon = self.start("--config", config, "--rules", rules)
        daemon.process.send_signal(signal.SIGSTOP)
        flood.run(WORKLOAD, "open", FLOOD, check=True)
        quiet_one.run("python3", "-c", f"for i in range(1000): open({str(path)!r})", check=True)
        daemon.process.send_signal(signal.SIGCONT)
        self.assertTrue(wait_for(lambda: any(a["source"] == "internal" for a in daemon.alerts)), "no loss alert")
        wait_for(lambda: len(daemon.find("Marked", mark)) >= 1000)
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(len(daemon.find("Marked", mark)), 1000)
        notices = [alert for alert in daemon.alerts if alert["source"] == "internal"]
        losers = {text.rsplit(":", 1)[0] for notice in notices for text in notice["output_fields"].get("cgroups", [])}
        self.assertIn(flood.name, losers)
        self.assertNotIn(quiet_one.name, losers)
        summary = json.loads(daemon.log[-1])
        for table in ("hooks", "classes"):
            for name, one in summary[table].items():
                lost = one["lost_ring_full"] + one["lost_no_scratch"] + one["lost_quota"]
                self.assertEqual(one["produced"], one["delivered"] + lost, name)
        self.assertGreater(summary["classes"]["events"]["lost_quota"], FLOOD // 2)
        for name in ("verdicts", "processes"):
            self.assertEqual(summary["classes"][name]["produced"], summary["classes"][name]["delivered"], name)
        replayed, log = self.replay("--rules", rules)
        self.assertEqual(alerts_of(replayed), alerts_of(daemon.alerts))
        self.assertEqual(sum(a["output_fields"]["lost"] for a in replayed if a["source"] == "internal"), summary["lost"], log)

    def test_a_reload_is_told_and_new_fields_are_recorded(self):
        first, second = token(), token()
        text = lambda mark, output: json.dumps([rule("Marked", f"evt.type in (open, openat) and fd.name endswith {mark} and fd.num >= 0", output)])
        rules = self.file("rules.yaml", text(first, "%fd.name"))
        for mark in (first, second):
            self.file(mark, "")
        daemon = self.start("--rules", rules)
        (self.dir / first).read_text()
        self.assertTrue(wait_for(lambda: daemon.find("Marked", first)))
        rules.write_text(text(second, "%fd.name %proc.exepath"))
        daemon.process.send_signal(signal.SIGHUP)
        self.assertTrue(daemon.wait_log("reload: 1 rules in force"))
        (self.dir / second).read_text()
        self.assertTrue(wait_for(lambda: daemon.find("Marked", second)))
        self.assertEqual(daemon.stop(), 0)
        lines = [json.loads(line) for line in self.recording.read_text().splitlines()]
        self.assertEqual([line for line in lines if "recording" in line], 2 * [{"recording": 1, "inactive": [], "decided": []}])
        at = [index for index, line in enumerate(lines) if "recording" in line][1]
        self.assertFalse(any("proc.exepath" in line for line in lines[:at]))
        self.assertTrue(any("proc.exepath" in line for line in lines[at:]))
        replayed, _ = self.replay("--rules", rules)
        self.assertEqual(alerts_of(replayed), alerts_of(daemon.find("Marked", second)))

    def test_a_full_disk_is_told_once_and_ends_nothing(self):
        """A tmpfs of 64 KiB in a mount namespace of the daemon's own."""
        harness.need_own_mounts()
        mark, small = token(), self.dir / "small"
        small.mkdir()
        rules = self.file("rules.yaml", [rule("Marked", f"evt.type in (open, openat) and fd.name endswith {mark} and fd.num >= 0", "%fd.name")])
        path = self.file(mark, "")
        command = f'mount -t tmpfs -o size=64k none {small} && exec "$@" && exit 1'
        arguments = [str(harness.BINARY), "run", "--rules", rules, "--record", small / "recording.jsonl", "--summary", "json", "--duration", "4"]
        daemon = subprocess.Popen(["unshare", "-m", "sh", "-c", command, "sh", *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(lambda: daemon.poll() is None and daemon.kill())
        for line in daemon.stderr:
            if line.startswith("shrike: ready"):
                break
        subprocess.run(["python3", "-c", f"for i in range(3000): open({str(path)!r})"], check=True)
        out, log = daemon.communicate(timeout=60)
        self.assertEqual(daemon.returncode, 0, log)
        self.assertEqual(log.count("No space left on device"), 1, log)
        summary = json.loads(log.splitlines()[-1])
        self.assertGreater(summary["recorded"]["missing"], 1000)
        self.assertEqual(sum(mark in json.dumps(json.loads(line)) if line.startswith("{") else mark in line for line in out.splitlines()), 3000)

    def test_a_recording_is_not_written_over(self):
        rules = self.file("rules.yaml", [rule("R", "evt.type = openat", "o")])
        self.recording.write_text("mine")
        again = subprocess.run([harness.BINARY, "run", "--rules", rules, "--record", self.recording], capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual(again.returncode, 3)
        self.assertIn("File exists", again.stderr)
        self.assertEqual(self.recording.read_text(), "mine")


if __name__ == "__main__":
    harness.main()
