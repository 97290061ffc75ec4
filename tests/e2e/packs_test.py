# SPDX-License-Identifier: Apache-2.0
"""Falco's incubating and sandbox packs, unmodified, against the real kernel: the table of docs/falco_packs.md, row by row.

packs_test.py --table prints that table."""

import dataclasses
import json
import pathlib
import shutil
import subprocess
import sys
import unittest

import container
import harness
from container import CAPABILITIES, TRIGGER, Container
from harness import LiveTest, quiet, token

OUTSIDE, METADATA, MINER = "198.51.100.7", "169.254.169.254", "198.51.100.8"
DOCUMENT = harness.ROOT / "docs" / "falco_packs.md"
T = "/bin/trigger"


@dataclasses.dataclass
class Row:
    """`deed` and `near` are command lines ({m}: the mark), or a container's options if it is the start that matters. `why` says why the rule
    can't fire; its deed, if any, must be seen not to."""

    rule: str
    shown: str  # what is done, for the table
    deed: object = None
    near: object = None
    at: str = "container"  # or privileged, host, terminal, start
    environment: tuple = ()
    count: int = 1
    why: str = ""
    prepare: str = ""


def opened(path, flags, mode=()):
    return [T, "open", path, flags, *mode, "{m}"]


WRITE, READ = "0101", "0100"  # O_CREAT besides: the file need not be there

