// SPDX-License-Identifier: Apache-2.0
#include "engine/event/text.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <iterator>
#include <span>
#include <sys/stat.h>

namespace shrike::event {
namespace {

struct Bit {
  std::uint64_t mask;
  std::string_view name;
};

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

template <class Number>
std::string_view digits(std::span<char> into, Number number, int base) {
  return {into.data(),
          static_cast<std::size_t>(std::to_chars(into.data(), into.data() + into.size(), number, base).ptr - into.data())};
}

// Absolute, and nothing to fold in it.
bool is_plain(std::string_view path) {
  if (!path.starts_with('/') || path.ends_with('/')) return false;
  for (std::size_t slash = 0; slash != std::string_view::npos; slash = path.find('/', slash + 1)) {
    const std::string_view rest = path.substr(slash + 1);
    if (rest.starts_with('/') || rest.starts_with("./") || rest.starts_with("../") || rest == "." || rest == "..") return false;
  }
  return true;
}

}  // namespace

ArenaText& ArenaText::add(std::string_view text) {
  static constexpr std::size_t kFirst = 64;
  if (text.size() > room_ - size_) {
    room_ = std::max({kFirst, 2 * room_, size_ + text.size()});
    char* wider = arena_.bytes(room_).data();
    std::copy_n(data_, size_, wider);
    data_ = wider;
  }
  std::ranges::copy(text, data_ + size_);
  size_ += text.size();
  return *this;
}

ArenaText& ArenaText::decimal(std::uint64_t number) {
  std::array<char, 24> text{};
  return add(digits(text, number, 10));
}

ArenaText& ArenaText::decimal(std::int64_t number) {
  std::array<char, 24> text{};
  return add(digits(text, number, 10));
}

ArenaText& ArenaText::hex(std::uint64_t number) {
  std::array<char, 24> text{};
  const std::size_t size = digits(text, number, 16).size();
  std::ranges::transform(text, text.begin(), [](char c) { return c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c; });
  return add("0x").add({text.data(), size});
}

ArenaText& ArenaText::octal(std::uint64_t number) {
  std::array<char, 24> text{};
  return add(digits(text, number, 8));
}

ArenaText& ArenaText::address(const IpAddress& address) {
  if (address.family != 6) {  // most of them; inet_ntop goes through printf
    for (std::size_t i = 0; i < 4; ++i) add(i == 0 ? "" : ".").decimal(std::uint64_t{address.bytes[i]});
    return *this;
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(AF_INET6, address.bytes.data(), text.data(), text.size());
  return add(text.data());
}

ArenaText& ArenaText::joined(char separator, std::string_view text) {
  if (!empty()) add({&separator, 1});
  return add(text);
}

std::string_view decimal_text(Arena& arena, std::uint64_t number) { return ArenaText(arena).decimal(number).view(); }
std::string_view decimal_text(Arena& arena, std::int64_t number) { return ArenaText(arena).decimal(number).view(); }
std::string_view hex_text(Arena& arena, std::uint64_t number) { return ArenaText(arena).hex(number).view(); }

std::string_view open_flags_text(Arena& arena, std::uint64_t flags) {
  static constexpr Bit kFirst[] = {{kLargefile, "O_LARGEFILE"}, {O_DIRECTORY, "O_DIRECTORY"}, {O_DIRECT, "O_DIRECT"},
                                   {O_TRUNC, "O_TRUNC"},        {kSyncBit, "O_SYNC"},         {O_NONBLOCK, "O_NONBLOCK"},
                                   {O_EXCL, "O_EXCL"},          {O_DSYNC, "O_DSYNC"},         {O_APPEND, "O_APPEND"},
                                   {O_CREAT, "O_CREAT"}};
  ArenaText text(arena);
  for (const Bit& bit : kFirst) {
    if ((flags & bit.mask) != 0) text.joined('|', bit.name);
  }
  const std::uint64_t access = flags & O_ACCMODE;
  text.joined('|', access == O_RDWR ? "O_RDWR" : access == O_WRONLY ? "O_WRONLY" : access == O_RDONLY ? "O_RDONLY" : "O_NONE");
  if ((flags & O_CLOEXEC) != 0) text.joined('|', "O_CLOEXEC");
  if ((flags & kTmpfileBit) != 0) text.joined('|', "O_TMPFILE");
  return text.view();
}

std::string_view mode_text(Arena& arena, std::uint32_t mode) {
  static constexpr Bit kBits[] = {{S_IXOTH, "S_IXOTH"}, {S_IWOTH, "S_IWOTH"}, {S_IROTH, "S_IROTH"}, {S_IXGRP, "S_IXGRP"},
                                  {S_IWGRP, "S_IWGRP"}, {S_IRGRP, "S_IRGRP"}, {S_IXUSR, "S_IXUSR"}, {S_IWUSR, "S_IWUSR"},
                                  {S_IRUSR, "S_IRUSR"}, {S_ISVTX, "S_ISVTX"}, {S_ISGID, "S_ISGID"}, {S_ISUID, "S_ISUID"}};
  ArenaText text(arena);
  for (const Bit& bit : kBits) {
    if ((mode & bit.mask) != 0) text.joined('|', bit.name);
  }
  return text.empty() ? "0" : text.view();
}

std::string_view capabilities_text(Arena& arena, std::uint64_t set) {
  ArenaText text(arena);
  for (std::size_t bit = 0; bit < std::size(kCapabilities); ++bit) {
    if ((set >> bit & 1U) != 0) text.joined(' ', kCapabilities[bit]);
  }
  return text.view();
}

std::string_view errno_name(Arena& arena, int number) {
  const char* name = strerrorname_np(number);
  return name != nullptr && number != 0 ? name : decimal_text(arena, std::int64_t{number});
}

std::string_view ptrace_request_name(std::uint64_t request) {
  for (const Named& named : kPtraceRequests) {
    if (named.value == request) return named.name;
  }
  return {};
}

std::string_view absolute_path(std::string_view base, std::string_view name, Arena& arena) {
  const bool relative = !name.starts_with('/');
  // Where it starts is not known: an invented root would name another file.
  if ((relative && base.empty()) || is_plain(name)) return name;
  const std::size_t room = (relative ? base.size() : 0) + name.size() + 2;
  const std::span<char> path = arena.bytes(room);
  std::size_t size = 0;  // of what stands there: "" or "/a/b"
  const auto add = [&](std::string_view rest) {
    while (!rest.empty()) {
      const std::size_t end = rest.find('/');
      const std::string_view component = rest.substr(0, end);
      rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
      if (component.empty() || component == ".") continue;
      if (component == "..") {
        const std::size_t slash = std::string_view(path.data(), size).rfind('/');
        size = slash == std::string_view::npos ? 0 : slash;
        continue;
      }
      path[size++] = '/';
      std::ranges::copy(component, path.begin() + static_cast<std::ptrdiff_t>(size));
      size += component.size();
    }
  };
  if (relative) add(base);
  add(name);
  return size == 0 ? "/" : std::string_view(path.data(), size);
}

std::string_view printable(Arena& arena, std::string_view text) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (std::ranges::none_of(text, is_control)) return text;
  const std::span<char> out = arena.bytes(text.size());
  std::ranges::replace_copy_if(text, out.begin(), is_control, '.');
  return {out.data(), out.size()};
}

}  // namespace shrike::event
