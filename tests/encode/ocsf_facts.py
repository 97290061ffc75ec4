# SPDX-License-Identifier: Apache-2.0
"""A validator of OCSF events for four classes and the versions 1.1.0 to 1.8.0: known attributes alone, required ones, types, enumerations,
constraints and since when an attribute may stand (formats.md 1.2)."""
import ipaddress

VERSIONS = ["1.1.0", "1.3.0", "1.5.0", "1.8.0"]

STRING, INTEGER, LONG, BOOLEAN, JSON, TIMESTAMP, IP, PORT = "string", "integer", "long", "boolean", "json", "timestamp", "ip", "port"


class Attribute:
    def __init__(self, kind, required=False, enum=None, since="1.0.0", profile=None, many=False):
        self.kind, self.required, self.enum, self.since, self.profile, self.many = kind, required, enum, since, profile, many


def optional(kind, **more):
    return Attribute(kind, **more)


def required(kind, **more):
    return Attribute(kind, required=True, **more)


def texts(*names):
    return {name: optional(STRING) for name in names}


TYPE_ID = {0, 1, 2, 3, 4, 5, 6, 7, 99}
# name: (attributes, those of which at least one must be there)
OBJECTS = {
    "metadata": ({"version": required(STRING), "product": required("product"), "uid": optional(STRING), "profiles": optional(STRING, many=True),
                  **texts("log_name", "original_time", "event_code", "correlation_uid")}, []),
    "product": ({"vendor_name": required(STRING), **texts("name", "version", "uid")}, []),
    "device": ({"type_id": required(INTEGER, enum={0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 99}), "os": optional("os"),
                **texts("type", "hostname", "uid", "name")}, ["hostname", "uid", "name"]),
    "os": ({"name": required(STRING), "type_id": required(INTEGER, enum={0, 99, 200}), **texts("type", "version")}, []),
    "actor": ({"process": optional("process"), "user": optional("user")}, ["process", "user"]),
    "user": (texts("name", "uid", "type"), ["name", "uid"]),
    "process": ({"pid": optional(INTEGER), "tid": optional(INTEGER), "created_time": optional(TIMESTAMP), "file": optional("file"), "user": optional("user"),
                 "parent_process": optional("process"), "container": optional("container", profile="container"), **texts("uid", "name", "cmd_line")},
                ["pid", "uid"]),
    "file": ({"name": required(STRING), "type_id": required(INTEGER, enum=TYPE_ID), "hashes": optional("fingerprint", many=True),
              **texts("path", "type", "parent_folder")}, []),
    "fingerprint": ({"algorithm_id": required(INTEGER, enum={0, 1, 2, 3, 4, 5, 6, 7, 99}), "value": required(STRING), **texts("algorithm")}, []),
    "container": ({"image": optional("image"), **texts("uid", "name", "runtime", "pod_uuid")}, ["uid", "name"]),
    "image": (texts("uid", "name"), ["uid", "name"]),
    "policy": (texts("name", "uid", "version", "desc"), ["name", "uid"]),
    "attack": ({"tactic": optional("named"), "technique": optional("named"), "sub_technique": optional("named"), **texts("version")},
               ["tactic", "technique", "sub_technique"]),
    "named": (texts("uid", "name"), ["uid", "name"]),
    "finding_info": ({"uid": required(STRING), "title": required(STRING), "created_time": optional(TIMESTAMP), "first_seen_time": optional(TIMESTAMP),
                      "types": optional(STRING, many=True), "analytic": optional("analytic"), "attacks": optional("attack", many=True), **texts("desc")}, []),
    "analytic": ({"type_id": required(INTEGER, enum={0, 1, 2, 3, 4, 99}), **texts("type", "name", "uid", "version")}, ["name", "uid"]),
    "evidence": ({"actor": optional("actor"), "process": optional("process"), "file": optional("file"), "src_endpoint": optional("endpoint"),
                  "dst_endpoint": optional("endpoint"), "connection_info": optional("connection_info")},
                 ["actor", "process", "file", "src_endpoint", "dst_endpoint", "connection_info"]),
    "endpoint": ({"ip": optional(IP), "port": optional(PORT), **texts("hostname", "name", "uid")}, ["ip", "hostname", "name", "uid"]),
    "connection_info": ({"direction_id": required(INTEGER, enum={0, 1, 2, 3, 99}), "protocol_num": optional(INTEGER),
                         "protocol_ver_id": optional(INTEGER, enum={0, 4, 6, 99}), **texts("direction", "protocol_name")}, []),
    "resource": (texts("type", "uid", "name"), ["name", "uid"]),
    "observable": ({"name": required(STRING), "type_id": required(INTEGER), **texts("type", "value")}, []),
}
OBSERVABLE_SINCE = {1: "1.0.0", 2: "1.0.0", 4: "1.0.0", 7: "1.0.0", 8: "1.0.0", 9: "1.0.0", 13: "1.3.0", 15: "1.0.0", 45: "1.5.0"}