INCUBATING = [
    Row("Modify Shell Configuration File", "open of /root/.bashrc for writing", opened("/root/.bashrc", WRITE), opened("/root/.bashrc", READ)),
    Row("Schedule Cron Jobs", "open of /etc/crontab for writing", opened("/etc/crontab", WRITE), opened("/etc/crontab", READ)),
    Row("Read ssh information", "open of a file in /root/.ssh", opened("/root/.ssh/key", READ), opened("/root/key", READ), prepare="mkdir -p /root/.ssh"),
    Row("DB program spawned process", "`mysqld` runs a program", ["/bin/mysqld", "run", T, "nothing", "{m}"], [T, "run", T, "nothing", "{m}"]),
    Row("Change thread namespace", "setns", [T, "setns", "{m}"], [T, "nothing", "{m}"]),
    Row("Change namespace privileges via unshare", "unshare without CAP_SYS_ADMIN", [T, "unshare", "{m}"], [T, "nothing", "{m}"]),
    Row("Launch Privileged Container", "start of one", {"privileged": True}, {}, at="start"),
    Row("Launch Excessively Capable Container", "start of one with CAP_NET_ADMIN", {"capabilities": [*CAPABILITIES, "CAP_NET_ADMIN"]}, {}, at="start"),
    Row("System procs network activity", "`sha1sum` connects", ["/bin/sha1sum", "udp", OUTSIDE, "53", "{m}"], [T, "udp", OUTSIDE, "53", "{m}"]),
    Row("Program run with disallowed http proxy env", "`curl` with HTTP_PROXY", ["/bin/curl", "nothing", "{m}"], [T, "nothing", "{m}"],
        environment=("HTTP_PROXY=http://127.0.0.1:1",)),
    Row("Unexpected UDP Traffic", "UDP connect to port 9999", [T, "udp", OUTSIDE, "9999", "{m}"], [T, "udp", OUTSIDE, "53", "{m}"]),
    Row("Non sudo setuid", "setuid by www-data", [str(TRIGGER), "as", "33", "setuid", "34", "{m}"], [str(TRIGGER), "setuid", "0", "{m}"], at="host"),
    Row("User mgmt binaries", "`chage` on the host", ["@chage", "nothing", "{m}"], ["@chage", "nothing", "{m}", "-l"], at="host"),
    Row("Create files below dev", "open with O_CREAT in /dev", opened("/dev/{m}", WRITE), opened("/dev/null", WRITE)),
    Row("Contact EC2 Instance Metadata Service From Container", "connect to 169.254.169.254", [T, "connect", METADATA, "80", "{m}"],
        [T, "connect", OUTSIDE, "80", "{m}"]),
    Row("Contact cloud metadata service from container", "connect to 169.254.169.254", [T, "connect", METADATA, "80", "{m}"],
        [T, "connect", OUTSIDE, "80", "{m}"]),
    Row("Launch Package Management Process in Container", "`apk`", ["/bin/apk", "nothing", "{m}"], [T, "nothing", "apk", "{m}"]),
    Row("Launch Suspicious Network Tool in Container", "`nmap`", ["/bin/nmap", "nothing", "{m}"], [T, "nothing", "nmap", "{m}"]),
    Row("Launch Suspicious Network Tool on Host", "`nmap`", ["@nmap", "nothing", "{m}"], ["@other", "nothing", "{m}"], at="host"),
    Row("Delete or rename shell history", "unlink of a name that ends in ash_history", [T, "unlink", "/tmp/{m}.bash_history"], [T, "unlink", "/tmp/{m}.history"]),
    Row("Set Setuid or Setgid bit", "chmod 4755", [T, "chmod", "/tmp", "4755", "{m}"], [T, "chmod", "/tmp", "0755", "{m}"]),
    Row("Launch Remote File Copy Tools in Container", "`rsync`", ["/bin/rsync", "nothing", "{m}"], [T, "nothing", "rsync", "{m}"]),
    Row("Network Connection outside Local Subnet", "UDP connect", [T, "udp", OUTSIDE, "53", "{m}"],
        why="its list of namespaces is empty until a user fills it"),
    Row("Mount Launched in Privileged Container", "`mount`", ["/bin/mount", "nothing", "{m}"], [T, "nothing", "mount", "{m}"], at="privileged"),
    Row("Launch Ingress Remote File Copy Tools in Container", "`wget`", ["/bin/wget", "nothing", "{m}"], [T, "nothing", "wget", "{m}"]),
    Row("Read environment variable from /proc files", "open of /proc/self/environ", opened("/proc/self/environ", "0"), opened("/proc/self/status", "0")),
    Row("Exfiltrating Artifacts via Kubernetes Control Plane", "`tar` opens a file", ["/bin/tar", "open", "/tmp/file", READ, "{m}"],
        ["/bin/tar", "open", "/etc/passwd", READ, "{m}"]),
    Row("Adding ssh keys to authorized_keys", "open of /root/.ssh/authorized_keys for writing", opened("/root/.ssh/authorized_keys", WRITE),
        opened("/root/.ssh/other", WRITE), prepare="mkdir -p /root/.ssh"),
    Row("Potential Local Privilege Escalation via Environment Variables Misuse", "exec with GLIBC_TUNABLES", [T, "nothing", "{m}"],
        environment=("GLIBC_TUNABLES=glibc.nothing=1",)),
    Row("Backdoored library loaded into SSHD (CVE-2024-3094)", "`sshd` opens liblzma.so.5.6.0", ["/bin/sshd", "open", "/tmp/liblzma.so.5.6.0", READ, "{m}"],
        opened("/tmp/liblzma.so.5.6.0", READ)),
    Row("BPF Program Not Profiled", "bpf(BPF_PROG_LOAD)", [T, "bpf", "load", "{m}"], [T, "bpf", "map", "{m}"]),
]

