# SPDX-License-Identifier: Apache-2.0
"""Real containers: runc, Podman, Docker, containerd by ctr and by CRI. A runtime that is not here, or does not start here, is
skipped and says why. No image comes from the network: its root is busybox and two files."""

import json
import os
import pathlib
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
import uuid

import harness
from harness import Shrike, token, wait_for

BUSYBOX = pathlib.Path("/bin/busybox")
COUNT = int(os.environ.get("SHRIKE_CONTAINERS", "200"))
PYTHON_GRPC = "/usr/bin/python3"  # Debian's, whatever comes first on the path
IMAGE = "localhost/shrike-test:1.2"

FIELDS = ("container.id container.full_id container.name container.type container.image container.image.id container.image.repository "
          "container.image.tag container.image.digest container.privileged container.labels container.mounts container.duration "
          "container.start_ts container.host_network container.host_pid container.mount.dest[/var/tmp*] k8s.pod.name k8s.ns.name "
          "k8s.pod.uid k8s.pod.labels k8s.pod.sandbox_id user.name user.uid group.name proc.cmdline").split()
SHOWN = " ".join("%" + field for field in FIELDS)
# The first rule shows a program the test starts, the second every other event in a container: its first one among them.
RULES = f"""
- rule: Program in container
  desc: d
  condition: evt.type in (execve, execveat) and evt.failed = false and container.id != host and proc.args contains shrikemark
  output: ran {SHOWN}
  priority: NOTICE
- rule: Event in container
  desc: d
  condition: evt.type in (execve, execveat, open, openat, openat2, creat) and container.id != host
  output: did {SHOWN}
  priority: NOTICE
- rule: Program on the host
  desc: d
  condition: evt.type in (execve, execveat) and container.id = host and container.name = host and container.image.repository = "" and proc.args contains hostmark
  output: ran {SHOWN}
  priority: NOTICE
"""


def run(*command, check=True, seconds=120, **options):
    result = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                            timeout=seconds, stdin=subprocess.DEVNULL, **options)
    if check and result.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: {result.returncode}: {result.stdout[-600:]}")
    return result.stdout


def need(*programs):
    for program in programs:
        if shutil.which(program) is None:
            raise unittest.SkipTest(f"{program} is not installed")


def started(name, start):
    """What `start` returns; a runtime that can't start here skips the test."""
    try:
        return start()
    except (RuntimeError, OSError, subprocess.TimeoutExpired) as error:
        raise unittest.SkipTest(f"{name} does not start containers here: {error}") from error


