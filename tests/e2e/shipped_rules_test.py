# SPDX-License-Identifier: Apache-2.0
"""The shipped rules against the real kernel: each fires once on a harmless deed and is silent on its nearest neighbours.

A file's name, and an executable's, is the one its process sees. So names like /etc/ld.so.preload and /usr/bin/dpkg are those of a small
chroot in the scratch directory: there bash stands under every name a rule asks for, and nothing of the host is written. Public addresses
are those of the loopback device of a network namespace: no packet leaves it. What bash can't do, an ELF file of a few bytes does.
"""

import ctypes
import fcntl
import json
import os
import pathlib
import re
import shutil
import socket
import struct
import subprocess
import sys
import threading
import unittest

import harness
from harness import LiveTest, quiet, token, wait_for

RULES = harness.ROOT / "rules"
LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
SYS_CREAT, SYS_LINK, SYS_SYMLINK = 85, 86, 88
INSTALLERS = ("/usr/bin/dpkg", "/usr/bin/rpm", "/sbin/apk")
NOBODY = 65534


def elf(code):
    """The smallest x86-64 program: one segment, the code right behind the headers."""
    base, headers = 0x400000, 64 + 56
    size = headers + len(code)
    ident = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    header = struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, base + headers, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, 0x1000)
    return ident + header + segment + code


def call(number):
    """mov eax, number; syscall"""
    return b"\xb8" + struct.pack("<I", number) + b"\x0f\x05"


def edi(value):
    return b"\xbf" + struct.pack("<I", value)


EXIT = edi(0) + call(60)
FIRST_ARGUMENT = b"\x48\x8b\x7c\x24\x10"  # mov rdi, [rsp+16]
SECOND_ARGUMENT = b"\x48\x8b\x74\x24\x18"  # mov rsi, [rsp+24]
NO_MORE = b"\x31\xd2\x4d\x31\xd2"  # xor edx, edx; xor r10, r10

PROGRAMS = {
    "nothing": EXIT,
    "symlink": FIRST_ARGUMENT + SECOND_ARGUMENT + call(SYS_SYMLINK) + EXIT,
    "link": FIRST_ARGUMENT + SECOND_ARGUMENT + call(SYS_LINK) + EXIT,
    "creat": FIRST_ARGUMENT + b"\xbe\x80\x01\x00\x00" + call(SYS_CREAT) + EXIT,  # mov esi, 0600
    # ptrace(PTRACE_TRACEME)
    "traceme": edi(0) + b"\x31\xf6" + NO_MORE + call(101) + EXIT,
    # Runs the memfd at descriptor 9, with its own arguments: execveat(9, "", argv, NULL, AT_EMPTY_PATH); "" is a zero on the stack.
    "memfd": b"\x48\x8d\x54\x24\x08\x6a\x00\x48\x89\xe6\x4d\x31\xd2" + edi(9) + b"\x41\xb8\x00\x10\x00\x00" + call(322) + EXIT,
}


def attaching(request, to_itself=False):
    """Forks a child that waits, makes the ptrace request on it (or, in vain, on itself), and ends the child."""
    child = call(34) + EXIT  # pause
    target = call(39) + b"\x89\xc6" if to_itself else b"\x89\xde"  # getpid; mov esi, eax | mov esi, ebx
    end = b"\x89\xdf\xbe\x09\x00\x00\x00" + call(62)  # kill(ebx, SIGKILL)
    reap = b"\x89\xdf\x31\xf6\xba\x00\x00\x00\x40\x4d\x31\xd2" + call(61)  # wait4(ebx, NULL, __WALL, NULL)
    parent = b"\x89\xc3" + target + NO_MORE + edi(request) + call(101) + end + reap + reap + EXIT  # mov ebx, eax
    return call(57) + b"\x85\xc0\x75" + bytes([len(child)]) + child + parent  # fork; test eax, eax; jnz parent


PROGRAMS["attach"] = attaching(16)
PROGRAMS["seize"] = attaching(0x4206)
PROGRAMS["attach_in_vain"] = attaching(16, to_itself=True)