SANDBOX = [
    Row("Unexpected inbound connection source", "listen on and accept from an address outside", [T, "accept", OUTSIDE, "5000", "{m}"],
        [T, "accept", "127.0.0.1", "5000", "{m}"], count=2),
    Row("Read Shell Configuration File", "open of /root/.bashrc", opened("/root/.bashrc", READ), opened("/root/other", READ)),
    Row("Update Package Repository", "open of /etc/apt/sources.list for writing", opened("/etc/apt/sources.list", WRITE),
        opened("/etc/apt/sources.list", READ), prepare="mkdir -p /etc/apt"),
    Row("Write below binary dir", "open in /usr/bin for writing", opened("/usr/bin/{m}", WRITE), opened("/tmp/{m}", WRITE)),
    Row("Write below monitored dir", "open in /usr/local/bin for writing", opened("/usr/local/bin/{m}", WRITE), opened("/tmp/{m}", WRITE),
        prepare="mkdir -p /usr/local/bin"),
    Row("Write below etc", "open in /etc for writing", opened("/etc/{m}", WRITE), opened("/tmp/{m}", WRITE)),
    Row("Write below root", "open in /root for writing", opened("/root/{m}", WRITE), opened("/tmp/{m}", WRITE)),
    Row("Write below rpm database", "open in /var/lib/rpm for writing", opened("/var/lib/rpm/{m}", WRITE), opened("/tmp/{m}", WRITE),
        prepare="mkdir -p /var/lib/rpm"),
    Row("Modify binary dirs", "rename in /usr/bin", [T, "rename", "/usr/bin/a{m}", "/usr/bin/b{m}"], [T, "rename", "/tmp/a{m}", "/tmp/b{m}"]),
    Row("Mkdir binary dirs", "mkdir in /usr/bin", [T, "mkdir", "/usr/bin/{m}"], [T, "mkdir", "/tmp/{m}"]),
    # A mount that is not there is absent, and what is absent is not "<NA>": the rule's text holds for every container.
    Row("Launch Sensitive Mount Container", "start of any, by its own text", {}, at="start"),
    Row("Launch Disallowed Container", "start of one", {}, at="start", why="every container is allowed until a user says which are"),
    Row("Interpreted procs inbound network activity", "`python` listens", ["/bin/python", "listen", OUTSIDE, "5001", "{m}"],
        [T, "listen", OUTSIDE, "5001", "{m}"]),
    Row("Interpreted procs outbound network activity", "`python` connects", ["/bin/python", "udp", OUTSIDE, "53", "{m}"], [T, "udp", OUTSIDE, "53", "{m}"]),
    Row("Unexpected K8s NodePort Connection", "connect to port 30001", [T, "udp", OUTSIDE, "30001", "{m}"], [T, "udp", OUTSIDE, "29999", "{m}"]),
    Row("Create Hidden Files or Directories", "mkdir of a name with a dot", [T, "mkdir", "/tmp/.{m}"], [T, "mkdir", "/tmp/{m}"]),
    Row("Detect outbound connections to common miner pool ports", "connect to what ca.minexmr.com resolves to, port 80",
        [T, "connect", MINER, "80", "{m}"], [T, "connect", OUTSIDE, "80", "{m}"]),
    Row("Detect crypto miners using the Stratum protocol", "exec with stratum+tcp among the arguments", ["@miner", "nothing", "stratum+tcp://x", "{m}"],
        ["@miner", "nothing", "tcp://x", "{m}"], at="host"),
    Row("Kubernetes Client Tool Launched in Container", "`kubectl`", ["/bin/kubectl", "nothing", "{m}"], [T, "nothing", "kubectl", "{m}"]),
    Row("Container Drift Detected (chmod)", "chmod 0755", [T, "chmod", "/tmp", "0755", "{m}"], [T, "chmod", "/tmp", "0644", "{m}"]),
    Row("Container Drift Detected (open+create)", "open with O_CREAT, mode 0755", opened("/tmp/{m}", WRITE, ["0755"]), opened("/tmp/{m}", WRITE, ["0644"])),
    Row("Container Run as Root User", "start of one", {}, at="start"),
    Row("Sudo Potential Privilege Escalation", "`sudo -s \\`", ["/bin/sudo", "nothing", "{m}", "-s", "\\"], ["/bin/sudo", "nothing", "{m}", "-s"]),
    Row("Unprivileged Delegation of Page Faults Handling to a Userspace Process", "userfaultfd by uid 1000", [T, "as", "1000", "userfaultfd", "user", "{m}"],
        [T, "userfaultfd", "user", "{m}"]),
    Row("Polkit Local Privilege Escalation Vulnerability (CVE-2021-4034)", "`pkexec` without arguments", ["@{m}/pkexec"], ["@{m}/pkexec", "nothing"], at="host"),
    Row("Java Process Class File Download", "`java` receives CAFEBABE", ["/bin/java", "receive", "127.0.0.1", "5002", "cafebabe", "{m}"],
        ["/bin/java", "receive", "127.0.0.1", "5002", "cafebabf", "{m}"]),
    Row("Modify Container Entrypoint", "open for writing, through /proc/self/fd, of a file outside the container", opened("/proc/self/fd/1", "1"),
        ["/bin/sh", "-c", "exec /bin/trigger open /proc/self/fd/3 1 {m} 3>/tmp/file"]),
    Row("Decoding Payload in Container", "`base64 -d`", ["/bin/base64", "nothing", "{m}", "-d"], ["/bin/base64", "nothing", "{m}"]),
    Row("Basic Interactive Reconnaissance", "`whoami` at a terminal", ["/bin/whoami", "nothing", "{m}"], [T, "nothing", "{m}"], at="terminal"),
    Row("Netcat/Socat Remote Code Execution on Host", "`nc -e`", ["@nc", "nothing", "{m}", "-e"], ["@nc", "nothing", "{m}"], at="host"),
    Row("Network Tool Executed During NPM Package Install", "`npm` runs `nmap`", ["/bin/npm", "run", "/bin/nmap", "nothing", "{m}"],
        [T, "run", "/bin/nmap", "nothing", "{m}"]),
    Row("Known Cryptominer Process Executed", "`xmrig`", ["/bin/xmrig", "nothing", "{m}"], [T, "nothing", "xmrig", "{m}"]),
    Row("Web Server Spawned Shell", "`nginx` runs `sh`", ["/bin/nginx", "run", "/bin/sh", "-c", "true {m}"], [T, "run", "/bin/sh", "-c", "true {m}"]),
    Row("Web Server Spawned Suspicious Child Process", "`nginx` runs `whoami`", ["/bin/nginx", "run", "/bin/whoami", "nothing", "{m}"],
        [T, "run", "/bin/whoami", "nothing", "{m}"]),
    Row("Reverse Shell from Web Server", "`nginx` runs a program with `bash -i` among the arguments", ["/bin/nginx", "run", T, "nothing", "bash -i", "{m}"],
        [T, "run", T, "nothing", "bash -i", "{m}"]),
    Row("Privileged Container Device Access", "open of /dev/sd…", opened("/dev/sd{m}", WRITE), opened("/dev/other{m}", WRITE)),
    Row("Container Access to Host Sensitive Paths", "open of /host/file", opened("/host/file", "0"), opened("/etc/passwd", "0")),
]

