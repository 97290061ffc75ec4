# SPDX-License-Identifier: Apache-2.0
"""A validator of ECS documents for the fields alerts of ours use: types, arrays, allowed values and what types go with what category.
Field names and types are ECS 8.17's."""
import ipaddress
import re

KEYWORD, TEXT, WILDCARD, DATE, LONG, FLOAT, IP = "keyword", "text", "wildcard", "date", "long", "float", "ip"

_PROCESS = {"pid": LONG, "entity_id": KEYWORD, "name": KEYWORD, "executable": KEYWORD, "command_line": WILDCARD, "args": [KEYWORD], "args_count": LONG,
            "start": DATE, "working_directory": KEYWORD, "thread.id": LONG, "user.id": KEYWORD, "user.name": KEYWORD, "group.id": KEYWORD,
            "group.name": KEYWORD, "hash.sha256": KEYWORD}

FIELDS = {
    "@timestamp": DATE, "message": TEXT, "tags": [KEYWORD], "ecs.version": KEYWORD,
    "event.id": KEYWORD, "event.kind": KEYWORD, "event.category": [KEYWORD], "event.type": [KEYWORD], "event.action": KEYWORD,
    "event.outcome": KEYWORD, "event.module": KEYWORD, "event.dataset": KEYWORD, "event.provider": KEYWORD, "event.severity": LONG,
    "event.risk_score": FLOAT, "event.sequence": LONG, "event.created": DATE, "event.reason": KEYWORD,
    "rule.id": KEYWORD, "rule.name": KEYWORD, "rule.ruleset": KEYWORD, "rule.version": KEYWORD,
    "user.id": KEYWORD, "user.name": KEYWORD,
    "file.path": KEYWORD, "file.name": KEYWORD, "file.directory": KEYWORD, "file.target_path": KEYWORD, "file.type": KEYWORD,
    "file.inode": KEYWORD, "file.mode": KEYWORD, "file.uid": KEYWORD, "file.gid": KEYWORD,
    "source.ip": IP, "source.port": LONG, "destination.ip": IP, "destination.port": LONG, "destination.domain": KEYWORD,
    "network.transport": KEYWORD, "network.type": KEYWORD, "network.direction": KEYWORD, "network.iana_number": KEYWORD,
    "container.id": KEYWORD, "container.name": KEYWORD, "container.runtime": KEYWORD, "container.image.name": KEYWORD, "container.image.tag": [KEYWORD],
    "container.image.hash.all": [KEYWORD],
    "orchestrator.type": KEYWORD, "orchestrator.namespace": KEYWORD, "orchestrator.resource.type": KEYWORD, "orchestrator.resource.name": KEYWORD,
    "orchestrator.resource.id": KEYWORD,
    "host.name": KEYWORD, "host.hostname": KEYWORD, "host.id": KEYWORD, "host.os.type": KEYWORD, "host.os.kernel": KEYWORD,
    "threat.framework": KEYWORD, "threat.tactic.id": [KEYWORD], "threat.tactic.name": [KEYWORD], "threat.technique.id": [KEYWORD],
    "threat.technique.name": [KEYWORD], "threat.technique.subtechnique.id": [KEYWORD],
    "related.user": [KEYWORD], "related.hosts": [KEYWORD], "related.ip": [IP], "related.hash": [KEYWORD],
    "agent.type": KEYWORD, "agent.version": KEYWORD, "agent.id": KEYWORD,
    "data_stream.type": KEYWORD, "data_stream.dataset": KEYWORD, "data_stream.namespace": KEYWORD,
    # Our own, which ECS leaves to who writes it.
    "shrike.time_ns": LONG, "shrike.priority": KEYWORD, "shrike.verdict": KEYWORD, "shrike.hook": KEYWORD, "shrike.errno": LONG,
    "shrike.generation": LONG, "shrike.result": KEYWORD, "shrike.old_path": KEYWORD, "shrike.login.id": KEYWORD, "shrike.login.name": KEYWORD,
    **{f"process.{name}": kind for name, kind in _PROCESS.items()},
    **{f"process.parent.{name}": kind for name, kind in _PROCESS.items()},
    "process.session_leader.pid": LONG,
}

REQUIRED = ["@timestamp", "ecs.version", "message", "event.id", "event.kind", "event.category", "event.type", "event.action", "event.outcome",
            "event.module", "event.dataset", "event.severity"]

# Of a field whose values ECS lists.
ALLOWED = {
    "event.kind": {"alert", "asset", "enrichment", "event", "metric", "state", "pipeline_error"},  # "signal" is Elastic's own
    "event.outcome": {"success", "failure", "unknown"},
    "network.direction": {"ingress", "egress", "inbound", "outbound", "internal", "external", "unknown"},
    "host.os.type": {"linux"},
    "file.type": {"file", "dir", "symlink"},
    "data_stream.type": {"logs"},
}
EXPECTED_TYPES = {
    "process": {"access", "change", "end", "info", "start"},
    "file": {"access", "change", "creation", "deletion", "info"},
    "network": {"access", "allowed", "connection", "denied", "end", "info", "protocol", "start"},
    "intrusion_detection": {"allowed", "denied", "info"},
    "driver": {"change", "end", "info", "start"},
    "configuration": {"access", "change", "creation", "deletion", "info"},
}


def flatten(value, prefix=""):
    for key, each in value.items():
        assert "." not in key, f"{prefix}{key}: a dot in a key makes an object of it"
        if isinstance(each, dict):
            yield from flatten(each, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", each


def wrong_value(kind, value):
    if kind in (KEYWORD, TEXT, WILDCARD):
        return None if isinstance(value, str) else "is no string"
    if kind == LONG:
        return None if isinstance(value, int) and not isinstance(value, bool) and -2**63 <= value < 2**63 else "is no long"
    if kind == FLOAT:
        return None if isinstance(value, (int, float)) and not isinstance(value, bool) else "is no float"
    if not isinstance(value, str):
        return "is no string"
    if kind == DATE:
        return None if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z", value) else "is no date"
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return "is no address"
    return None


def check(document, required=REQUIRED):
    """What is wrong with it, a list of texts."""
    wrong = []
    flat = dict(flatten(document))
    for name in required:
        if name not in flat:
            wrong.append(f"{name} is missing")
    for name, value in flat.items():
        if name.startswith(("labels.", "shrike.output_fields.")):
            if not isinstance(value, str):
                wrong.append(f"{name} is no string")
            continue
        kind = FIELDS.get(name)
        if kind is None:
            wrong.append(f"{name} is not known")
            continue
        if isinstance(kind, list) != isinstance(value, list):
            wrong.append(f"{name} has to be {'an array' if isinstance(kind, list) else 'one value'}")
            continue
        for each in value if isinstance(kind, list) else [value]:
            reason = wrong_value(kind[0] if isinstance(kind, list) else kind, each)
            if reason:
                wrong.append(f"{name} {reason}: {each!r}")
            if name in ALLOWED and each not in ALLOWED[name]:
                wrong.append(f"{name} must not be {each!r}")
        if value == [] or value == "":
            wrong.append(f"{name} is empty")
    categories = flat.get("event.category", [])
    if isinstance(categories, list):
        for category in categories:
            if category not in EXPECTED_TYPES:
                wrong.append(f"event.category must not be {category!r}")
        expected = set().union(*[EXPECTED_TYPES.get(category, set()) for category in categories])
        for each in flat.get("event.type", []):
            if each not in expected:
                wrong.append(f"event.type {each!r} goes with none of {categories}")
    return wrong
