# SPDX-License-Identifier: Apache-2.0
"""Runs a real `shrike run` and reads its alerts. Tests look only at alerts that carry a token of their own."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("SHRIKE_BINARY", ROOT / "build" / "shrike"))
STABLE_PACK = ROOT.parent / "shared" / "corpus" / "falco-rules" / "falco_rules.yaml"
SKIPPED = 77


class Shrike:
    """A daemon in the foreground of a thread: start, look at its alerts and its stderr, stop."""

    def __init__(self, *arguments, hosts=None):
        """`hosts`: a file that is /etc/hosts for the daemon alone."""
        command = [str(BINARY), "run", "--format", "json", *map(str, arguments)]
        if "--control-socket" not in command:
            command += ["--control-socket", ""]  # daemons of tests are nobody's, and there may be one on this host
        if hosts is not None:
            command = ["unshare", "--mount", "--propagation", "slave", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', str(hosts), *command]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="surrogateescape")
        self.alerts, self.log, self.ready_line = [], [], None
        self._ready = threading.Event()
        self._threads = [threading.Thread(target=self._read_alerts, daemon=True), threading.Thread(target=self._read_log, daemon=True)]
        for thread in self._threads:
            thread.start()

    def _read_alerts(self):
        for line in self.process.stdout:
            self.alerts.append(json.loads(line))

    def _read_log(self):
        for line in self.process.stderr:
            self.log.append(line.rstrip("\n"))
            if line.startswith("shrike: ready: "):
                self.ready_line = line.strip()
                self._ready.set()
        self._ready.set()

    def wait_ready(self, seconds=60):
        self._ready.wait(seconds)
        if self.ready_line is None:
            raise AssertionError("not ready: " + "\n".join(self.log))
        return self

    def wait_log(self, text, seconds=30):
        return wait_for(lambda: any(text in line for line in list(self.log)), seconds)

    def find(self, rule, token):
        """Alerts of the rule whose output or fields carry the token."""
        return [a for a in list(self.alerts) if a["rule"] == rule and (token in a["output"] or token in json.dumps(a["output_fields"]))]

    def stop(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
        code = self.process.wait(60)
        for thread in self._threads:
            thread.join(10)
        self.process.stdout.close()
        self.process.stderr.close()
        return code


def wait_for(condition, seconds=15):
    """True as soon as the condition holds; False if it does not within the time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return bool(condition())


def token():
    return "t" + uuid.uuid4().hex[:12]


def need_own_mounts():
    """Skips a test where nobody can have mounts of their own: in a chroot that is no mount."""
    if subprocess.run(["unshare", "-m", "true"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode != 0:
        raise unittest.SkipTest("unshare -m: no mounts of one's own here")


def quiet(*command, **options):
    """Runs a command whose result does not matter, only that it was tried."""
    return subprocess.run([str(c) for c in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, **options)


class Cgroup:
    """A cgroup of its own below ours, for as long as the context lasts; `name` is its path in the hierarchy."""

    def __init__(self, name):
        mounts = [line.split() for line in pathlib.Path("/proc/self/mounts").read_text().splitlines()]
        tops = [fields[1] for fields in mounts if fields[2] == "cgroup2"]
        if not tops:
            raise unittest.SkipTest("no cgroup2 is mounted")
        own = [line[3:].rstrip("/") for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::")][0]
        self.name = f"{own}/{name}-{os.getpid()}"
        self.path = pathlib.Path(tops[0] + self.name)

    def __enter__(self):
        try:
            self.path.mkdir()
        except OSError as error:
            raise unittest.SkipTest(f"no cgroup can be made: {error}") from error
        return self

    def __exit__(self, *_):
        wait_for(lambda: not (self.path / "cgroup.procs").read_text())
        self.path.rmdir()

    def start(self, *command, **options):
        return subprocess.Popen(["sh", "-c", 'echo $$ > "$0" && exec "$@"', str(self.path / "cgroup.procs"), *map(str, command)], **options)

    def run(self, *command, **options):
        check = options.pop("check", False)
        process = self.start(*command, **options)
        process.wait()
        if check and process.returncode != 0:
            raise AssertionError(f"{command}: {process.returncode}")
        return process


class LiveTest(unittest.TestCase):
    """A daemon per class (`arguments`, and text for a private /etc/hosts, say how it is started) and a scratch directory on the root file system."""

    arguments = ()
    hosts = None
    marker = None  # a rule, and what surely makes it alert with a mark: events come in order, so after that alert all that was done before is known

    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise unittest.SkipTest("needs root")
        if not pathlib.Path("/sys/kernel/btf/vmlinux").exists():
            raise unittest.SkipTest("this kernel has no BTF")
        cls.scratch = pathlib.Path(tempfile.mkdtemp(prefix="shrike-e2e-", dir="/var/tmp"))
        cls.addClassCleanup(shutil.rmtree, cls.scratch, True)
        hosts = None
        if cls.hosts is not None:
            hosts = cls.scratch / "hosts"
            hosts.write_text(cls.hosts)
        cls.shrike = Shrike(*cls.arguments, hosts=hosts)
        cls.addClassCleanup(cls.shrike.stop)
        cls.shrike.wait_ready()

    def assert_fires(self, rule, mark, count=1):
        self.assertTrue(wait_for(lambda: len(self.shrike.find(rule, mark)) >= count),
                        f"{rule} did not fire; of the token: {[a['rule'] for a in self.shrike.alerts if mark in json.dumps(a)]}")
        alert = self.shrike.find(rule, mark)[0]
        for key in ("hostname", "output", "output_fields", "priority", "rule", "source", "tags", "time", "id", "verdict"):
            self.assertIn(key, alert)
        self.assertEqual(alert["source"], "syscall")
        self.assertIsInstance(alert["output_fields"]["evt.time"], int)
        return alert

    def assert_fires_once(self, rule, mark):
        alert = self.assert_fires(rule, mark)
        self.settle()
        self.assertEqual(len(self.shrike.find(rule, mark)), 1, rule)
        return alert

    def assert_silent(self, rule, mark, deed):
        """The deed, then something that surely alerts: when that has come, the deed's alert would have come too."""
        deed()
        self.settle()
        self.assertEqual([], self.shrike.find(rule, mark))

    def settle(self):
        """Waits until everything done before has been through the engine."""
        if self.marker is None:
            time.sleep(0.5)
            return
        rule, deed = self.marker
        mark = token()
        deed(mark)
        self.assertTrue(wait_for(lambda: self.shrike.find(rule, mark)), "the daemon alerts no more")


def main():
    """unittest, with ctest's exit code 77 if everything was skipped."""
    program = unittest.main(exit=False, verbosity=2)
    result = program.result
    if not result.wasSuccessful():
        sys.exit(1)
    skipped = len(result.skipped)
    if result.testsRun == 0 or skipped >= max(result.testsRun, 1):
        print("skipped: " + "; ".join(sorted({reason for _, reason in result.skipped})))
        sys.exit(SKIPPED)