PACKS = {"incubating": INCUBATING, "sandbox": SANDBOX}


def pack_file(pack):
    return harness.STABLE_PACK.parent / f"falco-{pack}_rules.yaml"


def rules_of(pack):
    """Names, and which of them are disabled in the file."""
    names, disabled = [], []
    for line in pack_file(pack).read_text().splitlines():
        if line.startswith("- rule:"):
            names.append(line.split(":", 1)[1].strip())
        elif line.strip() == "enabled: false":
            disabled.append(names[-1])
    return names, disabled


def table(pack, disabled):
    lines = ["| rule | fires | by |", "| --- | --- | --- |"]
    for row in PACKS[pack]:
        where = {"host": "", "privileged": " (privileged container)", "terminal": " (container, with a terminal)", "start": ""}.get(row.at, " (container)")
        fires = f"no: {row.why}" if row.why else "yes" if row.count == 1 else f"yes, {row.count} times"
        lines.append(f"| {row.rule}{' *' if row.rule in disabled else ''} | {fires} | {row.shown}{where} |")
    return "\n".join(lines)


class Pack:
    """Mixed into a LiveTest: `pack` names it."""

    marker = ("Mark of a test", lambda mark: quiet(TRIGGER, "mark-of-a-test", mark))
    hosts = f"127.0.0.1 localhost\n{MINER} ca.minexmr.com\n"

    @classmethod
    def setUpClass(cls):
        if not pack_file(cls.pack).exists():
            raise unittest.SkipTest(f"{pack_file(cls.pack)} is not there")
        if reason := container.missing():
            raise unittest.SkipTest(reason)
        cls.rows = PACKS[cls.pack]
        cls.names, cls.disabled = rules_of(cls.pack)
        cls.arguments = ("--rules", pack_file(cls.pack), "--rules", cls.own_file("rules", cls.enabling()),
                         "--config", cls.own_file("config", "rule_matching: all\n"))  # each rule by itself
        super().setUpClass()
        commands = [row.deed[0] for row in cls.rows if isinstance(row.deed, list)]
        programs = {command.removeprefix("/bin/") for command in commands if command.startswith("/bin/")} - {"trigger"} | {"nmap", "whoami"}
        cls.places = {"container": cls.new_container(names=programs), "privileged": cls.new_container(privileged=True, names=programs)}
        cls.places["terminal"] = cls.places["container"]
        for address in (OUTSIDE, METADATA, MINER):
            cls.places["container"].add_address(address)

    @classmethod
    def enabling(cls):
        """What enables what the pack disables, and a rule for marks."""
        return "".join(f"- rule: {rule}\n  enabled: true\n  override:\n    enabled: replace\n" for rule in cls.disabled) + (
            "- rule: Mark of a test\n  desc: tells how far the daemon has read\n  condition: evt.type=execve and proc.args startswith mark-of-a-test\n"
            "  output: \"%proc.args\"\n  priority: INFO\n")

    @classmethod
    def own_file(cls, what, text):
        path = pathlib.Path("/var/tmp") / f"shrike-{what}-{token()}.yaml"
        path.write_text(text)
        cls.addClassCleanup(path.unlink)
        return path

    @classmethod
    def new_container(cls, *arguments, **options):
        made = Container(cls.scratch, *arguments, **options)
        cls.addClassCleanup(made.remove)
        return made

    def do(self, row, deed, mark):
        if row.at == "start":
            Container(self.scratch, mark, **deed).remove()
            return
        command = [word.replace("{m}", mark) for word in deed]
        if row.at == "host":
            if command[0].startswith("@"):
                program = self.scratch / token() / command[0][1:]
                program.parent.mkdir(parents=True)
                shutil.copy(TRIGGER, program)
                command[0] = str(program)
            quiet(*command)
            return
        place = self.places[row.at]
        if row.prepare:
            place.shell(row.prepare)
        if row.at == "terminal":
            place.run_in_terminal(*command)
        else:
            place.run(*command, environment=row.environment)

    def test_rows(self):
        for row in self.rows:
            with self.subTest(row.rule):
                mark = token()
                if row.deed is not None:
                    self.do(row, row.deed, mark)
                if row.why:
                    self.settle()
                    self.assertEqual([], self.shrike.find(row.rule, mark), "it fires after all")
                    continue
                self.assert_fires(row.rule, mark)
                if row.near is not None:
                    near = token()
                    self.do(row, row.near, near)
                    self.settle()
                    self.assertEqual([], self.shrike.find(row.rule, near), "the near miss fired")
                self.assertEqual(len(self.shrike.find(row.rule, mark)), row.count)

    def test_every_rule_is_active_in_both_tiers(self):
        for tier in ("tracing", "full"):
            plan = subprocess.run([harness.BINARY, "rules", "plan", "--tier", tier, "--format", "json", pack_file(self.pack)], check=True,
                                  capture_output=True, text=True).stdout
            rules = json.loads(plan)["rules"]
            self.assertEqual([rule["name"] for rule in rules if rule["status"] == "disabled"], self.disabled)
            self.assertEqual([], [rule["name"] for rule in rules if rule["status"] not in ("alerts", "disabled") or rule["unseen"]])

    def test_every_rule_has_a_row_and_the_document_has_them(self):
        self.assertEqual([row.rule for row in self.rows], self.names)
        self.assertIn(table(self.pack, self.disabled), DOCUMENT.read_text())


class Incubating(Pack, LiveTest):
    pack = "incubating"


class Sandbox(Pack, LiveTest):
    pack = "sandbox"


if __name__ == "__main__":
    if sys.argv[1:] == ["--table"]:
        for each in PACKS:
            print(f"\n## {each.capitalize()}\n\n{table(each, rules_of(each)[1])}")
    else:
        harness.main()
