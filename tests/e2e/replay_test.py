# SPDX-License-Identifier: Apache-2.0
"""`shrike replay`, `shrike test`, `rules` and `condition check` as a user meets them: files in, lines and exit codes out. No kernel, no root."""

import json
import os
import pathlib
import re
import subprocess
import tempfile
import textwrap
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("SHRIKE_BINARY", ROOT / "build" / "shrike")).resolve()
ENVIRONMENT = {**os.environ, "TZ": "UTC", "SHRIKE_HOSTNAME": "n1"}
TIME = 1700000000000000001
SUGGESTED = ("container.id", "container.name", "container.image.repository", "container.image.tag", "k8s.pod.name", "k8s.ns.name")


def rule(name="R", condition="evt.type = openat", output="o", **keys):
    return {"rule": name, "desc": "d", "condition": condition, "output": output, "priority": "WARNING", **keys}


class Cli(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def file(self, name, content):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else textwrap.dedent(content).encode())
        return path

    def rules(self, *rules):
        return self.file("rules.yaml", json.dumps(rules))

    def events(self, *events):
        return self.file("events.jsonl", "".join(event if isinstance(event, str) else json.dumps(event) + "\n" for event in events))

    def shrike(self, *arguments, stdin=None):
        return subprocess.run([str(BINARY), *map(str, arguments)], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT,
                              check=False, text=True, errors="surrogateescape", timeout=60)

    def replay(self, rules, events, *arguments):
        return self.shrike("replay", "--rules", self.rules(*rules), "--events", self.events(*events), *arguments)

    def alerts(self, rules, events, *arguments):
        done = self.replay(rules, events, "--format", "json", *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def configured(self, text, rules=None, events=None):
        """The one alert as JSON, and the one as text, under a configuration."""
        config = self.file("shrike.yaml", text)
        rules = rules or [rule(output="opened %fd.name", tags=["b", "a"])]
        events = events or [{"evt.type": "openat", "evt.time": TIME, "fd.name": "/etc/x"}]
        alerts = self.alerts(rules, events, "--config", config)
        line = self.replay(rules, events, "--config", config, "--format", "text").stdout
        return alerts[0], line.rstrip("\n")

    # ----------------------------------------------------------------------------------------------------------------------- replay

    def test_a_recording_says_who_was_asked_and_what_the_kernel_decided(self):
        rules = [rule("Blocks", "evt.type in (open, openat, openat2) and fd.num >= 0", "b %fd.name", action="block"),
                 rule("Asleep", "evt.type = openat", "a"), rule("Alerts", "evt.type = openat", "c %fd.name")]
        event = {"evt.type": "openat", "evt.time": TIME, "fd.name": "/x", "fd.num": 3}
        verdict = {"shrike.rules": ["Blocks", "Nobody"], "shrike.verdicts": ["blocked", "killed"], "shrike.errnos": [1, 0],
                   "shrike.hook": "file_open", "shrike.generation": 7, "shrike.incomplete": "path,unsure"}
        header = {"recording": 1, "inactive": ["Asleep"], "decided": ["Blocks"]}
        done = self.replay(rules, [event, header, event | verdict, event], "--format", "json")
        alerts = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([(a["rule"], a["verdict"], a.get("errno"), a.get("hook"), a.get("generation")) for a in alerts],
                         [("Blocks", "alert", None, None, None), ("Blocks", "blocked", 1, "file_open", 7), ("Alerts", "alert", None, None, None)])
        self.assertEqual(alerts[1]["output_fields"]["shrike.incomplete"], "path,unsure")
        self.assertIn("replayed 3 events, 3 alerts, 1 rules not asked: inactive when it was recorded, 1 verdicts of rules that are not here", done.stderr)
        for wrong, message in (({"recording": 2}, "a recording of another version"), ({"recording": 1, "decided": "x"}, "is an array of strings"),
                               ({"recording": 1, "fd.name": "/x"}, "is wrong in a line that tells of rules"),
                               (event | {"shrike.incomplete": "roads"}, "not what an event can lack"),
                               (event | {"shrike.rules": ["Blocks"]}, "are not of one length"), (event | {"shrike.rles": []}, "is no mark of a recording"),
                               (event | verdict | {"shrike.errnos": [1, -1]}, "not an error number")):
            self.assertIn(message, self.replay(rules, [wrong]).stderr)

    def test_an_alert_is_what_the_daemon_would_print(self):
        rules = [rule(condition="evt.type = openat and fd.name = /etc/shadow", output="%proc.name read %fd.name (uid=%user.uid dev=%fd.dev %proc.aname)",
                      tags=["b", "a"])]
        events = [{"evt.type": "openat", "evt.time": TIME, "fd.name": "/etc/shadow", "proc.name": "cat\n", "user.uid": 2**32 - 1, "fd.dev": 2049,
                   "proc.aname": ["bash", "sshd"], "container.id": "c1"}]
        [alert] = self.alerts(rules, events)
        self.assertRegex(alert.pop("id"), "^018bcfe5-6800-7[0-9a-f]{3}-")
        suggested = " container_id=c1 container_name=<NA> container_image_repository=<NA> container_image_tag=<NA> k8s_pod_name=<NA> k8s_ns_name=<NA>"
        output = "22:13:20.000000001: Warning cat\n read /etc/shadow (uid=4294967295 dev=801 bash sshd)" + suggested
        self.assertEqual(alert, {
            "hostname": "n1", "output": output, "priority": "Warning", "rule": "R", "source": "syscall", "tags": ["a", "b"],
            "time": "2023-11-14T22:13:20.000000001Z", "verdict": "alert",
            "output_fields": {**dict.fromkeys(SUGGESTED), "container.id": "c1", "evt.time": TIME, "fd.dev": "801", "fd.name": "/etc/shadow",
                              "proc.aname": "bash sshd", "proc.name": "cat\n", "user.uid": 2**32 - 1}})
        self.assertEqual(list(alert), sorted(alert), "keys in alphabetical order")
        self.assertEqual(list(alert["output_fields"]), sorted(alert["output_fields"]))
        done = self.replay(rules, events)
        self.assertEqual(done.stdout, output.replace("\n", "\\n") + "\n")
        self.assertEqual(done.stderr, "shrike: replayed 1 events, 1 alerts\n")

    def test_templates(self):
        """rule-language.md 7.5, text and JSON."""
        for template, event, text, fields in (
                ("n=%proc.name.", {"proc.name": "sh"}, "n=sh.", {"proc.name": "sh"}),
                ("%5proc.name!", {"proc.name": "sh"}, "sh   !", {"proc.name": "sh"}),
                ("%2proc.name!", {"proc.name": "bash"}, "ba!", {"proc.name": "bash"}),
                ("%fd.name", {}, "<NA>", {"fd.name": None}),
                ("%toupper(proc.name)", {"proc.name": "sh"}, "SH", {"proc.name": "sh"}),
                ("*hello %proc.name", {"proc.name": "sh"}, "hello sh", {"proc.name": "sh"}),
                ("%proc.cmdline", {"proc.cmdline": "a\nb"}, "a\\nb", {"proc.cmdline": "a\nb"}),
                ("%fd.name|%proc.name|", {"fd.name": "", "proc.name": "\u202e"}, "|\\u202e|", {"fd.name": "", "proc.name": "\u202e"}),
                ("%fd.types %proc.fdusage", {"fd.types": ["file", "ipv4"], "proc.fdusage": 0.5}, "(file,ipv4) 0.5",
                 {"fd.types": ["file", "ipv4"], "proc.fdusage": 0.5}),
                ("%evt.rawtime.ns", {"evt.rawtime.ns": 7}, "000000007", {"evt.rawtime.ns": "000000007"}),
                ("%join(\":\",(toupper(proc.name),fd.name))", {"proc.name": "a", "fd.name": "b"}, "A:b", {"proc.name": "a", "fd.name": "b"}),
                ("%proc.nthreads", {"proc.nthreads": 2**64 - 1}, str(2**64 - 1), {"proc.nthreads": 2**64 - 1}),
                ("%evt.arg.data", {"evt.arg.data": "a\u00e9\n"}, "a...", {"evt.arg.data": "a..."}),
                ("%evt.failed %proc.pid", {"evt.failed": True, "proc.pid": -1}, "true -1", {"evt.failed": True, "proc.pid": -1})):
            with self.subTest(template):
                alert, line = self.configured("append_output: []", [rule(output=template)], [{"evt.type": "openat", **event}])
                self.assertEqual(line, "00:00:00.000000000: Warning " + text)
                self.assertEqual(alert["output_fields"], {"evt.time": 0, **fields})
        for template in ("100%", "100%% done", "%fd.net"):
            done = self.replay([rule(output=template)], [])
            self.assertEqual(done.returncode, 1, template)
            self.assertIn("error: ", done.stderr)

    def test_matching_and_order(self):
        rules = [rule("A"), rule("B", action="alert"), rule("Off", enabled=False)]
        events = [{"evt.type": "openat"}, {"evt.type": "open"}]
        self.assertEqual([alert["rule"] for alert in self.alerts(rules, events)], ["A"])
        self.assertEqual([alert["rule"] for alert in self.alerts(rules, events, "--matching", "all")], ["A", "B"])
        self.assertEqual([alert["rule"] for alert in self.alerts(rules, events, "--config", self.file("c.yaml", "rule_matching: all"))], ["A", "B"])

    def test_an_event_without_a_type(self):
        rules = [rule("Typed"), rule("Other", "evt.type != openat"), rule("Not", "not evt.type in (openat, open)"), rule("Any", "proc.name = x"),
                 rule("Off", "proc.name = x", enabled=False)]
        alerts = self.alerts(rules, [{"proc.name": "x"}, {"evt.type": None}], "--matching", "all")
        self.assertEqual([alert["rule"] for alert in alerts], ["Not", "Any", "Not"])
        self.assertEqual([alert["rule"] for alert in self.alerts(rules, [{"proc.name": "x"}])], ["Not"])

    def test_opening_by_the_letter(self):
        rules = [rule("Opened", "evt.type in (open, openat, openat2)")]
        events = [{"evt.type": "open_by_handle_at"}]
        self.assertEqual(len(self.alerts(rules, events)), 1)
        self.assertEqual(self.alerts(rules, events, "--config", self.file("c.yaml", "opening_is_opening: false")), [])

    def test_block_and_kill_rules_alert(self):
        rules = [rule(action, "evt.type in (execve, execveat) and proc.exepath = /tmp/x", action=action) for action in ("block", "kill")]
        alerts = self.alerts(rules, [{"evt.type": "execve", "proc.exepath": "/tmp/x"}], "--matching", "all")
        self.assertEqual([(alert["rule"], alert["verdict"]) for alert in alerts], [("block", "alert"), ("kill", "alert")])

    def test_several_rule_files_are_one_set_and_a_folder_is_its_files(self):
        first = self.file("set/1.yaml", "- macro: m\n  condition: evt.type = openat\n")
        second = self.file("set/2.yaml", json.dumps([rule(condition="m")]))
        self.file("set/tests/3.yaml", "not: rules")
        events = self.events({"evt.type": "openat"})
        for rules in (("--rules", first, "--rules", second), ("--rules", self.folder / "set")):
            done = self.shrike("replay", *rules, "--events", events)
            self.assertEqual((done.returncode, done.stdout.count("\n")), (0, 1), done.stderr)

    def test_other_names_of_the_object(self):
        rules = [rule("file", "evt.type = openat and fd.name = /etc/shadow", "x"), rule("program", "evt.type = execve and proc.exepath = /bin/su", "x")]
        events = [{"evt.type": "openat", "fd.name": "/b", "fd.names": ["/etc/shadow"]}, {"evt.type": "execve", "proc.exepath": "/c", "fd.names": ["/bin/su"]}]
        alerts = self.alerts(rules, events)
        self.assertEqual([(alert["rule"], alert["output_fields"]["fd.names"]) for alert in alerts], [("file", ["/etc/shadow"]), ("program", ["/bin/su"])])

    def test_bad_records_are_told_counted_and_skipped(self):
        done = self.replay([rule()], ['{"evt.type": "opennat"}\n', {"evt.type": "openat"}, '{"evt.type": "openat", "proc.nam": 1}\n',
                                      '{"lost": 3, "hook": "file_open"}\n', '{"lost": 4}\n', "{\n", {"evt.type": "openat"}])
        self.assertEqual(done.returncode, 0)
        path = self.folder / "events.jsonl"
        self.assertIn(f'shrike: {path}:1:14: error: unknown event type "opennat"\n  1 | {{"evt.type": "opennat"}}\n', done.stderr)
        self.assertIn(f'shrike: {path}:3:24: error: unknown field "proc.nam"\n', done.stderr)
        self.assertIn("hint: did you mean proc.name?\n", done.stderr)
        self.assertIn(f"shrike: {path}:6:2: error: not valid JSON", done.stderr)
        self.assertTrue(done.stderr.endswith("shrike: replayed 2 events, 2 alerts, 3 bad records skipped, 7 events lost in the recording\n"), done.stderr)
        self.assertEqual([re.sub(" container_id.*", "", line.split(": ", 1)[1]) for line in done.stdout.splitlines()],
                         ["Warning o", "Critical 3 events were lost (lost=3 lost_total=3 hook=file_open)", "Critical 4 events were lost (lost=4 lost_total=7)",
                          "Warning o"])

    def test_a_loss_is_an_alert_of_the_engines_own(self):
        _, loss = self.alerts([rule()], [{"evt.type": "openat", "evt.time": TIME}, '{"lost": 3, "hook": "file_open"}'])
        self.assertEqual(loss["source"], "internal")
        self.assertEqual(loss["output_fields"], {"evt.time": TIME, "hook": "file_open", "lost": 3, "lost_total": 3})
        self.assertNotIn("tags", loss)

    def test_standard_input_and_exit_codes(self):
        rules = self.rules(rule())
        done = self.shrike("replay", "--rules", rules, "--events", "-", stdin='{"evt.type": "openat"}')
        self.assertEqual((done.returncode, done.stdout.count("\n")), (0, 1))
        done = self.shrike("replay", "--rules", rules, "--events", "-", stdin="x")
        self.assertIn("standard input:1:1: error: ", done.stderr)
        self.assertEqual(self.shrike("replay", "--rules", rules, "--events", self.folder / "absent").returncode, 3)
        self.assertEqual(self.shrike("replay", "--rules", rules, "--events", self.folder).returncode, 3)
        self.assertEqual(self.shrike("replay", "--rules", self.folder / "absent", "--events", "-").returncode, 1)
        self.assertEqual(self.shrike("replay", "--rules", self.file("bad.yaml", "- rule: x"), "--events", "-").returncode, 1)
        self.assertEqual(self.shrike("replay", "--rules", rules).returncode, 2)
        self.assertEqual(self.shrike("replay", "--rules", rules, "--events", "-", "--matching", "some").returncode, 2)
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([str(BINARY), "replay", "--rules", rules, "--events", self.events({"evt.type": "openat"})], stdout=full,
                                  stderr=subprocess.PIPE, text=True, check=False, timeout=60)
        self.assertEqual(done.returncode, 3)
        self.assertIn("error: write to standard output: No space left on device", done.stderr)

    # ---------------------------------------------------------------------------------------------------- how alerts are printed

    def test_json_keys_are_chosen(self):
        alert, _ = self.configured("json_include_message_property: true")
        self.assertTrue(alert["message"].startswith("opened /etc/x container_id=<NA>"))
        for key, name in (("output", "output"), ("output_fields", "output_fields"), ("tags", "tags")):
            alert, _ = self.configured(f"json_include_{key}_property: false")
            self.assertNotIn(name, alert)
            self.assertEqual({"output", "output_fields", "tags"} - set(alert), {name})

    def test_time(self):
        rules, events = [rule(output="%evt.time")], [{"evt.type": "openat", "evt.time": TIME}]
        alert, line = self.configured("append_output: []\ntime_format_iso_8601: true", rules, events)
        self.assertEqual(line, "2023-11-14T22:13:20.000000001+0000: Warning 2023-11-14T22:13:20.000000001+0000")
        self.assertEqual(alert["output"], line)
        self.assertEqual(alert["output_fields"], {"evt.time": TIME, "evt.time.iso8601": TIME})
        alert, line = self.configured("append_output: []", rules, events)
        self.assertEqual(line, "22:13:20.000000001: Warning 22:13:20.000000001")
        self.assertEqual(alert["output_fields"], {"evt.time": TIME})

    def test_buffers(self):
        rules = [rule(output="%evt.buffer")]
        for content, dots, base64 in (("GET\n\x01", "GET..", "R0VUCgE="), ("ab", "ab", "YWI="), ("abc", "abc", "YWJj"), ({"base64": "w6l+fw=="}, "..~.", "w6l+fw==")):
            events = [{"evt.type": "openat", "evt.buffer": content}]
            alert, _ = self.configured("append_output: []", rules, events)
            self.assertEqual(alert["output_fields"]["evt.buffer"], dots)
            alert, line = self.configured("append_output: []\nbuffer_format_base64: true", rules, events)
            self.assertEqual((alert["output_fields"]["evt.buffer"], line.split()[-1]), (base64, base64))

    def test_append_output(self):
        rules = [rule("My shell", output="a", tags=["mine", "x"]), rule("Other", output="b", tags=["mine"])]
        events = [{"evt.type": "openat", "evt.time": TIME, "proc.name": "sh", "user.uid": 5}]
        config = self.file("c.yaml", """\
            append_output:
              - match: {source: syscall, rule: My shell, tags: [x, mine]}
                extra_output: "proc=%proc.name"
                extra_fields:
                  - user.uid
                  - where: "%fd.name/%4proc.name!"
                  - literal: ""
              - match: {tags: [x, y]}
                extra_output: never
              - match: {source: k8s_audit}
                extra_output: never
              - extra_output: "all %user.uid"
            """)
        shell, other = self.alerts(rules, events, "--config", config, "--matching", "all")
        self.assertEqual(shell["output"], "22:13:20.000000001: Warning a proc=sh all 5")
        self.assertEqual(shell["output_fields"], {"evt.time": TIME, "literal": "", "proc.name": "sh", "user.uid": 5, "where": "<NA>/sh  !"})
        self.assertEqual(other["output"], "22:13:20.000000001: Warning b all 5")
        self.assertEqual(other["output_fields"], {"evt.time": TIME, "user.uid": 5})

    def test_static_fields_go_with_the_suggested_output(self):
        alert, line = self.configured("static_fields: {site: berlin, rack: \"%7\"}")
        self.assertTrue(line.endswith(" k8s_ns_name=<NA> static_site=berlin static_rack=%7"), line)
        self.assertEqual((alert["output_fields"]["static.site"], alert["output_fields"]["static.rack"]), ("berlin", "%7"))
        alert, line = self.configured("static_fields: {site: berlin}\nappend_output: [{match: {tags: [a]}, suggested_output: true}]")
        self.assertEqual(alert["output_fields"]["static.site"], "berlin")
        alert, line = self.configured("static_fields: {site: berlin}\nappend_output: [{match: {tags: [c]}, suggested_output: true}]")
        self.assertEqual(line, "22:13:20.000000001: Warning opened /etc/x")
        self.assertNotIn("static.site", alert["output_fields"])

    def test_wrong_output_options_are_errors_at_start(self):
        for text, place, message in (
                ("append_output: {}", "1:16", "append_output must be a list"),
                ("append_output:\n  - extra_output: \"%proc.nam\"", "2:5", "unknown field \"proc.nam\" in the output"),
                ("append_output:\n  - extra_fields: [proc.nam]", "2:5", "unknown field"),
                ("append_output:\n  - extra_fields: [\"proc.name x\"]", "2:5", "\"proc.name x\" is no field"),
                ("append_output:\n  - extra_fields: [{a: \"100%\"}]", "2:5", "% without a field"),
                ("append_output:\n  - matsch: {}", "2:5", "unknown key \"matsch\" in an entry of append_output"),
                ("append_output:\n  - match: {tag: x}", "2:13", "unknown key \"tag\" in match"),
                ("static_fields: []", "1:16", "static_fields must be a map of texts")):
            config = self.file("c.yaml", text)
            done = self.replay([rule()], [], "--config", config)
            self.assertEqual(done.returncode, 2, text)
            self.assertIn(f"{config}:{place}: error: {message}", done.stderr)

    # ------------------------------------------------------------------------------------------------------------------- suites

    def suite(self, name, cases, rules=(rule(),)):
        self.file(f"{name}_rules.yaml", json.dumps(rules))
        return self.file(f"tests/{name}.yaml", f"rules: [../{name}_rules.yaml]\ncases: " + json.dumps(cases))

    # --- conditions and rule files

    def test_conditions(self):
        batch = self.file("batch.json", json.dumps(["evt.type = open and proc.name = sh", "proc.nam = sh", "spawned", "proc.name =\n  (a"]))
        done = self.shrike("condition", "check", "--batch", batch)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual([(answer["ok"], answer.get("line"), answer.get("column")) for answer in json.loads(done.stdout)],
                         [(True, None, None), (False, 1, 1), (False, 1, 1), (False, 2, 3)])
        done = self.shrike("condition", "check", "--syntax-only", "--batch", batch)
        self.assertEqual([answer["ok"] for answer in json.loads(done.stdout)], [True, True, True, False])
        self.assertEqual(self.shrike("condition", "check", "evt.type = open and proc.name = sh").returncode, 0)
        done = self.shrike("condition", "check", "evt.type = open and proc.nam = sh")
        self.assertEqual(done.returncode, 1)
        self.assertIn("condition:1:21: error: unknown field \"proc.nam\"", done.stderr)
        self.assertIn("did you mean proc.name?", done.stderr)

    def test_batches_that_are_none(self):
        for content, error in (("[\"a\",", "b.json:1:6: error: not valid JSON"), ("{}", "b.json: error: not a JSON array of strings"),
                               ("[\"a\", 5]", "b.json: error: element 2 of the array is no string")):
            done = self.shrike("condition", "check", "--batch", self.file("b.json", content))
            self.assertEqual((done.returncode, done.stdout), (2, ""), content)
            self.assertIn(error, done.stderr)

    def test_rule_files_as_data(self):
        good = self.rules(rule("A", "evt.type = open and fd.name = /a"), rule("B", enabled=False))
        done = self.shrike("rules", "check", "--format", "json", good)
        self.assertEqual(done.returncode, 0)
        self.assertEqual(json.loads(done.stdout), {"ok": True, "files": [str(good)], "errors": [], "warnings": []})
        shown = json.loads(self.shrike("rules", "show", "--format", "json", good).stdout)["rules"]
        self.assertEqual([(r["name"], r["enabled"], r["events"]) for r in shown], [("A", True, ["open"]), ("B", False, ["openat"])])
        self.assertEqual(shown[0]["condition_compiled"], "(evt.type = open and fd.name = /a)")
        bad = self.file("bad.yaml", """\
            - rule: R
              desc: d
              condition: evt.type = open and proc.nosuch = 1
              output: o
              priority: INFO
            """)
        done = self.shrike("rules", "check", "--format", "json", bad)
        self.assertEqual(done.returncode, 1)
        self.assertEqual([(e["code"], e["line"], e["column"], e["item"]) for e in json.loads(done.stdout)["errors"]],
                         [("LOAD_ERR_COMPILE_CONDITION", 3, 34, "R")])
        done = self.shrike("rules", "show", "--rule", "AA", good)
        self.assertEqual(done.returncode, 1)

    def test_falcos_packs(self):
        folder = pathlib.Path(os.environ.get("FALCO_RULES", ROOT.parent / "shared" / "corpus" / "falco-rules"))
        packs = sorted(folder.glob("*.yaml"))
        if not packs:
            self.skipTest(f"Falco's rules are not here: {folder}")
        for files, count in (([packs[0]], None), ([packs[1]], None), ([packs[2]], None), (packs, 93)):
            done = self.shrike("rules", "check", "--format", "json", *files)
            self.assertEqual(done.returncode, 0, done.stdout)
            self.assertEqual(json.loads(done.stdout)["warnings"], [])
            shown = json.loads(self.shrike("rules", "show", "--format", "json", *files).stdout)["rules"]
            if count:
                self.assertEqual(len(shown), count)
            self.assertTrue(all(r["condition_compiled"] and r["events"] for r in shown))

    def test_suites(self):
        good = {"name": "fires", "event": {"evt.type": "openat"}, "alerts": [{"rule": "R"}]}
        bad = {"name": "fails\n", "event": {"evt.type": "open"}, "alerts": [{"rule": "R"}]}
        done = self.shrike("test", self.suite("a", [good]))
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "1 passed, 0 failed\n", ""))
        failing = self.suite("b", [good, bad])
        done = self.shrike("test", failing)
        self.assertEqual((done.returncode, done.stderr), (1, ""))
        self.assertRegex(done.stdout, re.escape(f"{failing}:2:") + r'\d+: FAILED: fails\\n\n  missing alert: R\n  note: "R" is not asked about open events\n'
                         r"1 passed, 1 failed\n$")
        done = self.shrike("test", self.folder / "tests")
        self.assertEqual((done.returncode, done.stdout.splitlines()[-1]), (1, "2 passed, 1 failed"))
        done = self.shrike("test", "--format", "json", failing)
        result = json.loads(done.stdout)
        self.assertEqual((result["passed"], result["failed"], result["errors"]), (1, 1, []))
        self.assertEqual([(case["name"], case["ok"], case["missing"]) for case in result["cases"]], [("fires", True, []), ("fails\n", False, ["R"])])

    def test_suites_that_cannot_be_run_fail(self):
        wrong = self.suite("wrong", [{"name": "x", "event": {"evt.type": "openat"}, "alerts": [{"rule": "S"}]}])
        for path, message in ((wrong, 'error: no rule of the name "S"'), (self.folder / "absent.yaml", "No such file or directory"),
                              (self.suite("bad", [], [rule(condition="evt.typ = x")]), "bad_rules.yaml:1:"),
                              (self.file("yaml.yaml", "a: ["), "yaml.yaml:1:")):
            done = self.shrike("test", path)
            self.assertEqual((done.returncode, done.stdout), (1, "0 passed, 1 failed\n"), path)
            self.assertIn(message, done.stderr)
        self.assertEqual(self.shrike("test").returncode, 2)
        empty = self.folder / "empty"
        empty.mkdir()
        self.assertEqual(self.shrike("test", empty).returncode, 1)

    def test_the_documentation_shows_what_happens(self):
        """docs/testing_rules.md: files after `$ cat NAME`, commands after `$ `, then what they print; a line that ends in … goes on."""
        (self.folder / "rules").symlink_to(ROOT / "rules")
        commands = 0
        for block in re.findall(r"(?m)(?:^    .*\n)+", (ROOT / "docs" / "testing_rules.md").read_text()):
            lines = [line[4:] for line in block.splitlines()]
            starts = [i for i, line in enumerate(lines) if line.startswith("$ ")]
            for start, end in zip(starts, [*starts[1:], len(lines)]):
                verb, *arguments = lines[start][2:].split()
                content = lines[start + 1:end]
                if verb == "cat":
                    self.file(arguments[0], "\n".join(content) + "\n")
                    continue
                done = subprocess.run([BINARY, *arguments], cwd=self.folder, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=60)
                printed = (done.stdout + done.stderr).splitlines()
                self.assertEqual(len(printed), len(content), printed)
                for shown, line in zip(content, printed):
                    self.assertEqual(shown, line[:len(shown) - 1] + "…" if shown.endswith("…") else line)
                commands += 1
        self.assertEqual(commands, 2)

    def test_every_shipped_rule_has_a_case_that_fires_and_one_that_does_not(self):
        listed = json.loads(self.shrike("rules", "list", "--format", "json", ROOT / "rules").stdout)
        names = {one["name"] for one in listed["rules"]}
        self.assertGreater(len(names), 20)
        result = json.loads(self.shrike("test", "--format", "json", ROOT / "rules" / "tests").stdout)
        self.assertEqual(result["failed"], 0)
        fires, silent = set(), set()
        for path in (ROOT / "rules" / "tests").glob("*.yaml"):
            for block in path.read_text().split("\n  - name: ")[1:]:
                about = block.splitlines()[0].strip('"').split(":")[0]
                self.assertIn(about, names, f"{path}: a case's name begins with its rule")
                alerts = block[block.index("    alerts: "):]
                if f"rule: {about}" in alerts:
                    fires.add(about)
                else:
                    self.assertTrue(alerts.startswith("    alerts: []"), block)
                    silent.add(about)
        self.assertEqual((names - fires, names - silent), (set(), set()))


if __name__ == "__main__":
    unittest.main()
