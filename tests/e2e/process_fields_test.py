# SPDX-License-Identifier: Apache-2.0
"""Fields of processes, live: from the kernel, through the table, into an alert."""

import ctypes
import os
import subprocess
import sys
import tempfile
import unittest

import harness

FIELDS = ("proc.name", "proc.cwd", "proc.pid", "proc.ppid", "proc.pgid", "proc.vpgid", "proc.is_pgid_leader", "proc.is_vpgid_leader", "proc.sid", "proc.is_sid_leader",
          "proc.sname", "proc.pgid.name", "proc.vpid", "thread.tid", "thread.vtid", "thread.ismain", "proc.fdlimit", "proc.vmsize", "proc.vmrss", "proc.vmswap",
          "thread.pfmajor", "thread.pfminor", "proc.env[SHRIKE_MARK]", "proc.env[SHRIKE_NONE]", "proc.aenv[SHRIKE_MARK]", "proc.aname[1]", "proc.cmdline")
RULES = """
- rule: Opened
  desc: a file of the test is opened
  condition: evt.type in (open, openat, openat2) and fd.name endswith .shrike_mark
  output: "%fd.name OUTPUT"
  priority: NOTICE
- rule: Executed
  desc: a program with a mark in its environment begins
  condition: evt.type = execve and evt.rawres = 0 and proc.env contains "SHRIKE_MARK="
  output: "%evt.arg.filename %evt.arg.env %evt.arg.fdlimit %evt.arg.vm_size %evt.arg.pgft_min OUTPUT"
  priority: NOTICE
""".replace("OUTPUT", " ".join("%" + f for f in FIELDS))


class ProcessFields(harness.LiveTest):
    @classmethod
    def setUpClass(cls):
        cls.rules = tempfile.NamedTemporaryFile("w", suffix=".yaml")
        cls.rules.write(RULES)
        cls.rules.flush()
        cls.addClassCleanup(cls.rules.close)
        cls.arguments = ("--rules", cls.rules.name)
        # Of a process that was there first only /proc can tell the environment.
        if os.geteuid() == 0:
            cls.before = subprocess.Popen(["sh", "-c", "read name; : <\"$name\""], stdin=subprocess.PIPE, text=True,
                                          env={"SHRIKE_MARK": "before", "PATH": os.environ["PATH"]})
            cls.addClassCleanup(cls.before.wait)
            cls.addClassCleanup(cls.before.stdin.close)
        super().setUpClass()

    def file(self):
        path = self.scratch / (harness.token() + ".shrike_mark")
        os.mknod(path)  # an open of ours would alert
        return path

    def opened(self, path):
        self.assertTrue(harness.wait_for(lambda: self.shrike.find("Opened", str(path))))
        return self.shrike.find("Opened", str(path))[0]["output_fields"]

    def in_child(self, deed):
        """Forks; the child does it, without a program of its own."""
        pid = os.fork()
        if pid == 0:
            try:
                deed()
            finally:
                os._exit(0)
        os.waitpid(pid, 0)
        return pid

    def test_a_process_that_was_there(self):
        path = self.file()
        self.before.stdin.write(f"{path}\n")
        self.before.stdin.flush()
        fields = self.opened(path)
        self.assertEqual("before", fields["proc.env[SHRIKE_MARK]"])
        self.assertEqual("", fields["proc.env[SHRIKE_NONE]"])
        self.assertEqual(self.before.pid, fields["proc.pid"])

    def test_a_program_that_begins(self):
        mark = harness.token()
        program = self.scratch / mark
        program.symlink_to("/bin/true")
        subprocess.run([f"./{mark}"], cwd=self.scratch, env={"SHRIKE_MARK": mark, "B": "2"}, check=True)
        self.assertTrue(harness.wait_for(lambda: self.shrike.find("Executed", mark)))
        fields = self.shrike.find("Executed", mark)[0]["output_fields"]
        self.assertEqual(str(program), fields["evt.arg.filename"])
        self.assertEqual(mark, fields["proc.env[SHRIKE_MARK]"])
        self.assertIn(f"SHRIKE_MARK={mark}", fields["evt.arg.env"])
        self.assertEqual(f"{self.scratch}/", fields["proc.cwd"])
        self.assertEqual(os.getpid(), fields["proc.ppid"])
        self.assertEqual(str(fields["proc.fdlimit"]), fields["evt.arg.fdlimit"])
        self.assertGreater(fields["proc.vmsize"], 0)

    def test_an_ancestors_environment(self):
        mark, path = harness.token(), self.file()
        subprocess.run(["sh", "-c", f"env -i sh -c ': <{path}; true'; true"], env={"SHRIKE_MARK": mark, "PATH": os.environ["PATH"]}, check=True)
        fields = self.opened(path)
        self.assertEqual("", fields["proc.env[SHRIKE_MARK]"])
        self.assertEqual(mark, fields["proc.aenv[SHRIKE_MARK]"])

    def test_what_a_process_changes_after_exec(self):
        path = self.file()

        def deed():
            os.setsid()
            os.chdir(self.scratch)
            ctypes.CDLL(None).prctl(15, b"harmless", 0, 0, 0)
            os.close(os.open(path, os.O_RDONLY))

        pid = self.in_child(deed)
        fields = self.opened(path)
        self.assertEqual(pid, fields["proc.pid"])
        self.assertEqual(pid, fields["proc.pgid"])
        self.assertEqual(pid, fields["proc.sid"])
        self.assertTrue(fields["proc.is_pgid_leader"] and fields["proc.is_vpgid_leader"] and fields["proc.is_sid_leader"] and fields["thread.ismain"])
        self.assertEqual(f"{self.scratch}/", fields["proc.cwd"])
        self.assertNotEqual("harmless", fields["proc.name"])
        self.assertEqual(fields["proc.name"], fields["proc.aname[1]"])

    def test_a_thread_has_its_own_number(self):
        path = self.file()
        script = f"import threading; t = threading.Thread(target=lambda: open({str(path)!r})); t.start(); t.join()"
        subprocess.run([sys.executable, "-c", script], check=True)
        fields = self.opened(path)
        self.assertFalse(fields["thread.ismain"])
        self.assertNotEqual(fields["thread.tid"], fields["proc.pid"])
        self.assertEqual(fields["thread.tid"] - fields["proc.pid"], fields["thread.vtid"] - fields["proc.vpid"], "as near to the leader's in either namespace")

    def test_a_namespace_has_its_own_numbers(self):
        path = self.file()
        done = subprocess.run(["unshare", "--pid", "--fork", "sh", "-c", f": <{path}"], check=False)
        if done.returncode != 0:
            raise unittest.SkipTest("no right to make a pid namespace")
        fields = self.opened(path)
        self.assertEqual((1, 1), (fields["proc.vpid"], fields["thread.vtid"]))
        self.assertNotEqual(1, fields["proc.pid"])

    def test_a_long_environment_is_cut_and_says_so(self):
        mark = harness.token()
        subprocess.run(["/bin/true"], env={"SHRIKE_MARK": mark, "PAD": "x" * 20_000}, check=True)
        self.assertTrue(harness.wait_for(lambda: self.shrike.find("Executed", mark)))
        fields = self.shrike.find("Executed", mark)[0]["output_fields"]
        self.assertIn("environment", fields["shrike.incomplete"])
        self.assertLessEqual(len(fields["evt.arg.env"]), 8192)


if __name__ == "__main__":
    harness.main()
