# SPDX-License-Identifier: Apache-2.0
"""The Kafka destination against a real Apache Kafka (KRaft, from Maven Central's jars), read back by kcat.

The jars are resolved once into SHRIKE_TEST_CACHE (default ~/.cache/shrike-tests) and Maven's own repository. Another version:
SHRIKE_KAFKA_VERSION."""

import collections
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import string
import subprocess
import tempfile
import threading
import time
import unittest

import harness
from harness import wait_for

DRIVER = pathlib.Path(os.environ.get("SHRIKE_DELIVER_KAFKA", harness.ROOT / "build" / "tests" / "programs" / "deliver_kafka"))
VERSION = os.environ.get("SHRIKE_KAFKA_VERSION", "4.3.1")
PASSWORD = "correct-horse-" + "".join(random.choices(string.ascii_lowercase, k=8))
POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion><groupId>test</groupId><artifactId>kafka</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>%s</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
"""
PROPERTIES = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{plain},SASL_SSL://127.0.0.1:{sasl},SSL://127.0.0.1:{tls},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{plain},SASL_SSL://localhost:{sasl},SSL://localhost:{tls}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
message.max.bytes=200000
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:writer;User:CN=shrike
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_writer="{password}";
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location={folder}/server.pem
ssl.truststore.type=PEM
ssl.truststore.location={folder}/ca.crt
listener.name.ssl.ssl.client.auth=required
"""


def class_path():
    """The broker's jars, or a skip with the reason."""
    for program in ("java", "mvn", "kcat", "openssl"):
        if shutil.which(program) is None:
            raise unittest.SkipTest(f"{program} is not installed")
    if not DRIVER.exists():
        raise unittest.SkipTest(f"{DRIVER} is not built")
    folder = pathlib.Path(os.environ.get("SHRIKE_TEST_CACHE", pathlib.Path.home() / ".cache" / "shrike-tests")) / f"kafka-{VERSION}"
    listing = folder / "classpath"
    if not listing.exists() or not all(os.path.exists(jar) for jar in listing.read_text().split(":")):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "pom.xml").write_text(POM % VERSION)
        done = subprocess.run(["mvn", "-q", "-B", "-f", str(folder / "pom.xml"), "dependency:build-classpath", f"-Dmdep.outputFile={listing}"],
                              capture_output=True, text=True, check=False, timeout=400)
        if done.returncode != 0:
            listing.unlink(missing_ok=True)
            raise unittest.SkipTest(f"Maven can't resolve Kafka {VERSION}: " + (done.stdout + done.stderr)[-400:])
    return listing.read_text().strip()


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Broker:
    def __init__(self, folder):
        self.folder, self.jars, self.process = folder, class_path(), None
        self.plain, self.sasl, self.tls, controller = free_ports(4)
        self._certificates()
        (folder / "server.properties").write_text(PROPERTIES.format(
            plain=self.plain, sasl=self.sasl, tls=self.tls, controller=controller, data=folder / "data", folder=folder, password=PASSWORD))
        scram = [f"--add-scram={kind}=[name={name},password={PASSWORD}]" for kind in ("SCRAM-SHA-256", "SCRAM-SHA-512") for name in ("writer", "nobody")]
        done = subprocess.run(["java", "-cp", self.jars, "kafka.tools.StorageTool", "format", "-t", "4L6g3nShT-eMCtK--X86sw", "-c", str(folder / "server.properties"), *scram],
                              capture_output=True, check=False, text=True, timeout=120)
        if done.returncode != 0:
            raise AssertionError("the broker's storage can't be made: " + (done.stdout + done.stderr)[-1500:])

    def _certificates(self):
        def openssl(*arguments):
            subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, cwd=self.folder, timeout=60)
        for authority in ("ca", "other"):
            openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={authority}", "-keyout", f"{authority}.key", "-out", f"{authority}.crt")
        for name, subject in (("server", "/CN=broker"), ("client", "/CN=shrike")):
            openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", subject, "-keyout", f"{name}.key", "-out", f"{name}.csr")
            (self.folder / "extensions").write_text("subjectAltName=DNS:localhost\n")
            openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "extensions", "-out", f"{name}.crt")
        (self.folder / "server.pem").write_text((self.folder / "server.key").read_text() + (self.folder / "server.crt").read_text())

    def start(self):
        with open(self.folder / "broker.log", "ab") as log:
            begin = log.tell()
            self.process = subprocess.Popen(["java", "-Xmx512m", "-cp", self.jars, "kafka.Kafka", str(self.folder / "server.properties")], stdout=log, stderr=log)
        def started():
            if self.process.poll() is not None:
                raise AssertionError("the broker ended: " + (self.folder / "broker.log").read_text()[-2000:])
            return b"Kafka Server started" in (self.folder / "broker.log").read_bytes()[begin:]
        if not wait_for(started, 120):
            raise AssertionError("the broker does not start: " + (self.folder / "broker.log").read_text()[-2000:])

    def stop(self, how=signal.SIGKILL):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(how)
            self.process.wait(60)

    def records(self, topic):
        """All there are, as kcat tells them: partition by partition, in order."""
        done = subprocess.run(["kcat", "-b", f"127.0.0.1:{self.plain}", "-C", "-t", topic, "-e", "-q", "-J", "-o", "beginning"], capture_output=True, text=True, check=True, timeout=120)
        records = [json.loads(line) for line in done.stdout.splitlines()]
        for record in records:
            record["headers"] = dict(zip(record["headers"][::2], record["headers"][1::2]))
        return sorted(records, key=lambda record: (record["partition"], record["offset"]))


