# SPDX-License-Identifier: Apache-2.0
"""Runs one container of a pod through CRI and removes both: cri_client.py SOCKET CGROUP POD NAMESPACE UID IMAGE COMMAND…
Prints their ids as JSON, or why no pod starts here. Needs python3-grpcio; messages are put together here, by the field numbers of CRI's api.proto."""

import json
import sys
import time

import grpc

CANNOT = 77  # exit code: no pod starts here


def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def message(fields):
    """A protobuf message of {number: value}: text, number, message (a dict), or a list of these."""
    out = b""
    for number, value in fields.items():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, int):
                out += varint(number << 3) + varint(one)
                continue
            data = one.encode() if isinstance(one, str) else message(one)
            out += varint(number << 3 | 2) + varint(len(data)) + data
    return out


def first_text(reply):
    """Field 1 of a reply, the id."""
    assert reply[0] == 1 << 3 | 2, reply
    return reply[2:2 + reply[1]].decode()


def mapping(texts):
    return [{1: key, 2: value} for key, value in texts.items()]


def main():
    socket, parent, pod, namespace, uid, image, *command = sys.argv[1:]
    channel = grpc.insecure_channel(socket)

    def call(name, fields):
        return channel.unary_unary(f"/runtime.v1.RuntimeService/{name}", request_serializer=message,
                                   response_deserializer=bytes)(fields, timeout=60)

    host_network = {1: 2}  # NamespaceOption.network = NODE: needs no CNI
    sandbox_config = {1: {1: pod, 2: uid, 3: namespace}, 6: mapping({"tier": "front", "io.kubernetes.pod.name": pod}),
                      8: {1: f"{parent}/burstable/pod{uid}", 2: {1: host_network}}}
    try:
        sandbox = first_text(call("RunPodSandbox", {1: sandbox_config}))
    except grpc.RpcError as error:
        print(error.details())
        sys.exit(CANNOT)
    try:
        config = {1: {1: "app"}, 2: {1: image}, 3: command, 9: mapping({"io.kubernetes.container.name": "app"}), 15: {2: {3: host_network}}}
        container = first_text(call("CreateContainer", {1: sandbox, 2: config, 3: sandbox_config}))
        call("StartContainer", {1: container})
        time.sleep(1)
        print(json.dumps({"sandbox": sandbox, "container": container}))
    finally:
        call("StopPodSandbox", {1: sandbox})
        call("RemovePodSandbox", {1: sandbox})


main()
