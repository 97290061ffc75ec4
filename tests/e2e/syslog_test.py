# SPDX-License-Identifier: Apache-2.0
"""Destinations of outputs/ against what really receives: rsyslog, syslog-ng, journald, files and programs. By `deliver`."""

import contextlib
import fcntl
import glob
import gzip
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DELIVER = os.environ.get("SHRIKE_DELIVER", str(ROOT / "build" / "tests" / "programs" / "deliver"))
NG = pathlib.Path.home() / ".cache" / "shrike-tests" / "syslog-ng"
SKIPPED = 77
RSYSLOGD = shutil.which("rsyslogd", path="/usr/sbin:/usr/bin")


def wait_for(condition, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def listens(port):
    """Without a connection, which would be one of the receiver's errors."""
    return any(f":{port:04X} 00000000:0000 0A" in line for line in pathlib.Path("/proc/net/tcp").read_text().splitlines())


class Deliver:
    """A running `deliver`; wait() gives what it said."""

    def __init__(self, messages, stdout=subprocess.DEVNULL, **options):
        self.process = subprocess.Popen([DELIVER, json.dumps(options)], stdin=subprocess.PIPE, stdout=stdout, stderr=subprocess.PIPE, text=True)
        self.process.stdin.write("".join(json.dumps(m) + "\n" for m in messages))
        self.process.stdin.close()
        self.lines = []
        self.reader = threading.Thread(target=lambda: self.lines.extend(json.loads(line) for line in self.process.stderr), daemon=True)
        self.reader.start()

    def wait(self):
        self.process.wait(120)
        self.reader.join(10)
        self.process.stderr.close()
        return self

    @property
    def last(self):
        return self.lines[-1]

    @property
    def retries(self):
        return [x["retry"] for x in self.lines if "retry" in x]


def deliver(messages, **options):
    return Deliver(messages, **options).wait()


def numbered(count, text="with some text as alerts have it, of an ordinary length, so that rates mean something"):
    return [{"id": f"id-{i:06}", "body": f"id-{i:06} {text}"} for i in range(count)]


class Case(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="shrike-syslog-"))
        self.addCleanup(shutil.rmtree, self.dir, True)

    def start(self, *command, env=None):
        with open(self.dir / "peer.out", "ab") as out:
            process = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, env=env)
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process, how=signal.SIGTERM):
        if process.poll() is None:
            process.send_signal(how)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)

    def lines(self):
        try:
            return (self.dir / "out").read_text(errors="surrogateescape").splitlines()
        except FileNotFoundError:
            return []

    def ids(self):
        return [line.split("id-", 1)[1][:6] for line in self.lines() if "id-" in line]

    def arrives(self, count, seconds=30):
        wait_for(lambda: len(set(self.ids())) >= count, seconds)
        got = self.ids()
        self.assertEqual(len(set(got)), count, (self.dir / "peer.out").read_text()[-2000:] if (self.dir / "peer.out").exists() else "")
        return got

    def rate(self, what, run):
        print(f"rate: {what}: {run.last['done'] / run.last['seconds']:,.0f} messages/s", flush=True)


