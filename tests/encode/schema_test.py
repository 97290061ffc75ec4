# SPDX-License-Identifier: Apache-2.0
"""ECS and OCSF records against what these schemas say (ecs_facts.py, ocsf_facts.py): all alerts of tests/golden/encodings, and those of
formats.md's corpus where it is; that the validators find what is wrong; OTLP by protobuf's own classes where they are installed."""
import copy
import json
import os
import pathlib
import sys

import ecs_facts
import ocsf_facts
from encoding_parsers import encode, strict_json

HERE = pathlib.Path(__file__).resolve().parent
CORPUS = pathlib.Path(os.environ.get("SHRIKE_SHARED", "/work/shared")) / "corpus" / "format-examples"
ALERTS = [json.loads(line) for line in (HERE.parent / "golden" / "encodings" / "alerts.jsonl").read_text().splitlines()]

failures = 0


def expect(condition, text):
    global failures
    if not condition:
        failures += 1
        print(f"FAILED: {text}", file=sys.stderr)


def own_records():
    for alert, record in zip(ALERTS, encode(ALERTS, "ecs")):
        wrong = ecs_facts.check(strict_json(record))
        expect(not wrong, f"ecs {alert['name']}: {wrong}")
    for version in ocsf_facts.VERSIONS:
        for alert, record in zip(ALERTS, encode(ALERTS, "ocsf", version)):
            event = strict_json(record)
            wrong = ocsf_facts.check(event)
            expect(not wrong, f"ocsf {version} {alert['name']}: {wrong}")
            expect(event["metadata"]["version"] == version, f"ocsf {version}: says {event['metadata']['version']}")
    print(f"own records: {len(ALERTS)} of ECS, {len(ALERTS)} of OCSF in each of {', '.join(ocsf_facts.VERSIONS)}")


def corpus():
    if not CORPUS.is_dir():
        print(f"corpus: skipped, {CORPUS} is not there")
        return
    checked = 0
    for path in sorted(CORPUS.glob("ecs_*.json")):
        wrong = ecs_facts.check(json.loads(path.read_text()))
        expect(not wrong, f"{path.name}: {wrong}")
        checked += 1
    for path in sorted(CORPUS.glob("ocsf_*.json")):
        # They use attributes of the latest version, and of a profile one of them does not list.
        wrong = ocsf_facts.check(json.loads(path.read_text()), strict_profiles=False)
        expect(not wrong, f"{path.name}: {wrong}")
        checked += 1
    expect(checked == 7, f"{checked} examples instead of 7")
    print(f"corpus: {checked} examples")


def change(document, path, value):
    """A copy with `value` at the dotted path; None: without it."""
    changed = copy.deepcopy(document)
    at = changed
    *parents, last = path.split(".")
    for name in parents:
        at = at[int(name)] if isinstance(at, list) else at[name]
    if value is None:
        del at[last]
    else:
        at[last] = value
    return changed


def validators_find_errors():
    document = strict_json(encode(ALERTS[2:3], "ecs")[0])
    spoiled = [("event.kind", "signal"), ("event.type", ["deletion"]), ("event.category", "network"), ("source.ip", "10.0.0.256"), ("process.pid", "4400"),
               ("user.id", 33), ("event.id", None), ("process.nonsense", "x"), ("tags", "one"), ("@timestamp", "yesterday"), ("rule.name", "")]
    for path, value in spoiled:
        expect(ecs_facts.check(change(document, path, value)), f"ecs: {path} = {value!r} went unnoticed")
    event = strict_json(encode(ALERTS[1:2], "ocsf", "1.5.0")[0])
    spoiled_events = [("finding_info.uid", None), ("type_uid", 200402), ("severity_id", 7), ("time", event["time"] * 1000), ("metadata.product", None),
                      ("evidences.0.actor.process.pid", "1"), ("device.os.type_id", 3), ("rule", "x"), ("metadata.profiles", []),
                      ("metadata.version", "1.3.0"), ("metadata.version", "1.9.0"), ("finding_info.analytic.name", None), ("activity_id", 4)]
    for path, value in spoiled_events:
        expect(ocsf_facts.check(change(event, path, value)), f"ocsf: {path} = {value!r} went unnoticed")
    print(f"validators: {len(spoiled)} and {len(spoiled_events)} spoiled records found")


def otlp_by_protobuf():
    try:
        from google.protobuf import json_format
        from opentelemetry.proto.logs.v1 import logs_pb2
    except ImportError as error:
        print(f"otlp by protobuf: skipped, {error} (python3-opentelemetry-proto)")
        return
    for alert, record in zip(ALERTS, encode(ALERTS, "otlp")):
        json_record = strict_json(record)
        # eventName is newer than the classes of Debian 12.
        known = "event_name" in logs_pb2.LogRecord.DESCRIPTOR.fields_by_name
        parsed = json_format.ParseDict(json_record, logs_pb2.LogRecord(), ignore_unknown_fields=not known)
        expect(parsed.time_unix_nano == alert["time_ns"], f"otlp {alert['name']}: time {parsed.time_unix_nano}")
        expect(parsed.body.string_value == alert["message"], f"otlp {alert['name']}: body {parsed.body}")
        expect(len(parsed.attributes) == len(json_record["attributes"]), f"otlp {alert['name']}: attributes")
        back = json_format.MessageToDict(parsed)
        want = {key: value for key, value in json_record.items() if known or key != "eventName"}
        want["severityNumber"] = back["severityNumber"]  # by name there
        expect(back == want, f"otlp {alert['name']}: {back} instead of {want}")
    print(f"otlp by protobuf: {len(ALERTS)} records")


if __name__ == "__main__":
    own_records()
    corpus()
    validators_find_errors()
    otlp_by_protobuf()
    sys.exit(1 if failures else 0)
