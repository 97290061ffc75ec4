// SPDX-License-Identifier: Apache-2.0
#include "engine/kernel/probe.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <memory>
#include <sstream>
#include <system_error>

#include "engine/base/handle.h"
#include "engine/kernel/capture_plan.h"

namespace shrike::kernel {
namespace {

using Btf = std::unique_ptr<btf, Destroyer<btf__free>>;

std::string reason(int error) { return std::generic_category().message(error); }

// The effective capabilities of this process, as bits.
std::uint64_t effective_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> data{};
  if (syscall(SYS_capget, &header, data.data()) != 0) return 0;
  return std::uint64_t{data[1].effective} << 32U | data[0].effective;
}

Finding check_capabilities() {
  const std::uint64_t have = effective_capabilities();
  const auto has = [&](unsigned bit) { return (have >> bit & 1U) != 0; };
  Finding finding{.name = "capabilities",
                  .ok = has(CAP_SYS_ADMIN) || (has(CAP_BPF) && has(CAP_PERFMON)),
                  .required = true,
                  .detail = {},
                  .remedy = {}};
  finding.detail =
      finding.ok ? "CAP_SYS_ADMIN, or CAP_BPF and CAP_PERFMON" : "neither CAP_SYS_ADMIN nor CAP_BPF with CAP_PERFMON";
  if (!finding.ok) finding.remedy = "run as root";
  return finding;
}

Finding check_btf(const Btf& kernel) {
  Finding finding{.name = "BTF", .ok = kernel != nullptr, .required = true, .detail = {}, .remedy = {}};
  finding.detail = finding.ok ? "/sys/kernel/btf/vmlinux" : "the kernel has no type information: " + reason(errno);
  if (!finding.ok) finding.remedy = "a kernel built with CONFIG_DEBUG_INFO_BTF=y, as all of Debian's since 11 are";
  return finding;
}

template <__u8 kRegister>
constexpr bpf_insn set(__s32 value) {
  return {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = kRegister, .src_reg = 0, .off = 0, .imm = value};
}
constexpr bpf_insn kReturn{.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0};

// A program that does `code` and returns 0, loaded with the BTF type it would attach to.
int try_load(bpf_prog_type type, bpf_attach_type attach, int btf_id, std::vector<bpf_insn> code = {}) {
  code.insert(code.end(), {set<BPF_REG_0>(0), kReturn});
  bpf_prog_load_opts options{};
  options.sz = sizeof(options);
  options.expected_attach_type = attach;
  options.attach_btf_id = static_cast<__u32>(btf_id);
  const UniqueFd fd(bpf_prog_load(type, "shrike_probe", "GPL", code.data(), code.size(), &options));
  return fd ? 0 : errno;
}

Finding check_program(const Btf& kernel, std::string name, bool required, bpf_prog_type type, bpf_attach_type attach,
                      const char* symbol, __u32 kind, std::string remedy) {
  Finding finding{.name = std::move(name), .ok = false, .required = required, .detail = {}, .remedy = {}};
  const int id = kernel == nullptr ? -ENOENT : btf__find_by_name_kind(kernel.get(), symbol, kind);
  if (id < 0) {
    finding.detail = std::string("the kernel has no ") + symbol;
  } else {
    const int error = try_load(type, attach, id);
    finding.ok = error == 0;
    finding.detail = finding.ok ? "a probe program loads" : "the kernel refuses a probe program: " + reason(error);
  }
  if (!finding.ok) finding.remedy = std::move(remedy);
  return finding;
}

Finding check_ring_buffer() {
  const UniqueFd fd(
      bpf_map_create(BPF_MAP_TYPE_RINGBUF, "shrike_probe", 0, 0, static_cast<__u32>(sysconf(_SC_PAGESIZE)), nullptr));
  Finding finding{.name = "ring buffer", .ok = static_cast<bool>(fd), .required = true, .detail = {}, .remedy = {}};
  finding.detail = finding.ok ? "a probe map can be made" : reason(errno);
  if (!finding.ok) finding.remedy = "kernel 5.8 or later, and root";
  return finding;
}

Finding check_lsm_list() {
  std::string list;
  std::getline(std::ifstream("/sys/kernel/security/lsm"), list);
  bool listed = false;
  std::istringstream names(list);
  for (std::string name; std::getline(names, name, ',');) listed = listed || name == "bpf";
  Finding finding{.name = "BPF LSM active",
                  .ok = listed,
                  .required = false,
                  .detail = list.empty() ? "/sys/kernel/security/lsm can't be read" : list,
                  .remedy = {}};
  if (!listed) finding.remedy = "boot with bpf in the lsm= list, on a kernel built with CONFIG_BPF_LSM=y";
  return finding;
}

// With this at 0 the kernel attaches LSM programs and never runs them, without a word (6.1 to 6.18).
Finding check_ftrace() {
  std::string value;
  std::getline(std::ifstream("/proc/sys/kernel/ftrace_enabled"), value);
  const bool off = value == "0";
  Finding finding{.name = "ftrace enabled", .ok = !off, .required = false, .detail = {}, .remedy = {}};
  finding.detail = off             ? "kernel.ftrace_enabled is 0: LSM programs are not run"
                   : value.empty() ? "the kernel has no such switch"
                                   : "yes";
  if (off) finding.remedy = "sysctl kernel.ftrace_enabled=1";
  return finding;
}

// What the tracing tier refuses network operations with.
Finding check_cgroup_programs() {
  const bpf_insn code[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 1},
                           {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0}};
  bpf_prog_load_opts options{};
  options.sz = sizeof(options);
  options.expected_attach_type = BPF_CGROUP_INET4_CONNECT;
  const UniqueFd fd(bpf_prog_load(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "shrike_probe", "GPL", code, std::size(code), &options));
  Finding finding{.name = "cgroup programs", .ok = static_cast<bool>(fd), .required = false, .detail = {}, .remedy = {}};
  finding.detail = finding.ok ? "a probe program loads" : "the kernel refuses a probe program: " + reason(errno);
  if (!finding.ok) finding.remedy = "a kernel built with CONFIG_CGROUP_BPF=y, and root";
  return finding;
}