@unittest.skipUnless(RSYSLOGD, "rsyslogd is not installed")
class Rsyslog(Case):
    def rsyslog(self, inputs, ready, globals_=""):
        (self.dir / "rs.conf").write_text(f"""
global(workDirectory="{self.dir}" maxMessageSize="64k" {globals_})
template(name="t" type="string" string="%protocol-version%|%pri%|%timereported:::date-rfc3339%|%hostname%|%app-name%|%procid%|%msgid%|%structured-data%|%msg%\\n")
{inputs}
action(type="omfile" file="{self.dir}/out" template="t")
""")
        process = self.start(RSYSLOGD, "-n", "-f", self.dir / "rs.conf", "-i", self.dir / "pid")
        self.assertTrue(wait_for(ready, 30), (self.dir / "peer.out").read_text())
        return process

    def tcp(self, port, more=""):
        return f'module(load="imtcp" {more}) input(type="imtcp" port="{port}" address="127.0.0.1")'

    def test_tcp_octet_counted(self):
        port = free_port()
        self.rsyslog(self.tcp(port), lambda: listens(port))
        messages = numbered(20_000)
        messages[7]["body"] += " ünï\tcode\nnext"
        run = deliver(messages, kind="syslog", transport="tcp", port=port)
        self.assertEqual(run.process.returncode, 0, run.lines[-3:])
        self.arrives(20_000, 60)
        self.rate("rsyslog, TCP octet-counted", run)
        first = self.lines()[0].split("|")
        self.assertEqual(first[:4] + first[4:5] + first[6:8], ["1", "10", "2026-11-02T10:00:00.123456Z", "node1.example", "shrike", "A_rule", "-"])
        self.assertEqual(int(first[5]), run.process.pid)
        self.assertTrue(next(x for x in self.lines() if "id-000007" in x).endswith("ünï#011code next"))

    def test_tcp_lines(self):
        port = free_port()
        self.rsyslog(self.tcp(port), lambda: listens(port))
        run = deliver(numbered(20_000, "a\nb"), kind="syslog", transport="tcp", port=port, lines=True)
        self.assertEqual(run.process.returncode, 0)
        self.assertEqual(len(self.arrives(20_000, 60)), 20_000)
        self.assertEqual(len(self.lines()), 20_000)
        self.rate("rsyslog, TCP lines", run)

    def test_bsd_over_tcp(self):
        port = free_port()
        self.rsyslog(self.tcp(port), lambda: listens(port))
        deliver(numbered(1), kind="syslog", transport="tcp", port=port, bsd=True)
        self.arrives(1)
        fields = self.lines()[0].split("|")
        self.assertEqual([fields[1], fields[3], fields[4]], ["10", "node1", "shrike"])

    def test_udp(self):
        port = free_port(socket.SOCK_DGRAM)
        bound = lambda: f":{port:04X} " in pathlib.Path("/proc/net/udp").read_text()
        refused = deliver(numbered(1), kind="syslog", transport="udp", port=port, seconds=0)
        self.assertIn("Connection refused", refused.retries[0])
        self.rsyslog(f'module(load="imudp") input(type="imudp" port="{port}" address="127.0.0.1")', bound)
        run = deliver(numbered(100, "x" * 9000), kind="syslog", transport="udp", port=port, max_bytes=4000, pause_ms=20, batch=10)
        self.assertEqual((run.process.returncode, run.last["truncated"]), (0, 100))
        self.arrives(100)
        self.assertTrue(all(x.endswith("…[truncated]") for x in self.lines()))
        self.rate("rsyslog, UDP (100 of 4 KB, paced)", run)

    def test_unix(self):
        path = self.dir / "log"
        gone = deliver(numbered(1), kind="syslog", transport="unix", path=str(path), seconds=0)
        self.assertIn("No such file", gone.retries[0])
        self.rsyslog(f'module(load="imuxsock" SysSock.Use="off") input(type="imuxsock" Socket="{path}" RateLimit.Interval="0")', path.exists)
        run = deliver(numbered(5_000), kind="syslog", transport="unix", path=str(path), bsd=True)
        self.assertEqual(run.process.returncode, 0)
        self.arrives(5_000)
        self.assertEqual(self.lines()[0].split("|")[4], "shrike")
        self.rate("rsyslog, unix datagrams", run)

    def restart(self, how):
        port = free_port()
        config = self.tcp(port, 'KeepAlive="on"')
        process = self.rsyslog(config, lambda: listens(port))
        run = Deliver(numbered(6_000), kind="syslog", transport="tcp", port=port, seconds=60, batch=50, pause_ms=20, linger_ms=1000)
        self.assertTrue(wait_for(lambda: len(set(self.ids())) > 500))
        self.end(process, how)
        time.sleep(1)
        self.rsyslog(config, lambda: listens(port))
        run.wait()
        self.assertEqual(run.process.returncode, 0, run.lines[-2:])
        self.assertTrue(run.retries, "the restart fell between")
        got = self.arrives(6_000)
        print(f"restart by {how.name}: {len(got) - len(set(got))} duplicates, by id; reasons: {sorted(set(run.retries))}", flush=True)

    def test_restarted_in_order(self):
        self.restart(signal.SIGTERM)


