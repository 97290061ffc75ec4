# SPDX-License-Identifier: Apache-2.0
"""Falco's stable pack, unmodified, against real containers and sockets: for each rule a trigger that fires it once, and a near miss."""

import pathlib
import shutil
import time
import unittest

import container
import harness
from container import TRIGGER, Container
from harness import LiveTest, quiet, token


class PackTest(LiveTest):
    arguments = ("--rules", harness.STABLE_PACK)
    marker = ("Read sensitive file untrusted", lambda mark: quiet("cat", "/etc/shadow", "/nonexistent/" + mark))

    @classmethod
    def setUpClass(cls):
        if not harness.STABLE_PACK.exists():
            raise unittest.SkipTest(f"{harness.STABLE_PACK} is not there")
        if reason := container.missing():
            raise unittest.SkipTest(reason)
        super().setUpClass()

    @classmethod
    def new_container(cls, *arguments, **options):
        made = Container(cls.scratch, *arguments, **options)
        cls.addClassCleanup(made.remove)
        return made

    def once(self, rule, mark, **fields):
        """The rule's one alert that carries the mark; fields by name, with two underscores for a dot."""
        alert = self.assert_fires_once(rule, mark)
        for name, value in fields.items():
            self.assertEqual(alert["output_fields"][name.replace("__", ".")], value, name)
        return alert["output_fields"]


