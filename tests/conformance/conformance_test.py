# SPDX-License-Identifier: Apache-2.0
"""The rule language by example: conditions, normal forms, rule files, evaluations and output templates with what a reader of the reference
expects of them, written without looking at the engine. One case per line of the *.jsonl beside this file; `why` names the section.

usage: conformance_test.py [PART…]    SHRIKE_BINARY names the program"""

import base64
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
BINARY = pathlib.Path(os.environ.get("SHRIKE_BINARY", HERE.parents[1] / "build" / "shrike")).resolve()
TIME = 1793613600000000000
disagreements = []


def cases_of(part):
    with open(HERE / f"{part}.jsonl", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def shrike(*arguments, cwd=None):
    done = subprocess.run([str(BINARY), *map(str, arguments)], capture_output=True, timeout=300, check=False, cwd=cwd)
    return done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")


def disagree(case, what):
    disagreements.append(case["id"])
    print(f"{case['id']}: {what}\n    why: {case['why']}\n    {json.dumps(case)[:600]}")


def rule(name, condition, output="x", **keys):
    return {"rule": name, "desc": "d", "condition": condition, "output": output, "priority": "INFO", "warn_evttypes": False, **keys}


def yaml_of(folder, items):
    path = folder / "rules.yaml"
    path.write_text("".join("- " + json.dumps(item) + "\n" for item in items), encoding="utf-8")  # JSON is YAML
    return path


def loadable(folder, cases, items_of):
    """The cases whose rules load, and the others with the first error. All together first: one bad rule refuses a file."""
    if not cases:
        return [], []
    code, out, err = shrike("rules", "check", "--format", "json", yaml_of(folder, [item for case in cases for item in items_of(case)]))
    if code == 0:
        return cases, []
    if len(cases) == 1:
        errors = json.loads(out)["errors"] if out.strip() else []
        return [], [(cases[0], f"{errors[0]['code']}: {errors[0]['message']}" if errors else f"exit {code}: {err[:200]}")]
    middle = len(cases) // 2
    first, second = loadable(folder, cases[:middle], items_of), loadable(folder, cases[middle:], items_of)
    return first[0] + second[0], first[1] + second[1]


def replay(folder, items, events, style="json"):
    path = folder / "events.jsonl"
    path.write_text("".join(json.dumps(event) + "\n" for event in events), encoding="utf-8")
    code, out, err = shrike("replay", "--rules", yaml_of(folder, items), "--events", path, "--matching", "all", "--format", style)
    if code != 0:
        sys.exit(f"replay: exit {code}: {err[:500]}")
    return [json.loads(line) for line in out.splitlines()] if style == "json" else out.split("\n")


def conditions(folder):
    for mode, options in (("syntax", ["--syntax-only"]), ("full", [])):
        cases = [case for case in cases_of("conditions") if case["mode"] == mode]
        batch = folder / "batch.json"
        batch.write_text(json.dumps([case["expr"] for case in cases]), encoding="utf-8")
        code, out, err = shrike("condition", "check", *options, "--batch", batch)
        if code != 0:
            sys.exit(f"condition check --batch: exit {code}: {err[:500]}")
        for case, answer in zip(cases, json.loads(out), strict=True):
            if answer["ok"] != case["ok"]:
                disagree(case, f"{mode}: {'refused' if case['ok'] else 'accepted'}: {answer}")
            elif not case["ok"]:
                place = (answer["line"], answer["column"])
                if "column" in case and place != (case["line"], case["column"]):
                    disagree(case, f"{mode}: at {place}: {answer['error']}")


def normal_form(folder):
    def items_of(case):
        keys = {"exceptions": case["exceptions"]} if "exceptions" in case else {}
        return case.get("defs", []) + [rule(case["id"], case["condition"], **keys)]

    good, bad = loadable(folder, cases_of("normal_form"), items_of)
    for case, error in bad:
        disagree(case, "does not load: " + error)
    _, out, _ = shrike("rules", "show", "--format", "json", yaml_of(folder, [item for case in good for item in items_of(case)]))
    shown = {one["name"]: one["condition_compiled"] for one in json.loads(out)["rules"]}
    for case in good:
        if shown.get(case["id"]) != case["compiled"]:
            disagree(case, f"compiled: {shown.get(case['id'])}")


def files(folder):
    for case in cases_of("files"):
        for name, text in case["texts"].items():
            (folder / name).write_bytes(text.encode() if isinstance(text, str) else base64.b64decode(text["base64"]))
        code, out, _ = shrike("rules", "check", "--format", "json", *case["files"], cwd=folder)
        answer = json.loads(out)
        first = answer["errors"][0] if answer["errors"] else {}
        if answer["ok"] != case["ok"] or code != (0 if case["ok"] else 1):
            disagree(case, f"ok is {answer['ok']}, exit {code}: {first}")
            continue
        if not case["ok"]:
            if case["error_code"] not in (None, first["code"]) or case["error_line"] not in (None, first["line"]):
                disagree(case, f"the first error is {first}")
            continue
        warnings = sorted({warning["code"] for warning in answer["warnings"]})
        if case["warning_codes"] not in (None, warnings):
            disagree(case, f"warnings are {warnings}")
        if case.get("show"):
            _, out, _ = shrike("rules", "show", "--format", "json", *case["files"], cwd=folder)
            shown = {one["name"]: one for one in json.loads(out)["rules"]}
            for name, wanted in case["show"].items():
                got = {key: shown.get(name, {}).get(key) for key in wanted}
                if got != wanted:
                    disagree(case, f"{name} is {got}, wanted {wanted}")


def evaluation(folder):
    def items_of(case):
        return [rule(case["id"], case["condition"], "%evt.num")]

    good, bad = loadable(folder, cases_of("evaluation"), items_of)
    for case, error in bad:
        disagree(case, "does not load: " + error)
    for start in range(0, len(good), 80):
        # Every rule sees every event; a case reads its own rule at its own line, which is evt.num.
        group = good[start : start + 80]
        alerts = replay(folder, [item for case in group for item in items_of(case)], [case["event"] for case in group])
        fired = {(alert["rule"], alert["output_fields"]["evt.num"]) for alert in alerts}
        for number, case in enumerate(group, 1):
            if ((case["id"], number) in fired) != case["fires"]:
                disagree(case, "silence" if case["fires"] else "an alert")


def templates(folder):
    cases = cases_of("templates")
    for number, case in enumerate(cases):
        case["tid"] = 100001 + number

    def items_of(case):
        return [rule(case["id"], f"thread.tid = {case['tid']}", case["output"])]

    good, bad = loadable(folder, cases, items_of)
    for case, error in bad:
        if case["text"] is not None or "LOAD_ERR_COMPILE_OUTPUT" not in error:
            disagree(case, "refused: " + error)
    for case in good:
        if case["text"] is None:
            disagree(case, "accepted")
    good = [case for case in good if case["text"] is not None]
    items = [item for case in good for item in items_of(case)]
    events = [{"evt.time": TIME + case["tid"], "thread.tid": case["tid"], **case["event"]} for case in good]
    alerts = {alert["rule"]: alert for alert in replay(folder, items, events)}
    lines = replay(folder, items, events, "text")
    for case in good:
        alert = alerts[case["id"]]
        text = re.sub(r" container_id=.*$", "", re.sub(r"^\S+: Informational ", "", alert["output"]), flags=re.S)
        if text != case["text"]:
            disagree(case, f"the text is {text!r}")
        fields = alert["output_fields"]
        for key, value in {**case["output_fields"], "evt.time": TIME + case["tid"]}.items():
            if value == "__absent__":
                if key in fields:
                    disagree(case, f"output_fields has {key}")
            elif fields.get(key, "missing") != value or type(fields[key]) is not type(value):
                disagree(case, f"output_fields[{key}] is {fields.get(key, 'missing')!r}")
        if "text_line" in case and not any(case["text_line"] in line for line in lines):
            disagree(case, "no line has the escaped text")


PARTS = {"conditions": conditions, "normal_form": normal_form, "files": files, "evaluation": evaluation, "templates": templates}


def main():
    for name in sys.argv[1:] or PARTS:
        before = len(disagreements)
        with tempfile.TemporaryDirectory() as folder:
            PARTS[name](pathlib.Path(folder))
        print(f"{name}: {len(cases_of(name))} cases, {len(disagreements) - before} disagreements")
    return 1 if disagreements else 0


if __name__ == "__main__":
    sys.exit(main())