def make_certificates(where):
    """ca, another ca; server certificates: good, other name, expired; a client's."""

    def openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, cwd=where)

    def authority(name):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.pem", "-days", "2", "-subj", f"/CN={name}")

    def signed(name, names, days=2, ca="ca"):
        (where / "ext").write_text(f"subjectAltName={names}\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{ca}.pem", "-CAkey", f"{ca}.key", "-CAcreateserial", "-days", days, "-extfile", "ext", "-out", f"{name}.pem")

    authority("ca")
    authority("stranger")
    signed("good", "DNS:localhost,IP:127.0.0.1")
    signed("other", "DNS:elsewhere.example")
    signed("old", "DNS:localhost,IP:127.0.0.1", -1)
    signed("client", "DNS:node1.example")
    signed("intruder", "DNS:node1.example", 2, "stranger")


@unittest.skipUnless(RSYSLOGD and glob.glob("/usr/lib/*/rsyslog/lmnsd_gtls.so"), "rsyslog-gnutls is not installed")
class Tls(Rsyslog):
    # What Rsyslog tests is tested there.
    test_tcp_octet_counted = test_tcp_lines = test_bsd_over_tcp = test_udp = test_unix = test_restarted_in_order = None

    def setUp(self):
        super().setUp()
        make_certificates(self.dir)

    def tls(self, port, certificate="good", mode="anon", more=""):
        d = self.dir
        return self.rsyslog(self.tcp(port, f'StreamDriver.Name="gtls" StreamDriver.Mode="1" StreamDriver.AuthMode="{mode}" {more}'), lambda: listens(port),
                            f'DefaultNetstreamDriverCAFile="{d}/ca.pem" DefaultNetstreamDriverCertFile="{d}/{certificate}.pem" DefaultNetstreamDriverKeyFile="{d}/{certificate}.key"')

    def send(self, port, count=1, ca="ca", host="localhost", **more):
        return deliver(numbered(count), kind="syslog", transport="tcp", tls=True, host=host, port=port, ca_file=str(self.dir / f"{ca}.pem"), **more)

    def client(self, name):
        return {"cert_file": str(self.dir / f"{name}.pem"), "key_file": str(self.dir / f"{name}.key")}

    def test_name_and_client_certificate(self):
        port = free_port()
        self.tls(port, mode="x509/name", more='PermittedPeer=["node1.example"]')
        run = self.send(port, 20_000, **self.client("client"))
        self.assertEqual(run.process.returncode, 0, run.lines[-2:])
        self.arrives(20_000, 60)
        self.rate("rsyslog, TLS", run)
        self.assertNotIn("error", (self.dir / "peer.out").read_text().lower())
        # An address is verified as one.
        self.assertEqual(self.send(port, 1, host="127.0.0.1", **self.client("client")).process.returncode, 0)
        # Neither no certificate nor a stranger's is taken for delivery, though with TLS 1.3 the handshake is over by then.
        for other in ({}, self.client("intruder")):
            refused = self.send(port, 1, seconds=0, **other)
            self.assertEqual(refused.last["done"], 0, refused.lines)
            print("refused by the server:", refused.retries[0], flush=True)

    def test_refused(self):
        for certificate, ca, host, why in [
            ("good", "stranger", "localhost", "unable to get local issuer certificate"),
            ("other", "ca", "localhost", "hostname mismatch"),
            ("other", "ca", "127.0.0.1", "IP address mismatch"),
            ("old", "ca", "localhost", "certificate has expired"),
        ]:
            with self.subTest(certificate=certificate, ca=ca, host=host):
                port = free_port()
                process = self.tls(port, certificate)
                run = self.send(port, ca=ca, host=host, seconds=0)
                self.assertEqual(run.last["done"], 0)
                self.assertIn(why, run.retries[0])
                self.end(process)
        port = free_port()
        self.rsyslog(self.tcp(port), lambda: listens(port))
        self.assertIn("TLS handshake with localhost: no answer in time", self.send(port, seconds=0, timeout_ms=1000).retries[0])
        with socket.create_server(("127.0.0.1", 0)) as server:
            run = Deliver(numbered(1), kind="syslog", transport="tcp", tls=True, host="localhost", port=server.getsockname()[1], seconds=0)
            connection, _ = server.accept()
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            self.assertIn("does it speak TLS", run.wait().retries[0])
            connection.close()

    def test_files_that_are_wrong(self):
        run = self.send(1, ca="nowhere")
        self.assertEqual(run.process.returncode, 3)
        self.assertIn("CA file", run.last["error"])
        run = self.send(1, cert_file=str(self.dir / "client.pem"), key_file=str(self.dir / "good.key"))
        self.assertIn("key", run.last["error"])

    def test_goodbye(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.dir / "good.pem", self.dir / "good.key")
        context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
        with socket.create_server(("127.0.0.1", 0)) as server:
            run = Deliver(numbered(3), kind="syslog", transport="tcp", tls=True, host="localhost", port=server.getsockname()[1], ca_file=str(self.dir / "ca.pem"))
            raw, _ = server.accept()
            with context.wrap_socket(raw, server_side=True, suppress_ragged_eofs=False) as peer:
                data = b""
                while part := peer.recv(65536):  # an end without close_notify raises
                    data += part
            self.assertEqual(data.count(b"id-"), 3)
            self.assertEqual(run.wait().process.returncode, 0)