class Containers(PackTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.plain = cls.new_container(names=("nc", "debugfs"))
        cls.privileged = cls.new_container(privileged=True, names=("debugfs",))

    def in_container(self, where, rule, mark, **fields):
        return self.once(rule, mark, container__id=where.id[:12], **fields)

    def silent(self, rule, deed):
        """The deed is given a mark of its own."""
        mark = token()
        self.assert_silent(rule, mark, lambda: deed(mark))

    def test_terminal_shell(self):
        rule, mark = "Terminal shell in container", token()
        self.plain.run_in_terminal("/bin/sh", "-c", "true " + mark)
        fields = self.in_container(self.plain, rule, mark, proc__name="sh", user__name="root")
        self.assertNotEqual(fields["proc.tty"], 0)
        self.assertIn(fields["proc.pname"], ("runc", "runc:[0:PARENT]", "runc:[1:CHILD]"))
        self.silent(rule, lambda m: self.plain.run("/bin/sh", "-c", "true " + m))
        self.silent(rule, lambda m: self.plain.run_in_terminal("/bin/cat", "/nonexistent/" + m))

    def test_netcat(self):
        rule, mark = "Netcat Remote Code Execution in Container", token()
        self.plain.run("/bin/nc", "nothing", mark, "-e", "/bin/sh")
        self.in_container(self.plain, rule, mark, proc__name="nc", proc__exepath="/bin/nc")
        self.silent(rule, lambda m: self.plain.run("/bin/nc", "nothing", m, "-l"))

    def test_packet_socket(self):
        rule, mark = "Packet socket created in container", token()
        self.assertEqual(self.plain.run("/bin/trigger", "socket", "packet", mark), 0)
        self.in_container(self.plain, rule, mark, evt__type="socket", proc__name="trigger")
        self.silent(rule, lambda m: self.plain.run("/bin/trigger", "socket", "raw", m))
        self.silent(rule, lambda m: quiet(TRIGGER, "socket", "packet", m))

    def test_redirected_streams(self):
        rule = "Redirect STDOUT/STDIN to Network Connection in Container"
        for call, to in (("dup2", "0"), ("dup3", "1"), ("dup", "2")):
            with self.subTest(call):
                mark = token()
                self.assertEqual(self.plain.run("/bin/trigger", "dup", call, to, "socket", mark), 0)
                fields = self.in_container(self.plain, rule, mark, evt__type=call, fd__type="ipv4", fd__l4proto="tcp", fd__sip="127.0.0.1",
                                           fd__rport=1)
                self.assertTrue(fields["fd.name"].startswith("127.0.0.1:"))
        self.silent(rule, lambda m: self.plain.run("/bin/trigger", "dup", "dup2", "9", "socket", m))
        self.silent(rule, lambda m: self.plain.run("/bin/trigger", "dup", "dup2", "0", "file", m))

    def test_kernel_module(self):
        rule = "Linux Kernel Module Injection Detected"
        for how, call in (("finit", "finit_module"), ("init", "init_module")):
            with self.subTest(call):
                mark = token()
                self.privileged.run("/bin/trigger", "module", how, mark)  # refused by the kernel: it is no module
                fields = self.in_container(self.privileged, rule, mark, evt__type=call)
                self.assertNotEqual(fields["evt.res"], "SUCCESS")
        self.silent(rule, lambda m: self.plain.run("/bin/trigger", "module", "finit", m))  # without CAP_SYS_MODULE

    def test_debugfs(self):
        rule, mark = "Debugfs Launched in Privileged Container", token()
        self.privileged.run("/bin/debugfs", "nothing", mark)
        self.in_container(self.privileged, rule, mark, proc__name="debugfs")
        self.silent(rule, lambda m: self.plain.run("/bin/debugfs", "nothing", m))
        self.silent(rule, lambda m: self.privileged.run("/bin/trigger", "nothing", "debugfs", m))

    def test_release_agent(self):
        rule, mark = "Detect release_agent File Container Escapes", token()
        self.privileged.run("/bin/mkdir", "/tmp/" + mark)
        name = f"/tmp/{mark}/release_agent"
        self.assertEqual(self.privileged.run("/bin/trigger", "open", name, "0101"), 0)
        fields = self.in_container(self.privileged, rule, mark, fd__name=name, user__uid=0)
        self.assertIn("CAP_SYS_ADMIN", fields["thread.cap_effective"])
        self.silent(rule, lambda m: self.privileged.run("/bin/trigger", "open", name, "0", m))
        self.silent(rule, lambda m: self.plain.run("/bin/trigger", "open", "/tmp/release_agent", "0101", m))

    def test_dropped_binary(self):
        rule, mark = "Drop and execute new binary in container", token()
        self.plain.run("/bin/cp", "/bin/trigger", "/tmp/dropped")
        self.plain.run("/tmp/dropped", "nothing", mark)
        self.in_container(self.plain, rule, mark, proc__exepath="/tmp/dropped", proc__name="dropped")
        self.silent(rule, lambda m: self.plain.run("/bin/trigger", "nothing", m))


class Ssh(PackTest):
    """A loopback of its own carries an address that counts as outside."""

    address = "198.51.100.7"

    def connect(self, program, port, mark):
        return quiet("unshare", "--net", "sh", "-c", 'ip link set lo up && ip addr add "$0/32" dev lo && exec "$@"', self.address, program, "connect",
                     self.address, str(port), mark).returncode

    def test_ssh_on_another_port(self):
        if shutil.which("ip") is None:
            self.skipTest("ip is not there")
        rule, mark = "Disallowed SSH Connection Non Standard Port", token()
        ssh = self.scratch / "ssh"
        shutil.copy(TRIGGER, ssh)
        self.assertEqual(self.connect(ssh, 443, mark), 0)
        fields = self.once(rule, mark, evt__type="connect", fd__type="ipv4", fd__l4proto="tcp", fd__rport=443, proc__name="ssh")
        self.assertTrue(fields["fd.name"].endswith(f"->{self.address}:443"), fields["fd.name"])
        near, other = token(), token()
        self.assert_silent(rule, near, lambda: self.connect(ssh, 22, near))
        self.assert_silent(rule, other, lambda: self.connect(TRIGGER, 443, other))


class ApiServer(PackTest):
    """Its daemon has an /etc/hosts of its own, in which the API server is a loopback address."""

    address = "127.0.0.9"
    hosts = f"127.0.0.1 localhost\n{address} kubernetes.default.svc.cluster.local\n"

    def test_contact(self):
        rule, mark = "Contact K8S API Server From Container", token()
        where = self.new_container()
        time.sleep(2)  # what the host is called is learned beside the engine's work
        where.run("/bin/trigger", "connect", self.address, "443", mark)
        self.once(rule, mark, container__id=where.id[:12], evt__type="connect", fd__rport=443, fd__type="ipv4")
        near, host = token(), token()
        self.assert_silent(rule, near, lambda: where.run("/bin/trigger", "connect", "127.0.0.8", "443", near))
        self.assert_silent(rule, host, lambda: quiet(TRIGGER, "try", self.address, "443", host))


class Names(unittest.TestCase):
    def test_every_rule_has_a_trigger(self):
        if not harness.STABLE_PACK.exists():
            self.skipTest(f"{harness.STABLE_PACK} is not there")
        rules = [line.split(":", 1)[1].strip() for line in harness.STABLE_PACK.read_text().splitlines() if line.startswith("- rule:")]
        tests = "".join((pathlib.Path(__file__).parent / name).read_text() for name in ("stable_pack_test.py", "stable_containers_test.py"))
        self.assertEqual([], [rule for rule in rules if f'"{rule}"' not in tests])
        self.assertEqual(len(rules), 25)


if __name__ == "__main__":
    harness.main()