CONTROL = {
    "action_id": optional(INTEGER, enum={0, 1, 2, 3, 4, 99}, profile="security_control"), "action": optional(STRING, profile="security_control"),
    "disposition_id": optional(INTEGER, enum=set(range(28)) | {99}, profile="security_control"),
    "disposition": optional(STRING, profile="security_control"),
    "policy": optional("policy", since="1.4.0", profile="security_control"), "attacks": optional("attack", many=True, profile="security_control"),
}
BASE = {
    "metadata": required("metadata"), "category_uid": required(INTEGER), "class_uid": required(INTEGER), "activity_id": required(INTEGER),
    "type_uid": required(LONG), "severity_id": required(INTEGER, enum={0, 1, 2, 3, 4, 5, 6, 99}), "time": required(TIMESTAMP),
    "status_id": optional(INTEGER, enum={0, 1, 2, 3, 4, 5, 6, 99}), "device": optional("device", profile="host"), "observables": optional("observable", many=True),
    "unmapped": optional(JSON), **texts("category_name", "class_name", "activity_name", "type_name", "severity", "status", "status_detail", "message", "raw_data"),
    **CONTROL,
}
# class_uid: (category, activities, attributes, at least one of)
CLASSES = {
    1001: (1, set(range(15)) | {99}, {"actor": required("actor"), "device": required("device"), "file": required("file"), "file_result": optional("file")}, []),
    1007: (1, set(range(6)) | {99}, {"actor": required("actor"), "device": required("device"), "process": required("process")}, []),
    4001: (4, set(range(8)) | {99}, {"actor": optional("actor", profile="host"), "src_endpoint": required("endpoint"), "dst_endpoint": required("endpoint"),
                                     "connection_info": optional("connection_info")}, []),
    2004: (2, {0, 1, 2, 3, 99}, {"finding_info": required("finding_info"), "evidences": optional("evidence", many=True), "resources": optional("resource", many=True),
                                 "is_alert": optional(BOOLEAN, since="1.4.0"), "confidence_id": optional(INTEGER, enum={0, 1, 2, 3, 99}),
                                 "confidence": optional(STRING)}, []),
}


def number(version):
    return [int(part) for part in version.split(".")]


def wrong_value(kind, value):
    if kind == STRING:
        return None if isinstance(value, str) else "is no string"
    if kind == BOOLEAN:
        return None if isinstance(value, bool) else "is no boolean"
    if kind == JSON:
        return None if isinstance(value, dict) else "is no object"
    if kind == IP:
        try:
            ipaddress.ip_address(value)
            return None
        except ValueError:
            return "is no address"
    if not isinstance(value, int) or isinstance(value, bool):
        return "is no integer"
    if kind == INTEGER and not -2**31 <= value < 2**31:
        return "is too large"
    if kind == PORT and not 0 <= value <= 65535:
        return "is no port"
    if kind == TIMESTAMP and not 10**12 <= value < 10**13:
        return "is not in milliseconds"
    return None


def check_attributes(value, attributes, at_least_one, version, profiles, at):
    wrong = []
    for name, attribute in attributes.items():
        if attribute.required and name not in value:
            wrong.append(f"{at}{name} is missing")
    if at_least_one and not any(name in value for name in at_least_one):
        wrong.append(f"{at} needs one of {at_least_one}")
    for name, each in value.items():
        attribute = attributes.get(name)
        if attribute is None:
            wrong.append(f"{at}{name} is not known")
            continue
        if number(attribute.since) > number(version):
            wrong.append(f"{at}{name} is there since {attribute.since}, not in {version}")
        if attribute.profile and profiles is not None and attribute.profile not in profiles:
            wrong.append(f"{at}{name} belongs to profile {attribute.profile}, which metadata.profiles does not list")
        if attribute.many != isinstance(each, list):
            wrong.append(f"{at}{name} has to be {'an array' if attribute.many else 'one value'}")
            continue
        for item in each if attribute.many else [each]:
            if attribute.kind in OBJECTS:
                if isinstance(item, dict):
                    wrong += check_attributes(item, *OBJECTS[attribute.kind], version, profiles, f"{at}{name}.")
                else:
                    wrong.append(f"{at}{name} is no object")
                continue
            reason = wrong_value(attribute.kind, item)
            if reason:
                wrong.append(f"{at}{name} {reason}: {item!r}")
            if attribute.enum is not None and item not in attribute.enum:
                wrong.append(f"{at}{name} must not be {item!r}")
    return wrong


def check(event, version=None, strict_profiles=True):
    """What is wrong with it as an event of `version`, its own by default. A list of texts."""
    own = event.get("metadata", {}).get("version")
    version = version or own
    if version not in VERSIONS:
        return [f"metadata.version must not be {version!r}"]
    known = CLASSES.get(event.get("class_uid"))
    if known is None:
        return [f"class_uid must not be {event.get('class_uid')!r}"]
    category, activities, attributes, at_least_one = known
    attributes = {**BASE, **attributes}
    profiles = event["metadata"].get("profiles", []) if strict_profiles else None
    wrong = check_attributes(event, attributes, at_least_one, version, profiles, "")
    if event.get("category_uid") != category:
        wrong.append(f"category_uid has to be {category}")
    if event.get("activity_id") not in activities:
        wrong.append(f"activity_id must not be {event.get('activity_id')!r}")
    if event.get("type_uid") != event["class_uid"] * 100 + event.get("activity_id", -1):
        wrong.append("type_uid has to be class_uid * 100 + activity_id")
    if number(version) < number("1.4.0"):
        if event.get("action_id") in (3, 4):
            wrong.append(f"action_id {event['action_id']} is there since 1.4.0, not in {version}")
        if "security_control" in event["metadata"].get("profiles", []) and "action_id" not in event:
            wrong.append("action_id is missing: security_control requires it up to 1.3")
    for observable in event.get("observables", []):
        since = OBSERVABLE_SINCE.get(observable.get("type_id"))
        if since is None or number(since) > number(version):
            wrong.append(f"observables.type_id must not be {observable.get('type_id')!r} in {version}")
    return wrong
