# SPDX-License-Identifier: Apache-2.0
"""A real container: runc, an overlay root file system of busybox and our trigger, its own namespaces and cgroup; gone at the end."""

import json
import os
import pathlib
import pty
import shutil
import subprocess
import threading
import uuid

import harness
from harness import quiet

TRIGGER = pathlib.Path(os.environ.get("SHRIKE_TRIGGER", harness.BINARY.parent / "tests" / "triggers" / "trigger"))
PATIENCE = 30

# What Docker gives by default.
CAPABILITIES = ("CAP_AUDIT_WRITE CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_FSETID CAP_KILL CAP_MKNOD CAP_NET_BIND_SERVICE CAP_NET_RAW "
                "CAP_SETFCAP CAP_SETGID CAP_SETPCAP CAP_SETUID CAP_SYS_CHROOT").split()

ALL_CAPABILITIES = """CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE
    NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE
    SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM
    BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE""".split()


def own_capabilities():
    """Those this process may hand on, in the order of their numbers."""
    status = pathlib.Path("/proc/self/status").read_text()
    permitted = int(next(line.split()[1] for line in status.splitlines() if line.startswith("CapPrm")), 16)
    return ["CAP_" + name for number, name in enumerate(ALL_CAPABILITIES) if permitted >> number & 1]


def missing():
    """Why no container can be made here; empty if one can."""
    for tool in ("runc", "busybox"):
        if shutil.which(tool) is None:
            return f"{tool} is not there"
    return "" if TRIGGER.exists() else f"{TRIGGER} is not built (no static libc?)"


class Container:
    """`names` are programs of its image that are copies of the trigger, at /bin. Runs `trigger hold MARK` until it is removed."""

    def __init__(self, scratch, mark="", privileged=False, capabilities=CAPABILITIES, names=()):
        self.id = uuid.uuid4().hex + uuid.uuid4().hex
        self.bundle = pathlib.Path(scratch) / ("c-" + self.id[:12])
        self.image, self.upper, work, self.root = (self.bundle / part for part in ("image", "upper", "work", "rootfs"))
        for directory in (self.image, self.upper, work, self.root):
            directory.mkdir(parents=True)
        self._fill_image(names)
        subprocess.run(["mount", "-t", "overlay", "shrike-test", "-o", f"lowerdir={self.image},upperdir={self.upper},workdir={work}",
                        str(self.root)], check=True)
        caps = own_capabilities() if privileged else list(capabilities)
        (self.bundle / "config.json").write_text(json.dumps(self._config(caps, privileged, mark)))
        try:
            # Its stdio must not be a pipe that the container keeps open.
            with open(self.bundle / "log", "wb") as log:
                subprocess.run(["runc", "run", "--detach", "--bundle", str(self.bundle), self.id], check=True, timeout=PATIENCE,
                               stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        except subprocess.SubprocessError as error:
            text = (self.bundle / "log").read_text(errors="replace")
            self.remove()
            raise AssertionError(f"runc: {text}") from error

    def _fill_image(self, names):
        for directory in ("bin", "etc", "proc", "sys", "dev", "tmp", "root", "var/log", "run", "home", "host", "usr/bin"):
            (self.image / directory).mkdir(parents=True)
        shutil.copy(shutil.which("busybox"), self.image / "bin" / "busybox")
        for applet in ("sh", "cat", "cp", "ln", "rm", "mv", "mkdir", "chmod", "grep", "find", "tar", "id", "sleep", "true"):
            if applet not in names:
                os.link(self.image / "bin" / "busybox", self.image / "bin" / applet)
        shutil.copy(TRIGGER, self.image / "bin" / "trigger")
        for name in names:
            os.link(self.image / "bin" / "trigger", self.image / "bin" / name)
        (self.image / "etc" / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\nworker:x:1000:1000::/:/bin/sh\n")
        (self.image / "etc" / "group").write_text("root:x:0:\nworker:x:1000:\n")
        (self.image / "etc" / "shadow").write_text("root:*:1:::::\n")
        (self.image / "host" / "file").write_text("text\n")

    @staticmethod
    def _config(capabilities, privileged, mark):
        def mounted(kind, where, *options):
            return {"destination": where, "type": kind, "source": kind, "options": list(options)}
        standard = [mounted("proc", "/proc"), mounted("tmpfs", "/dev", "nosuid", "mode=755", "size=65536k"),
                    mounted("devpts", "/dev/pts", "newinstance", "ptmxmode=0666", "mode=0620"), mounted("tmpfs", "/dev/shm", "mode=1777")]
        return {
            "ociVersion": "1.0.2",
            "process": {
                "terminal": False, "user": {"uid": 0, "gid": 0}, "args": ["/bin/trigger", "hold", mark], "env": ["PATH=/bin"], "cwd": "/",
                "capabilities": {which: capabilities for which in ("bounding", "effective", "permitted")},
                "noNewPrivileges": not privileged,
            },
            "root": {"path": "rootfs"},
            "hostname": "shrike-test",
            "mounts": standard,
            "linux": {
                "namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount")],
                "resources": {"devices": [{"allow": privileged, "access": "rwm"}]},
            },
        }

    def run(self, *command, user="0:0", environment=()):
        """As `kubectl exec` does it. The exit code."""
        settings = [word for setting in environment for word in ("--env", setting)]
        return quiet("runc", "exec", "--user", user, *settings, self.id, *command, timeout=PATIENCE).returncode

    def shell(self, script, *arguments, **options):
        return self.run("/bin/sh", "-c", script, *arguments, **options)

    def run_in_terminal(self, *command):
        """The same with a pseudo terminal."""
        master, slave = pty.openpty()
        reader = threading.Thread(target=_drain, args=(master,), daemon=True)
        reader.start()
        try:
            return subprocess.run(["runc", "exec", "--tty", self.id, *command], stdin=slave, stdout=slave, stderr=slave, check=False,
                                  timeout=PATIENCE).returncode
        finally:
            os.close(slave)
            reader.join(5)
            os.close(master)

    def add_address(self, address):
        """Another one for its loopback, which it can then reach and listen on."""
        state = json.loads(subprocess.run(["runc", "state", self.id], check=True, capture_output=True, text=True).stdout)
        subprocess.run(["nsenter", "--net", "--target", str(state["pid"]), "ip", "address", "add", address + "/32", "dev", "lo"], check=True)

    def remove(self):
        quiet("runc", "delete", "--force", self.id)
        quiet("umount", self.root)
        shutil.rmtree(self.bundle, ignore_errors=True)


def _drain(master):
    try:
        while os.read(master, 4096):
            pass
    except OSError:
        pass
