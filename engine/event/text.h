// SPDX-License-Identifier: Apache-2.0
// Numbers of the kernel as rules and people spell them (rule-language.md 4.3).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "engine/base/arena.h"

namespace shrike::event {

// Open flags joined by '|' in Falco's order; "0" if none. Bits as in the x86 uapi fcntl.h.
std::string open_flags_text(std::uint64_t flags);
// Their names, one by one; how many.
inline constexpr std::size_t kOpenFlagNames = 13;
std::size_t open_flag_names(std::uint64_t flags, std::span<std::string_view, kOpenFlagNames> names);

// S_I… names joined by '|'; "0" if none.
std::string mode_text(std::uint32_t mode);

// "CAP_CHOWN CAP_FOWNER": the names of the set's bits, blank-joined. Kernel: include/uapi/linux/capability.h.
std::string capabilities_text(std::uint64_t set);

// "ENOENT" for 2; the number for unknown ones.
std::string errno_name(int number);

// "PTRACE_ATTACH"; empty if unknown. Kernel: include/uapi/linux/ptrace.h, arch/x86/include/uapi/asm/ptrace-abi.h.
std::string_view ptrace_request_name(std::uint64_t request);

// "AF_INET"; empty if unknown. Kernel: include/linux/socket.h.
std::string_view address_family_name(std::uint64_t family);

// `name` made absolute against `base`, with ".", ".." and double slashes folded, as text; no symlink is followed. A relative name
// without a base stays as it is.
std::string absolute_path(std::string_view base, std::string_view name);
// The same; `name` itself where that is the answer, else in the arena.
std::string_view absolute_path(std::string_view base, std::string_view name, Arena& arena);

// `text` with control characters (and DEL) as '.', what is not UTF-8 kept.
std::string printable(std::string_view text);

}  // namespace shrike::event
