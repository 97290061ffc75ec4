// SPDX-License-Identifier: Apache-2.0
#include "engine/act/facts.h"

#include <algorithm>
#include <cerrno>
#include <gtest/gtest.h>

#include "engine/act/make_alert.h"
#include "engine/match/matcher.h"
#include "tests/support/world.h"

namespace shrike::act {
namespace {

using Facts = std::vector<std::pair<std::string, FieldValue>>;

const FieldValue* find(const Facts& facts, std::string_view name) {
  const auto found = std::ranges::find(facts, name, &std::pair<std::string, FieldValue>::first);
  return found == facts.end() ? nullptr : &found->second;
}

TEST(Facts, AreTypedSortedAndOfTheCatalogue) {
  test::World world;
  event::Event event = world.exec(world.process(7, "sh", {"sh", "-c", "a b"}, nullptr, "/bin/sh"));
  event.creds.uid = 33;
  const Facts facts = facts_of(event, world.context);
  EXPECT_TRUE(std::ranges::is_sorted(facts));
  EXPECT_EQ(*find(facts, "proc.pid"), FieldValue(std::int64_t{7}));
  EXPECT_EQ(*find(facts, "proc.exepath"), FieldValue(std::string("/bin/sh")));
  EXPECT_EQ(*find(facts, "proc.args"), FieldValue(std::vector<std::string>{"-c", "a b"})) << "argument by argument";
  EXPECT_EQ(*find(facts, "user.name"), FieldValue(std::string("www-data")));
  EXPECT_EQ(*find(facts, "user.uid"), FieldValue(std::uint64_t{33}));
  EXPECT_EQ(*find(facts, "evt.type"), FieldValue(std::string("execve")));
  EXPECT_EQ(*find(facts, "evt.res"), FieldValue(std::string("SUCCESS")));
}

TEST(Facts, WhatIsAbsentOrUnknownIsLeftOut) {
  test::World world;
  event::Event event = world.connect(world.process(7, "nc", {"nc"}), "203.0.113.7", 4444, -EINPROGRESS);
  event.creds.uid = 4711;  // nobody's
  const Facts facts = facts_of(event, world.context);
  EXPECT_EQ(*find(facts, "fd.sip"), FieldValue(std::string("203.0.113.7")));
  EXPECT_EQ(*find(facts, "fd.sport"), FieldValue(std::uint64_t{4444}));
  for (const char* name : {"user.name", "fs.path.name", "proc.args", "proc.pexepath", "fd.filename"})
    EXPECT_EQ(find(facts, name), nullptr) << name;
}

TEST(Facts, AlertsCarryThemIfTheContextSaysSo) {
  test::World world;
  const event::Event event = world.open(world.process(7, "cat", {"cat"}), "/etc/shadow");
  const program::Program program = test::compile_text(test::one_rule("evt.type = openat", "x"));
  match::Matcher matcher(program, world.context);
  const auto fired = matcher.match(event, match::Matching::kFirst);
  ASSERT_EQ(fired.size(), 1U);
  const auto alert = [&] {
    return make_alert(program, program.rules[fired[0]], event, world.context,
                      [&](std::uint32_t slot) -> const event::Value& { return matcher.value(slot); });
  };
  EXPECT_TRUE(alert().facts.empty());
  world.context.facts = true;
  EXPECT_EQ(*find(alert().facts, "fd.name"), FieldValue(std::string("/etc/shadow")));
}

}  // namespace
}  // namespace shrike::act
