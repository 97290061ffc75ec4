// SPDX-License-Identifier: Apache-2.0
#include "engine/app/host_name.h"

#include <array>
#include <climits>
#include <cstdlib>
#include <unistd.h>

namespace shrike::app {

std::string host_name() {
  for (const char* variable : {"SHRIKE_HOSTNAME", "FALCO_HOSTNAME"}) {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): before any thread, and nobody changes the environment
    if (const char* name = std::getenv(variable); name != nullptr && *name != '\0') return name;
  }
  std::array<char, HOST_NAME_MAX + 1> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown";
}

}  // namespace shrike::app
