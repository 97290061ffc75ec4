// SPDX-License-Identifier: Apache-2.0
// Numbers of the kernel as rules and people spell them (rule-language.md 4.3).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/base/arena.h"
#include "engine/event/value.h"

namespace shrike::event {

// A text put together piece by piece, in the arena.
class ArenaText {
 public:
  explicit ArenaText(Arena& arena) : arena_(arena) {}

  ArenaText& add(std::string_view text);
  ArenaText& decimal(std::uint64_t number);
  ArenaText& decimal(std::int64_t number);
  ArenaText& hex(std::uint64_t number);  // 0x1F
  ArenaText& octal(std::uint64_t number);
  ArenaText& address(const IpAddress& address);  // as inet_ntop
  // `text` behind a separator, unless it is the first.
  ArenaText& joined(char separator, std::string_view text);

  bool empty() const { return size_ == 0; }
  std::string_view view() const { return {data_, size_}; }

 private:
  Arena& arena_;
  char* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t room_ = 0;
};

std::string_view decimal_text(Arena& arena, std::uint64_t number);
std::string_view decimal_text(Arena& arena, std::int64_t number);
std::string_view hex_text(Arena& arena, std::uint64_t number);

// Open flags joined by '|' in Falco's order; "0" if none. Bits as in the x86 uapi fcntl.h.
std::string_view open_flags_text(Arena& arena, std::uint64_t flags);

// S_I… names joined by '|'; "0" if none.
std::string_view mode_text(Arena& arena, std::uint32_t mode);

// "CAP_CHOWN CAP_FOWNER": the names of the set's bits, blank-joined. Kernel: include/uapi/linux/capability.h.
std::string_view capabilities_text(Arena& arena, std::uint64_t set);

// "ENOENT" for 2; the number for unknown ones.
std::string_view errno_name(Arena& arena, int number);

// "PTRACE_ATTACH"; empty if unknown. Kernel: include/uapi/linux/ptrace.h, arch/x86/include/uapi/asm/ptrace-abi.h.
std::string_view ptrace_request_name(std::uint64_t request);

// `name` made absolute against `base`, with ".", ".." and double slashes folded, as text; no symlink is followed. A relative name
// without a base stays as it is. `name` itself where that is the answer, else in the arena.
std::string_view absolute_path(std::string_view base, std::string_view name, Arena& arena);

// `text` with control characters (and DEL) as '.', what is not UTF-8 kept.
std::string_view printable(Arena& arena, std::string_view text);

}  // namespace shrike::event
