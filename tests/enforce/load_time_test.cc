// SPDX-License-Identifier: Apache-2.0
// What can't be decided exactly at the hook is refused when rules are loaded, with its place. Needs no kernel.

#include "tests/enforce/full_tier.h"

namespace shrike::test {
namespace {

constexpr std::size_t kConditionColumn = 14;  // after "  condition: "

class LoadTime : public testing::Test {
 protected:
  // The check fails, at a place within the predicate, and says `named`.
  void refused(const std::string& condition, const std::string& predicate, const std::string& named) const {
    SCOPED_TRACE(condition);
    for (const char* action : {"block", "kill"}) {
      const std::string file = place_.file("rules.yaml", joined("- rule: R\n  desc: d\n  condition: ", condition,
                                                                "\n  output: o\n  priority: WARNING\n  action: ", action, "\n"));
      const Outcome outcome = run({shrike(), "rules", "check", file});
      EXPECT_EQ(outcome.exit_code, 1) << outcome.errors;
      EXPECT_TRUE(outcome.errors.starts_with("shrike: " + file + ":3:")) << outcome.errors;
      EXPECT_NE(outcome.errors.find(": error: "), std::string::npos) << outcome.errors;
      EXPECT_NE(outcome.errors.find(named), std::string::npos) << outcome.errors;

      const auto answer =
          nlohmann::json::parse(run({shrike(), "rules", "check", "--format", "json", file}).output, nullptr, false);
      ASSERT_TRUE(answer.is_object());
      EXPECT_FALSE(answer.value("ok", true));
      ASSERT_FALSE(answer["errors"].empty());
      const nlohmann::json& error = answer["errors"][0];
      EXPECT_EQ(error.value("line", 0), 3) << error.dump();
      const std::size_t begin = kConditionColumn + condition.find(predicate);
      EXPECT_GE(error.value("column", std::size_t{0}), begin) << error.dump();
      EXPECT_LE(error.value("column", std::size_t{0}), begin + predicate.size()) << error.dump();
    }
  }

  Place place_{false};
};

TEST_F(LoadTime, Arguments) {
  refused("evt.type in (execve, execveat) and proc.args contains miner", "proc.args contains miner", "proc.args");
}

TEST_F(LoadTime, WorkingDirectory) {
  refused("evt.type in (open, openat, openat2) and proc.cwd startswith /tmp/", "proc.cwd startswith /tmp/", "proc.cwd");
}

TEST_F(LoadTime, PathByRegex) {
  refused("evt.type in (open, openat, openat2) and fd.name regex '/etc/.*key'", "fd.name regex '/etc/.*key'", "fd.name regex");
}

TEST_F(LoadTime, PathBySuffix) {
  refused("evt.type in (open, openat, openat2) and fd.name endswith .key", "fd.name endswith .key", "fd.name endswith");
}

TEST_F(LoadTime, PartOfAnOperation) { refused("evt.type=openat and fd.name=/etc/shadow", "evt.type=openat", "openat2"); }

TEST_F(LoadTime, Failure) {
  refused("evt.type in (open, openat, openat2) and evt.failed=true and fd.name=/etc/shadow", "evt.failed=true", "evt.failed");
}

// The rules of these tests are decidable: whatever fails below fails elsewhere.
TEST_F(LoadTime, TheseTestsRulesAreDecidable) {
  Place place(false);
  Names names = prepare(place);
  if (names.cgroup.empty()) names.cgroup = "/some-cgroup";
  const std::string file = place.file("full.yaml", Suite::with_mark(place, full_tier_rules(place, names)));
  const Outcome outcome = run({shrike(), "rules", "check", file});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
}

}  // namespace
}  // namespace shrike::test
