# SPDX-License-Identifier: Apache-2.0
"""The running daemon as an operator talks to it: control socket, metrics, systemd's notifications, the log."""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request

import harness
from harness import Cgroup, Shrike, quiet, token, wait_for

OPEN_RULE = "- rule: Marked file\n  desc: d\n  condition: evt.type in (open, openat) and fd.name endswith {mark} and fd.num >= 0\n  output: opened %fd.name by %proc.name in %proc.cwd\n  priority: NOTICE\n"
BLOCK_RULE = "- rule: No such port\n  desc: d\n  condition: evt.type in (connect, sendto, sendmsg, sendmmsg) and fd.sport = {port} and fd.sip = 127.0.0.1\n  output: '%evt.type %fd.sip:%fd.sport'\n  priority: WARNING\n  action: block\n"
EPERM, REFUSED = 1, 111


def run(*arguments, **options):
    return subprocess.run([str(harness.BINARY), *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60, **options)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class WithDaemon(unittest.TestCase):
    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("needs root")
        if not pathlib.Path("/sys/kernel/btf/vmlinux").exists():
            self.skipTest("this kernel has no BTF")
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="shrike-face-", dir="/tmp"))
        self.addCleanup(shutil.rmtree, self.dir, True)
        self.socket = self.dir / "run" / "shrike.sock"
        self.mark = token()
        self.rules = self.file("rules.yaml", OPEN_RULE.format(mark=self.mark))
        self.marked = self.file(self.mark, "")

    def file(self, name, text):
        path = self.dir / name
        path.write_text(text)
        return path

    def start(self, *arguments, rules=None, **options):
        daemon = Shrike("--rules", rules or self.rules, "--control-socket", self.socket, *arguments, **options)
        self.addCleanup(daemon.stop)
        return daemon.wait_ready()

    def ask(self, verb, *arguments, code=0):
        result = run(verb, "--control-socket", self.socket, *arguments)
        self.assertEqual(result.returncode, code, f"{verb} {arguments}: {result.stdout}{result.stderr}")
        return result

    def status(self):
        return json.loads(self.ask("status", "--format", "json").stdout)

    def touch(self, count=1, name="cat"):
        """Opens the marked file: so many alerts."""
        quiet(name, *[self.marked] * count)

    def alerted(self, daemon, count, seconds=15):
        return wait_for(lambda: len(daemon.find("Marked file", self.mark)) >= count, seconds)

    def tail(self, *arguments):
        """A `shrike tail` that watches already, and the lines it has printed so far."""
        before = self.status()["tails"]["open"]
        process = subprocess.Popen([str(harness.BINARY), "tail", "--control-socket", str(self.socket), *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        lines = []
        reader = threading.Thread(target=lambda: [lines.append(line) for line in process.stdout], daemon=True)
        reader.start()

        def end():
            if process.poll() is None:
                process.terminate()
            process.wait(10)
            reader.join(10)
            process.stdout.close()
            process.stderr.close()

        self.addCleanup(end)
        self.assertTrue(wait_for(lambda: self.status()["tails"]["open"] > before), "tail does not watch")
        return process, lines


class Talk(WithDaemon):
    def test_status(self):
        daemon = self.start()
        self.assertEqual(stat.S_IMODE(os.stat(self.socket).st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(os.stat(self.socket.parent).st_mode), 0o755)
        self.touch(3)
        self.assertTrue(self.alerted(daemon, 3))
        status = self.status()
        self.assertEqual((status["ok"], status["tier"], status["mode"], status["pid"]), (True, "tracing", "monitor", daemon.process.pid))
        self.assertEqual(status["rules"]["loaded"], 1)
        self.assertEqual(status["rules"]["active"], 1)
        self.assertEqual(status["by_rule"]["Marked file"]["alerts"], 3)
        self.assertEqual(status["alerts"], 3)
        self.assertGreater(status["hooks"]["sched_process_exec"]["delivered"], 0)
        self.assertGreaterEqual(status["uptime_s"], 0)
        self.assertEqual(status["sinks"][0]["delivered"], 3)
        text = self.ask("status").stdout
        self.assertRegex(text, r"(?m)^mode +monitor, policy generation \d+$")
        self.assertRegex(text, r"(?m)^ +3 +0 +0  Marked file$")

    def test_top_prints_one_table(self):
        self.start()
        toucher = subprocess.Popen(["sh", "-c", f'while :; do read x < {self.marked}; sleep 0.02; done'])
        try:
            result = self.ask("top", "--once")
        finally:
            toucher.kill()
            toucher.wait()
        self.assertNotIn("\x1b", result.stdout)
        row = re.search(r"(?m)^ +([0-9.]+) +(\d+) +0  Marked file$", result.stdout)
        self.assertIsNotNone(row, result.stdout)
        self.assertGreater(float(row[1]), 1, "alerts a second")
        self.assertRegex(result.stdout, r"(?m)^sink stdout +ok +delivered \d+ +failed 0$")

    def test_nobody_there(self):
        for verb in (["status"], ["tail"], ["top", "--once"], ["reload"], ["mode", "monitor"], ["confirm"], ["rollback"]):
            result = run(*verb, "--control-socket", self.socket)
            self.assertEqual(result.returncode, 3, verb)
            self.assertIn(f"shrike: error: control socket {self.socket}", result.stderr)
            self.assertEqual(result.stdout, "")
        self.assertEqual(run("mode", "off").returncode, 2)
        self.assertEqual(run("mode", "enforce", "--confirm-within", "0").returncode, 2)

    def test_every_verb_has_help_with_an_example(self):
        for verb in ("status", "tail", "top", "reload", "mode", "confirm", "rollback"):
            result = run(verb, "--help")
            self.assertEqual(result.returncode, 0)
            self.assertRegex(result.stdout, rf"Example:\n  shrike {verb}", verb)

    def test_a_reload_tells_what_is_wrong(self):
        daemon = self.start()
        self.assertIn("1 rules in force", self.ask("reload").stdout)
        other = token()
        self.rules.write_text(OPEN_RULE.format(mark=other) + "- rule: broken\n  condition: fd.nmae = x\n  desc: d\n  output: o\n  priority: INFO\n")
        result = self.ask("reload", code=1)
        self.assertIn(f"shrike: {self.rules}:7:14: error: unknown field", result.stderr)
        self.assertIn("the old 1 rules stay in force", result.stderr)
        answer = json.loads(self.ask("reload", "--format", "json", code=1).stdout)
        self.assertEqual((answer["ok"], answer["diagnostics"][0]["line"], answer["diagnostics"][0]["severity"]), (False, 7, "error"))
        self.touch()
        self.assertTrue(self.alerted(daemon, 1), "the old rules are in force")
        self.assertEqual(self.status()["reload"]["ok"], False)
        self.rules.write_text(OPEN_RULE.format(mark=self.mark) + OPEN_RULE.format(mark=other).replace("Marked file", "Other file"))
        self.ask("reload")
        status = self.status()
        self.assertEqual((status["reload"]["ok"], status["reload"]["good"], status["reload"]["bad"], status["rules"]["loaded"]), (True, 2, 2, 2))

    def test_what_is_no_request(self):
        self.start()

        def curl(*arguments):
            result = subprocess.run(["curl", "-s", "-w", "\n%{http_code}", "--unix-socket", str(self.socket), *arguments], capture_output=True, text=True, timeout=30)
            body, _, code = result.stdout.rpartition("\n")
            return int(code), body

        if shutil.which("curl") is None:
            self.skipTest("no curl")
        for arguments, code in ((["http://x/v1/none"], 404), (["http://x/v1/reload"], 404), (["-X", "POST", "http://x/v1/mode?mode=off"], 400),
                                (["-X", "POST", "http://x/v1/mode?mode=enforce&confirm_within=1e9"], 400), (["-X", "POST", "http://x/v1/mode?mode=enforce&confirm_within=-3"], 400),
                                (["-X", "POST", "http://x/v1/mode?mode=monitor&confirm_within=9"], 400), (["http://x/v1/tail?priority=low"], 400),
                                (["http://x/v1/tail?condition=proc.name"], 400), (["http://x/" + "a" * 9000], 414)):
            got, body = curl(*arguments)
            self.assertEqual(got, code, (arguments, body))
            self.assertEqual(json.loads(body)["ok"], False, arguments)
        self.assertEqual(self.status()["mode"], "monitor")


class Tail(WithDaemon):
    def test_only_what_fits(self):
        daemon = self.start()
        _, fits = self.tail("--condition", "proc.name = head and fd.name endswith " + self.mark, "--format", "json")
        _, text = self.tail()
        _, urgent = self.tail("--priority", "error")
        self.touch()
        self.touch(name="head")
        self.assertTrue(self.alerted(daemon, 2))
        self.assertTrue(wait_for(lambda: len(text) >= 2 and fits))
        time.sleep(0.5)
        self.assertEqual([json.loads(line)["output_fields"]["proc.name"] for line in fits], ["head"])
        self.assertEqual(len(text), 2)
        self.assertRegex(text[0], rf"Notice opened {self.marked} by cat ")
        self.assertEqual(urgent, [])
        result = self.ask("tail", "--condition", "proc.nmae = x", code=1)
        self.assertIn('condition:1:1: error: unknown field "proc.nmae"', result.stderr)

    def test_it_ends_with_the_daemon_and_misses_nothing(self):
        daemon = self.start()
        process, lines = self.tail("--format", "json")
        self.touch(200)
        self.assertTrue(self.alerted(daemon, 200))
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(process.wait(10), 0)
        self.assertTrue(wait_for(lambda: len(lines) >= 200))
        self.assertEqual([json.loads(line)["id"] for line in lines], [alert["id"] for alert in daemon.alerts])

    def test_a_client_that_never_reads_holds_nothing(self):
        daemon = self.start()
        with socket.socket(socket.AF_UNIX) as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.connect(str(self.socket))
            deaf.sendall(b"GET /v1/tail?format=json HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertTrue(wait_for(lambda: self.status()["tails"]["open"] == 1))
            _, others = self.tail("--format", "json")
            for done in range(500, 3001, 500):
                self.touch(500)
                self.assertTrue(self.alerted(daemon, done, 60), "alerts go on to standard output")
            status = self.status()
            self.assertGreater(status["tails"]["lost"], 0, "and what the client lost is counted")
            # Who reads after all is told. Within the server's patience, or it has hung up.
            seen = b""
            deaf.settimeout(10)
            try:
                while b'"lost"' not in seen and (piece := deaf.recv(1 << 16)):
                    seen += piece
            except TimeoutError:
                pass
            self.assertRegex(seen.decode(), r'\n\{"lost":\d+\}\n')
        wait_for(lambda: len(others) >= 3000)
        told = [json.loads(line) for line in others]
        self.assertEqual(len([one for one in told if "rule" in one]) + sum(one.get("lost", 0) for one in told), 3000, "shown or counted")
        self.assertTrue(wait_for(lambda: self.status()["tails"]["open"] == 1), "who hangs up is let go")

    def test_there_are_so_many_and_status_still_answers(self):
        self.start()
        clients = []
        for _ in range(8):
            client = socket.socket(socket.AF_UNIX)
            self.addCleanup(client.close)
            client.connect(str(self.socket))
            client.sendall(b"GET /v1/tail HTTP/1.1\r\nHost: x\r\n\r\n")
            clients.append(client)
        self.assertTrue(wait_for(lambda: self.status()["tails"]["open"] == 8))
        self.assertIn("busy: 8 clients watch already", self.ask("tail", code=3).stderr)


class ModeTest(WithDaemon):
    """Enforcement, in a cgroup of the test alone."""

    def setUp(self):
        super().setUp()
        self.cgroup = self.enterContext(Cgroup("shrike-face"))
        self.port = free_port()
        self.rules.write_text(BLOCK_RULE.format(port=self.port))
        self.config = self.file("shrike.yaml", f"mode: monitor\nenforcement: {{cgroup: {self.cgroup.path}}}\n")

    def deed(self):
        code = f"import socket; raise SystemExit(socket.socket().connect_ex(('127.0.0.1', {self.port})))"
        return self.cgroup.run("python3", "-c", code).returncode

    def notices(self, daemon, mode):
        return [a for a in list(daemon.alerts) if a["rule"] == "Shrike internal: mode changed" and a["output_fields"]["mode"] == mode]

    def test_enforce_falls_back_unless_it_is_confirmed(self):
        daemon = self.start("--config", self.config)
        self.assertEqual(self.deed(), REFUSED)
        answer = self.ask("mode", "enforce", "--confirm-within", "3").stdout
        self.assertIn("1 enforced; back to monitor in 3 s unless", answer)
        self.assertEqual(self.deed(), EPERM)
        self.assertIn("confirm_within_s", self.status())
        self.assertTrue(wait_for(lambda: self.status()["mode"] == "monitor"), "it goes back by itself")
        self.assertEqual(self.deed(), REFUSED)
        self.assertTrue(wait_for(lambda: self.notices(daemon, "monitor")))
        self.assertIn("nobody confirmed it in time", self.notices(daemon, "monitor")[0]["output"])
        self.assertEqual(self.notices(daemon, "monitor")[0]["priority"], "Warning")
        self.ask("confirm", code=1)

        self.ask("mode", "enforce", "--confirm-within", "3")
        self.assertIn("stays", self.ask("confirm").stdout)
        self.assertNotIn("confirm_within_s", self.status())
        time.sleep(4)
        self.assertEqual(self.status()["mode"], "enforce")
        self.assertEqual(self.deed(), EPERM)
        rule = self.status()["by_rule"]["No such port"]
        self.assertEqual((rule["action"], rule["blocked"], rule["would_block"]), ("block", 2, 2), "counted over all generations")

        self.rules.write_text("not a rule file: [")  # what is on disk now must not keep anybody from going back
        self.assertIn("nothing is refused any more", self.ask("rollback").stdout)
        self.assertEqual(self.deed(), REFUSED)
        self.assertEqual(self.status()["mode"], "monitor")
        self.ask("reload", code=1)

    def test_a_mode_stays_over_a_reload_and_can_be_taken_back_in_spite_of_require_enforcement(self):
        daemon = self.start("--config", self.config, "--mode", "enforce", "--require-enforcement")
        self.assertEqual(self.deed(), EPERM)
        self.ask("rollback")
        self.assertEqual(self.deed(), REFUSED)
        self.ask("reload")
        self.assertEqual((self.status()["mode"], self.deed()), ("monitor", REFUSED))
        self.ask("mode", "detect")
        self.assertIn("mode detect already", self.ask("rollback").stdout)
        self.ask("mode", "enforce")
        self.ask("reload")
        self.assertEqual((self.status()["mode"], self.deed()), ("enforce", EPERM))
        daemon.process.kill()
        daemon.process.wait(10)
        self.assertEqual(self.deed(), REFUSED, "what a daemon enforces ends with it")

    def test_a_host_that_can_not_says_no(self):
        self.rules.write_text("- rule: Program in shared memory\n  desc: d\n  condition: evt.type in (execve, execveat) and proc.exepath startswith /dev/shm/\n  output: ran\n  priority: NOTICE\n  action: block\n")
        daemon = self.start("--config", self.config)
        if self.status()["tier"] != "tracing":
            self.skipTest("this host can")
        self.assertIn("this host can't: 1 not enforced: tier", self.ask("mode", "enforce", code=1).stderr)
        self.assertEqual(self.status()["mode"], "monitor")
        self.assertEqual(self.notices(daemon, "enforce"), [])


class Socket(WithDaemon):
    def test_a_dead_daemons_socket_is_replaced_a_live_ones_is_not(self):
        first = self.start()
        result = run("run", "--rules", self.rules, "--control-socket", self.socket, "--duration", "1")
        self.assertEqual(result.returncode, 3, result.stderr)
        self.assertIn(f"another shrike daemon, pid {first.process.pid}, has it", result.stderr)
        self.assertNotIn("ready", result.stderr)
        self.assertEqual(self.status()["pid"], first.process.pid, "the first is not disturbed")
        first.process.kill()
        first.process.wait(10)
        self.assertTrue(self.socket.exists())
        second = self.start()
        self.assertEqual(self.status()["pid"], second.process.pid)
        self.assertEqual(second.stop(), 0)
        self.assertFalse(self.socket.exists())

    def test_what_can_not_be_a_socket(self):
        self.socket.parent.mkdir()
        self.socket.write_text("precious")
        for path, why in ((self.socket, "there is something else of that name"), (self.dir / ("x" * 120), "longer than the 107 bytes"), (self.dir / "none" / "none" / "s", "No such file")):
            result = run("run", "--rules", self.rules, "--control-socket", path, "--duration", "1")
            self.assertEqual(result.returncode, 3, result.stderr)
            self.assertIn(why, result.stderr)
        self.assertEqual(self.socket.read_text(), "precious")

    def test_the_default_one_is_not_worth_dying_for(self):
        """In a mount namespace of its own, where /run is read-only."""
        harness.need_own_mounts()
        command = f'mount -t tmpfs -o ro none /run && exec {harness.BINARY} run --rules {self.rules} --duration 0.5'
        result = subprocess.run(["unshare", "-m", "sh", "-c", command], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("no control socket", result.stderr)

    def test_it_is_for_root(self):
        self.start()
        nobody = {"user": 65534, "group": 65534, "extra_groups": []}
        os.chmod(self.dir, 0o755)
        binary = self.dir / "shrike"  # where nobody can run it
        shutil.copy(harness.BINARY, binary)
        command = [str(binary), "mode", "detect", "--control-socket", str(self.socket)]
        result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30, **nobody)
        self.assertEqual(result.returncode, 3)
        self.assertIn("Permission denied: it is for root", result.stderr)
        os.chmod(self.socket, 0o666)  # and even if somebody opens it
        result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30, **nobody)
        self.assertEqual((result.returncode, result.stderr), (1, "shrike: error: the control socket is for root\n"))
        self.assertEqual(self.status()["mode"], "monitor")

    def test_clients_that_say_nothing_and_an_end_that_does_not_wait_for_them(self):
        daemon = self.start()
        for _ in range(3):
            client = socket.socket(socket.AF_UNIX)
            self.addCleanup(client.close)
            client.connect(str(self.socket))
        with socket.socket(socket.AF_UNIX) as half:
            half.connect(str(self.socket))
            half.sendall(b"GET /v1/status HT")
            self.status()
            began = time.monotonic()
            self.assertEqual(daemon.stop(), 0)
            self.assertLess(time.monotonic() - began, 30)

    def test_an_engine_that_is_held_up_is_busy_and_a_change_that_came_too_late_is_not_made(self):
        """Standard output is a pipe nobody reads: the engine waits for it."""
        process = subprocess.Popen([str(harness.BINARY), "run", "--rules", self.rules, "--control-socket", self.socket], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(lambda: (process.poll() is None and process.kill(), process.communicate()))
        for line in process.stderr:
            if line.startswith("shrike: ready"):
                break
        self.touch(3000)
        held = wait_for(lambda: run("status", "--control-socket", self.socket).returncode != 0, 30)
        if not held:
            self.skipTest("the engine does not wait for standard output")
        result = run("mode", "detect", "--control-socket", self.socket)
        self.assertEqual((result.returncode, result.stderr), (3, "shrike: error: busy: the engine does not answer\n"))
        threading.Thread(target=lambda: process.stdout.read(), daemon=True).start()
        self.assertTrue(wait_for(lambda: run("status", "--control-socket", self.socket).returncode == 0, 30))
        self.assertEqual(self.status()["mode"], "monitor")


class Metrics(WithDaemon):
    def setUp(self):
        super().setUp()
        self.port = free_port()
        self.config = self.file("shrike.yaml", f"metrics: {{listen: 127.0.0.1:{self.port}}}\n")

    def get(self, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def test_they_are_what_prometheus_reads(self):
        hostile = '"quoted\\\\ name\\nsecond {line} ü"'  # as YAML has it
        self.rules.write_text(OPEN_RULE.format(mark=self.mark) + OPEN_RULE.format(mark="never-" + self.mark).replace("Marked file", hostile))
        daemon = self.start("--config", self.config)
        self.touch(5)
        self.assertTrue(self.alerted(daemon, 5))
        code, text = self.get("/metrics")
        self.assertEqual(code, 200)
        self.assertIn('shrike_rule_matches_total{rule="Marked file",priority="Notice",action="alert"} 5\n', text)
        self.assertIn('shrike_mode{mode="monitor"} 1\n', text)
        self.assertIn(r'rule="quoted\\ name\nsecond {line} ü"', text)
        self.assertNotIn(self.mark, text, "nothing that events bring is a label")
        self.assertEqual(self.get("/healthz"), (200, "ok\n"))
        self.assertEqual(self.get("/v1/status")[0], 404, "nobody changes anything here")
        if shutil.which("promtool") is None:
            self.skipTest("no promtool")
        checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=30, check=False)
        self.assertEqual((checked.returncode, checked.stdout, checked.stderr), (0, "", ""))

    def test_a_real_prometheus_scrapes_them(self):
        if shutil.which("prometheus") is None:
            self.skipTest("no prometheus")
        daemon = self.start("--config", self.config)
        self.touch(4)
        self.assertTrue(self.alerted(daemon, 4))
        web = free_port()
        settings = self.file("prometheus.yml", f"global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: shrike\n  static_configs: [{{targets: ['127.0.0.1:{self.port}']}}]\n")
        prometheus = subprocess.Popen(["prometheus", f"--config.file={settings}", f"--storage.tsdb.path={self.dir / 'tsdb'}", f"--web.listen-address=127.0.0.1:{web}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def end():
            prometheus.terminate()
            prometheus.wait(30)

        self.addCleanup(end)

        def value(query):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{web}/api/v1/query?query={urllib.request.quote(query)}", timeout=5) as answer:
                    result = json.load(answer)["data"]["result"]
            except OSError:
                return None
            return result[0]["value"][1] if result else None

        self.assertTrue(wait_for(lambda: value('shrike_rule_matches_total{rule="Marked file"}') == "4", 60), "not scraped")
        self.assertEqual(value("up"), "1")

    def test_they_are_off_unless_configured_and_a_taken_port_is_an_error(self):
        self.start()
        with self.assertRaises(urllib.error.URLError):
            self.get("/metrics")
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", self.port))
            taken.listen()
            result = run("run", "--rules", self.rules, "--config", self.config, "--control-socket", "", "--duration", "1")
        self.assertEqual(result.returncode, 3)
        self.assertIn(f"metrics.listen 127.0.0.1 port {self.port}: Address already in use", result.stderr)

    def test_health_is_that_of_the_loop(self):
        daemon = self.start("--config", self.config)
        self.assertTrue(wait_for(lambda: self.get("/healthz")[0] == 200))
        held = subprocess.Popen([str(harness.BINARY), "run", "--rules", self.rules, "--control-socket", "", "--config", self.file("held.yaml", f"metrics: {{listen: 127.0.0.1:{(port := free_port())}}}\n")], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(lambda: (held.poll() is None and held.kill(), held.communicate()))
        for line in held.stderr:
            if line.startswith("shrike: ready"):
                break
        self.touch(3000)
        self.port = port
        if not wait_for(lambda: self.get("/healthz")[0] == 503, 30):
            self.skipTest("the engine does not wait for standard output")
        self.assertRegex(self.get("/healthz")[1], r"^the engine has been busy for \d+ s\n$")
        self.assertEqual(daemon.stop(), 0)

    def test_keys_of_the_configuration(self):
        for text, message in {"metrics: {listen: 9376}\n": ":1:19: error: not an address and a port", "metrics: {listen: 'localhost:1'}\n": "127.0.0.1:9376",
                              "metrics: {lisen: x}\n": "did you mean listen?", "control_socket: run/x\n": "not an absolute path", "log_format: xml\n": "text, logfmt or json",
                              "log_level: loud\n": "debug, info, warning or error"}.items():
            result = run("run", "--config", self.file("wrong.yaml", text))
            self.assertEqual(result.returncode, 2, text)
            self.assertIn(message, result.stderr)


class Systemd(WithDaemon):
    def test_ready_reload_watchdog_and_stop_are_told(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
            path = self.dir / "notify"
            listener.bind(str(path))
            listener.settimeout(0.2)
            told = []

            def hear(wanted, seconds=20):
                def one():
                    try:
                        told.append(listener.recv(4096).decode())
                    except TimeoutError:
                        pass
                    return any(wanted in message for message in told)
                return wait_for(one, seconds)

            os.environ.update(NOTIFY_SOCKET=str(path), WATCHDOG_USEC="1000000")
            try:
                daemon = Shrike("--rules", self.rules, "--control-socket", self.socket)
            finally:
                os.environ.pop("NOTIFY_SOCKET")
                os.environ.pop("WATCHDOG_USEC")
            self.addCleanup(daemon.stop)
            self.assertTrue(hear("READY=1\nSTATUS=1 rules in force, mode monitor, tier "), told)
            began, count = time.monotonic(), 0
            while count < 6 and time.monotonic() - began < 20:
                told.clear()
                count += hear("WATCHDOG=1")
            self.assertEqual(count, 6)
            self.assertGreater(time.monotonic() - began, 2, "at half of its time, not with every turn")
            told.clear()
            self.ask("reload")
            self.assertTrue(hear("READY=1"))
            self.assertRegex("".join(told), r"RELOADING=1\nMONOTONIC_USEC=\d+\n")
            told.clear()
            self.assertEqual(daemon.stop(), 0)
            self.assertTrue(hear("STOPPING=1"))

    def test_a_daemon_that_hangs_tells_the_watchdog_nothing(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
            listener.bind(str(self.dir / "notify"))
            listener.settimeout(2)
            environment = {**os.environ, "NOTIFY_SOCKET": str(self.dir / "notify"), "WATCHDOG_USEC": "400000"}
            process = subprocess.Popen([str(harness.BINARY), "run", "--rules", self.rules, "--control-socket", ""], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
            self.addCleanup(lambda: (process.send_signal(signal.SIGCONT), process.terminate(), process.wait(30)))
            self.assertTrue(wait_for(lambda: b"WATCHDOG=1" in listener.recv(4096), 20))
            process.send_signal(signal.SIGSTOP)
            with self.assertRaises(TimeoutError):
                while True:
                    listener.recv(4096)

    def test_the_unit(self):
        if shutil.which("systemd-analyze") is None:
            self.skipTest("no systemd-analyze")
        unit = self.file("shrike.service", (harness.ROOT / "deploy" / "systemd" / "shrike.service").read_text().replace("/usr/bin/shrike", str(harness.BINARY)))
        result = subprocess.run(["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, timeout=60, check=False)
        mine = [line for line in (result.stdout + result.stderr).splitlines() if "shrike" in line]
        self.assertEqual((result.returncode, mine), (0, []), result.stderr)


class Log(WithDaemon):
    def test_logfmt_and_json(self):
        for form in ("logfmt", "json"):
            config = self.file("shrike.yaml", f"log_format: {form}\n")
            self.rules.write_text(OPEN_RULE.format(mark=self.mark).replace("desc: d\n", "desc: d\n  surprise: x\n"))
            result = run("run", "--rules", self.rules, "--config", config, "--control-socket", "", "--duration", "0.2")
            self.assertEqual(result.returncode, 0, result.stderr)
            lines = result.stderr.splitlines()
            if form == "json":
                parsed = [json.loads(line) for line in lines]
                self.assertTrue(all(set(one) == {"time", "level", "message"} for one in parsed))
                self.assertTrue(any(one["message"].startswith("ready: 1 rules") for one in parsed))
                self.assertTrue(any(one["level"] == "warning" and "surprise" in one["message"] for one in parsed), parsed)
            else:
                for line in lines:
                    self.assertRegex(line, r'^time=\S+Z level=(info|warning|error) message="[^"\\]*(\\.[^"\\]*)*"$')

    def test_levels(self):
        config = self.file("shrike.yaml", "log_level: error\n")
        result = run("run", "--rules", self.rules, "--config", config, "--control-socket", "", "--duration", "0.2")
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_what_repeats_is_summed_up(self):
        daemon = self.start()
        for _ in range(8):
            self.ask("reload")
        self.assertEqual(len([line for line in daemon.log if "reload: 1 rules in force" in line]), 3)
        self.assertTrue(daemon.wait_log("reload: 1 rules in force, ", 5))
        self.assertTrue(wait_for(lambda: any(re.search(r"reload: 1 rules in force.* ×5 more in 10 s$", line) for line in daemon.log), 30), daemon.log)


if __name__ == "__main__":
    harness.main()
