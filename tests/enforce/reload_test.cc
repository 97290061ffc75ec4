// SPDX-License-Identifier: Apache-2.0
// Other rules by SIGHUP: bad ones change nothing, good ones take over without a gap. And the end of it all.
#include <csignal>

#include "tests/enforce/full_tier.h"

namespace shrike::test {
namespace {

constexpr int kReloads = 10;

class Reload : public testing::Test {
 protected:
  static void TearDownTestSuite() { suite_.reset(); }

  void SetUp() override {
    if (tier() != "full") {
      ASSERT_NE(tier_wanted(), "full") << "but it is " << tier();
      GTEST_SKIP() << "tier " << tier() << ": only BPF LSM refuses this";
    }
    FullTierWorld::end();
    if (!suite_) {
      suite_ = std::make_unique<Suite>(true);
      for (const char* name : {"first", "second", "always"}) suite_->place.file(name);
      suite_->start(rules("first"));
      if (suite_->daemon) suite_->daemon->forget("\"rule\":\"always\"");
    }
    ASSERT_EQ(suite_->failure(), "");
    ASSERT_TRUE(reload(rules("first"))) << suite_->daemon->log();
  }

  // One that holds always, and one about this file.
  static std::string rules(const std::string& name) { return rule("always") + rule(name); }
  static std::string rule(const std::string& name) {
    return yaml(name, joined(kOpen, " and evt.is_open_read=true and fd.name=", suite_->place.path(name)));
  }
  static bool reload(const std::string& rules) { return suite_->daemon->reload(Suite::with_mark(suite_->place, rules)); }
  static Command open(const std::string& name) { return {deed("open"), "openat", "-", suite_->place.path(name), kRead}; }

  static std::unique_ptr<Suite> suite_;
};
std::unique_ptr<Suite> Reload::suite_;

TEST_F(Reload, BadRulesLeaveTheOldInForce) {
  const std::string undecidable = yaml("second", joined(kOpen, " and proc.args contains x"));
  EXPECT_FALSE(reload(undecidable)) << suite_->daemon->log();
  EXPECT_FALSE(reload("- rule: [\n"));
  suite_->expect(open("first"), kRefused, {blocked("first", "file_open")});
  suite_->expect(open("second"), 0);
}

TEST_F(Reload, GoodRulesTakeOver) {
  suite_->expect(open("first"), kRefused, {blocked("first", "file_open")});
  ASSERT_TRUE(reload(rules("second")));
  suite_->expect(open("first"), 0);
  const Outcome outcome = suite_->expect(open("second"), kRefused, {blocked("second", "file_open")});
  const auto alerts = suite_->daemon->alerts(token(outcome.pid));
  ASSERT_EQ(alerts.size(), 1U);
  EXPECT_GT(alerts[0].value("generation", 0), 1) << alerts[0].dump();
}

TEST_F(Reload, LeavesNoGap) {
  Running hammer({deed("hammer"), suite_->place.path("always"), "100000000", "2"});
  for (int i = 0; i < kReloads; ++i) EXPECT_TRUE(reload(rules(i % 2 == 0 ? "second" : "first")));
  kill(hammer.pid(), SIGTERM);
  const Outcome outcome = hammer.wait();
  EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
  EXPECT_TRUE(outcome.output.starts_with("0 ")) << outcome.output;
  EXPECT_FALSE(outcome.output.ends_with(" 0\n")) << "it never came to hammer";
}

TEST_F(Reload, StopLiftsAll) {
  suite_->expect(open("first"), kRefused, {blocked("first", "file_open")});
  suite_->daemon->stop();
  EXPECT_EQ(suite_->daemon->exit_code(), 0) << suite_->daemon->log();
  EXPECT_EQ(run(open("first")).exit_code, 0);
  suite_.reset();
}

}  // namespace
}  // namespace shrike::test
