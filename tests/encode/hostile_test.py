# SPDX-License-Identifier: Apache-2.0
"""5,000 hostile texts as rule, message, file name, command line, container, user and tag, through every encoding and back by parsers of
others: one alert one record, every value what the documented replacement says."""
import random
import re
import sys
import time

from encoding_parsers import *  # noqa: F403

SEED = 20261124
COUNT = 5000

PIECES = [
    b"\n", b"\r", b"\r\n", b"\t", b" ", b"  ", b"\0", b"\x1b[2J", b"\x1b]0;x\x07", b"\x08", b"\x7f", b'"', b"'", b"|", b"=", b"]", b"[",
    b"\\", b"\\\\", b"\\n", b"\\u0041", b"{", b"}", b",", b":", b";", b"<", b">", b"%n", b"${HOME}", b"{{body}}", b"../", b"/",
    b"\xff", b"\xfe", b"\xc0\xaf", b"\xc2", b"\xe2\x82", b"\xed\xa0\x80", b"\xf0\x9f\x98", b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80",
    b"\x80", b"\x9b", "\u0085".encode(), "\u009b31m".encode(), "\u2028".encode(), "\u2029".encode(), "\u202e".encode(), "\u200f".encode(),
    "\u061c".encode(), "\u2066".encode(), "\ufeff".encode(), "\uffff".encode(), "\ufffd".encode(), "\U0001f600".encode(), "\u00e4".encode(),
    "e\u0301".encode(), "\u6f22".encode(), b" act=allowed", b" cs1=x cs1Label=y", b"\tusrName=root", b'"][alert@32473 action="none"]',
    b'"] fake', b"\nCEF:0|a|b|c|d|e|10|", b"|LEEF:2.0|", b"\n<13>1 - - - - - - fake", b'","verdict":"alert","x":"', b"a", b"Zz9", b"0", b"-", b".",
    b"null", b"<NA>", b"</script>", b"' OR 1=1 --",
]


def hostile(rng, number):
    if number % 97 == 0:
        return b""
    if number % 250 == 1:
        big = b"".join(rng.choice(PIECES) for _ in range(70000))
        return big[:65536]
    if number % 5 == 2:
        return rng.randbytes(rng.randrange(1, 40))
    return b"".join(rng.choice(PIECES) for _ in range(rng.randrange(1, 12)))


def alert(number, text):
    """An exec or an open with `text` wherever someone may choose it."""
    exec_ = number % 2 == 0
    facts = {
        "container.full_id": b"c0ffee" + text, "container.name": text, "container.type": "docker", "evt.res": "SUCCESS",
        "evt.type": "execve" if exec_ else "openat", "proc.cmdline": text, "proc.exe": text, "proc.exepath": b"/bin/" + text, "proc.name": b"n" + text,
        "proc.pid": 4242, "proc.args": [text, b"x" + text], "user.name": text, "user.uid": 33,
    }
    if not exec_:
        facts["fd.name"] = b"/tmp/" + text
    return {"time_ns": 1793613600123456789 + number, "priority": number % 8, "rule": text, "source": "syscall", "message": text,
            "tags": [b"tag" + text, text], "fields": {"proc.cmdline": text, "fd.names": [text, b"/" + text]},
            "facts": dict(sorted(facts.items())), "hostname": "node1", "id": f"0199a2f4-8f7b-7c1a-9d35-{number:012x}", "verdict": "alert"}


def present(want):
    """The members that are there: empty texts are left out."""
    return {key: value for key, value in want.items() if value != ""}


def pick(have, want):
    """`have` reduced to the keys of `want`."""
    return {key: have[key] for key in want if key in have}


def same(have, want):
    """All of `want` and, where it is empty, nothing."""
    assert pick(have, want) == present(want), f"\n  have {pick(have, want)!r}\n  want {present(want)!r}"


def base_name(path):
    return path.rsplit("/", 1)[-1]


def check_falco(object_, t, a):
    assert object_["rule"] == t and object_["tags"] == ["tag" + t, t]
    assert object_["output"].endswith(": " + PRIORITIES[a["priority"]] + " " + t)
    assert object_["output_fields"]["proc.cmdline"] == t and object_["output_fields"]["fd.names"] == [t, utf8(b"/" + a["message"])]
    assert object_["id"] == a["id"]


