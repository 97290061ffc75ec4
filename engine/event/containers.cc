// SPDX-License-Identifier: Apache-2.0
#include "engine/event/containers.h"

namespace shrike::event {
namespace {

constexpr std::size_t kIdDigits = 64;

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

}  // namespace

std::string_view container_id(std::string_view cgroup) {
  if (cgroup.size() < kIdDigits) return {};
  std::size_t run = 0;
  for (std::size_t i = 0; i < cgroup.size(); ++i) {
    run = is_hex(cgroup[i]) ? run + 1 : 0;
    if (run == kIdDigits) return cgroup.substr(i + 1 - kIdDigits, kIdDigits);
  }
  return {};
}

}  // namespace shrike::event
