// SPDX-License-Identifier: Apache-2.0
#include "engine/app/privilege.h"

#include <linux/capability.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <string>

#include "engine/base/handle.h"

namespace shrike::app {
namespace {

// Files and memory, threads and clocks, sockets, and bpf. Not on it, among others: ptrace, mount and its kin, setns, unshare,
// modules, kexec, reboot, keys, perf_event_open, io_uring, userfaultfd, ids, and the clock's setting.
constexpr const char* kCalls[] = {
    // files
    "read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "preadv2", "pwritev2", "open", "openat",
    "openat2", "creat", "close", "close_range", "lseek", "stat", "fstat", "lstat", "newfstatat", "statx", "statfs", "fstatfs",
    "access", "faccessat", "faccessat2", "readlink", "readlinkat", "getdents", "getdents64", "getcwd", "chdir", "fchdir", "umask",
    "truncate", "ftruncate", "fallocate", "fadvise64", "fsync", "fdatasync", "sync_file_range", "rename", "renameat", "renameat2",
    "link", "linkat", "symlink", "symlinkat", "unlink", "unlinkat", "mkdir", "mkdirat", "rmdir", "chmod", "fchmod", "fchmodat",
    "chown", "fchown", "lchown", "fchownat", "utime", "utimes", "futimesat", "utimensat", "flock", "fcntl", "dup", "dup2", "dup3",
    "pipe", "pipe2", "ioctl", "sendfile", "splice", "tee", "copy_file_range", "name_to_handle_at", "open_by_handle_at",
    "inotify_init", "inotify_init1", "inotify_add_watch", "inotify_rm_watch", "memfd_create", "getxattr", "lgetxattr",
    "fgetxattr",
    // memory
    "mmap", "munmap", "mremap", "mprotect", "madvise", "msync", "mincore", "brk", "mlock", "munlock",
    // threads, processes of our own, signals
    "futex", "futex_waitv", "set_robust_list", "get_robust_list", "set_tid_address", "rseq", "membarrier", "clone", "clone3",
    "fork", "vfork", "exit", "exit_group", "wait4", "waitid", "kill", "tgkill", "tkill", "pidfd_open", "pidfd_send_signal",
    "rt_sigaction", "rt_sigprocmask", "rt_sigpending", "rt_sigqueueinfo", "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait",
    "sigaltstack", "signalfd", "signalfd4", "restart_syscall", "sched_yield", "sched_getaffinity", "sched_setaffinity",
    "sched_getparam", "sched_getscheduler", "getcpu", "setpgid", "setsid", "setpriority", "getpriority", "prctl", "arch_prctl",
    "capget", "capset", "seccomp",
    // who and when
    "getpid", "gettid", "getppid", "getpgid", "getpgrp", "getsid", "getuid", "geteuid", "getgid", "getegid", "getresuid",
    "getresgid", "getgroups", "uname", "sysinfo", "getrusage", "getrlimit", "prlimit64", "times", "time", "gettimeofday",
    "clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "getitimer", "setitimer", "alarm", "pause", "getrandom",
    // waiting, sockets
    "poll", "ppoll", "select", "pselect6", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait",
    "epoll_pwait2", "eventfd", "eventfd2", "timerfd_create", "timerfd_settime", "timerfd_gettime", "socket", "socketpair",
    "connect", "bind", "listen", "accept", "accept4", "getsockname", "getpeername", "setsockopt", "getsockopt", "sendto",
    "sendmsg", "sendmmsg", "recvfrom", "recvmsg", "recvmmsg", "shutdown",
    // the kernel's programs
    "bpf"};

}  // namespace

std::vector<int> engine_capabilities() {
  return {CAP_BPF,               // maps, programs and links
          CAP_PERFMON,           // programs that read the kernel's memory, iterators
          CAP_NET_ADMIN,         // cgroup programs of the tracing tier
          CAP_SYS_PTRACE,        // /proc/PID/root, exe and fd of processes of others
          CAP_DAC_READ_SEARCH};  // files of containers, rules' paths, whoever owns them
}

Result<void> keep_capabilities(const std::vector<int>& kept) {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return std::unexpected(system_error("set no_new_privs", errno));
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> data{};
  if (syscall(SYS_capget, &header, data.data()) != 0) return std::unexpected(system_error("read the capabilities", errno));
  std::array<__u32, 2> mask{};
  for (const int one : kept) mask[static_cast<std::size_t>(CAP_TO_INDEX(one))] |= static_cast<__u32>(CAP_TO_MASK(one));
  for (std::size_t i = 0; i < data.size(); ++i) {
    data[i].permitted &= mask[i];
    data[i].effective = data[i].permitted;
    data[i].inheritable = 0;
  }
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
    return std::unexpected(system_error("clear the ambient capabilities", errno));
  if (syscall(SYS_capset, &header, data.data()) != 0) return std::unexpected(system_error("give up capabilities", errno));
  return {};
}

Result<void> restrict_calls(bool execute) {
  const std::unique_ptr<void, Destroyer<seccomp_release>> filter(seccomp_init(SCMP_ACT_ERRNO(EPERM)));
  if (filter == nullptr) return std::unexpected(system_error("make a list of system calls", ENOMEM));
  const auto allow = [&](const char* name) {
    const int number = seccomp_syscall_resolve_name(name);
    // A name this libseccomp does not know yet is one the C library does not use yet.
    return number == __NR_SCMP_ERROR ? 0 : seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, number, 0);
  };
  for (const char* name : kCalls) {
    if (const int error = allow(name); error != 0)
      return std::unexpected(system_error(std::string("allow the system call ") + name, -error));
  }
  if (execute) {
    for (const char* name : {"execve", "execveat"}) {
      if (const int error = allow(name); error != 0)
        return std::unexpected(system_error(std::string("allow the system call ") + name, -error));
    }
  }
  if (const int error = seccomp_load(filter.get()); error != 0)
    return std::unexpected(system_error("restrict the system calls", -error));
  return {};
}

}  // namespace shrike::app