PRIORITIES = ["Emergency", "Alert", "Critical", "Error", "Warning", "Notice", "Informational", "Debug"]


def check_ecs(o, t, a):
    exec_ = a["facts"]["evt.type"] == "execve"
    same(o, {"message": t})
    assert o["tags"] == ["tag" + t, t]
    same(o["rule"] if t else {}, {"name": t})
    same(o["process"], {"command_line": t, "executable": "/bin/" + t, "name": "n" + t, "args": [t, t, "x" + t]})
    same(o["container"], {"id": "c0ffee" + t, "name": t})
    same(o["user"], {"name": t})
    same(o["shrike"]["output_fields"], {"fd_names": t + " /" + t})
    assert o["shrike"]["output_fields"]["proc_cmdline"] == t
    if not exec_:
        same(o["file"], {"path": "/tmp/" + t, "name": base_name("/tmp/" + t)})
    assert o["event"]["id"] == a["id"]


def check_ocsf(o, t, a):
    exec_ = a["facts"]["evt.type"] == "execve"
    same(o, {"message": t})
    assert o["finding_info"]["title"] == t and o["metadata"]["uid"] == a["id"]
    evidence = o["evidences"][0]
    process = evidence["process"] if exec_ else evidence["actor"]["process"]
    same(process, {"cmd_line": t, "name": "n" + t})
    assert process["file"]["path"] == "/bin/" + t and process["file"]["name"] == (base_name(t) or "/bin/" + t)
    same(process["user"], {"name": t})
    same(o["resources"][0], {"uid": "c0ffee" + t, "name": t})
    assert o["unmapped"]["tags"] == ["tag" + t, t]
    assert o["unmapped"]["output_fields"] == {"proc.cmdline": t, "fd.names": [t, "/" + t]}
    if not exec_:
        assert evidence["file"]["path"] == "/tmp/" + t


def check_splunk(o, t, a):
    e = o["event"]
    exec_ = a["facts"]["evt.type"] == "execve"
    same(e, {"signature": t, "description": t, "process": t, "process_path": "/bin/" + t, "user": t, "container_name": t,
             "container_id": "c0ffee" + t, "rule_tags": "tag" + t + "," + t, "file_path": "" if exec_ else "/tmp/" + t})
    assert e["output_fields"] == {"proc.cmdline": t, "fd.names": [t, "/" + t]} and e["id"] == a["id"]
    assert set(o) == {"time", "host", "source", "sourcetype", "event", "fields"} and isinstance(o["time"], float)


def check_cloudevents(o, t, a):
    same(o, {"subject": visible(t)})
    assert o["id"] == a["id"] and o["source"] == "/shrike/node1"
    for key, value in o.items():
        assert re.fullmatch("[a-z0-9]{1,20}", key), key
        if key != "data":
            assert isinstance(value, str) and value and not re.search("[\x00-\x1f\x7f-\x9f]", value)
    check_falco(o["data"], t, a)


def any_value(value):
    (kind, inner), = value.items()
    return {"arrayValue": lambda v: [any_value(each) for each in v["values"]], "intValue": int}.get(kind, lambda v: v)(inner)


def check_otlp(o, t, a):
    assert o["body"] == {"stringValue": t} and o["timeUnixNano"] == str(a["time_ns"])
    keys = [each["key"] for each in o["attributes"]]
    assert len(keys) == len(set(keys))
    have = {each["key"]: any_value(each["value"]) for each in o["attributes"]}
    same(have, {"security_rule.name": t, "process.command_line": t, "process.executable.path": "/bin/" + t, "process.owner": t,
                "container.name": t, "container.id": "c0ffee" + t, "shrike.event.id": a["id"], "process.command_args": [t, t, "x" + t],
                "shrike.tags": ["tag" + t, t], "process.pid": 4242, "shrike.field.fd.names": [t, "/" + t]})
    assert have["shrike.field.proc.cmdline"] == t


def check_loki(o, t, a):
    same(o["stream"], {"rule": t})
    assert set(o) == {"stream", "values"} and set(o["stream"]) <= {"service_name", "host", "source", "priority", "rule"}
    (time_ns, line), = o["values"]
    assert time_ns == str(a["time_ns"]) and not CONTROL.search(line)
    check_falco(strict_json(line), t, a)


