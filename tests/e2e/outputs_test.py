# SPDX-License-Identifier: Apache-2.0
"""Alerts through the whole daemon to real peers, which go away and come back. SHRIKE_OUTAGE: for how many seconds (10)."""

import collections
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

import harness
from harness import LiveTest, Shrike, wait_for

OUTAGE = float(os.environ.get("SHRIKE_OUTAGE", "10"))
RATE = 1000
RULE = "- rule: Marked\n  desc: d\n  condition: evt.type in (open, openat) and fd.name = {file} and fd.num >= 0\n  output: opened %fd.name\n  priority: NOTICE\n"


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Collector:
    """An HTTP server that can go away; keeps the ids it was sent, one JSON alert per line of each body."""

    def __init__(self, port):
        self.port, self.ids, self.server = port, collections.Counter(), None

    def start(self):
        ids = self.ids

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                ids.update(json.loads(line)["id"] for line in body.splitlines())
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.server = None


class Rsyslog:
    """A receiver of its own on loopback, octet-counted TCP, that writes what it is sent to a file."""

    def __init__(self, directory, port):
        self.directory, self.port, self.process = directory, port, None
        self.file = directory / "received"
        (directory / "rsyslog.conf").write_text(
            f'global(workDirectory="{directory}" maxMessageSize="64k")\n'
            f'module(load="imtcp")\ninput(type="imtcp" address="127.0.0.1" port="{port}")\n'
            'template(name="raw" type="string" string="%msg%\\n")\n'
            f'action(type="omfile" file="{self.file}" template="raw")\n'
        )

    def start(self):
        self.process = subprocess.Popen(["rsyslogd", "-n", "-f", self.directory / "rsyslog.conf", "-i", self.directory / "pid"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stop(self):
        """As an operator would: it writes what it has read."""
        self.process.terminate()
        self.process.wait(30)

    def ids(self):
        text = self.file.read_text(errors="replace") if self.file.exists() else ""
        return collections.Counter(re.findall(r'"id":"([0-9a-f-]{36})"', text))


class Outputs(LiveTest):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="shrike-e2e-", dir="/var/tmp"))
        self.addCleanup(shutil.rmtree, self.dir, True)
        self.marked = self.dir / "marked"
        self.marked.write_text("x")
        self.rules = self.dir / "rules.yaml"
        self.rules.write_text(RULE.format(file=self.marked))
        self.file = self.dir / "all.jsonl"

    def configuration(self, sinks):
        text = f"stdout_output: {{enabled: false}}\ncontrol_socket: ''\nspool_directory: {self.dir}/spool\noutputs:\n"
        for sink in [{"name": "all", "type": "file", "path": str(self.file), "encoding": "json"}, *sinks]:
            text += "  - " + json.dumps(sink) + "\n"
        path = self.dir / "shrike.yaml"
        path.write_text(text)
        return path

    def file_ids(self):
        if not self.file.exists():
            return []
        return [json.loads(line)["id"] for line in self.file.read_text().splitlines() if '"Marked"' in line]

    def opens(self, seconds):
        """So many alerts a second, as well as the machine lets us; how many."""
        start, done = time.monotonic(), 0
        while (now := time.monotonic() - start) < seconds:
            while done < now * RATE:
                os.close(os.open(self.marked, os.O_RDONLY))
                done += 1
            time.sleep(0.005)
        return done

    @staticmethod
    def memory_kib(pid):
        return int(re.search(r"^RssAnon:\s*(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)[1])

    def test_an_outage_loses_nothing(self):
        collector = Collector(free_port())
        peers = {"hook": collector}
        retry = {"base": "100ms", "cap": "1s"}
        sinks = [{"name": "hook", "type": "webhook", "url": f"http://127.0.0.1:{collector.port}/", "encoding": "json", "batch_messages": 200, "retry": retry}]
        rsyslog = None
        if shutil.which("rsyslogd"):
            rsyslog = Rsyslog(self.dir, free_port())
            peers["siem"] = rsyslog
            sinks.append({"name": "siem", "type": "syslog", "transport": "tcp", "host": "127.0.0.1", "port": rsyslog.port, "encoding": "json", "retry": retry})
        else:
            print("rsyslogd is not here: without it")
        for peer in peers.values():
            peer.start()
        shrike = Shrike("--config", self.configuration(sinks), "--rules", self.rules).wait_ready()
        self.addCleanup(shrike.stop)
        count = self.opens(1)
        self.assertTrue(wait_for(lambda: sum(collector.ids.values()) >= count // 2, 30), "alerts arrive before the outage")
        before = self.memory_kib(shrike.process.pid)
        for peer in peers.values():
            peer.stop()
        count += self.opens(OUTAGE)
        self.assertTrue(wait_for(lambda: len(self.file_ids()) == count, 30), "the file has them all, peers or no peers")
        after = self.memory_kib(shrike.process.pid)
        for peer in peers.values():
            peer.start()
        count += self.opens(1)
        self.assertTrue(wait_for(lambda: len(self.file_ids()) == count, 30))
        wanted = set(self.file_ids())
        self.assertEqual(len(wanted), count, "each alert has an id of its own")
        self.assertTrue(wait_for(lambda: wanted <= collector.ids.keys(), 60), f"{len(wanted - collector.ids.keys())} of {count} did not reach the webhook")
        if rsyslog:
            self.assertTrue(wait_for(lambda: wanted <= rsyslog.ids().keys(), 60), f"{len(wanted - rsyslog.ids().keys())} of {count} did not reach rsyslog")
            rsyslog.stop()
        growth = after - before
        print(f"\n{count} alerts, {OUTAGE:.0f} s without peers: memory {before} -> {after} KiB; twice: webhook {sum(n > 1 for n in collector.ids.values())}"
              + (f", rsyslog {sum(n > 1 for n in rsyslog.ids().values())}" if rsyslog else ""))
        self.assertLess(growth, 32 * 1024)
        self.assertTrue(any("does not take alerts" in line for line in shrike.log), "the log says it")
        collector.stop()

    def test_what_a_killed_daemon_had_spooled_is_delivered_by_the_next(self):
        collector = Collector(free_port())
        sinks = [{"name": "hook", "type": "webhook", "url": f"http://127.0.0.1:{collector.port}/", "encoding": "json", "batch_messages": 50,
                  "retry": {"base": "100ms", "cap": "1s"}}]
        configuration = self.configuration(sinks)
        shrike = Shrike("--config", configuration, "--rules", self.rules).wait_ready()
        count = self.opens(0.5)
        self.assertTrue(wait_for(lambda: len(self.file_ids()) == count, 30))
        time.sleep(0.5)  # from the queue to the spool
        shrike.stop(signal.SIGKILL)
        wanted = set(self.file_ids())
        collector.start()
        shrike = Shrike("--config", configuration, "--rules", self.rules).wait_ready()
        self.addCleanup(shrike.stop)
        self.assertTrue(wait_for(lambda: wanted <= collector.ids.keys(), 30), f"{len(wanted - collector.ids.keys())} of {count} are gone")
        collector.stop()


if __name__ == "__main__":
    harness.main()