// The programs count pids as the host does; /proc of another namespace would name other processes.
Finding check_pid_namespace() {
  static constexpr ino_t kInitial = 0xEFFFFFFC;  // PROC_PID_INIT_INO, include/linux/proc_ns.h
  struct stat self{};
  Finding finding{.name = "host pid namespace",
                  .ok = stat("/proc/self/ns/pid", &self) == 0 && self.st_ino == kInitial,
                  .required = false,
                  .detail = {},
                  .remedy = {}};
  finding.detail =
      finding.ok ? "this process is in it" : "this process is in another: programs that ran before Shrike have no arguments";
  if (!finding.ok) finding.remedy = "run on the host, or in a container with the host's pid namespace (hostPID, --pid=host)";
  return finding;
}

Finding check_cgroup2() {
  std::string mounted;
  std::ifstream mounts("/proc/self/mounts");
  for (std::string device, path, type, rest; mounts >> device >> path >> type && std::getline(mounts, rest);) {
    if (type == "cgroup2" && mounted.empty()) mounted = path;
  }
  Finding finding{.name = "cgroup v2",
                  .ok = !mounted.empty(),
                  .required = false,
                  .detail = mounted.empty() ? "not mounted" : mounted,
                  .remedy = {}};
  if (!finding.ok) finding.remedy = "mount -t cgroup2 none /sys/fs/cgroup/unified";
  return finding;
}

}  // namespace

