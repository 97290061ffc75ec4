#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Destinations over HTTP: a scripted peer for what a real one can't be made to do, and a real Alertmanager."""
import base64, email.utils, gzip, hashlib, hmac, json, os, shutil, socket, ssl, subprocess, sys, tempfile, threading, time, unittest
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DRIVER = os.environ["HTTP_DRIVER"]


class Peer:
    """Answers request n with script[n] (the last one again): (status, headers, body) or a function of the handler and the body."""

    def __init__(self, *script, context=None):
        self.requests = []
        peer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # or each answer waits for a delayed acknowledgement

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                peer.requests.append((self.command, self.path, self.headers, body, self.client_address))
                step = script[min(len(peer.requests), len(script)) - 1]
                if callable(step):
                    step = step(self, body)
                    if step is None:
                        self.close_connection = True
                        return
                status, headers, answer = step
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                try:
                    self.wfile.write(answer)
                except OSError:
                    self.close_connection = True

            do_POST = do_PUT = answer

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass

            def finish_request(self, request, client):
                if context:
                    request = context.wrap_socket(request, server_side=True)
                super().finish_request(request, client)

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def run(options, *orders):
    lines = "\n".join(json.dumps(x) for x in (options, *orders)) + "\n"
    done = subprocess.run([DRIVER], input=lines, stdout=subprocess.PIPE, text=True, timeout=60, check=True)
    return [json.loads(x) for x in done.stdout.splitlines()]


def messages(*bodies, **more):
    return {"messages": [{"id": f"id{i}", "body": b} for i, b in enumerate(bodies)], **more}


def fates(answer):
    return [fate for fate, _ in answer["outcomes"]]


OK = (200, {}, b"{}")