class Scripted(Case):
    """What a real receiver can't be made to do at will."""

    def server(self):
        server = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(server.close)
        return server, server.getsockname()[1]

    def test_reset_with_data_unread_is_sent_again(self):
        # The kernel of the first receiver has taken all, the program read nothing: then it dies.
        server, port = self.server()
        run = Deliver(numbered(100), kind="syslog", transport="tcp", port=port, batch=50, pause_ms=1500, seconds=30)
        first, _ = server.accept()
        self.assertTrue(wait_for(lambda: sum("id" in x for x in run.lines) == 50))
        first.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        first.close()
        second, _ = server.accept()
        data = b""
        while part := second.recv(65536):
            data += part
        second.close()
        self.assertEqual(run.wait().process.returncode, 0)
        for i in range(100):
            self.assertIn(b"id-%06d" % i, data)

    def test_proxy_without_a_server(self):
        server, port = self.server()
        run = Deliver(numbered(5), kind="syslog", transport="tcp", port=port, seconds=1)
        for _ in range(3):
            server.accept()[0].close()
        connection, _ = server.accept()
        self.assertTrue(run.retries)
        self.assertFalse(any("id" in x for x in run.lines))
        data = b""
        while part := connection.recv(65536):
            data += part
        connection.close()
        self.assertEqual(data.count(b"id-"), 5)
        self.assertEqual(run.wait().last["done"], 5)

    def test_half_open(self):
        # Nobody at the other end of the wire: an address that loses what is sent.
        server, port = self.server()
        run = Deliver(numbered(2000, "x" * 4000), kind="syslog", transport="tcp", port=port, timeout_ms=1500, seconds=1)
        connection, _ = server.accept()  # never reads
        run.wait()
        self.assertLess(run.last["done"], 2000)
        self.assertIn("no answer in time", run.retries[0])
        # Delivered is what its kernel has, not what waits in ours.
        has = int.from_bytes(fcntl.ioctl(connection, termios.FIONREAD, b"\0" * 4), sys.byteorder)
        self.assertLessEqual(run.last["done"] * 4000, has)
        connection.close()

    def test_slow_reader(self):
        server, port = self.server()
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        run = Deliver(numbered(300, "x" * 1000), kind="syslog", transport="tcp", port=port, timeout_ms=20_000)
        connection, _ = server.accept()
        data = b""
        while part := connection.recv(4096):
            data += part
            time.sleep(0.005)
        connection.close()
        self.assertEqual(run.wait().process.returncode, 0)
        self.assertEqual((data.count(b"id-"), run.retries), (300, []))