class ShippedRules(LiveTest):
    arguments = ("--rules", RULES)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.root = cls.scratch / "root"
        cls.copied = cls.scratch / "bash"
        shutil.copy(shutil.which("bash"), cls.copied)
        linked = subprocess.run(["ldd", cls.copied], stdout=subprocess.PIPE, text=True, check=True).stdout
        for library in re.findall(r"(/\S+) \(0x", linked):
            cls.place(library, pathlib.Path(library).read_bytes(), 0o755)
        for name in ("/bin/bash", "/bin/sh"):
            cls.bash_as(name)
        for name, code in PROGRAMS.items():
            cls.place("/opt/" + name, elf(code), 0o755)

    @classmethod
    def place(cls, name, content=b"", mode=0o644):
        """A file inside the chroot."""
        target = cls.root / name.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        target.chmod(mode)
        return target

    @classmethod
    def folder(cls, name):
        (cls.root / name.lstrip("/")).mkdir(parents=True, exist_ok=True)

    @classmethod
    def bash_as(cls, name):
        cls.link_as(name, cls.copied)
        return name

    @classmethod
    def program_as(cls, name, program):
        cls.link_as(name, cls.root / "opt" / program)
        return name

    @classmethod
    def link_as(cls, name, source):
        target = cls.root / name.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        os.link(source, target)

    def run_in_root(self, *command, uid=0, netns=None, **options):
        def enter():
            if netns is not None and LIBC.setns(netns, CLONE_NEWNET) != 0:
                os._exit(99)
            os.chroot(self.root)
            os.chdir("/")
            if uid != 0:
                os.setgroups([])
                os.setgid(uid)
                os.setuid(uid)

        result = quiet(*command, preexec_fn=enter, env={"PATH": "/bin"}, **options)
        self.assertNotIn(result.returncode, (99, 126, 127), command)
        return result

    def script(self, text, mark, exe="/bin/bash", **options):
        """A line of shell, run in the chroot by the bash of that name. The last command keeps bash from becoming the one before it."""
        return self.run_in_root(exe, "-c", f"{text}; : {mark}", **options)

    def alerts_of(self, mark):
        return [alert for alert in list(self.shrike.alerts) if mark in json.dumps(alert)]

    def check(self, rule, triggers, near, priority, tag):
        """Every trigger fires the rule once and no other; the neighbours fire nothing. Each is a function of its token. Gives the alerts."""
        fired, silent = {name: token() for name in triggers}, {name: token() for name in near}
        for name, mark in silent.items():
            near[name](mark)
        for name, mark in fired.items():
            triggers[name](mark)
        wait_for(lambda: all(self.alerts_of(mark) for mark in fired.values()), 10)
        self.settle()
        alerts = {}
        for name, mark in fired.items():
            with self.subTest(fires=name):
                self.assertEqual([alert["rule"] for alert in self.alerts_of(mark)], [rule])
                alerts[name] = self.assert_fires(rule, mark)
                fields = alerts[name]["output_fields"]
                self.assertEqual(alerts[name]["priority"], priority)
                self.assertIn(tag, alerts[name]["tags"])
                self.assertEqual(fields["container.id"], "host")
                self.assertIn(fields["user.name"], ("root", "nobody"))
                # Of all the rules print only flags may be missing: creat has none.
                self.assertNotIn("<NA>", alerts[name]["output"].split(") container_id=")[0].replace(" flags=<NA>", ""))
        for name, mark in silent.items():
            with self.subTest(silent=name):
                self.assertEqual([alert["output"] for alert in self.alerts_of(mark)], [])
        self.assertEqual(set(alerts), set(triggers))
        return alerts

    def check_written(self, rule, paths, near, priority, tag, silent_for=(), first_boot=True, installers=True):
        """A rule about files opened for writing: every way to open them, by everyone but those it names."""
        path = paths[0]
        for name in (*paths, *near):
            self.place(name)
        triggers = {f"> {name}": lambda m, name=name: self.script(f": > {name}", m) for name in paths}
        triggers[">>"] = lambda m: self.script(f": >> {path}", m)
        triggers["<>"] = lambda m: self.script(f": <> {path}", m)
        triggers["creat"] = lambda m: self.run_in_root("/opt/creat", path, m)
        triggers["by a relative name"] = lambda m: self.script(f"cd /etc; : > ..{path}", m)
        neighbours = {f"> {name}": lambda m, name=name: self.script(f": > {name}", m) for name in near}
        neighbours["<"] = lambda m: self.script(f": < {path}", m)
        neighbours["failed"] = lambda m: self.script(f": > {path}/", m)
        for exe in (*silent_for, *(INSTALLERS if installers else ())):
            self.bash_as(exe)
            neighbours[exe] = lambda m, exe=exe: self.script(f": > {path}", m, exe)
            # The same name elsewhere excuses nothing.
            false_exe = self.bash_as("/opt/false" + exe)
            triggers[false_exe] = lambda m, exe=false_exe: self.script(f": > {path}", m, exe)
        below = neighbours if installers else triggers
        self.bash_as("/usr/bin/dpkg")
        below["below dpkg"] = lambda m: self.script(f"/bin/sh -c ': > {path}; : {m}'", m, "/usr/bin/dpkg")
        python = self.bash_as("/usr/bin/python3.99")
        for setup in ("/usr/bin/cloud-init", "/usr/bin/cloud-initx"):
            self.place(setup, f": > {path}\n".encode())
            into = neighbours if first_boot and setup == "/usr/bin/cloud-init" else triggers
            into[setup] = lambda m, setup=setup: self.run_in_root(python, setup, m)
        alerts = self.check(rule, triggers, neighbours, priority, tag)
        for name in paths:
            self.assertEqual(alerts[f"> {name}"]["output_fields"]["fd.name"], name)
        self.assertEqual(alerts["by a relative name"]["output_fields"]["fd.name"], path)
        fields = alerts[">>"]["output_fields"]
        self.assertEqual(fields["proc.exepath"], "/bin/bash")
        self.assertEqual(fields["user.name"], "root")
        self.assertIn(f"bash -c : >> {path}; : t", fields["proc.cmdline"])
        self.assertEqual(alerts["creat"]["output_fields"]["proc.exepath"], "/opt/creat")
        return alerts

    # ------------------------------------------------------------------------------------------------------------------ all of them

    def test_every_rule_is_active_and_tried_here(self):
        names = re.findall(r"(?m)^- rule: (.*)$", "\n".join(path.read_text() for path in sorted(RULES.glob("*.yaml"))))
        self.assertRegex(self.shrike.ready_line, rf"^shrike: ready: {len(names)} rules, ")
        self.assertIn(f"shrike: rules: {len(names)} loaded: {len(names)} active, 0 partial, 0 inactive, 0 disabled", self.shrike.log)
        source = pathlib.Path(__file__).read_text()
        self.assertEqual([], [name for name in names if f'"{name}"' not in source])

    def test_ordinary_work_is_silent(self):
        mark = token()
        work = self.scratch / mark
        work.mkdir()
        (work / "script.sh").write_text("cd / && ls >/dev/null && : > \"$1\"\n")
        absent = "/nonexistent/" + mark
        for command in (
            ["ls", "-la", "/", "/etc", "/root", absent], ["cat", "/etc/passwd", "/etc/group", absent], ["true", mark],
            [sys.executable, "-c", "pass", mark], [sys.executable, "-c", "import pwd; pwd.getpwnam('root')", mark], ["id", "root", mark],
            ["dpkg", "-l", mark], ["dpkg", "-S", absent], ["apt-config", "dump", "--option", "A=" + mark], ["df", "/", absent],
            ["sh", "-c", f"ls /etc | sort | head; : {mark}"], ["bash", "-lc", f": {mark}"], ["bash", work / "script.sh", work / "out"],
            ["cp", "/etc/passwd", work / "passwd"], ["cp", "/bin/true", work / "true"], [work / "true"], ["mv", work / "out", work / "log"],
            ["ln", "-s", "/etc/passwd", work / "link"], ["ln", work / "passwd", work / "hard"], ["ln", "-s", "/dev/null", work / "null"],
            ["tar", "-cf", work / "all.tar", "-C", work, "."], ["find", "/etc/cron.d", "/etc/ssh", absent, "-name", "*"],
            ["grep", "-r", mark, "/etc/cron.d", "/etc/pam.d", "/etc/profile"], ["stat", "/etc/shadow", absent], ["sha256sum", "/bin/ls", absent],
            ["cat", "/proc/self/status", "/proc/1/stat", "/proc/sys/kernel/core_pattern", absent], ["env", "-i", "true", mark],
            ["touch", work / "x_history"], ["rm", "-r", work],
        ):
            if shutil.which(command[0]):
                quiet(*command)
        self.settle()
        self.assertEqual([], [alert["output"] for alert in self.alerts_of(mark)])

    # ------------------------------------------------------------------------------------------------------------ command and control

    def network(self):
        """A network namespace whose loopback has public and private addresses; gives its fd and the port a socket listens at."""
        result = {}

        def make():
            if LIBC.unshare(CLONE_NEWNET) != 0:
                return
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
                def set_up(name, flags=0x41):  # IFF_UP | IFF_RUNNING
                    fcntl.ioctl(control, 0x8914, struct.pack("16sh14x", name, flags))

                set_up(b"lo")
                for index, address in enumerate(("203.0.113.1", "10.0.0.1", "172.31.0.1", "172.32.0.1", "172.15.0.1", "100.64.0.1")):
                    name = b"lo:%d" % index
                    fcntl.ioctl(control, 0x8916, struct.pack("16sHH4s8x", name, socket.AF_INET, 0, socket.inet_aton(address)))
                    set_up(name)
            try:
                with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as control:
                    for address in ("2001:db8::1", "fd00::1"):
                        packed = socket.inet_pton(socket.AF_INET6, address)
                        fcntl.ioctl(control, 0x8916, packed + struct.pack("Ii", 128, socket.if_nametoindex("lo")))
                listener = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
                listener.bind(("::", 0))
                result["ipv6"] = True
            except OSError:
                listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
                listener.bind(("0.0.0.0", 0))
            listener.listen(64)
            result["listener"], result["port"] = listener, listener.getsockname()[1]
            result["fd"] = os.open("/proc/thread-self/ns/net", os.O_RDONLY)

        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        if "fd" not in result:
            self.skipTest("no network namespace to be had")
        self.addCleanup(os.close, result["fd"])
        self.addCleanup(result["listener"].close)
        return result

    def dialer(self, net):
        """A function that makes a function of a token: that bash connects there."""
        def dial(exe, address, port=None, protocol="tcp"):
            return lambda m: self.script(f": <> /dev/{protocol}/{address}/{port or net['port']}", m, exe, netns=net["fd"])

        return dial

    def test_shell_connected_to_the_network(self):
        net = self.network()
        dial = self.dialer(net)
        for name in ("/usr/bin/dash", "/usr/local/bin/bash", "/bin/bashful"):
            self.bash_as(name)
        triggers = {"bash": dial("/bin/bash", "203.0.113.1"), "sh": dial("/bin/sh", "203.0.113.1"), "dash": dial("/usr/bin/dash", "203.0.113.1"),
                    "private": dial("/bin/bash", "10.0.0.1")}
        near = {"this host": dial("/bin/bash", "127.0.0.1"), "this host's other address": dial("/bin/bash", "127.255.0.1"),
                "udp": dial("/bin/bash", "203.0.113.1", protocol="udp"), "refused": dial("/bin/bash", "203.0.113.1", 9),
                "/usr/local/bin/bash": dial("/usr/local/bin/bash", "203.0.113.1"), "/bin/bashful": dial("/bin/bashful", "203.0.113.1"),
                "a program it starts": lambda m: self.script(f"/usr/local/bin/bash -c ': <> /dev/tcp/203.0.113.1/{net['port']}; : {m}'", m,
                                                             netns=net["fd"])}
        if "ipv6" in net:
            triggers["ipv6"] = dial("/bin/bash", "2001:db8::1")
            near["ipv6 this host"] = dial("/bin/bash", "::1")
        alerts = self.check("Shell connected to the network", triggers, near, "Warning", "T1071")
        fields = alerts["bash"]["output_fields"]
        self.assertRegex(fields["fd.name"], rf"^203\.0\.113\.1:\d+->203\.0\.113\.1:{net['port']}$")
        self.assertEqual(fields["proc.exepath"], "/bin/bash")
        self.assertEqual(fields["user.name"], "root")
        self.assertTrue(alerts["private"]["output_fields"]["fd.name"].endswith(f"->10.0.0.1:{net['port']}"))

    def test_program_in_a_temporary_folder_connected(self):
        net = self.network()
        dial = self.dialer(net)
        for name in ("/tmp/dropped", "/var/tmp/a/dropped", "/dev/shmem/dropped", "/tmpx/dropped", "/var/dropped"):
            self.bash_as(name)
        triggers = {"/tmp": dial("/tmp/dropped", "203.0.113.1"), "/var/tmp": dial("/var/tmp/a/dropped", "203.0.113.1"),
                    "past the private": dial("/tmp/dropped", "172.32.0.1"), "before the private": dial("/tmp/dropped", "172.15.0.1"),
                    "does not block": lambda m: self.dial_without_waiting(m, net),
                    "from memory": lambda m: self.dial_from_memory(m, net)}
        near = {"this host": dial("/tmp/dropped", "127.0.0.1"), "10/8": dial("/tmp/dropped", "10.0.0.1"),
                "172.16/12": dial("/tmp/dropped", "172.31.0.1"),
                "100.64/10": dial("/tmp/dropped", "100.64.0.1"), "udp": dial("/tmp/dropped", "203.0.113.1", protocol="udp"),
                "refused": dial("/tmp/dropped", "203.0.113.1", 9), "/tmpx": dial("/tmpx/dropped", "203.0.113.1"),
                "/var": dial("/var/dropped", "203.0.113.1"), "/dev/shmem": dial("/dev/shmem/dropped", "203.0.113.1")}
        if "ipv6" in net:
            triggers["ipv6"] = dial("/tmp/dropped", "2001:db8::1")
            near["fc00::/7"] = dial("/tmp/dropped", "fd00::1")
        alerts = self.check("Program in a temporary folder connected to a public address", triggers, near, "Warning", "T1105")
        self.assertTrue(alerts["/tmp"]["output_fields"]["fd.name"].endswith(f"->203.0.113.1:{net['port']}"))
        self.assertEqual(alerts["/tmp"]["output_fields"]["proc.exepath"], "/tmp/dropped")
        self.assertEqual(alerts["/var/tmp"]["output_fields"]["proc.exepath"], "/var/tmp/a/dropped")
        self.assertTrue(alerts["from memory"]["output_fields"]["proc.exepath"].startswith("memfd:t"))
        if "ipv6" in net:
            self.assertTrue(alerts["ipv6"]["output_fields"]["fd.name"].endswith(f"->2001:db8::1:{net['port']}"), alerts["ipv6"]["output"])

    def dial_without_waiting(self, mark, net):
        copy = self.scratch / "interpreter"
        shutil.copy(sys.executable, copy)
        text = (f"import ctypes, socket; ctypes.CDLL(None).setns({net['fd']}, {CLONE_NEWNET}); s = socket.socket(); s.setblocking(False); "
                f"s.connect_ex(('203.0.113.1', {net['port']}))")
        result = quiet(copy, "-S", "-c", text, mark, env={"PYTHONHOME": sys.base_prefix}, pass_fds=[net["fd"]])
        self.assertEqual(result.returncode, 0, "the copied interpreter finds its library")

    def dial_from_memory(self, mark, net):
        """A memfd that a container's runtime starts, so that only the connection alerts."""
        fd = os.memfd_create(mark, 0)
        try:
            os.write(fd, self.copied.read_bytes())
            self.start_from_memory("/usr/bin/runc", mark, fd, f"-c ': <> /dev/tcp/203.0.113.1/{net['port']}; : {mark}'", net["fd"])
        finally:
            os.close(fd)

    # ------------------------------------------------------------------------------------------------------------- credential access

    def test_password_hashes_read(self):
        for name in ("/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-", "/etc/security/opasswd", "/etc/shadow.new", "/etc/shado"):
            self.place(name)
        os.symlink("/etc/shadow", self.root / "etc" / "other_name")
        adduser, false_adduser = "/usr/sbin/adduser", "/usr/local/sbin/adduser"
        for name in (adduser, false_adduser):
            self.place(name, b": < /etc/shadow\n")
        for name in ("/usr/sbin/unix_chkpwd", "/usr/local/sbin/unix_chkpwd", "/usr/bin/passwd", "/usr/bin/perl", *INSTALLERS):
            self.bash_as(name)

        def read(name, exe="/bin/bash"):
            return lambda m: self.script(f": < {name}", m, exe)

        triggers = {name: read(name) for name in ("/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-", "/etc/security/opasswd")}
        triggers.update({
            "link": read("/etc/other_name"), "/etc//./shadow": read("/etc//./shadow"), "copy": read("/etc/shadow", "/usr/local/sbin/unix_chkpwd"),
            "<>": lambda m: self.script(": <> /etc/shadow", m), "adduser's copy": lambda m: self.run_in_root("/usr/bin/perl", false_adduser, m),
            "the host's": lambda m: quiet("cat", "/etc/shadow", "/nonexistent/" + m),
        })
        near = {exe: read("/etc/shadow", exe) for exe in ("/usr/sbin/unix_chkpwd", "/usr/bin/passwd", *INSTALLERS)}
        near.update({
            "/etc/shadow.new": read("/etc/shadow.new"), "/etc/shado": read("/etc/shado"), "failed": read("/etc/shadow/"),
            ">>": lambda m: self.script(": >> /etc/shadow", m), "adduser": lambda m: self.run_in_root("/usr/bin/perl", adduser, m),
            "no rights": lambda m: self.script(": < /etc/gshadow", m, uid=NOBODY),
            "maintainer script": lambda m: self.script(f"/bin/sh -c ': < /etc/shadow; : {m}'", m, "/usr/bin/dpkg"),
        })
        (self.root / "etc" / "gshadow").chmod(0o600)
        alerts = self.check("Password hashes read", triggers, near, "Warning", "T1003.008")
        for name in ("link", "/etc//./shadow", "copy", "the host's"):
            self.assertEqual(alerts[name]["output_fields"]["fd.name"], "/etc/shadow")
        self.assertEqual(alerts["copy"]["output_fields"]["proc.exepath"], "/usr/local/sbin/unix_chkpwd")
        self.assertIn(alerts["the host's"]["output_fields"]["proc.exepath"], ("/usr/bin/cat", "/bin/cat"))

    def test_ssh_private_key_read(self):
        keys = ("/etc/ssh/ssh_host_ed25519_key", "/root/.ssh/id_rsa", "/home/a/b/.ssh/id_ed25519")
        for name in (*keys, "/etc/ssh/ssh_host_ed25519_key.pub", "/root/.ssh/id_rsa.pub", "/root/.ssh/known_hosts", "/root/ssh/id_rsa"):
            self.place(name)
        for name in ("/usr/bin/ssh", "/usr/sbin/sshd", "/opt/ssh"):
            self.bash_as(name)

        def read(name, exe="/bin/bash"):
            return lambda m: self.script(f": < {name}", m, exe)

        triggers = {name: read(name) for name in keys}
        triggers["/opt/ssh"] = read("/root/.ssh/id_rsa", "/opt/ssh")
        near = {name: read(name) for name in ("/etc/ssh/ssh_host_ed25519_key.pub", "/root/.ssh/id_rsa.pub", "/root/.ssh/known_hosts",
                                              "/root/ssh/id_rsa", "/root/.ssh/id_absent")}
        near.update({exe: read("/root/.ssh/id_rsa", exe) for exe in ("/usr/bin/ssh", "/usr/sbin/sshd")})
        near[">>"] = lambda m: self.script(": >> /root/.ssh/id_rsa", m)
        alerts = self.check("SSH private key read", triggers, near, "Warning", "T1552.004")
        for name in keys:
            self.assertEqual(alerts[name]["output_fields"]["fd.name"], name)
        self.assertEqual(alerts["/opt/ssh"]["output_fields"]["proc.exepath"], "/opt/ssh")

    def linker(self, how):
        """A function that makes a function of a token: that such a link is made, its name being the token's."""
        self.folder("/links")

        def link(target, exe=None, name="/links/{}"):
            return lambda m: self.run_in_root(exe or "/opt/" + how, target, name.format(m))

        return link

    def test_symbolic_link_to_a_password_file(self):
        link = self.linker("symlink")
        self.program_as("/usr/bin/passwd", "symlink")
        self.program_as("/opt/passwd", "symlink")
        triggers = {"shadow": link("/etc/shadow"), "opasswd": link("/etc/security/opasswd"), "/opt/passwd": link("/etc/shadow", "/opt/passwd"),
                    "symlinkat": lambda m: os.symlink("/etc/shadow", self.scratch / m)}
        near = {"/etc/shadow2": link("/etc/shadow2"), "/etc/passwd": link("/etc/passwd"), "passwd": link("/etc/shadow", "/usr/bin/passwd"),
                "failed": link("/etc/shadow", name="/links/{}/absent")}
        alerts = self.check("Symbolic link to a password file", triggers, near, "Warning", "T1003.008")
        fields = alerts["shadow"]["output_fields"]
        self.assertEqual(fields["evt.arg.target"], "/etc/shadow")
        self.assertRegex(fields["evt.arg.linkpath"], "^/links/t[0-9a-f]{12}$")
        self.assertEqual(fields["proc.exepath"], "/opt/symlink")
        self.assertRegex(alerts["symlinkat"]["output_fields"]["evt.arg.linkpath"], f"^{self.scratch}/t[0-9a-f]{{12}}$")

    def test_hard_link_to_a_password_file(self):
        for name in ("/etc/shadow", "/etc/shadow2", "/etc/gshadow-"):
            self.place(name)
        link = self.linker("link")
        self.program_as("/usr/sbin/usermod", "link")
        self.program_as("/opt/usermod", "link")

        def linkat(mark):
            pid = os.fork()
            if pid == 0:
                try:
                    os.chroot(self.root)
                    os.chdir("/")
                    os.link("shadow", "/links/" + mark, src_dir_fd=os.open("/etc", os.O_RDONLY))
                finally:
                    os._exit(0)
            os.waitpid(pid, 0)

        triggers = {"shadow": link("/etc/shadow"), "gshadow-": link("/etc/gshadow-"), "/opt/usermod": link("/etc/shadow", "/opt/usermod"),
                    "relative": linkat}
        near = {"/etc/shadow2": link("/etc/shadow2"), "absent": link("/etc/gshadow_"), "usermod": link("/etc/shadow", "/usr/sbin/usermod"),
                "failed": link("/etc/shadow", name="/links/{}/absent")}
        alerts = self.check("Hard link to a password file", triggers, near, "Warning", "T1003.008")
        for name in ("shadow", "relative"):
            self.assertEqual(alerts[name]["output_fields"]["evt.arg.oldpath"], "/etc/shadow")
            self.assertRegex(alerts[name]["output_fields"]["evt.arg.newpath"], "^/links/t[0-9a-f]{12}$")

    def test_memory_of_another_process_opened(self):
        other = subprocess.Popen(["sleep", "100"])
        self.addCleanup(other.wait)
        self.addCleanup(other.kill)
        memory = f"/proc/{other.pid}/mem"
        for name in ("/proc/4711/mem", "/proc/4711/maps", "/proc/pressure/mem"):
            self.place(name)
        for name in ("/usr/bin/gdb", "/opt/gdb", "/usr/lib/systemd/systemd-coredump"):
            self.bash_as(name)

        def on_host(text):
            return lambda m: quiet("bash", "-c", f"{text}; : {m}")

        def read(name, exe):
            return lambda m: self.script(f": < {name}", m, exe)

        triggers = {"<": on_host(f": < {memory}"), "<>": on_host(f": <> {memory}"), "another gdb": read("/proc/4711/mem", "/opt/gdb"),
                    ">>": on_host(f": >> {memory}")}
        near = {"its own": on_host(": < /proc/self/mem"), "its thread's": on_host(": < /proc/thread-self/mem"),
                "maps": on_host(f": < /proc/{other.pid}/maps"), "gone": on_host(": < /proc/4194305/mem"),
                "gdb": read("/proc/4711/mem", "/usr/bin/gdb"),
                "coredump": read("/proc/4711/mem", "/usr/lib/systemd/systemd-coredump"), "no process": read("/proc/pressure/mem", "/opt/gdb")}
        alerts = self.check("Memory of another process opened", triggers, near, "Warning", "T1055.009")
        self.assertEqual(alerts["<"]["output_fields"]["fd.name"], memory)
        self.assertIn("O_RDONLY", alerts["<"]["output_fields"]["evt.arg.flags"])
        self.assertIn("O_RDWR", alerts["<>"]["output_fields"]["evt.arg.flags"])
        self.assertEqual(alerts["another gdb"]["output_fields"]["proc.exepath"], "/opt/gdb")

    # --------------------------------------------------------------------------------------------------------------- defense evasion

    def test_system_log_emptied(self):
        logs = ("/var/log/syslog", "/var/log/wtmp", "/var/log/audit/audit.log", "/var/log/journal/a/system.journal")
        for name in (*logs, "/var/log/syslog.1", "/var/log/auditd.log"):
            self.place(name)
        for name in (*INSTALLERS, "/opt/dpkg"):
            self.bash_as(name)
        triggers = {f"> {name}": lambda m, name=name: self.script(f": > {name}", m) for name in logs}
        triggers["creat"] = lambda m: self.run_in_root("/opt/creat", "/var/log/syslog", m)
        triggers["/opt/dpkg"] = lambda m: self.script(": > /var/log/syslog", m, "/opt/dpkg")
        near = {f"> {name}": lambda m, name=name: self.script(f": > {name}", m) for name in ("/var/log/syslog.1", "/var/log/auditd.log")}
        near.update({exe: lambda m, exe=exe: self.script(": > /var/log/syslog", m, exe) for exe in INSTALLERS})
        near[">>"] = lambda m: self.script(": >> /var/log/syslog", m)
        near["<>"] = lambda m: self.script(": <> /var/log/syslog", m)
        near["<"] = lambda m: self.script(": < /var/log/syslog", m)
        near["new"] = lambda m: self.script(": > /var/log/messages", m)
        near["new by creat"] = lambda m: self.run_in_root("/opt/creat", "/var/log/secure", m)
        alerts = self.check("System log emptied", triggers, near, "Warning", "T1070.002")
        for name in logs:
            self.assertEqual(alerts[f"> {name}"]["output_fields"]["fd.name"], name)
        self.assertIn("O_TRUNC", alerts[f"> {logs[0]}"]["output_fields"]["evt.arg.flags"])
        self.assertEqual(alerts["creat"]["output_fields"]["proc.exepath"], "/opt/creat")

    def test_shell_history_led_to_nowhere(self):
        link = self.linker("symlink")
        triggers = {"bash": link("/dev/null", name="/links/{}.bash_history"), "psql": link("/dev/null", name="/links/{}.psql_history"),
                    "symlinkat": lambda m: os.symlink("/dev/null", self.scratch / f"{m}_history")}
        near = {"_histor": link("/dev/null", name="/links/{}.bash_histor"), "_history2": link("/dev/null", name="/links/{}_history2"),
                "/dev/nul": link("/dev/nul", name="/links/{}.bash_history"), "failed": link("/dev/null", name="/links/{}/absent_history"),
                "null": link("/dev/null")}
        alerts = self.check("Shell history led to nowhere", triggers, near, "Warning", "T1070.003")
        self.assertRegex(alerts["bash"]["output_fields"]["evt.arg.linkpath"], r"^/links/t[0-9a-f]{12}\.bash_history$")
        self.assertEqual(alerts["bash"]["output_fields"]["proc.exepath"], "/opt/symlink")

    def test_process_attached_to_by_ptrace(self):
        self.program_as("/usr/bin/gdb", "attach")
        self.program_as("/opt/gdb", "attach")

        def run(exe):
            return lambda m: self.run_in_root(exe, m)

        alerts = self.check("Process attached to by ptrace", {"attach": run("/opt/attach"), "seize": run("/opt/seize"), "/opt/gdb": run("/opt/gdb")},
                            {"gdb": run("/usr/bin/gdb"), "failed": run("/opt/attach_in_vain")}, "Warning", "T1055.008")
        self.assertIn("PTRACE_ATTACH", alerts["attach"]["output_fields"]["evt.arg.request"])
        self.assertIn("PTRACE_SEIZE", alerts["seize"]["output_fields"]["evt.arg.request"])
        self.assertEqual(alerts["/opt/gdb"]["output_fields"]["proc.exepath"], "/opt/gdb")
        self.assertEqual(alerts["attach"]["output_fields"]["evt.arg.pid"], "attach", "the other process's name")

    def test_program_has_itself_traced(self):
        for name in ("/usr/bin/strace", "/opt/strace"):
            self.bash_as(name)
        self.program_as("/usr/bin/ltrace", "traceme")

        def below(parent, exe="/opt/traceme"):
            return lambda m: self.script(f"{exe} {m}", m, parent)

        alerts = self.check("Program has itself traced", {"below bash": below("/bin/bash"), "below another strace": below("/opt/strace")},
                            {"below strace": below("/usr/bin/strace"), "a debugger": below("/bin/bash", "/usr/bin/ltrace"),
                             "not traced": below("/bin/bash", "/opt/nothing")}, "Notice", "T1622")
        fields = alerts["below another strace"]["output_fields"]
        self.assertEqual(fields["proc.exepath"], "/opt/traceme")
        self.assertEqual(fields["proc.pexepath"], "/opt/strace")

    # --------------------------------------------------------------------------------------------------------------------- execution

    def test_execution_below_dev_shm(self):
        for name in ("/dev/shm/a/program", "/dev/shmem/program"):
            self.program_as(name, "nothing")
        for name in ("/dev/shm/script", "/dev/shmem/script"):
            self.place(name, b"#!/bin/sh\n:\n", 0o755)
        self.place("/dev/shm/plain", b"not a program", 0o644)
        run = self.run_in_root
        triggers = {"program": lambda m: run("/dev/shm/a/program", m), "relative": lambda m: self.script(f"cd /dev/shm/a; ./program {m}", m),
                    "script": lambda m: run("/dev/shm/script", m), "given to a shell": lambda m: run("/bin/sh", "/dev/shm/script", m),
                    "given by a relative name": lambda m: self.script(f"cd /dev/shm; /bin/sh ./script {m}", m)}
        near = {"program": lambda m: run("/dev/shmem/program", m), "script": lambda m: run("/dev/shmem/script", m),
                "relative": lambda m: self.script(f"cd /dev/shmem; ./program {m}; /bin/sh ./script {m}", m),
                "given to a shell": lambda m: run("/bin/sh", "/dev/shmem/script", m), "as data": lambda m: run("/opt/nothing", "/dev/shm/script", m),
                "from there": lambda m: self.script(f"cd /dev/shm; /opt/nothing ./script {m}", m),
                "failed": lambda m: quiet("bash", "-c", f"/dev/shm/{m}")}
        host = pathlib.Path("/dev/shm") / token()
        self.addCleanup(host.unlink, True)
        host.write_bytes(elf(PROGRAMS["nothing"]))
        host.chmod(0o755)
        if subprocess.run(["sh", "-c", f"exec {host}"], stderr=subprocess.DEVNULL, check=False).returncode == 0:
            triggers["the host's"] = lambda m: quiet(host, m)
        alerts = self.check("Execution below /dev/shm", triggers, near, "Warning", "T1059.004")
        self.assertEqual(alerts["program"]["output_fields"]["proc.exepath"], "/dev/shm/a/program")
        self.assertEqual(alerts["relative"]["output_fields"]["proc.cwd"], "/dev/shm/a/")
        self.assertEqual(alerts["script"]["output_fields"]["proc.exepath"], "/bin/sh")
        self.assertRegex(alerts["given to a shell"]["output_fields"]["proc.cmdline"], "^sh /dev/shm/script t")

    def start_from_memory(self, parent, mark, fd, arguments="", netns=None):
        """The memfd is started by a child of that parent, at descriptor 9. Its name starts with the token."""
        self.bash_as(parent)

        def enter():
            if netns is not None:
                LIBC.setns(netns, CLONE_NEWNET)
            os.dup2(fd, 9)  # inheritable, unlike the other one
            os.chroot(self.root)
            os.chdir("/")

        quiet(parent, "-c", f"/opt/memfd {arguments or mark}; : {mark}", preexec_fn=enter, env={}, close_fds=False)

    def test_program_started_from_memory(self):
        def start(parent):
            def deed(mark):
                fd = os.memfd_create(mark, 0)
                os.write(fd, elf(PROGRAMS["nothing"]))
                self.start_from_memory(parent, mark, fd)
                os.close(fd)
            return deed

        alerts = self.check("Program started from memory", {"below bash": start("/bin/bash"), "below another runc": start("/opt/runc")},
                            {"below runc": start("/usr/bin/runc"), "from a file": lambda m: self.run_in_root("/opt/nothing", m)},
                            "Critical", "T1620")
        fields = alerts["below another runc"]["output_fields"]
        self.assertRegex(fields["proc.exepath"], "^memfd:t[0-9a-f]{12}$")
        self.assertEqual(fields["proc.pexepath"], "/opt/runc")

    def check_below(self, rule, paths, names, near, tag):
        """A rule about shells below a server, which is told by its path or its name."""
        for name in (*paths, *names, *near):
            self.bash_as(name)
        for name in ("/opt/worker", "/opt/ash", "/bin/bashful"):
            self.bash_as(name)

        def below(server, shell="/bin/sh"):
            return lambda m: self.script(f"{shell} -c ': {m}'", m, server)

        triggers = {name: below(name) for name in (*paths, *names)}
        server = paths[0]
        triggers["bash"] = below(server, "/bin/bash")
        triggers["a shell by name only"] = below(server, "/opt/ash")
        triggers["which starts what is not there"] = lambda m: self.script(f"/bin/sh -c '/opt/absent; : {m}'", m, server)
        triggers["further down"] = lambda m: self.script(f"/opt/worker -c \"/bin/sh -c ': {m}'; : {m}\"", m, server)
        neighbours = {name: below(name) for name in near}
        neighbours["no shell"] = below(server, "/bin/bashful")
        neighbours["the server alone"] = lambda m: self.script(":", m, server)
        alerts = self.check(rule, triggers, neighbours, "Warning", tag)
        fields = alerts["further down"]["output_fields"]
        self.assertEqual(fields["proc.pname"], "worker")
        self.assertEqual(fields["proc.aname[2]"], pathlib.Path(server).name)
        self.assertEqual(fields["proc.exepath"], "/bin/sh")
        self.assertRegex(fields["proc.cmdline"], "^sh -c : t")

    def test_shell_below_a_web_server(self):
        self.check_below("Shell below a web server", ("/usr/sbin/nginx", "/usr/sbin/apache2", "/usr/bin/uwsgi-core", "/usr/sbin/php-fpm8.2"),
                         ("/srv/nginx", "/srv/gunicorn"), ("/srv/nginy", "/usr/sbin/php-fp", "/usr/sbin/nginxx"), "T1505.003")

    def test_shell_below_a_database_server(self):
        self.check_below("Shell below a database server", ("/usr/sbin/mariadbd", "/usr/bin/redis-check-rdb", "/usr/bin/mongod"),
                         ("/srv/mysqld", "/srv/redis-server"), ("/srv/mysqle", "/usr/lib/postgresql/15/bin/postgres", "/srv/redis-check-rdb"),
                         "T1190")

    # ------------------------------------------------------------------------------------------- persistence and privilege escalation

    def test_library_preload_list_written(self):
        alerts = self.check_written("Library preload list written", ("/etc/ld.so.preload",), ("/etc/ld.so.preload2", "/etc/ld.so.conf"), "Critical",
                                    "T1574.006", first_boot=False, installers=False)
        self.assertIn("O_TRUNC", alerts["> /etc/ld.so.preload"]["output_fields"]["evt.arg.flags"])

    def test_scheduled_task_written(self):
        paths = ("/etc/cron.d/a", "/etc/crontab", "/etc/cron.hourly/a", "/etc/cron.daily/a", "/etc/cron.weekly/a", "/etc/cron.monthly/a",
                 "/var/spool/cron/crontabs/root", "/var/spool/cron/atjobs/a")
        self.check_written("Scheduled task written", paths, ("/etc/cron.dx/a", "/etc/crontab2", "/etc/cron.allow", "/var/spool/crony/a"), "Notice",
                           "T1053.003", silent_for=("/usr/bin/crontab", "/usr/bin/at", "/usr/sbin/cron", "/usr/sbin/atd"))

    def test_login_key_list_written(self):
        self.check_written("Login key list written", ("/root/.ssh/authorized_keys", "/home/a/.ssh/authorized_keys2"),
                           ("/root/.ssh/authorized_keys3", "/root/ssh/authorized_keys", "/root/.ssh/config"), "Notice", "T1098.004", installers=False)
        home = self.root / "home" / "nobody" / ".ssh"
        home.mkdir(parents=True)
        home.chmod(0o777)
        for folder in (self.scratch, home.parent):
            folder.chmod(0o755)
        alert = self.check("Login key list written", {"a user's": lambda m: self.script(": > /home/nobody/.ssh/authorized_keys", m, uid=NOBODY)},
                           {"a user's": lambda m: self.script(": > /root/.ssh/authorized_keys", m, uid=NOBODY)}, "Notice", "T1098.004")["a user's"]
        self.assertEqual(alert["output_fields"]["user.name"], "nobody")
        self.assertEqual(alert["output_fields"]["fd.name"], "/home/nobody/.ssh/authorized_keys")

    def test_service_definition_written(self):
        self.check_written("Service definition written",
                           ("/etc/systemd/system/a.service", "/etc/systemd/system/b.service.d/c.conf", "/etc/systemd/user/a.timer",
                            "/usr/lib/systemd/system/a.service", "/usr/lib/systemd/user/a.service"),
                           ("/etc/systemd/system.conf", "/etc/systemd/systemx/a.service", "/run/systemd/system/a.service"), "Notice", "T1543.002",
                           silent_for=("/usr/lib/systemd/systemd", "/usr/bin/systemctl"))

    def test_start_up_file_of_all_shells_written(self):
        self.check_written("Start-up file of all shells written",
                           ("/etc/profile", "/etc/bash.bashrc", "/etc/environment", "/etc/zsh/zshrc", "/etc/zsh/zshenv", "/etc/profile.d/a.sh"),
                           ("/etc/profile2", "/etc/profile.dx/a.sh", "/etc/bash.bashrc~"), "Notice", "T1546.004")

    def test_system_program_overwritten(self):
        self.check_written("System program overwritten",
                           ("/usr/bin/a", "/usr/sbin/a", "/bin/a", "/sbin/a", "/usr/lib/x86_64-linux-gnu/security/pam_unix.so",
                            "/usr/lib/x86_64-linux-gnu/libc.so.6"),
                           ("/usr/binx/a", "/usr/local/bin/a", "/usr/local/sbin/a", "/usr/lib/x86_64-linux-gnu/libc.so.7"), "Warning", "T1554",
                           first_boot=False)

    def test_kernel_helper_replaced(self):
        paths = ("/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/kernel/hotplug", "/sys/kernel/uevent_helper",
                 "/proc/sys/fs/binfmt_misc/register", "/sys/fs/cgroup/a/b/release_agent")
        self.check_written("Kernel helper replaced", paths, ("/proc/sys/kernel/core_pattern2", "/proc/sys/kernel/core_uses_pid",
                                                             "/sys/fs/cgroup/a/notify_on_release"), "Critical", "T1611", first_boot=False,
                           silent_for=("/usr/lib/systemd/systemd", "/usr/lib/systemd/systemd-sysctl", "/usr/lib/systemd/systemd-binfmt"))
        real = "/proc/sys/kernel/core_pattern"
        if os.path.exists(real) and not os.statvfs(real).f_flag & os.ST_RDONLY:
            # Opened only: nothing is written, so nothing changes.
            alert = self.check("Kernel helper replaced", {"the host's": lambda m: quiet("bash", "-c", f": >> {real}; : {m}")},
                               {"the host's": lambda m: quiet("bash", "-c", f": < {real}; : {m}")}, "Critical", "T1611")["the host's"]
            self.assertEqual(alert["output_fields"]["fd.name"], real)

    def test_rights_to_become_root_written(self):
        self.check_written("Rights to become root written", ("/etc/sudoers", "/etc/sudoers.d/a", "/etc/pam.d/sshd", "/etc/doas.conf"),
                           ("/etc/sudoers2", "/etc/sudoers.dx", "/etc/pam.dx/a", "/etc/doas.confx"), "Warning", "T1548.003",
                           silent_for=("/usr/sbin/visudo",))


if __name__ == "__main__":
    harness.main()