class Common(unittest.TestCase):
    def one(self, step, **options):
        with Peer(step) as peer:
            answer = run({"url": f"http://127.0.0.1:{peer.port}/x", **options}, messages("{}"))[1]
            return answer, peer

    def test_statuses(self):
        rows = [(200, "delivered"), (202, "delivered"), (204, "delivered"), (302, "retry"), (400, "rejected"), (401, "retry"),
                (403, "retry"), (404, "rejected"), (408, "retry"), (410, "rejected"), (413, "rejected"), (425, "retry"),
                (429, "retry"), (500, "retry"), (503, "retry")]
        for status, fate in rows:
            with self.subTest(status=status):
                answer, peer = self.one((status, {"Location": "http://127.0.0.1:1/"}, b""))
                self.assertEqual(fates(answer), [fate], answer)
                self.assertEqual(len(peer.requests), 1)
        self.assertIn("redirects are not followed", self.one((302, {}, b""))[0]["outcomes"][0][1])
        self.assertIn("no more messages", self.one((410, {}, b""))[0]["outcomes"][0][1])

    def test_retry_after(self):
        self.assertEqual(self.one((429, {"Retry-After": "17"}, b""))[0]["retry_after"], 17000)
        date = email.utils.formatdate(time.time() + 100, usegmt=True)
        self.assertAlmostEqual(self.one((503, {"Retry-After": date}, b""))[0]["retry_after"], 100000, delta=20000)
        self.assertNotIn("retry_after", self.one((503, {}, b""))[0])

    def test_reason_is_one_printable_line_without_secrets(self):
        answer, _ = self.one((500, {}, b"bad\n\x1b[31m token s3cr3t-token " + b"x" * 5000), bearer="s3cr3t-token")
        reason = answer["outcomes"][0][1]
        self.assertNotIn("s3cr3t", reason)
        self.assertTrue(reason.isascii() and reason.isprintable() and len(reason) <= 300, reason)

    def test_secrets_are_not_described(self):
        said = run({"url": "https://u:pw1234@hooks.example/services/T0/SECRET?token=abcd"})[0]
        self.assertEqual(said["describe"], "https://hooks.example/…")
        said = run({"kind": "splunk", "url": "https://u:pw@siem.example:8088"})[0]
        self.assertEqual(said["describe"], "https://siem.example:8088/services/collector/event")

    def test_bad_options(self):
        rows = [{"url": "ftp://x/"}, {"url": "http://pw@:x"}, {"method": "HEAD"}, {"headers": {"A": "b\r\nC: d"}},
                {"signing_secret": "whsec_%%%"}, {"body_template": "{{nothing}}"}, {"body_template": '{"a":'}]
        for row in rows:
            with self.subTest(row=row):
                self.assertIn("error", run({"url": "http://127.0.0.1/", **row})[0])

    def test_slow_half_open_and_cut(self):
        def cut(handler, _):
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")

        def gone(*_):
            return None

        def slow(*_):
            time.sleep(3)
            return OK

        def drip(handler, _):
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
            for _ in range(30):
                handler.wfile.write(b"x")
                time.sleep(0.1)

        for step in (cut, gone, slow, drip):
            with self.subTest(step=step.__name__):
                answer, _ = self.one(step, timeout_ms=500)
                self.assertEqual(fates(answer), ["retry"], answer)
                self.assertLess(answer["ms"], 2500)
        with socket.create_server(("127.0.0.1", 0)) as listener:  # accepts by its backlog, reads and says nothing
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
            answers = run({"url": url, "timeout_ms": 500}, messages("x" * 8_000_000))
            self.assertEqual(fates(answers[1]), ["retry"])
            answers = run({"url": url, "timeout_ms": 20000}, messages("{}", stop_after_ms=200))
            self.assertEqual(answers[1]["outcomes"], [["retry", "stopped"]])
            self.assertLess(answers[1]["ms"], 10000)
        self.assertEqual(fates(run({"url": url}, messages("{}"))[1]), ["retry"])

    def test_huge_answer(self):
        self.assertEqual(fates(self.one((200, {}, b"x" * 20_000_000))[0]), ["delivered"])
        self.assertEqual(fates(self.one((500, {}, b"x" * 20_000_000))[0]), ["retry"])

    def test_keeps_its_connection(self):
        with Peer(OK) as peer:
            run({"url": f"http://127.0.0.1:{peer.port}/"}, messages("1"), messages("2"), messages("3"))
            self.assertEqual(len({r[4] for r in peer.requests}), 1)

    def test_gzip_basic_proxy(self):
        _, peer = self.one(OK, gzip=True, user="u", password="p:w")
        _, _, headers, body, _ = peer.requests[0]
        self.assertEqual((headers["Content-Encoding"], gzip.decompress(body)), ("gzip", b"{}"))
        self.assertEqual(headers["Authorization"], "Basic " + base64.b64encode(b"u:p:w").decode())
        with Peer(OK) as proxy:
            answer = run({"url": "http://nowhere.invalid/a", "proxy": f"http://127.0.0.1:{proxy.port}"}, messages("{}"))[1]
            self.assertEqual(fates(answer), ["delivered"])
            self.assertEqual(proxy.requests[0][1], "http://nowhere.invalid/a")


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix="shrike-http-")

        def ssl_(*args):
            subprocess.run(["openssl", *args], cwd=cls.dir, check=True, capture_output=True)

        for ca in ("ca", "other"):
            ssl_("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", ca + ".key", "-out",
                 ca + ".pem", "-subj", "/CN=" + ca, "-days", "2")
        for name, alt, days in (("good", "IP:127.0.0.1,DNS:siem.test", "2"), ("name", "DNS:other.test", "2"),
                                ("old", "IP:127.0.0.1", "0"), ("client", "DNS:client", "2")):
            with open(f"{cls.dir}/{name}.ext", "w") as file:
                file.write("subjectAltName=" + alt)
            ssl_("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", name + ".key", "-out",
                 name + ".csr", "-subj", "/CN=" + name)
            ssl_("x509", "-req", "-in", name + ".csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", days,
                 "-extfile", name + ".ext", "-out", name + ".pem")
        time.sleep(1.5)  # old's end is the second it was made in

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.dir)

    def at(self, name):
        return f"{self.dir}/{name}.pem"

    def fate(self, cert, client=False, highest=None, **tls):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.at(cert), f"{self.dir}/{cert}.key")
        if client:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.at("ca"))
        if highest:
            context.set_ciphers("DEFAULT:@SECLEVEL=0")
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = highest
        with Peer(OK, context=context) as peer:
            tls = {"ca_file": self.at("ca"), **tls}
            answer = run({"url": f"https://127.0.0.1:{peer.port}/", "tls": tls, "timeout_ms": 5000}, messages("{}"))[1]
            return fates(answer)[0], answer["outcomes"][0][1]

    def test_verification(self):
        mine = {"cert_file": self.at("client"), "key_file": f"{self.dir}/client.key"}
        rows = [("good", {}, "delivered"), ("name", {}, "retry"), ("old", {}, "retry"), ("good", {"ca_file": self.at("other")}, "retry"),
                ("name", {"insecure": True}, "delivered"), ("good", {"server_name": "siem.test"}, "delivered"),
                ("name", {"server_name": "other.test"}, "delivered"), ("good", {"server_name": "other.test"}, "retry"),
                ("good", {"client": True}, "retry"), ("good", {"client": True, **mine}, "delivered"),
                ("good", {"highest": ssl.TLSVersion.TLSv1_1}, "retry"), ("good", {"highest": ssl.TLSVersion.TLSv1_2}, "delivered")]
        for cert, more, fate in rows:
            with self.subTest(cert=cert, more=more):
                got = self.fate(cert, **more)
                self.assertEqual(got[0], fate, got)