def messages(count, keys=5, size=60):
    return [{"id": f"id-{n:06}", "host": f"host-{n % keys}", "rule": "Rule ünï", "body": json.dumps({"n": n, "text": "x" * size})} for n in range(count)]


class Deliver:
    """The driver at work: its lines come as they are printed."""

    def __init__(self, lines, **options):
        self.process = subprocess.Popen([str(DRIVER), json.dumps(options)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.outcomes, self.log = [], ""
        def feed():
            with self.process.stdin as pipe:
                for line in lines:
                    pipe.write(json.dumps(line) + "\n")
        def read():
            for line in self.process.stdout:
                self.outcomes.append(json.loads(line))
        def read_log():
            self.log = self.process.stderr.read()
        self._threads = [threading.Thread(target=work, daemon=True) for work in (feed, read, read_log)]
        for thread in self._threads:
            thread.start()

    def wait(self, seconds=120):
        try:
            self.code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        for thread in self._threads:
            thread.join(10)
        self.process.stdout.close()
        self.process.stderr.close()
        return self

    @property
    def fates(self):
        return collections.Counter(outcome["fate"] for outcome in self.outcomes)

    @property
    def reasons(self):
        return {outcome["reason"] for outcome in self.outcomes}


class KafkaTest(unittest.TestCase):
    maxDiff = 2000

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="shrike-kafka-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        cls.broker = Broker(cls.folder)
        cls.addClassCleanup(cls.broker.stop)
        cls.broker.start()

    def deliver(self, lines, wait=True, **options):
        options = {"brokers": f"127.0.0.1:{self.broker.plain}", "topic": self._testMethodName, "message_timeout_ms": 20_000,
                   "librdkafka": {"reconnect.backoff.max.ms": "500"}, **options}
        job = Deliver(lines, **options)
        return job.wait() if wait else job

    def over_tls(self, lines, **options):
        return self.deliver(lines, **{"brokers": f"localhost:{self.broker.sasl}", "security_protocol": "sasl_ssl", "sasl_mechanism": "SCRAM-SHA-512", "sasl_username": "writer",
                                      "sasl_password": PASSWORD, "ca_file": str(self.folder / "ca.crt"), **options})

    def assert_all_arrived(self, sent, delivered, ordered=True):
        """Every message is there; more than once only under its own id; a key's messages first came in their order."""
        self.assertEqual(delivered.fates, {"delivered": len(sent)}, delivered.reasons)
        records = self.broker.records(self._testMethodName)
        bodies, order = {}, collections.defaultdict(list)
        for record in records:
            identity = record["headers"]["id"]
            self.assertEqual(bodies.setdefault(identity, record["payload"]), record["payload"])
            if identity not in order[record["key"]]:
                order[record["key"]].append(identity)
        self.assertEqual(bodies, {message["id"]: message["body"] for message in sent})
        if ordered:
            for key, identities in order.items():
                self.assertEqual(identities, sorted(identities), key)
        return len(records) - len(sent)

    def test_plain(self):
        sent = messages(2000)
        self.assertEqual(self.assert_all_arrived(sent, self.deliver(sent)), 0)
        record = self.broker.records(self._testMethodName)[0]
        self.assertEqual((record["tstype"], record["ts"]), ("create", 1_700_000_000_000))
        self.assertEqual(record["headers"] | {"id": "-"}, {"content-type": "application/json", "id": "-", "rule": "Rule ünï", "priority": "4", "source": "syscall"})

    def test_scram_and_plain_over_tls(self):
        sent = messages(30)
        for count, mechanism in enumerate(("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN")):
            job = self.over_tls(sent, sasl_mechanism=mechanism)
            self.assertEqual(job.fates, {"delivered": 30}, job.reasons)
            self.assertEqual(len(self.broker.records(self._testMethodName)), 30 * (count + 1))
            self.assertNotIn(PASSWORD, job.log)
            self.assertIn(f"kafka+sasl_ssl://localhost:{self.broker.sasl}/", job.log)

    def test_a_client_certificate(self):
        own = {"cert_file": str(self.folder / "client.crt"), "key_file": str(self.folder / "client.key")}
        tls = {"brokers": f"localhost:{self.broker.tls}", "security_protocol": "ssl", "ca_file": str(self.folder / "ca.crt")}
        sent = messages(10)
        self.assert_all_arrived(sent, self.deliver(sent, **tls, **own))
        self.assertEqual(self.deliver(sent, **tls, message_timeout_ms=5000).fates, {"retry": 10})

    def test_a_wrong_password_is_said_at_once_and_not_told(self):
        job = self.over_tls(messages(5), sasl_password="hunter2", message_timeout_ms=60_000)
        self.assertEqual(job.fates, {"retry": 5})
        (reason,) = job.reasons
        self.assertIn("invalid credentials with SASL mechanism SCRAM-SHA-512", reason)
        self.assertNotIn("hunter2", reason + job.log)
        self.assertLess(job.outcomes[0]["ms"], 30_000)

    def test_certificates_are_verified(self):
        for name, options, want in (
                ("another authority", {"ca_file": str(self.folder / "other.crt")}, "certificate verify failed"),
                ("the system's authorities", {"ca_file": ""}, "certificate verify failed"),
                ("another name", {"brokers": f"127.0.0.1:{self.broker.sasl}"}, "certificate verify failed")):
            with self.subTest(name):
                job = self.over_tls(messages(2), message_timeout_ms=60_000, **options)
                self.assertEqual(job.fates, {"retry": 2})
                self.assertIn(want, " ".join(job.reasons))
        job = self.over_tls(messages(2), ca_file="", insecure=True)
        self.assertEqual(job.fates, {"delivered": 2}, job.reasons)

    def test_what_may_not_be_written_waits_for_the_operator(self):
        self.deliver(messages(1))  # the topic is there
        job = self.over_tls(messages(5), sasl_username="nobody")
        self.assertEqual(job.fates, {"retry": 5})
        self.assertIn("AUTHORIZATION_FAILED", " ".join(job.reasons))

    def test_a_batch_larger_than_the_topic_takes_goes_in_parts(self):
        """message.max.bytes is 200 kB here: 100 messages of 20 kB, one of which is too large by itself."""
        sent = [message | {"body": "".join(random.choices(string.printable, k=20_000))} for message in messages(100, keys=1)]
        sent[33]["body"] = "".join(random.choices(string.printable, k=400_000))
        job = self.deliver(sent, compression="none", batch=100)
        self.assertEqual(job.fates, {"delivered": 99, "rejected": 1}, job.reasons)
        (rejected,) = [outcome for outcome in job.outcomes if outcome["fate"] == "rejected"]
        self.assertEqual(rejected["id"], sent[33]["id"])
        self.assertIn("MSG_SIZE_TOO_LARGE: Broker: Message size too large", rejected["reason"])
        self.assertEqual([record["headers"]["id"] for record in self.broker.records(self._testMethodName)], [m["id"] for m in sent if m is not sent[33]])

    def killed_during(self, sent, **options):
        job = self.deliver(sent, wait=False, batch=200, rounds=30, **options)
        for part in (4, 2):
            self.assertTrue(wait_for(lambda part=part: len(job.outcomes) > len(sent) // part, 60), job.fates)
            self.broker.stop()
            time.sleep(1)
            self.broker.start()
        return job.wait()

    def test_killed_and_started_again(self):
        sent = messages(20_000)
        job = self.killed_during(sent, message_timeout_ms=60_000)
        duplicates = self.assert_all_arrived(sent, job)
        print(f"killed twice, waited for: {duplicates} duplicates of {len(sent)}")

    def test_killed_for_longer_than_an_attempt(self):
        sent = messages(20_000)
        job = self.killed_during(sent, message_timeout_ms=1_500)
        self.assertGreater(max(outcome["round"] for outcome in job.outcomes), 1)
        duplicates = self.assert_all_arrived(sent, job, ordered=False)
        print(f"killed twice, tried again: {duplicates} duplicates of {len(sent)}")

    def test_asleep_for_longer_than_an_attempt(self):
        """The broker answers attempts that were given up."""
        sent = messages(10_000)
        job = self.deliver(sent, wait=False, batch=200, rounds=30, message_timeout_ms=1_500)
        self.assertTrue(wait_for(lambda: len(job.outcomes) > 3000, 60), job.fates)
        self.broker.process.send_signal(signal.SIGSTOP)
        time.sleep(8)
        self.broker.process.send_signal(signal.SIGCONT)
        job.wait()
        self.assertGreater(max(outcome["round"] for outcome in job.outcomes), 1)
        duplicates = self.assert_all_arrived(sent, job, ordered=False)
        print(f"asleep: {duplicates} duplicates of {len(sent)}")

    def test_rates(self):
        """Prints; judges only that nothing is lost."""
        mock = subprocess.Popen([str(DRIVER), "--mock"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(mock.wait)
        self.addCleanup(mock.stdout.close)
        self.addCleanup(mock.stdin.close)
        for name, brokers in (("mock", mock.stdout.readline().strip()), ("Kafka " + VERSION, f"127.0.0.1:{self.broker.plain}")):
            for batch, count in ((1, 200), (10, 2000), (100, 10_000), (1000, 50_000)):
                options = {"brokers": brokers, "topic": "rates", "batch": batch}
                done = subprocess.run([str(DRIVER), json.dumps(options), "--rate", str(count)], capture_output=True, text=True, check=True, timeout=100)
                print(f"{name}: {done.stdout.strip()}")
                self.assertIn("not delivered 0", done.stdout)


if __name__ == "__main__":
    harness.main()
