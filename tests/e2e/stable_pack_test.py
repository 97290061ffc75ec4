# SPDX-License-Identifier: Apache-2.0
"""Falco's stable pack, unmodified, against the real kernel: every rule this tier can see has a harmless trigger and a near miss."""

import ctypes
import os
import pathlib
import shutil
import subprocess
import time
import unittest

import harness
from harness import LiveTest, quiet, token

PTRACE_TRACEME, PTRACE_ATTACH, PTRACE_DETACH = 0, 16, 17
TRUE = shutil.which("true")  # by its path: each place of PATH it is looked for at is an exec too
LIBC = ctypes.CDLL(None, use_errno=True)

READ_SECRET = pathlib.Path(os.environ.get("SHRIKE_DEEDS", harness.BINARY.parent / "tests" / "programs")) / "deed_read_secret"


def in_child(deed):
    """Runs the deed in a forked child; returns its exit status."""
    pid = os.fork()
    if pid == 0:
        try:
            deed()
        finally:
            os._exit(0)
    return os.waitpid(pid, 0)[1]


@unittest.skipUnless(harness.STABLE_PACK.exists(), f"{harness.STABLE_PACK} is not there")
class StablePack(LiveTest):
    arguments = ("--rules", harness.STABLE_PACK)
    marker = ("Read sensitive file untrusted", lambda mark: quiet("cat", "/etc/shadow", "/nonexistent/" + mark))

    def copy_of(self, binary, name):
        target = self.scratch / token() / name
        target.parent.mkdir()
        shutil.copy(shutil.which(binary), target)
        return target

    def test_all_rules_load_and_the_inactive_are_named(self):
        self.assertRegex(self.shrike.ready_line, r"^shrike: ready: 25 rules, \d+ programs attached, tier (tracing|full)$")
        self.assertEqual([], [line for line in self.shrike.log if ": inactive: " in line or ": partial: " in line])

    def test_read_sensitive_file_untrusted(self):
        mark = token()
        quiet("cat", "/etc/shadow", "/nonexistent/" + mark)
        alert = self.assert_fires("Read sensitive file untrusted", mark)
        fields = alert["output_fields"]
        self.assertEqual(fields["fd.name"], "/etc/shadow")
        self.assertEqual(fields["proc.name"], "cat")
        self.assertEqual(fields["user.uid"], 0)
        self.assertEqual(fields["user.name"], "root")
        self.assertEqual(fields["container.id"], "host")
        self.assertIn(fields["evt.type"], ("open", "openat"))
        self.assertEqual(alert["priority"], "Warning")
        self.assertIn("T1555", alert["tags"])
        self.assertEqual(len(self.shrike.find("Read sensitive file untrusted", mark)), 1)

    def test_read_through_other_names(self):
        """Ways of tests/programs/read_secret.c that leave /etc/shadow where and what it is."""
        if not READ_SECRET.exists():
            self.skipTest(f"{READ_SECRET} is not built")
        rule = "Read sensitive file untrusted"
        for way, event in {
            "symbolic_link": "openat", "hard_link": "openat", "bound_file": "openat", "bound_directory": "openat", "detached_tree": "openat",
            "moved_mount": "openat", "proc_root": "openat", "proc_cwd": "openat", "dev_fd": "openat", "chrooted": "openat", "very_deep": "openat",
            "by_handle": "open_by_handle_at", "uring_openat": "openat", "uring_sqpoll": "openat", "uring_direct": "openat",
        }.items():
            with self.subTest(way):
                mark = token()
                directory = self.scratch / mark
                directory.mkdir()
                code = quiet(READ_SECRET, way, "/etc/shadow", directory, "-1").returncode
                if code == 200 or os.stat("/etc").st_dev != os.stat(directory).st_dev:
                    continue
                self.assertEqual(code, 0)
                fields = self.assert_fires_once(rule, mark)["output_fields"]
                self.assertEqual(fields["evt.type"], event)
                self.assertIn("/etc/shadow", [fields["fd.name"], *fields.get("fd.names", [])])

    def test_the_alert_has_both_names(self):
        harness.need_own_mounts()
        programs = harness.BINARY.parent / "tests" / "programs"
        place = self.scratch / token()
        (place / "dir").mkdir(parents=True)
        (place / "root").mkdir()
        (place / "file").touch()
        os.symlink("/etc/shadow", place / "symlink")
        if os.stat("/etc").st_dev == os.stat(place).st_dev:
            os.link("/etc/shadow", place / "hardlink")
        names = ["/etc/shadow"]
        # What is done in a mount namespace of its own; fd.name and fd.names of the alert.
        for way, setup, deed, name, others in (
            ("symlink", "", f"cat {place}/symlink", "/etc/shadow", None),
            ("hard link", "", f"cat {place}/hardlink", f"{place}/hardlink", names),
            ("bind mount", f"mount --bind /etc/shadow {place}/file", f"cat {place}/file", f"{place}/file", names),
            ("bind mount of the directory", f"mount --bind /etc {place}/dir", f"cat {place}/dir/shadow", f"{place}/dir/shadow", names),
            ("a file known by its directory", f"mount --bind /etc {place}/dir", f"cat {place}/dir/pam.d/su", f"{place}/dir/pam.d/su",
             ["/etc/pam.d/su"]),
            ("chroot", f"mount --rbind / {place}/root", f"chroot {place}/root cat /etc/shadow", "/etc/shadow", None),
            ("chroot into the directory", "", f"deed_chroot /etc /shadow", "/shadow", names),
            ("file handle", "", f"deed_by_handle /etc/shadow /etc 0", None, None),
            ("io_uring", "", f"deed_uring_open /etc/shadow 0", "/etc/shadow", None),
            ("io_uring, a worker's, by another name", "", f"deed_uring_open {place}/hardlink 0 async", f"{place}/hardlink", names),
            ("io_uring, no descriptor", "", f"deed_uring_open /proc/self/root/etc/shadow 0 direct", "/etc/shadow", None),
            ("io_uring, no completion", "", f"deed_uring_open /etc/shadow 0 skip", "/etc/shadow", None),
        ):
            with self.subTest(way):
                if "hardlink" in deed and not (place / "hardlink").exists():
                    continue
                # The program's path has the mark; the alert shows it.
                words = deed.split()
                at = words.index("cat") if "cat" in words else 0
                program = "cat" if words[at] == "cat" else programs / words[at]
                copy = self.copy_of(program, words[at])
                mark = copy.parent.name
                done = quiet("unshare", "-m", "sh", "-c", f"{setup or ':'} && {' '.join([*words[:at], str(copy), *words[at + 1:]])}")
                if done.returncode in (200, 201):
                    continue  # no io_uring, or no handles here
                self.assertEqual(done.returncode, 0)
                fields = self.assert_fires("Read sensitive file untrusted", mark)["output_fields"]
                if name is not None:
                    self.assertEqual((fields["fd.name"], fields.get("fd.names")), (name, others))
                else:
                    self.assertIn("/etc/shadow", [fields["fd.name"], *fields.get("fd.names", [])])
                    self.assertEqual(fields["evt.type"], "open_by_handle_at")
                self.settle()
                self.assertEqual(len(self.shrike.find("Read sensitive file untrusted", mark)), 1)
        near = place / "near"
        near.write_text("x")
        copy = self.copy_of("cat", "cat")
        self.assert_silent("Read sensitive file untrusted", copy.parent.name, lambda: quiet(copy, near))

    def test_read_by_a_crooked_name(self):
        rule = "Read sensitive file untrusted"
        for path in ("/proc/self/root/etc/shadow", "/etc/../etc/./shadow", "/etc//shadow"):
            with self.subTest(path):
                mark = token()
                quiet("cat", path, "/nonexistent/" + mark)
                self.assertEqual(self.assert_fires(rule, mark)["output_fields"]["fd.name"], "/etc/shadow")

    def test_every_way_to_say_open(self):
        for way in ("open", "openat", "openat2", "relative", "dirfd", "path_fd"):
            with self.subTest(way):
                mark = token()
                quiet("python3", __file__, "--open", way, mark)
                fields = self.assert_fires("Read sensitive file untrusted", mark)["output_fields"]
                self.assertEqual(fields["fd.name"], "/etc/shadow")
                self.assertEqual(fields["evt.type"], {"open": "open", "openat2": "openat2"}.get(way, "openat"))

    def test_reading_another_file_is_silent(self):
        mark = token()
        self.assert_silent("Read sensitive file untrusted", mark, lambda: quiet("cat", "/etc/passwd", "/nonexistent/" + mark))

    def test_a_failed_read_is_silent(self):
        mark = token()
        self.assert_silent("Read sensitive file untrusted", mark, lambda: quiet("cat", "/etc/shadow/" + mark))

    def test_read_sensitive_file_trusted_after_startup(self):
        mark = token()
        nginx = self.copy_of("bash", "nginx")
        early = token()
        quiet(nginx, "-c", f"read x < /etc/shadow; : {early}")
        quiet(nginx, "-c", f"sleep 5.5; read x < /etc/shadow; : {mark}")
        self.assert_fires_once("Read sensitive file trusted after startup", mark)
        self.assertEqual([], self.shrike.find("Read sensitive file trusted after startup", early))

    def test_directory_traversal(self):
        mark = token()
        quiet("cat", "/etc/../etc/../etc/passwd", "/nonexistent/" + mark)
        alert = self.assert_fires_once("Directory traversal monitored file read", mark)
        self.assertEqual(alert["output_fields"]["fd.nameraw"], "/etc/../etc/../etc/passwd")
        self.assertEqual(alert["output_fields"]["fd.name"], "/etc/passwd")
        near = token()
        self.assert_silent("Directory traversal monitored file read", near, lambda: quiet("cat", "/etc/../etc/passwd", "/nonexistent/" + near))

    def test_execution_from_dev_shm(self):
        mark = token()
        path = pathlib.Path("/dev/shm") / mark
        shutil.copy(shutil.which("true"), path)
        try:
            if quiet(path).returncode != 0:
                self.skipTest("/dev/shm is mounted noexec")
            alert = self.assert_fires_once("Execution from /dev/shm", mark)
            self.assertEqual(alert["output_fields"]["proc.exepath"], str(path))
            self.assertEqual(alert["output_fields"]["evt.res"], "SUCCESS")
        finally:
            path.unlink()
        near = self.copy_of("true", "true")
        self.assert_silent("Execution from /dev/shm", near.parent.name, lambda: quiet(near))

    def test_execution_from_dev_shm_by_relative_name(self):
        mark = token()
        path = pathlib.Path("/dev/shm") / mark
        shutil.copy(shutil.which("true"), path)
        try:
            in_child(lambda: (os.chdir("/dev/shm"), os.execv("./" + mark, ["./" + mark])))
            self.assertEqual(self.assert_fires_once("Execution from /dev/shm", mark)["output_fields"]["proc.cwd"], "/dev/shm/")
        finally:
            path.unlink()

    def test_fileless_execution(self):
        mark = token()

        def deed():
            fd = os.memfd_create(mark, 0)
            os.write(fd, pathlib.Path(shutil.which("true")).read_bytes())
            os.execve(fd, ["true", mark], {})

        in_child(deed)
        alert = self.assert_fires_once("Fileless execution via memfd_create", mark)
        self.assertEqual(alert["priority"], "Critical")
        self.assertEqual(alert["output_fields"]["proc.exepath"], "memfd:" + mark)
        self.assertEqual(alert["output_fields"]["evt.arg.flags"].count("EXE_FROM_MEMFD"), 1)
        near = token()
        self.assert_silent("Fileless execution via memfd_create", near, lambda: quiet("true", near))

    def test_links_over_sensitive_files(self):
        mark = token()
        os.symlink("/etc/shadow", self.scratch / mark)
        alert = self.assert_fires_once("Create Symlink Over Sensitive Files", mark)
        self.assertEqual(alert["output_fields"]["evt.arg.target"], "/etc/shadow")
        self.assertEqual(alert["output_fields"]["evt.arg.linkpath"], str(self.scratch / mark))
        hard = token()
        quiet("ln", "/etc/shadow", hard, cwd=self.scratch)
        alert = self.assert_fires_once("Create Hardlink Over Sensitive Files", hard)
        self.assertEqual(alert["output_fields"]["evt.arg.oldpath"], "/etc/shadow")
        self.assertEqual(alert["output_fields"]["evt.arg.newpath"], str(self.scratch / hard), "a relative name is made absolute")
        near = token()
        self.assert_silent("Create Symlink Over Sensitive Files", near, lambda: os.symlink("/etc/hostname", self.scratch / near))
        other = token()
        self.assert_silent("Create Hardlink Over Sensitive Files", other, lambda: quiet("ln", "/etc/hostname", self.scratch / other))

    def test_ptrace(self):
        marks = {what: token() for what in ("traceme", "attach")}
        for what, mark in marks.items():
            # The alert shows the caller's command line: the deed is done by a process that carries the token.
            quiet("python3", __file__, "--ptrace", what, mark)
        self.assert_fires_once("PTRACE anti-debug attempt", marks["traceme"])
        self.assert_fires_once("PTRACE attached to process", marks["attach"])
        self.settle()
        self.assertEqual([], self.shrike.find("PTRACE anti-debug attempt", marks["attach"]))
        self.assertEqual([], self.shrike.find("PTRACE attached to process", marks["traceme"]))

    def test_run_shell_untrusted(self):
        mark = token()
        nginx = self.copy_of("bash", "nginx")
        quiet(nginx, "-c", f"sh -c ': {mark}'; true")
        alert = self.assert_fires_once("Run shell untrusted", mark)
        self.assertEqual(alert["output_fields"]["proc.pname"], "nginx")
        self.assertEqual(alert["output_fields"]["proc.name"], "sh")
        self.assertEqual(alert["output_fields"]["proc.pexepath"], str(nginx))
        near = token()
        other = self.copy_of("bash", "worker")
        self.assert_silent("Run shell untrusted", near, lambda: quiet(other, "-c", f"sh -c ': {near}'; true"))

    def test_find_aws_credentials(self):
        mark = token()
        quiet("find", "/nonexistent/" + mark, "-name", ".aws/credentials")
        alert = self.assert_fires_once("Find AWS Credentials", mark)
        self.assertEqual(alert["output_fields"]["group.gid"], 0)
        near = token()
        self.assert_silent("Find AWS Credentials", near, lambda: quiet("find", "/nonexistent/" + near, "-name", "credentials"))

    def test_search_private_keys(self):
        mark = token()
        quiet("find", "/nonexistent/" + mark, "-name", "id_rsa")
        self.assert_fires_once("Search Private Keys or Passwords", mark)
        grep = token()
        quiet("grep", "BEGIN RSA PRIVATE", "/nonexistent/" + grep)
        self.assert_fires_once("Search Private Keys or Passwords", grep)
        near = token()
        self.assert_silent("Search Private Keys or Passwords", near, lambda: quiet("grep", "PUBLIC", "/nonexistent/" + near))

    def test_clear_log_activities(self):
        mark = token()
        path = pathlib.Path("/var/log") / mark
        try:
            quiet("sh", "-c", f": > {path}")
            alert = self.assert_fires_once("Clear Log Activities", mark)
            self.assertEqual(alert["output_fields"]["fd.name"], str(path))
            self.settle()
            before = len(self.shrike.find("Clear Log Activities", mark))
            quiet("sh", "-c", f": >> {path}")
            self.settle()
            self.assertEqual(before, len(self.shrike.find("Clear Log Activities", mark)), "appending clears nothing")
        finally:
            path.unlink(missing_ok=True)

    def test_remove_bulk_data(self):
        mark = token()
        quiet("shred", "/nonexistent/" + mark)
        self.assert_fires_once("Remove Bulk Data from Disk", mark)
        near = token()
        self.assert_silent("Remove Bulk Data from Disk", near, lambda: quiet("rm", "-f", "/nonexistent/" + near))

    def test_system_user_interactive(self):
        if shutil.which("setpriv") is None:
            self.skipTest("setpriv is not there")
        mark, near = token(), token()
        sshd = self.copy_of("bash", "sshd")
        quiet(sshd, "-c", f"setpriv --reuid 33 --clear-groups {TRUE} {mark}; true")
        alert = self.assert_fires_once("System user interactive", mark)
        self.assertEqual(alert["output_fields"]["user.name"], "www-data")
        self.assertEqual(alert["output_fields"]["user.uid"], 33)
        other = self.copy_of("bash", "cron2")
        self.assert_silent("System user interactive", near, lambda: quiet(other, "-c", f"setpriv --reuid 33 --clear-groups {TRUE} {near}; true"))

    def test_json_has_falcos_shape(self):
        mark = token()
        quiet("cat", "/etc/shadow", "/nonexistent/" + mark)
        alert = self.assert_fires("Read sensitive file untrusted", mark)
        self.assertEqual(alert["output"].split(": ", 1)[1].split(" ", 1)[0], "Warning")
        self.assertRegex(alert["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$")
        self.assertIn("container_id=host container_name=host", alert["output"])
        self.assertLess(abs(alert["output_fields"]["evt.time"] / 1e9 - time.time()), 60)
        self.assertEqual(list(alert), sorted(alert), "keys in alphabetical order")


def open_deed(way):
    """In a process of its own, whose command line carries the token."""
    name, at_fdcwd = b"/etc/shadow", -100
    if way == "open":
        LIBC.syscall(2, name, os.O_RDONLY)
    elif way == "openat":
        LIBC.syscall(257, at_fdcwd, name, os.O_RDONLY)
    elif way == "openat2":
        how = (ctypes.c_uint64 * 3)(os.O_RDONLY, 0, 0)
        LIBC.syscall(437, at_fdcwd, name, ctypes.byref(how), ctypes.sizeof(how))
    elif way == "relative":
        os.chdir("/etc/apt")
        os.open("../shadow", os.O_RDONLY)
    elif way == "dirfd":
        os.open("shadow", os.O_RDONLY, dir_fd=os.open("/etc", os.O_RDONLY))
    elif way == "path_fd":
        os.open(f"/proc/self/fd/{os.open('/etc/shadow', os.O_PATH)}", os.O_RDONLY)


def ptrace_deed(what):
    if what == "traceme":
        LIBC.ptrace(PTRACE_TRACEME, 0, None, None)
        return
    child = subprocess.Popen(["sleep", "30"])
    LIBC.ptrace(PTRACE_ATTACH, child.pid, None, None)
    os.waitpid(child.pid, 0)
    LIBC.ptrace(PTRACE_DETACH, child.pid, None, None)
    child.kill()
    child.wait()


if __name__ == "__main__":
    import sys

    if len(sys.argv) == 4 and sys.argv[1] == "--ptrace":
        ptrace_deed(sys.argv[2])
    elif len(sys.argv) == 4 and sys.argv[1] == "--open":
        open_deed(sys.argv[2])
    else:
        harness.main()