@unittest.skipUnless((NG / "root/usr/sbin/syslog-ng").exists(), f"no syslog-ng below {NG} (it conflicts with rsyslog: apt-get download syslog-ng-core libivykis0 libpcre3, dpkg -x to {NG}/root)")
class SyslogNg(Case):
    HOSTILE = ["\n", "\r\n<0>1 - - - - - -", "\x1b[31m", '"', "\\", "]", '"]', '\\"]', "a=b|c", "\u202e", "é€😀", "'", "[x@1 y=\"z\"]", " ", "\x7f", "\u2028", "%s%n", "\ufeff"]

    def syslog_ng(self, source):
        (self.dir / "ng.conf").write_text(f"""@version: 3.38
options {{ keep-hostname(yes); }};
source s {{ {source} }};
destination d {{ file("{self.dir}/out" template("$(format-json --key PID --key PROGRAM --key MSGID --key MESSAGE --key HOST --key PRIORITY --key FACILITY date=$R_ISODATE --key .SDATA.*)\\n")); }};
log {{ source(s); destination(d); }};
""")
        root = NG / "root"
        libs = [str(p) for p in (root / "usr/lib/x86_64-linux-gnu", root / "lib/x86_64-linux-gnu", root / "usr/lib/syslog-ng")]
        modules = next(str(pathlib.Path(p).parent) for p in glob.glob(str(root / "usr/lib/syslog-ng/**/libjson-plugin.so"), recursive=True))
        return self.start(root / "usr/sbin/syslog-ng", "-F", "--no-caps", f"--module-path={modules}", "-f", self.dir / "ng.conf", "-R", self.dir / "persist", "-c", self.dir / "ctl", "-p", self.dir / "pid",
                          env={**os.environ, "LD_LIBRARY_PATH": ":".join(libs)})

    @staticmethod
    def escape(value):
        return value.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")

    def check(self, source, **options):
        rng = random.Random(6)
        values = [a + b for a in self.HOSTILE for b in self.HOSTILE] + ["".join(rng.choice(self.HOSTILE) for _ in range(rng.randrange(1, 30))) for _ in range(500)]
        messages = [{"id": f"id-{i:06}", "body": f'[alert@32473 id="id-{i:06}" v="{self.escape(v)}"][proc@32473 n="{i}"] id-{i:06} text {v}'} for i, v in enumerate(values)]
        run = deliver(messages, kind="syslog", structured=True, max_bytes=60_000, **options)
        self.assertEqual(run.process.returncode, 0, run.lines[-2:])
        blank = lambda v: "".join(" " if (ord(c) < 32 and c != "\t") or ord(c) == 127 else c for c in v)
        self.assertTrue(wait_for(lambda: len(self.lines_json()) >= len(values), 30), f"{len(self.lines_json())} of {len(values)}: " + (self.dir / "peer.out").read_text()[-500:])
        got = self.lines_json()
        self.assertEqual(len(got), len(values))
        by_id = {g["_SDATA"]["alert@32473"]["id"]: g for g in got}
        for i, value in enumerate(values):
            one = by_id[f"id-{i:06}"]
            self.assertEqual(one["_SDATA"]["alert@32473"]["v"], blank(value))
            self.assertEqual(one["_SDATA"]["proc@32473"]["n"], str(i))
            self.assertEqual(one["MESSAGE"].rstrip(" "), blank(f"id-{i:06} text {value}").rstrip(" "))
            self.assertEqual((one["PROGRAM"], one["MSGID"], one["HOST"], one["PRIORITY"], one["FACILITY"]), ("shrike", "A_rule", "node1.example", "crit", "user"))
        return run

    def lines_json(self):
        with contextlib.suppress(FileNotFoundError):
            return [json.loads(line) for line in (self.dir / "out").read_text().split("\n") if line.endswith("}")]
        return []

    def test_octet_counted(self):
        port = free_port()
        self.syslog_ng(f'syslog(ip("127.0.0.1") port({port}) transport("tcp"));')
        self.assertTrue(wait_for(lambda: listens(port)), (self.dir / "peer.out").read_text())
        self.check("", transport="tcp", port=port)

    def test_lines(self):
        port = free_port()
        self.syslog_ng(f'network(ip("127.0.0.1") port({port}) transport("tcp") flags(syslog-protocol));')
        self.assertTrue(wait_for(lambda: listens(port)))
        self.check("", transport="tcp", port=port, lines=True)

    def test_unix_both_kinds(self):
        for kind in ("dgram", "stream"):
            with self.subTest(kind=kind):
                path = self.dir / kind
                (self.dir / "out").unlink(missing_ok=True)
                process = self.syslog_ng(f'unix-{kind}("{path}" flags(syslog-protocol));')
                self.assertTrue(wait_for(path.exists))
                self.check("", transport="unix", path=str(path))
                self.end(process)


