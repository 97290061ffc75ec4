// SPDX-License-Identifier: Apache-2.0
// The kernel's hooks by name, as counters, notices and alerts spell them.
#pragma once

#include <cstddef>
#include <string_view>

namespace shrike::decode {

// `hook`: enum hook of bpf/abi/event.h. "file_open"; "unknown" for other numbers.
std::string_view hook_name(std::size_t hook);

}  // namespace shrike::decode