class Kinds(unittest.TestCase):
    def deliver(self, script, order, **options):
        with Peer(*script) as peer:
            answers = run({"url": f"http://127.0.0.1:{peer.port}", **options}, *(order if isinstance(order, list) else [order]))
            return answers[1:], peer.requests

    def test_webhook(self):
        keys = [b"0123456789abcdef01234567", b"another-key-for-rotation"]
        secret = " ".join("whsec_" + base64.b64encode(k).decode() for k in keys)
        hostile = {"id": "i", "rule": 'a"b\\\n\x01é', "body": '{"x":"\\"y"}', "host": "h"}
        form = '{"text":"R {{rule}}: {{body}}","o":{"alert":{{body}}},"p":{{priority}},"r":{{rule}}}\n'
        _, requests = self.deliver([OK], {"messages": [hostile]}, body_template=form, method="PUT", headers={"X-A": "b"}, signing_secret=secret)
        method, _, headers, body, _ = requests[0]
        self.assertEqual((method, headers["X-A"], headers["Content-Type"]), ("PUT", "b", "application/json"))
        self.assertEqual(json.loads(body), {"text": "R " + hostile["rule"] + ": " + hostile["body"], "o": {"alert": {"x": '"y'}}, "p": 3, "r": hostile["rule"]})
        signed = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body])
        wanted = ["v1," + base64.b64encode(hmac.new(k, signed, hashlib.sha256).digest()).decode() for k in keys]
        self.assertEqual((headers["webhook-id"], headers["webhook-signature"].split(" ")), ("i", wanted))
        self.assertLess(abs(time.time() - int(headers["webhook-timestamp"])), 120)
        _, requests = self.deliver([OK], messages('{"a":1}', '{"b":2}'), batch_messages=5)
        self.assertEqual((requests[0][2]["Content-Type"], requests[0][3]), ("application/x-ndjson", b'{"a":1}\n{"b":2}\n'))

    def test_refused_batch_is_halved_to_the_culprit(self):
        def step(_, body):
            return (400, {}, b"bad one") if b"BAD" in body else OK
        answers, requests = self.deliver([step], messages(*["{}"] * 5, "BAD", "{}", "{}"), batch_messages=10)
        self.assertEqual(fates(answers[0]), ["delivered"] * 5 + ["rejected"] + ["delivered"] * 2)
        answers, _ = self.deliver([lambda _, b: (413, {}, b"") if len(b) > 30 else OK], messages(*["x" * 12] * 7, "y" * 99), batch_messages=10)
        self.assertEqual(fates(answers[0]), ["delivered"] * 7 + ["rejected"])
        # A peer that stops taking anything meanwhile: the rest waits.
        answers, requests = self.deliver([(413, {}, b""), OK, (503, {}, b"")], messages(*["{}"] * 4), batch_messages=10)
        self.assertEqual((fates(answers[0]), len(requests)), (["delivered"] * 2 + ["retry"] * 2, 3))

    def test_splunk(self):
        good = (200, {}, b'{"text":"Success","code":0}')
        options = {"kind": "splunk", "splunk_token": "TOK-EN"}
        answers, requests = self.deliver([good], messages('{"event":1}', '{"event":2}'), **options)
        _, path, headers, body, _ = requests[0]
        self.assertEqual((path, headers["Authorization"], body), ("/services/collector/event", "Splunk TOK-EN", b'{"event":1}\n{"event":2}'))
        self.assertRegex(headers["X-Splunk-Request-Channel"], r"^[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}$")
        for status, code, fate in ((400, 5, "rejected"), (400, 6, "rejected"), (400, 7, "rejected"), (400, 12, "rejected"), (401, 2, "retry"),
                                   (403, 1, "retry"), (403, 4, "retry"), (500, 8, "retry"), (503, 9, "retry"), (429, 26, "retry"), (200, 8, "retry")):
            answers, _ = self.deliver([(status, {}, json.dumps({"text": "t", "code": code}).encode())], messages("{}"), **options)
            self.assertEqual(fates(answers[0]), [fate], (status, code))
        bad = (400, {}, b'{"text":"Event field is required","code":12,"invalid-event-number":1}')
        answers, requests = self.deliver([bad, good], messages("a", "b", "c"), **options)
        self.assertEqual((fates(answers[0]), requests[1][3]), (["delivered", "rejected", "delivered"], b"a\nc"))

    def test_splunk_acknowledgement(self):
        options = {"kind": "splunk", "splunk_token": "T", "splunk_ack": True}
        taken = (200, {}, b'{"text":"Success","code":0,"ackId":7}')
        no, yes = (200, {}, b'{"acks":{"7":false}}'), (200, {}, b'{"acks":{"7":true}}')
        answers, requests = self.deliver([taken, no, yes], messages("a", "b"), **options)
        self.assertEqual(fates(answers[0]), ["delivered"] * 2)
        channel = requests[0][2]["X-Splunk-Request-Channel"]
        self.assertEqual([r[1] for r in requests[1:]], ["/services/collector/ack?channel=" + channel] * 2)
        self.assertEqual(json.loads(requests[1][3]), {"acks": [7]})
        # Not within the time-out: asked again, not sent again.
        late = lambda handler, body: taken if handler.path.endswith("/event") else (yes if time.time() > late.end else no)
        late.end = time.time() + 1.5
        answers, requests = self.deliver([late], [messages("a")] * 4, timeout_ms=800, **options)
        self.assertEqual((fates(answers[0]), fates(answers[-2])[0] in ("retry", "delivered")), (["retry"], True))
        self.assertIn(["delivered"], [fates(a) for a in answers])
        first = [fates(a) for a in answers].index(["delivered"])
        self.assertEqual([r[1] for r in requests].count("/services/collector/event"), 1 + len(answers) - 1 - first)
        answers, _ = self.deliver([(200, {}, b'{"text":"Success","code":0}')], messages("a"), **options)
        self.assertIn("acknowledgement off", answers[0]["outcomes"][0][1])

    def test_elasticsearch(self):
        def items(*codes):
            return (200, {}, json.dumps({"errors": True, "items": [{"create": {"status": c, "error": {"type": "t", "reason": "r"}}} for c in codes]}).encode())
        codes = (201, 409, 429, 503, 400, 404)
        answers, requests = self.deliver([items(*codes)], messages(*["{}"] * 6), kind="elasticsearch", index='a"b')
        self.assertEqual(fates(answers[0]), ["delivered", "delivered", "retry", "retry", "rejected", "rejected"])
        self.assertEqual(answers[0]["outcomes"][4][1], "document 400: t: r")
        lines = requests[0][3].split(b"\n")
        self.assertEqual((requests[0][1].split("?")[0], len(lines), lines[-1]), ("/_bulk", 13, b""))
        self.assertEqual(json.loads(lines[2]), {"create": {"_index": 'a"b', "_id": "id1"}})
        for answer in (items(201), (200, {}, b'{"items":[]}'), (200, {}, b"nonsense"), (200, {}, b'{"items":[1,2]}')):
            self.assertEqual(fates(self.deliver([answer], messages("{}", "{}"), kind="elasticsearch")[0][0]), ["retry"] * 2)

    def test_loki(self):
        def stream(job, at):
            return json.dumps({"stream": {"job": job}, "values": [[at, "line" + at]]})
        answers, requests = self.deliver([(204, {}, b"")], messages(stream("a", "1000"), stream("b", "1"), stream("a", "999"), "nonsense"), kind="loki")
        self.assertEqual(fates(answers[0]), ["delivered"] * 3 + ["rejected"])
        self.assertEqual(requests[0][1], "/loki/api/v1/push")
        self.assertEqual(json.loads(requests[0][3]), {"streams": [
            {"stream": {"job": "a"}, "values": [["999", "line999"], ["1000", "line1000"]]}, {"stream": {"job": "b"}, "values": [["1", "line1"]]}]})

    def test_otlp(self):
        answers, requests = self.deliver([(200, {}, b"{}")], messages('{"a":1}', '{"a":2}'), kind="otlp")
        sent = json.loads(requests[0][3])["resourceLogs"]
        self.assertEqual((requests[0][1], len(sent), sent[0]["scopeLogs"][0]["logRecords"]), ("/v1/logs", 1, [{"a": 1}, {"a": 2}]))
        self.assertIn({"key": "host.name", "value": {"stringValue": "host"}}, sent[0]["resource"]["attributes"])
        for part, fate in (({"rejectedLogRecords": "1", "errorMessage": "why"}, "rejected"), ({"rejectedLogRecords": 2}, "rejected"),
                           ({"rejectedLogRecords": "0", "errorMessage": "note"}, "delivered"), ({}, "delivered")):
            answers, requests = self.deliver([(200, {}, json.dumps({"partialSuccess": part}).encode())], messages("{}", "{}"), kind="otlp")
            self.assertEqual((fates(answers[0]), len(requests)), ([fate] * 2, 1), part)
        for status, fate in ((500, "rejected"), (502, "retry"), (503, "retry"), (504, "retry"), (429, "retry")):
            self.assertEqual(fates(self.deliver([(status, {}, b"")], messages("{}"), kind="otlp")[0][0]), [fate], status)

    def test_cloudevents(self):
        _, requests = self.deliver([OK], messages("{}"), kind="cloudevents")
        self.assertEqual((requests[0][2]["Content-Type"], requests[0][3]), ("application/cloudevents+json; charset=utf-8", b"{}"))
        _, requests = self.deliver([OK], messages("{}", "{}"), kind="cloudevents", batch_messages=9)
        self.assertEqual((requests[0][2]["Content-Type"], requests[0][3]), ("application/cloudevents-batch+json", b"[{},{}]"))

    def test_alertmanager(self):
        binary = shutil.which("prometheus-alertmanager")
        if not binary:
            self.skipTest("no prometheus-alertmanager here")
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        with tempfile.TemporaryDirectory(prefix="shrike-http-") as place:
            with open(place + "/c.yml", "w") as file:
                file.write("route: {receiver: none}\nreceivers: [{name: none}]\n")
            peer = subprocess.Popen([binary, "--config.file", place + "/c.yml", "--storage.path", place, f"--web.listen-address=127.0.0.1:{port}",
                                     "--cluster.listen-address="], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                url = f"http://127.0.0.1:{port}"
                for _ in range(200):
                    try:
                        urllib.request.urlopen(url + "/-/ready", timeout=5)
                        break
                    except OSError:
                        time.sleep(0.1)
                alerts = [json.dumps({"labels": {"alertname": n}, "annotations": {"summary": "s"}}) for n in ("one", "two")]
                bad = json.dumps({"labels": {"0 bad": "x"}})
                answer = run({"kind": "alertmanager", "url": url}, messages(alerts[0], bad, alerts[1]))[1]
                self.assertEqual(fates(answer), ["delivered", "rejected", "delivered"], answer)
                there = json.load(urllib.request.urlopen(url + "/api/v2/alerts"))
                self.assertEqual({(a["labels"]["alertname"], a["status"]["state"]) for a in there}, {("one", "active"), ("two", "active")})
            finally:
                peer.kill()
                peer.wait()


class Rates(unittest.TestCase):
    def test_rates(self):
        answers = {"splunk": b'{"code":0}', "elasticsearch": json.dumps({"items": [{"create": {"status": 201}}] * 500}).encode()}
        bodies = {"loki": json.dumps({"stream": {"job": "a"}, "values": [["1", "x" * 700]]})}
        for kind, size in (("webhook", 1), ("cloudevents", 1), ("alertmanager", 64), ("splunk", 500), ("elasticsearch", 500), ("loki", 500), ("otlp", 500)):
            body = bodies.get(kind, json.dumps({"x": "x" * 700}))
            with Peer((200, {}, answers.get(kind, b"{}"))) as peer:
                got = run({"kind": kind, "url": f"http://127.0.0.1:{peer.port}"}, messages(*[body] * size, repeat=50 if size > 1 else 5000))[1]
            self.assertEqual(set(fates(got)), {"delivered"})
            print(f"{kind}: {size * (50 if size > 1 else 5000) * 1000 // max(1, got['ms'])} alerts/s, batches of {size}", file=sys.stderr)


if __name__ == "__main__":
    unittest.main(warnings="ignore")
