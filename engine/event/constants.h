// SPDX-License-Identifier: Apache-2.0
// Names of the kernel's constants, as parameters of events show them.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "engine/event/event_type.h"

namespace shrike::event {

struct Bit {
  std::uint64_t mask;
  std::string_view name;
};

// The names of a call's flags, in the order they are told; none: the call has no flags, or open's, which open_flags_text tells.
std::span<const Bit> flag_names(EventType type);

// "AF_PACKET"; empty if unknown. Kernel: include/linux/socket.h.
std::string_view address_family_name(std::uint64_t family);

// "BPF_PROG_LOAD"; empty if unknown. Kernel: enum bpf_cmd of include/uapi/linux/bpf.h.
std::string_view bpf_command_name(std::uint64_t command);

// Does the bpf command return a descriptor if it succeeds?
bool returns_descriptor(std::uint64_t bpf_command);

}  // namespace shrike::event
