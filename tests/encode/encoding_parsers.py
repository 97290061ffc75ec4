# SPDX-License-Identifier: Apache-2.0
"""What the encoding tests share: running encode_alerts, and parsers of CEF, LEEF and RFC 5424 written after their documents. Nothing
here is taken from the encoders; what they do to a text before it goes out (docs/outputs.d/encoders.md) is said again below."""
import base64
import json
import os
import re
import subprocess

ENCODINGS = ["json", "text", "ecs", "ocsf", "cef", "leef", "rfc5424", "splunk", "cloudevents", "otlp", "loki", "alertmanager"]
JSON_ENCODINGS = [e for e in ENCODINGS if e not in ("text", "cef", "leef", "rfc5424")]


def as_json(value):
    """Bytes as encode_alerts takes them."""
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return {key: as_json(each) for key, each in value.items()}
    if isinstance(value, list):
        return [as_json(each) for each in value]
    return value


def encode(alerts, encoding, *arguments):
    """The records of `alerts`, as bytes, one each."""
    lines = "".join(json.dumps(as_json(alert)) + "\n" for alert in alerts)
    done = subprocess.run([os.environ["ENCODE_ALERTS"], encoding, *arguments], input=lines.encode(), stdout=subprocess.PIPE, check=True,
                          env={**os.environ, "TZ": "UTC"})
    out, at, records = done.stdout, 0, []
    while at < len(out):
        end = out.index(b"\n", at)
        size = int(out[at:end])
        records.append(out[end + 1:end + 1 + size])
        assert out[end + 1 + size:end + 2 + size] == b"\n"
        at = end + 2 + size
    assert len(records) == len(alerts), f"{encoding}: {len(records)} records of {len(alerts)} alerts"
    return records


def strict_json(text):
    """json.loads that takes no key twice and no NaN."""
    def pairs(items):
        keys = [key for key, _ in items]
        assert len(keys) == len(set(keys)), f"a key twice: {keys}"
        return dict(items)

    def constant(name):
        raise ValueError(name)
    return json.loads(text, object_pairs_hook=pairs, parse_constant=constant)


# --- the replacements

DRIVES_TERMINAL = "\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff"
CONTROL = re.compile(f"[\x00-\x1f{DRIVES_TERMINAL}]")


def utf8(value):
    """What is not UTF-8 is U+FFFD."""
    return value.decode("utf-8", "replace")


def visible(text):
    """Control characters spelled out."""
    names = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return CONTROL.sub(lambda m: names.get(m[0], f"\\u{ord(m[0]):04x}"), text)


def cut(text, size):
    """To `size` bytes, marked with an ellipsis."""
    if len(text.encode()) <= size:
        return text
    return text.encode()[:size - 3].decode("utf-8", "ignore") + "\u2026"


def cef_text(text, size):
    """A CEF value as a parser gives it back: line breaks stay, other control characters and blanks at the ends are spelled."""
    text = "".join(c if c in "\n\r" else visible(c) for c in text)
    inner = text.strip(" ")
    if not inner:
        return cut("\\u0020" * len(text), size)
    begin = len(text) - len(text.lstrip(" "))
    end = len(text) - len(text.rstrip(" "))
    return cut("\\u0020" * begin + inner + "\\u0020" * end, size)


def cef_header(text):
    return cut(visible(text.replace("\n", " ").replace("\r", " ")), 512)


def leef_text(text):
    return visible(text.replace("\t", " ").replace("\n", " ").replace("\r", " "))


def leef_header(text):
    return leef_text(text).replace("|", "_")


# --- the parsers

def parse_cef(record):
    """(header fields, extension) of a CEF 0 record."""
    fields, field, at = [], "", 0
    while len(fields) < 7:
        c = record[at]
        if c == "\\":
            assert record[at + 1] in "\\|", f"no escape of a header: {record[at:at + 2]!r}"
            field += record[at + 1]
            at += 2
            continue
        if c == "|":
            fields.append(field)
            field = ""
        else:
            field += c
        at += 1
    assert fields[0] == "CEF:0", fields[0]
    extension = {}
    rest = record[at:]
    # A key begins the extension or follows a blank, and ends at an '=' that is not escaped.
    keys = list(re.finditer(r"(?:^| )([A-Za-z0-9_]+)=", rest))
    assert not rest or keys and keys[0].start() == 0, "an extension begins with a key"
    for i, key in enumerate(keys):
        raw = rest[key.end():keys[i + 1].start() if i + 1 < len(keys) else len(rest)]
        assert raw == raw.strip(" "), f"{key[1]}: blanks around {raw!r} would be lost"
        value, j = "", 0
        while j < len(raw):
            if raw[j] == "\\":
                value += {"\\": "\\", "=": "=", "n": "\n", "r": "\r"}[raw[j + 1]]
                j += 2
                continue
            assert raw[j] != "=", f"{key[1]}: '=' that is not escaped"
            value += raw[j]
            j += 1
        assert key[1] not in extension, f"{key[1]} twice"
        extension[key[1]] = value
    return fields, extension


def parse_leef(record):
    """(header fields, attributes) of a LEEF 2.0 record."""
    parts = record.split("|", 6)
    assert parts[0] == "LEEF:2.0", parts[0]
    delimiter = chr(int(parts[5].lstrip("0").lstrip("x"), 16)) if parts[5].lstrip("0").startswith("x") else parts[5]
    attributes = {}
    for pair in parts[6].split(delimiter):
        key, value = pair.split("=", 1)
        assert re.fullmatch("[A-Za-z0-9]+", key), key
        assert key not in attributes, f"{key} twice"
        attributes[key] = value
    return parts[:6], attributes


def parse_structured_data(text):
    """({SD-ID: {name: value}}, message) of what follows MSGID, after the grammar of RFC 5424 section 6."""
    elements, at = {}, 0
    name = re.compile(r'[!#-<>-\\^-~]{1,32}')  # printable ASCII but '=', ' ', ']', '"'
    if text[0] == "-":
        at = 1
    while at < len(text) and text[at] == "[":
        match = name.match(text, at + 1)
        sd_id, at = match[0], match.end()
        assert sd_id not in elements, f"{sd_id} twice"
        parameters = elements[sd_id] = {}
        while text[at] == " ":
            match = name.match(text, at + 1)
            key, at = match[0], match.end()
            assert text[at:at + 2] == '="'
            at += 2
            value = ""
            while text[at] != '"':
                assert text[at] != "]", "']' that is not escaped"
                if text[at] == "\\":
                    assert text[at + 1] in '"\\]', f"no escape: {text[at:at + 2]!r}"
                    at += 1
                value += text[at]
                at += 1
            at += 1
            assert key not in parameters, f"{key} twice"
            parameters[key] = value
        assert text[at] == "]", text[at]
        at += 1
    assert elements or text[0] == "-"
    if at == len(text):
        return elements, ""
    assert text[at] == " "
    return elements, text[at + 1:]