@unittest.skipUnless(os.path.exists("/lib/systemd/systemd-journald") and os.geteuid() == 0, "systemd-journald, or root, is not there")
class Journald(Case):
    def test_fields(self):
        # Its own mounts: the host's journal, if any, sees nothing of it.
        script = "mount -t tmpfs none /run && mkdir -p /run/systemd/journal /run/log/journal && exec /lib/systemd/systemd-journald"
        process = self.start("unshare", "--mount", "--propagation", "private", "sh", "-c", script)
        path = f"/proc/{process.pid}/root/run/systemd/journal/socket"
        if not wait_for(lambda: process.poll() is not None or os.path.exists(path), 15) or process.poll() is not None:
            self.skipTest("journald does not start here: " + (self.dir / "peer.out").read_text())
        messages = [*numbered(2_000), {"id": "many", "body": "a\nb\x1b"}, {"id": "long", "body": "x" * 400_000}]
        run = deliver(messages, kind="journald", path=path)
        self.assertEqual(run.process.returncode, 0, run.lines[-2:])
        self.rate("journald", run)

        def entries():
            out = subprocess.run(["nsenter", "-t", str(process.pid), "-m", "journalctl", "-o", "json", "--all", "-t", "shrike"], capture_output=True, text=True)
            return [json.loads(line) for line in out.stdout.splitlines()]

        wait_for(lambda: len(entries()) >= 2_002, 20)
        got = {e["SHRIKE_ID"]: e for e in entries()}
        self.assertEqual(len(got), 2_002)
        one = got["id-000000"]
        self.assertEqual((one["PRIORITY"], one["SHRIKE_RULE"], one["SHRIKE_SUBJECT"], one["MESSAGE"]), ("2", "A rule", "host", messages[0]["body"]))
        self.assertEqual(bytes(got["many"]["MESSAGE"]).decode(), "a\nb\x1b")
        self.assertEqual(got["long"]["MESSAGE"], "x" * 400_000)
        self.end(process)
        self.assertTrue(deliver(numbered(1), kind="journald", path=path, seconds=0).retries)


