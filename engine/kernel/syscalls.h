// SPDX-License-Identifier: Apache-2.0
// The system calls sys_exit can tell, with their numbers.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace shrike::kernel {

struct Syscall {
  static constexpr std::uint16_t kNoNumber = 0xffff;

  std::string_view name;  // as evt.type spells it; setuid has two rows
  std::uint16_t x86_64;
  std::uint16_t ia32;
};

std::span<const Syscall> syscalls();

// Names by the first argument of ia32's socketcall: net/socket.c. Its send and recv are sendto and recvfrom without an address.
std::span<const std::string_view> socketcalls();

}  // namespace shrike::kernel
