// SPDX-License-Identifier: Apache-2.0
#include "engine/lang/rule_switch.h"

#include <gtest/gtest.h>

namespace shrike::lang {
namespace {

TEST(RuleSwitch, Wildcards) {
  for (const auto& [pattern, text] : std::vector<std::pair<const char*, const char*>>{{"", ""},
                                                                                      {"*", ""},
                                                                                      {"*", "any rule"},
                                                                                      {"a*c", "abbc"},
                                                                                      {"a*c", "ac"},
                                                                                      {"*b*", "abc"},
                                                                                      {"a**", "a"},
                                                                                      {"*ab", "aab"},
                                                                                      {"a*b*c", "a b b c"},
                                                                                      {"x[1]?", "x[1]?"}})
    EXPECT_TRUE(wildcard_match(pattern, text)) << pattern << ' ' << text;
  for (const auto& [pattern, text] : std::vector<std::pair<const char*, const char*>>{
           {"", "a"}, {"a", "ab"}, {"b", "ab"}, {"a*c", "abcd"}, {"a?c", "abc"}, {"[a]", "a"}, {"*b", "abc"}, {"A*", "abc"}})
    EXPECT_FALSE(wildcard_match(pattern, text)) << pattern << ' ' << text;
  EXPECT_FALSE(wildcard_match(std::string(200, '*') + "b", std::string(100'000, 'a')));
}

TEST(RuleSwitch, LaterEntriesWin) {
  RuleSet set;
  for (const auto& [name, tag] :
       std::vector<std::pair<const char*, const char*>>{{"A file", "fs"}, {"A socket", "net"}, {"B", "net"}}) {
    set.rules.emplace_back().name = name;
    set.rules.back().tags.insert(tag);
  }
  using By = RuleSwitch::By;
  const auto enabled = [&](const std::vector<RuleSwitch>& switches) {
    apply(switches, set);
    std::string text;
    for (const Rule& rule : set.rules) text += rule.enabled ? '+' : '-';
    return text;
  };
  EXPECT_EQ(enabled({}), "+++");
  EXPECT_EQ(enabled({{false, By::kName, "*"}, {true, By::kTag, "net"}, {false, By::kName, "A*"}}), "--+");
  EXPECT_EQ(enabled({{true, By::kName, "A"}, {true, By::kTag, "fs*"}}), "--+") << "the whole name; a tag is no pattern";
}

}  // namespace
}  // namespace shrike::lang
