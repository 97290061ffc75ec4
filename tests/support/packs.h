// SPDX-License-Identifier: Apache-2.0
// Where Falco's rule packs are, for tests that read them.
#pragma once

#include <filesystem>
#include <optional>

namespace shrike::test {

// $FALCO_RULES, or beside the checkout; nothing where they are not.
std::optional<std::filesystem::path> falco_packs();

}  // namespace shrike::test
