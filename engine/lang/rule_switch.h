// SPDX-License-Identifier: Apache-2.0
// Switching rules on and off from outside their files, by name or tag (rule-language.md section 6, `rules:`).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/lang/rule_file.h"

namespace shrike::lang {

// One entry: of a rule's whole name, in which `*` stands for any run of characters, or of a tag, exactly.
struct RuleSwitch {
  enum class By { kName, kTag };
  bool enable = false;
  By by = By::kName;
  std::string pattern;

  bool operator==(const RuleSwitch&) const = default;
};

bool wildcard_match(std::string_view pattern, std::string_view text);

// In order: a later entry wins.
void apply(const std::vector<RuleSwitch>& switches, RuleSet& set);

}  // namespace shrike::lang