def check_alertmanager(o, t, a):
    same(o["labels"], {"alertname": t or "shrike", "container_id": "c0ffee" + t})
    same(o["annotations"], {"description": t, "container_name": t, "tags": "tag" + t + "," + t, "id": a["id"]})
    assert o["annotations"]["field_proc_cmdline"] == t and o["annotations"]["field_fd_names"] == t + " /" + t
    for name in list(o["labels"]) + list(o["annotations"]):
        assert re.fullmatch("[a-zA-Z_][a-zA-Z0-9_]*", name), name


def check_cef(record, t, a):
    exec_ = a["facts"]["evt.type"] == "execve"
    header, extension = parse_cef(record)
    assert header[1:3] == ["Shrike", "Shrike"] and header[4:6] == [cef_header(t)] * 2
    path = ("/bin/" if exec_ else "/tmp/") + t
    same(extension, {"msg": cef_text(t, 1023), "suser": cef_text(t, 1023), "cs1": cef_text(t, 4000), "cs2": cef_text("c0ffee" + t, 4000),
                     "flexString2": cef_text("tag" + t + "," + t, 1023), "filePath": cef_text(path, 1023), "fname": cef_text(base_name(path), 1023),
                     "dproc" if exec_ else "sproc": cef_text("/bin/" + t, 1023), "externalId": a["id"], "act": "detected", "spt": ""})


def check_leef(record, t, a):
    exec_ = a["facts"]["evt.type"] == "execve"
    header, attributes = parse_leef(record)
    assert header[1:3] == ["Shrike", "Shrike"] and header[4] == leef_header(t)
    same(attributes, {"policy": leef_text(t), "msg": leef_text(t), "commandLine": leef_text(t), "processPath": leef_text("/bin/" + t),
                      "filePath": "" if exec_ else leef_text("/tmp/" + t), "containerName": leef_text(t), "containerId": leef_text("c0ffee" + t),
                      "usrName": leef_text(t), "tags": leef_text("tag" + t + "," + t), "eventId": a["id"], "action": "detected"})


def check_rfc5424(record, t, a):
    exec_ = a["facts"]["evt.type"] == "execve"
    elements, message = parse_structured_data(record)
    assert message == visible(t)
    same(elements["alert@32473"], {"rule": visible(t), "tags": visible("tag" + t + "," + t), "id": a["id"], "action": "detected"})
    same(elements["proc@32473"], {"cmdline": visible(t), "exe": visible("/bin/" + t), "user": visible(t), "pid": "4242"})
    same(elements["container@32473"], {"name": visible(t), "id": visible("c0ffee" + t)})
    same(elements.get("file@32473", {}), {"path": "" if exec_ else visible("/tmp/" + t)})


def check_text(record, t, a):
    assert strict_json('"' + record + '"').endswith(": " + PRIORITIES[a["priority"]] + " " + t)


CHECKS = {"json": check_falco, "ecs": check_ecs, "ocsf": check_ocsf, "splunk": check_splunk, "cloudevents": check_cloudevents, "otlp": check_otlp,
          "loki": check_loki, "alertmanager": check_alertmanager, "cef": check_cef, "leef": check_leef, "rfc5424": check_rfc5424, "text": check_text}


def main():
    rng = random.Random(SEED)
    texts = [hostile(rng, number) for number in range(COUNT)]
    alerts = [alert(number, text) for number, text in enumerate(texts)]
    failures = 0
    for encoding in ENCODINGS:
        begin = time.monotonic()
        bad = 0
        for text, one, record in zip(texts, alerts, encode(alerts, encoding)):
            try:
                decoded = record.decode("utf-8")
                left = CONTROL.search(decoded.replace("\t", "") if encoding == "leef" else decoded)
                assert not left, f"{left[0]!r} stands in the record"
                CHECKS[encoding](strict_json(decoded) if encoding in JSON_ENCODINGS else decoded, utf8(text), one)
            except (AssertionError, KeyError, ValueError, IndexError, TypeError) as error:
                bad += 1
                if bad <= 3:
                    print(f"{encoding}: {text[:200]!r}: {type(error).__name__}: {str(error)[:1500]}", file=sys.stderr)
        failures += bad
        print(f"{encoding}: {COUNT - bad} of {COUNT} texts came back ({time.monotonic() - begin:.1f} s)")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