class Files(Case):
    def file(self, messages, **options):
        return deliver(messages, kind="file", path=str(self.dir / "out"), **options)

    def whole(self):
        """All lines of the file and what was rotated, oldest first."""
        lines = []
        for path in sorted(self.dir.glob("out*"), key=lambda p: -int((p.name.split(".") + ["0"])[1] if p.name != "out" else 0)):
            data = gzip.open(path).read() if path.name.endswith(".gz") else path.read_bytes()
            self.assertTrue(data.endswith(b"\n"), path)
            lines += data.decode().splitlines()
        return lines

    def test_rotation_loses_nothing(self):
        messages = numbered(50_000)
        run = self.file(messages, rotate_bytes=500_000, keep=50, compress=True)
        self.assertEqual(self.whole(), [m["body"] for m in messages])
        self.assertTrue(all(p.stat().st_size <= 500_000 and p.stat().st_mode & 0o777 == 0o600 for p in self.dir.glob("out*")))
        self.assertGreater(len(list(self.dir.glob("out.*.gz"))), 5)
        self.rate("file, rotated and compressed", run)
        self.rate("file", deliver(messages, kind="file", path=str(self.dir / "plain")))

    def test_keep_bounds_rotated_files(self):
        self.file(numbered(5_000), rotate_bytes=20_000, keep=3)
        self.assertEqual(sorted(p.name for p in self.dir.glob("out*")), ["out", "out.1", "out.2", "out.3"])
        self.assertIn("id-004999", (self.dir / "out").read_text())

    def test_rotation_by_time(self):
        self.file(numbered(1))
        day_before = time.time() - 90_000
        os.utime(self.dir / "out", (day_before, day_before))
        self.file([{"id": "n", "body": "new"}], rotate_every=86_400)
        self.assertEqual(((self.dir / "out").read_text(), (self.dir / "out.1").read_text()), ("new\n", numbered(1)[0]["body"] + "\n"))
        self.file([{"id": "n", "body": "newer"}], rotate_every=86_400)
        self.assertEqual((self.dir / "out").read_text(), "new\nnewer\n")

    def test_half_a_line_of_a_killed_process(self):
        (self.dir / "out").write_text("half")
        self.file([{"id": "a", "body": "whole\nline"}])
        self.assertEqual((self.dir / "out").read_text(), "half\nwhole line\n")

    @unittest.skipUnless(os.geteuid() == 0, "mounting needs root")
    def test_disk_full(self):
        disk = self.dir / "disk"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "none", disk], check=True)
        self.addCleanup(subprocess.run, ["umount", disk], check=True)
        (disk / "fill").write_bytes(b"x" * 100_000)
        run = Deliver(numbered(800), kind="file", path=str(disk / "out"))
        self.assertTrue(wait_for(lambda: run.retries))
        (disk / "fill").unlink()
        run.wait()
        self.assertEqual(run.process.returncode, 0)
        self.assertIn("No space left", run.retries[0])
        lines = (disk / "out").read_text().splitlines()
        self.assertEqual(set(lines), {m["body"] for m in numbered(800)})  # no line that is part of one

    def test_what_will_not_pass_is_an_error_at_start(self):
        run = deliver(numbered(1), kind="file", path=str(self.dir / "no" / "out"))
        self.assertEqual(run.process.returncode, 3)
        self.assertIn("No such file or directory", run.last["error"])

    def test_pipe_whose_reader_goes(self):
        reader, writer = os.pipe()
        run = Deliver(numbered(3_000), stdout=writer, kind="file", seconds=0.5)
        os.close(writer)
        os.read(reader, 1000)
        os.close(reader)
        self.assertIn("Broken pipe", run.wait().retries[0])


class Programs(Case):
    def program(self, messages, script, **options):
        return deliver(messages, kind="program", command=["sh", "-c", script], **options)

    def test_reads_all(self):
        run = self.program(numbered(20_000), f"cat > {self.dir}/out")
        self.assertEqual(self.lines(), [m["body"] for m in numbered(20_000)])
        self.rate("program (cat)", run)

    def test_dies_and_is_started_again(self):
        run = self.program(numbered(20), f"for i in 1 2 3 4 5; do read -r l && echo \"$l\" >> {self.dir}/out; done", batch=2)
        self.assertEqual(run.process.returncode, 0)
        self.assertEqual(set(self.ids()), {f"{i:06}" for i in range(20)})
        self.assertIn("ended with status", run.retries[0])

    def test_slow_reader_gets_each_line_once(self):
        self.program(numbered(40), f"while read -r l; do echo \"$l\" >> {self.dir}/out; sleep 0.02; done")
        self.assertEqual(self.lines(), [m["body"] for m in numbered(40)])

    def test_late_reader_gets_each_line_once(self):
        # Later than deliver() waits: the same messages are offered again while they are still in the pipe.
        run = self.program(numbered(5), f"sleep 11; cat > {self.dir}/out")
        self.assertTrue(run.retries)
        self.assertEqual(self.lines(), [m["body"] for m in numbered(5)])

    def test_never_reads_and_ignores_sigterm(self):
        run = self.program(numbered(2), f"trap '' TERM; echo $$ > {self.dir}/pid; while :; do sleep 0.2; done", seconds=0)
        self.assertEqual(run.last["done"], 0)
        self.assertIn("does not read", run.retries[0])
        self.assertFalse(os.path.exists("/proc/" + (self.dir / "pid").read_text().strip()))

    def test_can_not_start(self):
        run = deliver(numbered(1), kind="program", command=["/nowhere"], seconds=0)
        self.assertIn("start /nowhere: No such file", run.retries[0])


if __name__ == "__main__":
    if not os.path.exists(DELIVER):
        print(f"skipped: {DELIVER} is not built")
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