HostSupport probe_host() {
  const libbpf_print_fn_t previous = libbpf_set_print(nullptr);
  HostSupport host;
  utsname names{};
  if (uname(&names) == 0) host.kernel_release = names.release;
  const Btf kernel(btf__load_vmlinux_btf());

  host.findings.push_back(check_capabilities());
  host.findings.push_back(check_btf(kernel));
  host.findings.push_back(check_ring_buffer());
  host.findings.push_back(check_program(kernel, "BTF tracepoints", true, BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP,
                                        "btf_trace_sys_exit", BTF_KIND_TYPEDEF, "kernel 5.5 or later, and root"));
  host.findings.push_back(check_program(kernel, "task iterator", true, BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, "bpf_iter_task",
                                        BTF_KIND_FUNC, "kernel 5.8 or later, and root"));
  // What the full tier needs, all of it.
  static constexpr const char* kLsmHooks[] = {"bpf_lsm_bprm_creds_from_file", "bpf_lsm_file_open",      "bpf_lsm_path_mknod",
                                              "bpf_lsm_socket_connect",       "bpf_lsm_socket_sendmsg", "bpf_lsm_socket_bind"};
  Finding lsm;
  for (const char* hook : kLsmHooks) {
    lsm = check_program(kernel, "LSM programs", false, BPF_PROG_TYPE_LSM, BPF_LSM_MAC, hook, BTF_KIND_FUNC,
                        "a kernel that allows BPF LSM programs (CONFIG_BPF_LSM=y, CONFIG_SECURITY_PATH=y)");
    if (!lsm.ok) break;
  }
  host.findings.push_back(lsm);
  host.findings.push_back(check_lsm_list());
  host.findings.push_back(check_ftrace());
  const bool full = std::all_of(host.findings.end() - 3, host.findings.end(), [](const Finding& finding) { return finding.ok; });
  host.findings.push_back(check_cgroup_programs());
  host.findings.push_back(check_pid_namespace());
  host.findings.push_back(check_cgroup2());
  libbpf_set_print(previous);

  host.tier = full ? "full" : "tracing";
  for (const Finding& finding : host.findings) {
    if (finding.required && !finding.ok) host.tier = "none";
  }
  if (full) {
    host.limits = {
        "a file that is open already can be read, mapped and passed on: opening it is what is decided",
        "a rule's path that is made or replaced is known by its other names (hard links, bind mounts) within a second",
        "sysctl kernel.ftrace_enabled=0 switches LSM programs off, without a word, on kernels 6.1 to 6.18",
    };
  } else {
    host.limits = {
        "the tracing tier refuses connect, sends of UDP datagrams and bind, by IP address; exec and open rules can kill, after "
        "the fact",
        std::string(kIoUringLimit),
        "raw and ICMP sockets pass no cgroup program: they are not refused",
    };
  }
  constexpr std::string_view kOtherNames =
      "a file that is made or replaced under a path that alert rules name is known by its other names within a second; a hard "
      "link of a file that rules know only by its directory, a prefix or a pattern is not";
  constexpr std::string_view kContainers =
      "of containers that are rootless, LXC's or systemd-nspawn's no more than the id is known; block and kill rules know a "
      "container by 64 hexadecimal digits in its cgroup's path";
  const std::vector<std::string> both = {
      std::string(kOtherNames),
      "what an overlay copies to its upper layer is another file, known by its own paths only",
      std::string(kContainers),
      "execveat of an absolute name, or with AT_FDCWD, is told as execve",
      "an fd that another thread closes before its open returns to user space has no name but the one passed",
      "connect through the 32-bit socketcall multiplexer reads its arguments from user memory",
  };
  host.limits.insert(host.limits.end(), both.begin(), both.end());
  return host;
}

bool can_cast() {
  const Btf kernel(btf__load_vmlinux_btf());
  if (kernel == nullptr) return false;
  const int cast = btf__find_by_name_kind(kernel.get(), "bpf_rdonly_cast", BTF_KIND_FUNC);
  const int type = btf__find_by_name_kind(kernel.get(), "file", BTF_KIND_STRUCT);
  const int tracepoint = btf__find_by_name_kind(kernel.get(), "btf_trace_sys_exit", BTF_KIND_TYPEDEF);
  if (cast < 0 || type < 0 || tracepoint < 0) return false;
  const bpf_insn call{.code = BPF_JMP | BPF_CALL, .dst_reg = 0, .src_reg = BPF_PSEUDO_KFUNC_CALL, .off = 0, .imm = cast};
  return try_load(BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, tracepoint, {set<BPF_REG_1>(0), set<BPF_REG_2>(type), call}) == 0;
}

}  // namespace shrike::kernel
