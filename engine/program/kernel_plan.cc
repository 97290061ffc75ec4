// SPDX-License-Identifier: Apache-2.0
#include "engine/program/kernel_plan.h"

namespace shrike::program {

std::string_view spelling(Operation operation) {
  static constexpr std::string_view kNames[] = {"exec", "open", "connect", "send", "bind"};
  return kNames[static_cast<std::size_t>(operation)];
}

std::string_view spelling(KernelField field) {
  static constexpr std::string_view kNames[] = {"exepath", "name", "pname",    "aname",   "uid",  "cgroup",  "container",
                                                "access",  "path", "filename", "address", "port", "protocol"};
  return kNames[static_cast<std::size_t>(field)];
}

std::string KernelPlan::dump() const { return {}; }

}  // namespace shrike::program
