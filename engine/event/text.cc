// SPDX-License-Identifier: Apache-2.0
#include "engine/event/text.h"

#include <array>
#include <cstring>
#include <fcntl.h>
#include <iterator>
#include <sys/stat.h>

namespace shrike::event {
namespace {

struct Bit {
  std::uint64_t mask;
  std::string_view name;
};

void join(std::string& text, std::string_view name, char separator) {
  if (!text.empty()) text += separator;
  text += name;
}

// glibc spells O_LARGEFILE 0 on 64-bit; these are the kernel's own values (include/uapi/asm-generic/fcntl.h).
enum : std::uint64_t { kLargefile = 0100000, kTmpfileBit = 020000000, kSyncBit = 04000000 };

constexpr std::string_view kCapabilities[] = {
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
};

struct Named {
  std::uint64_t value;
  std::string_view name;
};

constexpr Named kPtraceRequests[] = {
    {0, "PTRACE_TRACEME"},
    {1, "PTRACE_PEEKTEXT"},
    {2, "PTRACE_PEEKDATA"},
    {3, "PTRACE_PEEKUSR"},
    {4, "PTRACE_POKETEXT"},
    {5, "PTRACE_POKEDATA"},
    {6, "PTRACE_POKEUSR"},
    {7, "PTRACE_CONT"},
    {8, "PTRACE_KILL"},
    {9, "PTRACE_SINGLESTEP"},
    {12, "PTRACE_GETREGS"},
    {13, "PTRACE_SETREGS"},
    {14, "PTRACE_GETFPREGS"},
    {15, "PTRACE_SETFPREGS"},
    {16, "PTRACE_ATTACH"},
    {17, "PTRACE_DETACH"},
    {18, "PTRACE_GETFPXREGS"},
    {19, "PTRACE_SETFPXREGS"},
    {21, "PTRACE_OLDSETOPTIONS"},
    {24, "PTRACE_SYSCALL"},
    {25, "PTRACE_GET_THREAD_AREA"},
    {26, "PTRACE_SET_THREAD_AREA"},
    {30, "PTRACE_ARCH_PRCTL"},
    {31, "PTRACE_SYSEMU"},
    {32, "PTRACE_SYSEMU_SINGLESTEP"},
    {33, "PTRACE_SINGLEBLOCK"},
    {0x4200, "PTRACE_SETOPTIONS"},
    {0x4201, "PTRACE_GETEVENTMSG"},
    {0x4202, "PTRACE_GETSIGINFO"},
    {0x4203, "PTRACE_SETSIGINFO"},
    {0x4204, "PTRACE_GETREGSET"},
    {0x4205, "PTRACE_SETREGSET"},
    {0x4206, "PTRACE_SEIZE"},
    {0x4207, "PTRACE_INTERRUPT"},
    {0x4208, "PTRACE_LISTEN"},
    {0x4209, "PTRACE_PEEKSIGINFO"},
    {0x420a, "PTRACE_GETSIGMASK"},
    {0x420b, "PTRACE_SETSIGMASK"},
    {0x420c, "PTRACE_SECCOMP_GET_FILTER"},
    {0x420d, "PTRACE_SECCOMP_GET_METADATA"},
    {0x420e, "PTRACE_GET_SYSCALL_INFO"},
    {0x420f, "PTRACE_GET_RSEQ_CONFIGURATION"},
    {0x4210, "PTRACE_SET_SYSCALL_USER_DISPATCH_CONFIG"},
    {0x4211, "PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG"},
    {0x4212, "PTRACE_SET_SYSCALL_INFO"},
};

constexpr std::string_view kFamilies[] = {
    "AF_UNSPEC",  "AF_UNIX",    "AF_INET",    "AF_AX25",   "AF_IPX",        "AF_APPLETALK", "AF_NETROM",   "AF_BRIDGE",
    "AF_ATMPVC",  "AF_X25",     "AF_INET6",   "AF_ROSE",   "AF_DECnet",     "AF_NETBEUI",   "AF_SECURITY", "AF_KEY",
    "AF_NETLINK", "AF_PACKET",  "AF_ASH",     "AF_ECONET", "AF_ATMSVC",     "AF_RDS",       "AF_SNA",      "AF_IRDA",
    "AF_PPPOX",   "AF_WANPIPE", "AF_LLC",     "AF_IB",     "AF_MPLS",       "AF_CAN",       "AF_TIPC",     "AF_BLUETOOTH",
    "AF_IUCV",    "AF_RXRPC",   "AF_ISDN",    "AF_PHONET", "AF_IEEE802154", "AF_CAIF",      "AF_ALG",      "AF_NFC",
    "AF_VSOCK",   "AF_KCM",     "AF_QIPCRTR", "AF_SMC",    "AF_XDP",        "AF_MCTP",
};

// Absolute, without "." and ".." components, double slashes and a slash at the end.
bool is_plain(std::string_view path) {
  if (!path.starts_with('/') || path.ends_with('/')) return false;
  for (std::size_t slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/', slash + 1)) {
    const std::string_view rest = path.substr(slash + 1);
    if (rest.starts_with('/') || rest.starts_with("./") || rest.starts_with("../") || rest == "." || rest == "..") return false;
  }
  return true;
}

}  // namespace

std::size_t open_flag_names(std::uint64_t flags, std::span<std::string_view, kOpenFlagNames> names) {
  static constexpr Bit kFirst[] = {{kLargefile, "O_LARGEFILE"}, {O_DIRECTORY, "O_DIRECTORY"}, {O_DIRECT, "O_DIRECT"},
                                   {O_TRUNC, "O_TRUNC"},        {kSyncBit, "O_SYNC"},         {O_NONBLOCK, "O_NONBLOCK"},
                                   {O_EXCL, "O_EXCL"},          {O_DSYNC, "O_DSYNC"},         {O_APPEND, "O_APPEND"},
                                   {O_CREAT, "O_CREAT"}};
  static_assert(std::size(kFirst) + 3 == kOpenFlagNames);
  std::size_t count = 0;
  for (const Bit& bit : kFirst) {
    if ((flags & bit.mask) != 0) names[count++] = bit.name;
  }
  const std::uint64_t access = flags & O_ACCMODE;
  names[count++] = access == O_RDWR ? "O_RDWR" : access == O_WRONLY ? "O_WRONLY" : access == O_RDONLY ? "O_RDONLY" : "O_NONE";
  if ((flags & O_CLOEXEC) != 0) names[count++] = "O_CLOEXEC";
  if ((flags & kTmpfileBit) != 0) names[count++] = "O_TMPFILE";
  return count;
}

std::string open_flags_text(std::uint64_t flags) {
  std::array<std::string_view, kOpenFlagNames> names;
  std::string text;
  for (std::size_t i = 0, count = open_flag_names(flags, names); i < count; ++i) join(text, names[i], '|');
  return text;
}

std::string mode_text(std::uint32_t mode) {
  static constexpr Bit kBits[] = {{S_IXOTH, "S_IXOTH"}, {S_IWOTH, "S_IWOTH"}, {S_IROTH, "S_IROTH"}, {S_IXGRP, "S_IXGRP"},
                                  {S_IWGRP, "S_IWGRP"}, {S_IRGRP, "S_IRGRP"}, {S_IXUSR, "S_IXUSR"}, {S_IWUSR, "S_IWUSR"},
                                  {S_IRUSR, "S_IRUSR"}, {S_ISVTX, "S_ISVTX"}, {S_ISGID, "S_ISGID"}, {S_ISUID, "S_ISUID"}};
  std::string text;
  for (const Bit& bit : kBits) {
    if ((mode & bit.mask) != 0) join(text, bit.name, '|');
  }
  return text.empty() ? "0" : text;
}

std::string capabilities_text(std::uint64_t set) {
  std::string text;
  for (std::size_t bit = 0; bit < std::size(kCapabilities); ++bit) {
    if ((set >> bit & 1U) != 0) join(text, kCapabilities[bit], ' ');
  }
  return text;
}

std::string errno_name(int number) {
  const char* name = strerrorname_np(number);
  return name != nullptr && number != 0 ? name : std::to_string(number);
}

std::string_view ptrace_request_name(std::uint64_t request) {
  for (const Named& named : kPtraceRequests) {
    if (named.value == request) return named.name;
  }
  return {};
}

std::string_view address_family_name(std::uint64_t family) {
  return family < std::size(kFamilies) ? kFamilies[family] : std::string_view();
}

std::string absolute_path(std::string_view base, std::string_view name) {
  Arena arena;
  return std::string(absolute_path(base, name, arena));
}

std::string_view absolute_path(std::string_view base, std::string_view name, Arena& arena) {
  // Where it starts is not known: an invented root would name another file.
  if (!name.starts_with('/') && base.empty()) return name;
  if (is_plain(name)) return name;
  const std::span<char> out = arena.bytes(base.size() + name.size() + 2);
  std::size_t size = 0;
  const auto add = [&](std::string_view path) {
    while (!path.empty()) {
      const std::size_t slash = path.find('/');
      const std::string_view component = path.substr(0, slash);
      path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
      if (component.empty() || component == ".") continue;
      if (component == "..") {
        while (size > 0) {
          if (out[--size] == '/') break;
        }
        continue;
      }
      out[size++] = '/';
      component.copy(out.data() + size, component.size());
      size += component.size();
    }
  };
  if (!name.starts_with('/')) add(base);
  add(name);
  return size == 0 ? std::string_view("/") : std::string_view(out.data(), size);
}

std::string printable(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '.';
  }
  return out;
}

}  // namespace shrike::event
