# SPDX-License-Identifier: Apache-2.0
"""What the daemon may still do once it is ready, and that nothing it does is among what it gave up."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import harness
from harness import LiveTest, Shrike

RULE = "- rule: Marked\n  desc: d\n  condition: evt.type in (open, openat) and fd.name = {file} and fd.num >= 0\n  output: opened %fd.name by %user.name in %container.id\n  priority: NOTICE\n"
KEPT = {2, 12, 19, 38, 39}  # CAP_DAC_READ_SEARCH, NET_ADMIN, SYS_PTRACE, PERFMON, BPF


class Privilege(LiveTest):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="shrike-e2e-", dir="/var/tmp"))
        self.addCleanup(shutil.rmtree, self.dir, True)
        self.secret = self.dir / "secret"
        self.secret.write_text("x")
        self.rules = self.dir / "rules.yaml"
        self.rules.write_text(RULE.format(file=self.secret))

    def status(self, pid):
        return dict(re.findall(r"^(\w+):\s*(.*)$", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M))

    def test_capabilities_and_calls_are_given_up(self):
        shrike = Shrike("--rules", self.rules).wait_ready()
        self.addCleanup(shrike.stop)
        status = self.status(shrike.process.pid)
        effective = int(status["CapEff"], 16)
        self.assertLessEqual({bit for bit in range(64) if effective >> bit & 1}, KEPT)
        self.assertEqual(status["CapEff"], status["CapPrm"])
        self.assertEqual(int(status["CapInh"], 16) | int(status["CapAmb"], 16), 0)
        self.assertEqual((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"))

    @unittest.skipUnless(shutil.which("strace"), "strace is not here")
    def test_nothing_it_does_is_refused(self):
        trace = self.dir / "trace"
        process = subprocess.Popen(["strace", "-f", "-q", "-o", trace, "-e", "signal=none", harness.BINARY, "run", "--rules", self.rules],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for line in process.stderr:
            if line.startswith("shrike: ready"):
                break
        daemon = int(pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0])
        subprocess.run(["cat", self.secret], check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["setpriv", "--reuid", "65534", "--clear-groups", "true"], check=True)
        os.kill(daemon, signal.SIGHUP)
        time.sleep(3)  # the reload, and its rounds of each second
        subprocess.run(["cat", self.secret], check=True, stdout=subprocess.DEVNULL)
        os.kill(daemon, signal.SIGTERM)
        alerts = process.communicate(timeout=60)[0]
        self.assertEqual(alerts.count("Notice opened"), 2, alerts)
        self.assertIn("Rules reloaded", alerts)
        lines = trace.read_text(errors="replace").splitlines()
        # The threads of sinks come first; the engine's own is the one that counts.
        after = next(i for i, line in enumerate(lines) if line.startswith(f"{daemon} ") and "SECCOMP_SET_MODE_FILTER" in line and line.endswith("= 0"))
        self.assertGreater(len(lines) - after, 100, "the trace goes on")
        self.assertEqual([line for line in lines[after:] if "EPERM" in line], [])


if __name__ == "__main__":
    harness.main()
