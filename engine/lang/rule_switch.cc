// SPDX-License-Identifier: Apache-2.0
#include "engine/lang/rule_switch.h"

namespace shrike::lang {

bool wildcard_match(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;  // the last one met, and where what it stands for ends
  std::size_t resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

void apply(const std::vector<RuleSwitch>& switches, RuleSet& set) {
  for (const RuleSwitch& one : switches) {
    for (Rule& rule : set.rules) {
      const bool meant =
          one.by == RuleSwitch::By::kName ? wildcard_match(one.pattern, rule.name) : rule.tags.contains(one.pattern);
      if (meant) rule.enabled = one.enable;
    }
  }
}

}  // namespace shrike::lang
