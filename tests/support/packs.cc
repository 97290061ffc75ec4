// SPDX-License-Identifier: Apache-2.0
#include "tests/support/packs.h"

#include <cstdlib>

namespace shrike::test {

std::optional<std::filesystem::path> falco_packs() {
  const char* given = std::getenv("FALCO_RULES");  // NOLINT(concurrency-mt-unsafe): nobody sets it
  std::filesystem::path packs = given != nullptr ? given : SHRIKE_SOURCE_DIR "/../shared/corpus/falco-rules";
  if (!std::filesystem::exists(packs / "falco_rules.yaml")) return std::nullopt;
  return packs;
}

}  // namespace shrike::test