def make_rootfs(path):
    for directory in ("bin", "etc", "proc", "sys", "dev", "tmp", "run"):
        (path / directory).mkdir(parents=True)
    shutil.copy(BUSYBOX, path / "bin/busybox")
    for applet in ("sh", "true", "sleep", "cat"):
        (path / "bin" / applet).symlink_to("busybox")
    (path / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\ncontainer-user:x:4242:4343::/home/cu:/bin/sh\n")
    (path / "etc/group").write_text("root:x:0:\ncontainer-group:x:4343:\n")


def remove_cgroups(parent):
    """In every hierarchy, what a runtime leaves of the cgroups above its containers."""
    for top in pathlib.Path("/sys/fs/cgroup").glob("*"):
        base = pathlib.Path(f"{top}{parent}")
        for directory in sorted(base.glob("**/"), key=lambda d: -len(str(d))) if base.is_dir() else []:
            try:
                directory.rmdir()
            except OSError:
                pass


class ContainersTest(unittest.TestCase):
    """A daemon per class and a scratch directory with the root every container has."""

    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise unittest.SkipTest("needs root")
        if not pathlib.Path("/sys/kernel/btf/vmlinux").exists():
            raise unittest.SkipTest("this kernel has no BTF")
        if not BUSYBOX.exists():
            raise unittest.SkipTest("busybox-static is not installed")
        cls.scratch = pathlib.Path(tempfile.mkdtemp(prefix="shrike-e2e-", dir="/var/tmp"))
        cls.addClassCleanup(shutil.rmtree, cls.scratch, True)
        cls.rootfs = cls.scratch / "rootfs"
        make_rootfs(cls.rootfs)
        cls.rules = cls.scratch / "rules.yaml"
        cls.rules.write_text(RULES)
        cls.set_up_runtime()
        cls.start_shrike()

    @classmethod
    def start_shrike(cls):
        cls.shrike = Shrike("--rules", cls.rules, "--summary", "json")
        cls.addClassCleanup(cls.shrike.stop)
        cls.shrike.wait_ready()
        silent = [line for line in cls.shrike.log if ": inactive" in line]
        assert not silent, silent

    @classmethod
    def set_up_runtime(cls):
        pass

    def marked(self, mark, rule="Program in container", shrike=None):
        """The fields of the one alert that shows the program with the mark."""
        shrike = shrike or self.shrike
        found = lambda: [a for a in shrike.find(rule, mark) if mark in a["output_fields"]["proc.cmdline"]]
        self.assertTrue(wait_for(found), f"no alert about {mark}: {shrike.log[-3:]}")
        return found()[0]["output_fields"]

    def events_of(self, full_id, shrike=None):
        """Fields of all that happened in the container, in order of time."""
        alerts = [a for a in list((shrike or self.shrike).alerts) if a["output_fields"].get("container.full_id") == full_id]
        return [a["output_fields"] for a in sorted(alerts, key=lambda a: a["output_fields"]["evt.time"])]

    def assert_fields(self, fields, **wanted):
        for name, value in wanted.items():
            name = name.replace("__", ".")
            self.assertEqual(value, fields[name], f"{name} of {fields}")

    def image_tar(self):
        path = self.scratch / "rootfs.tar"
        if not path.exists():
            run("tar", "-C", self.rootfs, "-cf", path, ".")
        return path


class Runc(ContainersTest):
    @classmethod
    def set_up_runtime(cls):
        need("runc")
        cls.spec = json.loads(cls.make_spec())
        started("runc", lambda: cls.container("shrike-probe-" + uuid.uuid4().hex[:8], ["/bin/true"]))

    @classmethod
    def make_spec(cls):
        directory = cls.scratch / "spec"
        directory.mkdir()
        run("runc", "spec", cwd=directory)
        return (directory / "config.json").read_text()

    @classmethod
    def bundle(cls, name, args, cgroup=None, annotations=None, uid=0, gid=0, mounts=(), edit=None):
        spec = json.loads(json.dumps(cls.spec))
        spec["process"].update(terminal=False, args=args, user={"uid": uid, "gid": gid})
        spec["process"].pop("rlimits", None)
        spec["root"] = {"path": str(cls.rootfs), "readonly": True}
        spec["annotations"] = annotations or {}
        spec["mounts"] += list(mounts)
        if cgroup:
            spec["linux"]["cgroupsPath"] = cgroup
        if edit:
            edit(spec)
        directory = cls.scratch / "bundles" / name
        directory.mkdir(parents=True)
        (directory / "config.json").write_text(json.dumps(spec))
        return directory

    @classmethod
    def container(cls, name, args, **options):
        bundle = cls.bundle(name, args, **options)
        return run("runc", "run", "-b", bundle, name)  # which leaves the bundle where it is

    def test_two_hundred_in_a_row(self):
        shrike = Shrike("--rules", self.rules, "--summary", "json")
        self.addCleanup(shrike.stop)
        shrike.wait_ready()
        wanted, made = {}, []
        parent = f"/kubepods-shrike-{uuid.uuid4().hex[:8]}"
        self.addCleanup(remove_cgroups, parent)
        begin = time.monotonic()
        for i in range(COUNT):
            full_id, uid, mark = secrets.token_hex(32), str(uuid.uuid4()), f"shrikemark-{i}-{token()}"
            annotations = {"io.kubernetes.cri.container-type": "container", "io.kubernetes.cri.container-name": f"web-{i}",
                           "io.kubernetes.cri.image-name": f"registry.example:5000/team/app:{i}",
                           "io.kubernetes.cri.sandbox-id": secrets.token_hex(32), "io.kubernetes.cri.sandbox-name": f"pod-{i}",
                           "io.kubernetes.cri.sandbox-namespace": f"space-{i % 7}", "io.kubernetes.cri.sandbox-uid": uid}
            wanted[full_id] = {"container.id": full_id[:12], "container.name": f"web-{i}", "k8s.pod.name": f"pod-{i}",
                               "k8s.ns.name": f"space-{i % 7}", "k8s.pod.uid": uid, "container.image.tag": str(i),
                               "container.image.repository": "registry.example:5000/team/app"}
            made.append((full_id, mark))
            self.container(full_id, ["/bin/true", mark], cgroup=f"{parent}/burstable/pod{uid}/{full_id}", annotations=annotations)
        seconds = time.monotonic() - begin
        wrong_first, wrong_program, events = [], [], 0
        for full_id, mark in made:
            program = self.marked(mark, shrike=shrike)
            of = self.events_of(full_id, shrike)
            events += len(of)
            wrong = lambda fields: {k: fields[k] for k, v in wanted[full_id].items() if fields[k] != v}
            wrong_first += [wrong(of[0])] if wrong(of[0]) else []
            wrong_program += [wrong(program)] if wrong(program) else []
        self.assertEqual(0, shrike.stop())
        counters = json.loads(next(line for line in shrike.log if line.startswith("{")))["containers"]
        print(f"\n{COUNT} containers in {seconds:.1f} s, {events} alerts in them: wrong on the first event {len(wrong_first)}, "
              f"on the program's {len(wrong_program)}; {counters}")
        self.assertLessEqual(counters["alerts_without"], 1)
        self.assertGreaterEqual(counters["read"], COUNT)
        self.assertLessEqual(len(wrong_first), 1, wrong_first[:3])
        self.assertEqual([], wrong_program)

    def test_a_bare_id(self):
        """Nothing in the cgroup's name tells that it is a container's: only runc knows."""
        name, mark = "shrike-bare-" + uuid.uuid4().hex[:8], "shrikemark-" + token()
        self.container(name, ["/bin/true", mark])
        fields = self.marked(mark)
        self.assert_fields(fields, container__id=name[:12], container__full_id=name, container__name=name, container__type="runc",
                           container__image__repository="", container__privileged=False, user__name="root", k8s__pod__name=None)
        self.assertGreater(fields["container.duration"], 0)
        first = self.events_of(name)[0]
        self.assert_fields(first, container__name=name, container__type="runc")

    def test_a_container_that_was_there_before(self):
        name, mark = "shrike-old-" + uuid.uuid4().hex[:8], "shrikemark-" + token()
        bundle = self.bundle(name, ["/bin/sleep", "60"])
        # Not run(): the container would keep its pipe open.
        subprocess.run(["runc", "run", "-d", "-b", str(bundle), name], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, check=True)
        self.addCleanup(run, "runc", "delete", "-f", name, check=False)
        later = Shrike("--rules", self.rules)
        self.addCleanup(later.stop)
        later.wait_ready()
        run("runc", "exec", name, "/bin/true", mark)
        self.assert_fields(self.marked(mark, shrike=later), container__id=name[:12], container__name=name, container__type="runc")

    def test_users_are_the_containers(self):
        mark, other = "shrikemark-" + token(), "shrikemark-" + token()
        self.container("shrike-user-" + uuid.uuid4().hex[:8], ["/bin/true", mark], uid=4242, gid=4343)
        self.assert_fields(self.marked(mark), user__name="container-user", user__uid=4242, group__name="container-group")
        # Debian's www-data: the host's files know it, the container's do not.
        self.container("shrike-user-" + uuid.uuid4().hex[:8], ["/bin/true", other], uid=33, gid=33)
        self.assert_fields(self.marked(other), user__name="<NA>", user__uid=33, group__name="<NA>")

    def test_mounts_and_privileges(self):
        def privileged(spec):
            del spec["linux"]["maskedPaths"], spec["linux"]["readonlyPaths"]
            spec["process"]["capabilities"]["bounding"] += ["CAP_SYS_ADMIN"]
            spec["linux"]["resources"]["devices"] = [{"allow": True, "access": "rwm"}]

        mark = "shrikemark-" + token()
        mount = {"type": "bind", "source": "/var/tmp", "destination": "/tmp", "options": ["rbind", "ro", "rprivate"]}
        self.container("shrike-priv-" + uuid.uuid4().hex[:8], ["/bin/true", mark], mounts=[mount], edit=privileged)
        fields = self.marked(mark)
        self.assert_fields(fields, container__privileged=True, container__mounts="/var/tmp:/tmp:ro:false:rprivate",
                           container__host_network=False)
        self.assertEqual("/tmp", fields["container.mount.dest[/var/tmp*]"])

    def test_a_host_cgroup_of_32_digits_is_none(self):
        mounts = [line.split() for line in pathlib.Path("/proc/mounts").read_text().splitlines()]
        mount = next((words[1] for words in mounts if words[2] == "cgroup2"), None)
        if mount is None:
            self.skipTest("no cgroup2 is mounted")
        directory = pathlib.Path(mount) / f"shrike-test-{uuid.uuid4().hex[:8]}" / uuid.uuid4().hex
        directory.mkdir(parents=True)
        self.addCleanup(lambda: (directory.rmdir(), directory.parent.rmdir()))
        mark = "hostmark-" + token()
        run("/bin/sh", "-c", f"echo $$ > {directory}/cgroup.procs && exec /bin/busybox true {mark}")
        self.marked(mark, rule="Program on the host")


class Podman(ContainersTest):
    @classmethod
    def set_up_runtime(cls):
        need("podman", "runc")
        (cls.scratch / "containers.conf").write_text(
            '[containers]\ndefault_ulimits=["nofile=1024:4096","nproc=4096:4096"]\n'
            '[engine]\nruntime="runc"\ncgroup_manager="cgroupfs"\nevents_logger="file"\n')
        (cls.scratch / "policy.json").write_text('{"default":[{"type":"insecureAcceptAnything"}]}')
        cls.environment = dict(os.environ, CONTAINERS_CONF=str(cls.scratch / "containers.conf"))
        run("tar", "-C", cls.rootfs, "-cf", cls.scratch / "rootfs.tar", ".")
        started("podman", lambda: cls.podman("import", "--signature-policy", cls.scratch / "policy.json", cls.scratch / "rootfs.tar", IMAGE))
        cls.addClassCleanup(cls.clean)
        started("podman", lambda: cls.podman("run", "--rm", "--network", "none", IMAGE, "/bin/true"))

    @classmethod
    def podman(cls, *arguments, **options):
        return run("podman", "--root", cls.scratch / "podman", "--runroot", cls.scratch / "podman-run", *arguments,
                   env=cls.environment, **options)

    @classmethod
    def clean(cls):
        cls.podman("rm", "-a", "-f", "-t", "0", check=False)
        cls.podman("pod", "rm", "-a", "-f", check=False)
        cls.podman("system", "reset", "-f", check=False)

    def check(self, *options, **wanted):
        name, mark = "shrike-" + uuid.uuid4().hex[:8], "shrikemark-" + token()
        self.podman("run", "--name", name, "--network", "none", *options, IMAGE, "/bin/true", mark)
        about = json.loads(self.podman("inspect", name))[0]
        image = json.loads(self.podman("image", "inspect", IMAGE))[0]
        fields = self.marked(mark)
        wanted = dict(container__id=about["Id"][:12], container__full_id=about["Id"], container__name=name, container__type="podman",
                      container__image=IMAGE, container__image__repository="localhost/shrike-test", container__image__tag="1.2",
                      container__image__id=image["Id"], container__image__digest=image["Digest"], container__privileged=False) | wanted
        self.assert_fields(fields, **wanted)
        self.assert_fields(self.events_of(about["Id"])[0], **{k: v for k, v in wanted.items() if not k.startswith(("user", "group"))})
        return fields

    def test_a_container(self):
        fields = self.check("--label", "team=red", "-v", "/var/tmp:/tmp:ro", "--user", "4242:4343", container__labels="team:red")
        self.assertEqual("container-user", fields["user.name"])
        self.assertEqual("container-group", fields["group.name"])
        self.assertIn("/var/tmp:/tmp:ro:false:", fields["container.mounts"])

    def test_a_container_of_a_pod(self):
        pod = "shrike-pod-" + uuid.uuid4().hex[:8]
        started("podman pod", lambda: self.podman("pod", "create", "--infra=false", "--name", pod))
        name, mark = "shrike-" + uuid.uuid4().hex[:8], "shrikemark-" + token()
        self.podman("run", "--name", name, "--pod", pod, "--network", "none", IMAGE, "/bin/true", mark)
        about = json.loads(self.podman("inspect", name))[0]
        self.assert_fields(self.marked(mark), container__full_id=about["Id"], container__name=name, container__type="podman")


class WithDaemon(ContainersTest):
    """A runtime's daemon of our own, with all its directories in the scratch directory."""

    @classmethod
    def start_daemon(cls, command, ready):
        cls.log = open(cls.scratch / "daemon.log", "w")
        cls.addClassCleanup(cls.log.close)
        cls.daemon = subprocess.Popen([str(c) for c in command], stdout=cls.log, stderr=cls.log, stdin=subprocess.DEVNULL)
        cls.addClassCleanup(cls.stop_daemon)
        if not wait_for(ready, 30):
            raise unittest.SkipTest(f"{command[0]} does not start here: " + (cls.scratch / "daemon.log").read_text()[-400:])

    @classmethod
    def stop_daemon(cls):
        cls.daemon.send_signal(signal.SIGTERM)
        try:
            cls.daemon.wait(20)
        except subprocess.TimeoutExpired:
            cls.daemon.kill()
            cls.daemon.wait()


class Docker(WithDaemon):
    @classmethod
    def set_up_runtime(cls):
        need("dockerd", "docker", "containerd", "runc")
        cls.socket = f"unix://{cls.scratch}/docker.sock"
        command = ["dockerd", "--iptables=false", "--bridge=none", "--default-ulimit", "nofile=1024:4096", "--exec-opt",
                   "native.cgroupdriver=cgroupfs", "--data-root", cls.scratch / "docker", "--exec-root", cls.scratch / "docker-run",
                   "-p", cls.scratch / "docker.pid", "-H", cls.socket]
        cls.start_daemon(command, lambda: run("docker", "-H", cls.socket, "version", check=False).count("Version:") >= 2)
        run("tar", "-C", cls.rootfs, "-cf", cls.scratch / "rootfs.tar", ".")
        started("docker", lambda: cls.docker("import", cls.scratch / "rootfs.tar", IMAGE))
        started("docker", lambda: cls.docker("run", "--rm", "--network", "none", IMAGE, "/bin/true"))

    @classmethod
    def docker(cls, *arguments, **options):
        return run("docker", "-H", cls.socket, *arguments, **options)

    def test_a_container(self):
        name, mark = "shrike-" + uuid.uuid4().hex[:8], "shrikemark-" + token()
        self.docker("run", "--name", name, "--network", "none", "--label", "team=red", "-v", "/var/tmp:/tmp:ro", "--user", "4242:4343",
                    IMAGE, "/bin/true", mark)
        self.addCleanup(self.docker, "rm", "-f", name, check=False)
        about = json.loads(self.docker("inspect", name))[0]
        wanted = dict(container__id=about["Id"][:12], container__full_id=about["Id"], container__name=name, container__type="docker",
                      container__image=IMAGE, container__image__repository="localhost/shrike-test", container__image__tag="1.2",
                      container__image__id=about["Image"].removeprefix("sha256:"), container__privileged=False,
                      container__labels="team:red", container__mounts="/var/tmp:/tmp:ro:false:rprivate", container__host_pid=False)
        fields = self.marked(mark)
        wanted["container__mounts"] = "/var/tmp:/tmp:ro:false:" + about["Mounts"][0]["Propagation"]
        self.assert_fields(fields, user__name="container-user", group__name="container-group", **wanted)
        self.assert_fields(self.events_of(about["Id"])[0], **wanted)


class Containerd(WithDaemon):
    @classmethod
    def set_up_runtime(cls):
        need("containerd", "ctr", "runc", "podman")  # podman makes the image
        (cls.scratch / "config.toml").write_text(f"""
version = 2
root = "{cls.scratch}/containerd"
state = "{cls.scratch}/containerd-run"
[grpc]
  address = "{cls.scratch}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{IMAGE}"
  restrict_oom_score_adj = true
  disable_apparmor = true
""")
        cls.start_daemon(["containerd", "-c", cls.scratch / "config.toml"], lambda: "Server:" in cls.ctr("version", check=False))
        cls.make_image()

    @classmethod
    def make_image(cls):
        (cls.scratch / "policy.json").write_text('{"default":[{"type":"insecureAcceptAnything"}]}')
        storage = ["podman", "--root", cls.scratch / "podman", "--runroot", cls.scratch / "podman-run"]
        run("tar", "-C", cls.rootfs, "-cf", cls.scratch / "rootfs.tar", ".")
        started("podman", lambda: run(*storage, "import", "--signature-policy", cls.scratch / "policy.json", "--change",
                                      'CMD=["/bin/sleep","600"]', cls.scratch / "rootfs.tar", IMAGE))
        run(*storage, "save", "-q", IMAGE, "-o", cls.scratch / "image.tar")
        run(*storage, "system", "reset", "-f", check=False)
        for space in ("default", "k8s.io"):
            cls.ctr("-n", space, "images", "import", cls.scratch / "image.tar")

    @classmethod
    def ctr(cls, *arguments, **options):
        return run("ctr", "-a", cls.scratch / "containerd.sock", *arguments, **options)

    def digest(self, space):
        lines = self.ctr("-n", space, "images", "ls").splitlines()
        return next(word for line in lines if line.startswith(IMAGE) for word in line.split() if word.startswith("sha256:"))

    def test_a_container_of_ctr(self):
        name, mark = "shrike-" + uuid.uuid4().hex[:8], "shrikemark-" + token()
        started("ctr", lambda: self.ctr("run", "--rm", "--label", "team=red", IMAGE, name, "/bin/true", mark))
        wanted = dict(container__id=name[:12], container__full_id=name, container__name=name, container__type="containerd",
                      container__image=IMAGE, container__image__repository="localhost/shrike-test", container__image__tag="1.2",
                      container__image__digest=self.digest("default"))
        fields = self.marked(mark)
        self.assert_fields(fields, **wanted)
        self.assertIn("team:red", fields["container.labels"])
        self.assert_fields(self.events_of(name)[0], **wanted)

    def test_a_container_of_a_pod(self):
        if subprocess.run([PYTHON_GRPC, "-c", "import grpc"], stderr=subprocess.DEVNULL, check=False).returncode != 0:
            self.skipTest("python3-grpcio is not installed: no CRI client")
        uid, mark, pod = str(uuid.uuid4()), "shrikemark-" + token(), "web-" + uuid.uuid4().hex[:6]
        client = pathlib.Path(__file__).with_name("cri_client.py")
        parent = f"/kubepods-shrike-{uuid.uuid4().hex[:8]}"
        self.addCleanup(remove_cgroups, parent)
        result = subprocess.run([PYTHON_GRPC, str(client), f"unix://{self.scratch}/containerd.sock", parent, pod, "shop", uid, IMAGE,
                                 "/bin/true", mark], capture_output=True, text=True, timeout=120, check=False)
        if result.returncode == 77:
            self.skipTest("CRI does not start a pod here: " + result.stdout)
        self.assertEqual(0, result.returncode, result.stderr)
        made = json.loads(result.stdout)
        wanted = dict(container__id=made["container"][:12], container__full_id=made["container"], container__name="app",
                      container__type="containerd", container__image__repository="localhost/shrike-test",
                      container__image__tag="1.2", container__privileged=False, k8s__pod__name=pod, k8s__ns__name="shop",
                      k8s__pod__uid=uid, k8s__pod__labels="tier:front", k8s__pod__sandbox_id=made["sandbox"][:12],
                      container__host_network=True)
        fields = self.marked(mark)
        self.assert_fields(fields, **wanted)
        self.assert_fields(self.events_of(made["container"])[0], **wanted)
        sandbox = self.events_of(made["sandbox"])[0]
        self.assert_fields(sandbox, k8s__pod__name=pod, k8s__ns__name="shop", k8s__pod__uid=uid, container__name=pod)


if __name__ == "__main__":
    harness.main()
