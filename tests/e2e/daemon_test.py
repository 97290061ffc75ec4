# SPDX-License-Identifier: Apache-2.0
"""The daemon as an operator meets it: bad files, reload, loss, outputs, exit codes."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import harness
from harness import LiveTest, Shrike, quiet, token, wait_for

FLOOD = int(os.environ.get("SHRIKE_FLOOD", "200000"))
WORKLOAD = harness.BINARY.parent / "tests" / "bench" / "workload"

EXEC_RULE = "- rule: Marked program\n  desc: d\n  condition: evt.type = execve and evt.failed = false and proc.args contains {mark}\n  output: ran %proc.cmdline\n  priority: NOTICE\n"
BLOCK_RULE = "- rule: Program in shared memory\n  desc: d\n  condition: evt.type in (execve, execveat) and proc.exepath startswith /dev/shm/\n  output: ran %proc.exepath\n  priority: NOTICE\n  action: block\n"
OPEN_RULE = "- rule: Marked file\n  desc: d\n  condition: evt.type in (open, openat) and fd.name endswith {mark} and fd.num >= 0\n  output: opened %fd.name\n  priority: NOTICE\n"


def run(*arguments):
    return subprocess.run([str(harness.BINARY), *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60)


class WithFiles(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="shrike-e2e-", dir="/var/tmp"))
        self.addCleanup(shutil.rmtree, self.dir, True)

    def file(self, name, text):
        path = self.dir / name
        path.write_text(text)
        return path


class CommandLine(WithFiles):
    """Needs neither root nor a kernel."""

    MISTAKES = {
        "malformed YAML": ("- rule: R\n  desc: [d\n", None),
        "unknown field": ("- rule: R\n  desc: d\n  condition: evt.type = open and fd.nmae = /x\n  output: o\n  priority: INFO\n", (3, 34)),
        "bad operator": ("- rule: R\n  desc: d\n  condition: proc.name like x\n  output: o\n  priority: INFO\n", (3, 24)),
        "unclosed string": ('- rule: R\n  desc: d\n  condition: proc.name = "x\n  output: o\n  priority: INFO\n', (3, 26)),
        "wrong type": ("- rule: R\n  desc: d\n  condition: >\n    evt.type = open and\n    fd.num >= 0 and evt.is_open_read = 1\n  output: o\n  priority: INFO\n", (5, 40)),
    }

    def test_mistakes_are_located(self):
        for name, (text, place) in self.MISTAKES.items():
            with self.subTest(name):
                path = self.file("bad.yaml", text)
                result = run("rules", "check", path)
                self.assertEqual(result.returncode, 1, result.stderr)
                line, column = place if place else (r"\d+", r"\d+")
                self.assertRegex(result.stderr, rf"shrike: {path}:{line}:{column}: error: ")
                self.assertRegex(result.stderr, r"\n +\d+ \| .*\n +\| +\^", "the line and a caret")
                data = json.loads(run("rules", "check", "--format", "json", path).stdout)
                self.assertFalse(data["ok"])
                self.assertEqual(set(data["errors"][0]), {"code", "message", "file", "line", "column", "item"})
                if place:
                    self.assertEqual((data["errors"][0]["line"], data["errors"][0]["column"]), place)
                self.assertEqual(run("run", "--rules", path).returncode, 1)

    def test_wrong_usage_is_2(self):
        self.assertEqual(run("run", "--no-such-option").returncode, 2)
        self.assertEqual(run().returncode, 2)
        self.assertEqual(run("run", "--mode", "off").returncode, 2)
        config = self.file("shrike.yaml", "rule_matching: all\nrules_flies: [x]\n")
        result = run("run", "--config", config)
        self.assertEqual(result.returncode, 2)
        self.assertIn(f'{config}:2:1: error: unknown key "rules_flies"', result.stderr)
        self.assertIn("did you mean rules_files?", result.stderr)
        self.assertEqual(run("run", "--config", self.dir / "none.yaml").returncode, 2)
        for text, message in {"priority: info\npriority: debug\n": "stands twice", "priority: info\n---\nx: y\n": "a second YAML document",
                              "capture: {events_ring_bytes: 7}\n": "not a size of a ring", "capture: {events_ring_bytes: 2GiB}\n": "64KiB to 1GiB",
                              "capture: {quota_above_percent: 101}\n": ":1:32: error: not a percentage", "process_table: {max_processes: 7}\n": "1024 to 4194304", "mode: off\n": ":1:7: error: not a mode",
                              "mode: [enforce]\n": ":1:7: error: not a", "mdoe: monitor\n": "did you mean mode?",
                              "enforcement: {cgruop: /x}\n": "did you mean cgroup?", "enforcement: on\n": "must be a map",
                              "enforcement:\n  cgroup: system.slice\n": ":2:11: error: not an absolute path"}.items():
            result = run("run", "--config", self.file("wrong.yaml", text))
            self.assertEqual(result.returncode, 2)
            self.assertIn(message, result.stderr)
        for duration in ("0", "-1", "1e300", "nan"):
            self.assertEqual(run("run", "--duration", duration).returncode, 2, duration)

    def test_every_verb_has_help_with_an_example(self):
        for verb in (["run"], ["rules", "check"], ["rules", "list"], ["rules", "plan"], ["fields"], ["doctor"]):
            result = run(*verb, "--help")
            self.assertEqual(result.returncode, 0)
            self.assertIn("Example:\n", result.stdout)

    def test_list_and_fields(self):
        path = self.file("r.yaml", EXEC_RULE.format(mark="x"))
        self.assertRegex(run("rules", "list", path).stdout, r"^Marked program +Notice +enabled +alert +host +execve\n$")
        listed = json.loads(run("rules", "list", "--format", "json", path).stdout)
        self.assertEqual(listed["rules"][0]["events"], ["execve"])
        fields = {field["name"]: field for field in json.loads(run("fields", "--format", "json").stdout)}
        self.assertEqual(fields["fd.nameraw"]["from"], "user memory")
        self.assertEqual(fields["fd.name"]["from"], "kernel")
        self.assertGreaterEqual(len(fields), 64)
        self.assertEqual(fields["fd.name"]["kernel"][0]["operations"], "open")
        self.assertEqual(fields["proc.args"]["kernel"], [])

    def test_plan(self):
        rules = self.file("plan.yaml", BLOCK_RULE + EXEC_RULE.format(mark="x"))
        plan = json.loads(run("rules", "plan", "--format", "json", rules).stdout)
        self.assertEqual(plan["tier"], "full")
        self.assertEqual(plan["clauses"], {"used": 1, "cap": 1024})
        blocked, alerts = plan["rules"]
        self.assertEqual(blocked["status"], "enforced")
        self.assertEqual(blocked["operations"], [{"operation": "exec", "hooks": ["bprm_creds_from_file"], "decided": True,
                                                  "clauses": [{"text": "proc.exepath startswith /dev/shm/", "veto": False}]}])
        self.assertEqual((alerts["action"], alerts["mode"], alerts["operations"]), ("alert", None, []))
        self.assertIn("bprm_creds_from_file", plan["programs"])
        self.assertNotIn("sys_exit", plan["programs"])
        tracing = run("rules", "plan", "--tier", "tracing", rules)
        self.assertEqual(tracing.returncode, 0)
        self.assertIn("block: not enforced: tier\n", tracing.stdout)
        bad = run("rules", "plan", self.file("bad.yaml", BLOCK_RULE.replace("startswith /dev/shm/", "endswith .sh")))
        self.assertEqual(bad.returncode, 1)
        self.assertIn('bad.yaml:3:49: error: the kernel does not decide endswith on "proc.exepath"', bad.stderr)


    def test_schemas(self):
        """The schema of rule files takes every shipped rule and no misspelt key."""
        schemas = {of: json.loads(run("schema", "--of", of).stdout) for of in ("rules", "suite", "events")}
        self.assertEqual(schemas["rules"], json.loads(run("schema").stdout))
        try:
            import jsonschema
            import yaml
        except ImportError as missing:
            self.skipTest(str(missing))
        for schema in schemas.values():
            jsonschema.Draft7Validator.check_schema(schema)
        rules = jsonschema.Draft7Validator(schemas["rules"])
        for path in sorted((harness.ROOT / "rules").glob("*.yaml")):
            for document in yaml.safe_load_all(path.read_text()):
                self.assertEqual([error.message for error in rules.iter_errors(document)], [], path)
        for text in ("- rule: R\n  desc: d\n", "- list: a\n  itemz: []\n", "- rule: R\n  enabled: true\n  action: deny\n",
                     "- rule: R\n  condition: c\n  override: {priority: append}\n", "- rule: R\n  desc: d\n  condition: c\n  output: o\n  priority: LOW\n"):
            self.assertFalse(rules.is_valid(yaml.safe_load(text)), text)
        events = jsonschema.Draft7Validator(schemas["events"])
        self.assertTrue(events.is_valid({"evt.type": "openat", "evt.time": 1, "fd.name": {"base64": "AA=="}, "proc.aname": ["sh"], "proc.aname[2]": "init"}))
        self.assertTrue(events.is_valid({"lost": 1, "hook": "sys_exit"}))
        for event in ({"evt.typ": "openat"}, {"fd.sport": 70000}, {"proc.pid": "1"}):
            self.assertFalse(events.is_valid(event), event)

    def test_documents_are_what_the_binary_says(self):
        """docs/fields.md and docs/events.md are generated; deploy/shrike.yaml names every key with its default."""
        for verb in ("fields", "events"):
            document = (harness.ROOT / "docs" / f"{verb}.md").read_text()
            self.assertTrue(document.endswith(run(verb, "--format", "markdown").stdout), f"run: build/shrike {verb} --format markdown")
        rules = self.file("bad.yaml", "- rule: R\n")
        result = run("run", "--config", harness.ROOT / "deploy" / "shrike.yaml", "--rules", rules)
        self.assertEqual(result.returncode, 1, "the configuration is read, the rules are not valid: " + result.stderr)


class Daemon(WithFiles):
    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest("needs root")
        if not pathlib.Path("/sys/kernel/btf/vmlinux").exists():
            self.skipTest("this kernel has no BTF")

    def start(self, *arguments):
        daemon = Shrike(*arguments)
        self.addCleanup(daemon.stop)
        return daemon.wait_ready()

    def test_a_call_known_by_its_name_only(self):
        harness.need_own_mounts()
        mark = token()
        rules = self.file("rules.yaml", f"- rule: Mounted\n  condition: evt.type = mount and proc.name = mount and proc.cmdline contains {mark}\n  desc: d\n  output: '%proc.cmdline'\n  priority: INFO\n")
        daemon = self.start("--rules", rules)
        quiet("unshare", "-m", "mount", "-t", "tmpfs", mark, "/mnt")
        self.assertTrue(wait_for(lambda: daemon.find("Mounted", mark)), daemon.log)
        self.assertEqual(len(daemon.find("Mounted", mark)), 1)

    def test_reload(self):
        old, new = token(), token()
        rules = self.file("rules.yaml", EXEC_RULE.format(mark=old))
        daemon = self.start("--rules", rules)
        self.assertIn("1 rules, 5 programs attached", daemon.ready_line, "no system call tracing for a rule that wants none")

        rules.write_text(EXEC_RULE.format(mark=new) + "- rule: broken\n  condition: fd.nmae = x\n  desc: d\n  output: o\n  priority: INFO\n")
        daemon.process.send_signal(signal.SIGHUP)
        self.assertTrue(daemon.wait_log("the old 1 rules stay in force"), daemon.log)
        self.assertTrue(any(f"{rules}:7:14: error: unknown field" in line for line in daemon.log), daemon.log)
        self.assertTrue(wait_for(lambda: any(a["source"] == "internal" and "stay in force" in a["output"] for a in daemon.alerts)))
        quiet("true", old)
        quiet("true", new)
        self.assertTrue(wait_for(lambda: daemon.find("Marked program", old)))
        self.assertEqual([], daemon.find("Marked program", new))

        rules.write_text(EXEC_RULE.format(mark=new) + OPEN_RULE.format(mark=new))
        daemon.process.send_signal(signal.SIGHUP)
        self.assertTrue(daemon.wait_log("reload: 2 rules in force, 8 programs attached"), daemon.log)
        quiet("true", new)
        (self.dir / new).write_text("x")
        quiet("cat", self.dir / new)
        self.assertTrue(wait_for(lambda: daemon.find("Marked program", new) and daemon.find("Marked file", new)))

        rules.write_text(EXEC_RULE.format(mark=new))
        daemon.process.send_signal(signal.SIGHUP)
        self.assertTrue(daemon.wait_log("reload: 1 rules in force, 5 programs attached"), daemon.log)
        self.assertEqual(daemon.stop(), 0)

    def test_a_missing_file_at_reload_keeps_the_rules(self):
        mark = token()
        rules = self.file("rules.yaml", EXEC_RULE.format(mark=mark))
        daemon = self.start("--rules", rules)
        rules.unlink()
        daemon.process.send_signal(signal.SIGHUP)
        self.assertTrue(daemon.wait_log("stay in force"))
        quiet("true", mark)
        self.assertTrue(wait_for(lambda: daemon.find("Marked program", mark)))

    def test_losses_add_up(self):
        config = self.file("shrike.yaml", "capture: {events_ring_bytes: 262144, processes_ring_bytes: 64MiB}\n")  # it sleeps while others on this machine work
        rules = self.file("rules.yaml", OPEN_RULE.format(mark="/no/such/name"))
        daemon = self.start("--config", config, "--rules", rules, "--summary", "json")
        daemon.process.send_signal(signal.SIGSTOP)
        subprocess.run([WORKLOAD, "open", str(FLOOD)], check=True)
        daemon.process.send_signal(signal.SIGCONT)
        self.assertTrue(wait_for(lambda: any(a["rule"] == "Shrike internal: events lost" for a in daemon.alerts)), "no loss alert")
        notice = [a for a in daemon.alerts if a["rule"] == "Shrike internal: events lost"][0]
        self.assertEqual(notice["source"], "internal")
        self.assertEqual(notice["priority"], "Critical")
        said = {key.split(".")[1]: value for key, value in notice["output_fields"].items() if key.startswith("sys_exit.")}
        self.assertEqual(said["produced"], said["delivered"] + said["lost_ring_full"] + said["lost_no_scratch"] + said["lost_quota"] + said["waiting"], said)
        self.assertEqual(daemon.stop(), 0)
        summary = json.loads(daemon.log[-1])
        hook = summary["hooks"]["sys_exit"]
        self.assertGreaterEqual(hook["produced"], FLOOD)
        self.assertEqual(hook["produced"], hook["delivered"] + hook["lost_ring_full"] + hook["lost_no_scratch"] + hook["lost_quota"], hook)
        self.assertGreater(hook["lost_quota"], FLOOD // 2, "one cgroup floods")
        reported = max(a["output_fields"]["lost_total"] for a in daemon.alerts if a["rule"] == "Shrike internal: events lost")
        self.assertEqual(reported, summary["lost"], "the alert says all of it")
        for name in ("sched_process_exec", "sched_process_fork", "sched_process_exit"):
            self.assertEqual(summary["hooks"][name]["lost_ring_full"] + summary["hooks"][name]["lost_quota"], 0, "a flood of opens displaces no process record")

    def test_file_output_and_duration(self):
        mark = token()
        out = self.dir / "alerts.log"
        config = self.file("shrike.yaml", f"stdout_output: {{enabled: false}}\nfile_output: {{enabled: true, filename: {out}}}\njson_output: true\n")
        rules = self.file("rules.yaml", EXEC_RULE.format(mark=mark))
        daemon = subprocess.Popen([harness.BINARY, "run", "--config", config, "--rules", rules, "--duration", "2"], stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True)
        self.addCleanup(lambda: daemon.poll() is None and daemon.kill())
        while not daemon.stderr.readline().startswith("shrike: ready"):
            self.assertIsNone(daemon.poll())
        quiet("true", mark, "line\nbreak\x1b[31m")
        stdout, _ = daemon.communicate(timeout=30)
        self.assertEqual(daemon.returncode, 0)
        self.assertEqual(stdout, "")
        lines = out.read_text().splitlines()
        alerts = [json.loads(line) for line in lines]
        self.assertEqual([a["rule"] for a in alerts if mark in a["output"]], ["Marked program"])
        self.assertIn("line\nbreak\x1b[31m", alerts[0]["output_fields"]["proc.cmdline"], "nothing is lost in JSON")
        self.assertEqual(os.stat(out).st_mode & 0o777, 0o600)

    def test_text_cannot_break_a_line(self):
        mark = token()
        rules = self.file("rules.yaml", EXEC_RULE.format(mark=mark))
        daemon = subprocess.Popen([harness.BINARY, "run", "--rules", rules, "--duration", "2"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(lambda: daemon.poll() is None and daemon.kill())
        while not daemon.stderr.readline().startswith(b"shrike: ready"):
            self.assertIsNone(daemon.poll())
        quiet("true", mark, "a\nb\x1b[2J\r")
        stdout, _ = daemon.communicate(timeout=30)
        lines = [line for line in stdout.split(b"\n") if mark.encode() in line]
        self.assertEqual(len(lines), 1)
        self.assertIn(b"a\\nb\\u001b[2J\\r", lines[0])
        self.assertNotIn(b"\x1b", stdout)

    def test_a_reader_that_goes_away_ends_it_in_order(self):
        mark = token()
        rules = self.file("rules.yaml", EXEC_RULE.format(mark=mark))
        daemon = subprocess.Popen([harness.BINARY, "run", "--rules", rules, "--summary", "json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(lambda: daemon.poll() is None and daemon.kill())
        while not daemon.stderr.readline().startswith("shrike: ready"):
            self.assertIsNone(daemon.poll())
        daemon.stdout.close()
        quiet("true", mark)
        self.assertEqual(daemon.wait(20), 3)
        log = daemon.stderr.read()
        daemon.stderr.close()
        self.assertIn("alert not delivered: write to standard output: Broken pipe", log)
        self.assertEqual(json.loads(log.splitlines()[-1])["alerts_failed"], 1)

    def test_a_reader_that_sleeps_can_not_keep_it_from_stopping(self):
        mark = token()
        rules = self.file("rules.yaml", EXEC_RULE.format(mark=mark))
        daemon = subprocess.Popen([harness.BINARY, "run", "--rules", rules, "--summary", "json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(lambda: daemon.poll() is None and daemon.kill())
        while not daemon.stderr.readline().startswith("shrike: ready"):
            self.assertIsNone(daemon.poll())
        for _ in range(30):
            quiet("true", mark, "x" * 5000)  # more than the pipe takes
        time.sleep(1)
        daemon.send_signal(signal.SIGTERM)
        self.assertEqual(daemon.wait(20), 0)
        daemon.stdout.close()
        daemon.stderr.close()

    def test_closed_standard_output_is_no_other_file(self):
        rules = self.file("rules.yaml", EXEC_RULE.format(mark=token()))
        result = subprocess.run(["sh", "-c", f"exec {harness.BINARY} run --rules {rules} --duration 0.5 >&-"], capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_cut_arguments_are_said(self):
        mark = token()
        rules = self.file("rules.yaml", EXEC_RULE.format(mark=mark))
        daemon = self.start("--rules", rules, "--summary", "json")
        quiet("true", mark, "x" * 9000)
        quiet("true", mark, "whole")
        self.assertTrue(wait_for(lambda: len(daemon.find("Marked program", mark)) == 2))
        cut, whole = daemon.find("Marked program", mark)
        self.assertEqual(cut["output_fields"]["shrike.incomplete"], "arguments")
        self.assertIn(" incomplete=arguments", cut["output"])
        self.assertNotIn("shrike.incomplete", whole["output_fields"])
        daemon.stop()
        self.assertGreaterEqual(json.loads(daemon.log[-1])["incomplete"]["arguments"], 1)

    def test_a_rename_and_a_fork_hide_nothing(self):
        mark = token()
        rules = self.file("rules.yaml", OPEN_RULE.format(mark=mark).replace("output: opened", "output: n=%proc.name e=%proc.exepath c=%proc.cmdline opened"))
        (self.dir / mark).write_text("x")
        daemon = self.start("--rules", rules)
        deed = ("import ctypes, os\nctypes.CDLL(None).prctl(15, b'sshd', 0, 0, 0)\n"
                f"pid = os.fork()\nif pid == 0:\n  open('{self.dir / mark}')\n  os._exit(0)\nos.waitpid(pid, 0)")
        quiet("python3", "-c", deed)
        self.assertTrue(wait_for(lambda: daemon.find("Marked file", mark)))
        fields = daemon.find("Marked file", mark)[0]["output_fields"]
        self.assertTrue(fields["proc.name"].startswith("python3"), fields)
        self.assertTrue(fields["proc.exepath"].split("/")[-1].startswith("python3"), fields)
        self.assertIn("prctl", fields["proc.cmdline"])

    def test_the_file_is_opened_anew_after_a_rotation(self):
        mark = token()
        out = self.dir / "alerts.log"
        config = self.file("shrike.yaml", f"stdout_output: {{enabled: false}}\nfile_output: {{enabled: true, filename: {out}}}\n")
        rules = self.file("rules.yaml", EXEC_RULE.format(mark=mark))
        daemon = self.start("--config", config, "--rules", rules)
        quiet("true", mark, "before")
        self.assertTrue(wait_for(lambda: "before" in out.read_text()))
        out.rename(self.dir / "alerts.log.1")
        daemon.process.send_signal(signal.SIGHUP)
        self.assertTrue(daemon.wait_log("reload: 1 rules in force"))
        quiet("true", mark, "after")
        self.assertTrue(wait_for(lambda: out.exists() and "after" in out.read_text()))
        self.assertNotIn("after", (self.dir / "alerts.log.1").read_text())

    def test_enforcement_that_can_not_be_had(self):
        rules = self.file("rules.yaml", BLOCK_RULE)
        result = run("run", "--rules", rules, "--require-enforcement")
        self.assertEqual(result.returncode, 1)
        self.assertIn('rule "Program in shared memory": not enforced: tier', result.stderr)
        daemon = self.start("--rules", rules)
        self.assertTrue(any("not enforced: tier" in line for line in daemon.log))

    def test_the_newcomer_is_seen_with_its_ancestors(self):
        """A process that ran before the daemon has its name, and its children their lineage."""
        mark = token()
        shell = self.dir / ("old" + mark[:8])
        shutil.copy(shutil.which("bash"), shell)
        old = subprocess.Popen([shell, "-c", f"read x; true {mark}; /bin/true {mark}; :"], stdin=subprocess.PIPE)
        self.addCleanup(lambda: old.poll() is None and old.kill())
        time.sleep(0.3)
        rules = self.file("rules.yaml", f"- rule: Old parent\n  desc: d\n  condition: evt.type = execve and proc.pname = {shell.name} and proc.args contains {mark}\n"
                                        "  output: p=%proc.pname e=%proc.pexepath c=%proc.pcmdline a=%proc.aname\n  priority: NOTICE\n")
        daemon = self.start("--rules", rules)
        old.communicate(b"go\n")
        self.assertTrue(wait_for(lambda: daemon.find("Old parent", mark)))
        fields = daemon.find("Old parent", mark)[0]["output_fields"]
        self.assertEqual(fields["proc.pexepath"], str(shell))
        self.assertTrue(fields["proc.pcmdline"].startswith(shell.name + " -c read x"))
        self.assertTrue(fields["proc.aname"].startswith(shell.name + " python3"), fields)

    def test_doctor(self):
        result = run("doctor")
        self.assertIn("tier", result.stdout)
        data = json.loads(run("doctor", "--format", "json").stdout)
        self.assertEqual(data["tier"], "tracing")


if __name__ == "__main__":
    harness.main()
