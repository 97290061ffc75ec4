// SPDX-License-Identifier: Apache-2.0
// Many forbidden opens at once: none passes, each is counted, with and without a daemon that reads.
#include <csignal>

#include "tests/enforce/full_tier.h"

namespace shrike::test {
namespace {

constexpr std::uint64_t kOpens = 100'000;

class Race : public testing::Test {
 protected:
  static void TearDownTestSuite() { suite_.reset(); }

  void SetUp() override {
    if (tier() != "full") {
      ASSERT_NE(tier_wanted(), "full") << "but it is " << tier();
      GTEST_SKIP() << "tier " << tier() << ": only BPF LSM refuses this";
    }
    FullTierWorld::end();
    if (!suite_) start();
    ASSERT_EQ(suite_->failure(), "");
  }

  static void start() {
    suite_ = std::make_unique<Suite>(true);
    std::string rules;
    for (const char* name : {"hammered", "flooded"}) {
      suite_->place.file(name);
      rules += yaml(name, joined(kOpen, " and evt.is_open_read=true and fd.name=", suite_->place.path(name)));
    }
    suite_->start(rules);
    if (suite_->daemon) suite_->daemon->forget("\"rule\":\"hammered\"");
    if (suite_->daemon) suite_->daemon->forget("\"rule\":\"flooded\"");
  }

  static std::string all_refused() { return "0 " + std::to_string(kOpens) + "\n"; }

  static std::unique_ptr<Suite> suite_;
};
std::unique_ptr<Suite> Race::suite_;

TEST_F(Race, HammerLetsNoneThrough) {
  const Outcome outcome = run({deed("hammer"), suite_->place.path("hammered"), std::to_string(kOpens), "8"});
  EXPECT_EQ(outcome.output, all_refused());
  EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
}

TEST_F(Race, FloodIsCountedWithoutAReader) {
  suite_->daemon->signal(SIGSTOP);
  const Outcome outcome = run({deed("hammer"), suite_->place.path("flooded"), std::to_string(kOpens), "4"});
  suite_->daemon->signal(SIGCONT);
  EXPECT_EQ(outcome.output, all_refused());
  EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;

  const nlohmann::json summary = suite_->daemon->stop();
  EXPECT_EQ(suite_->daemon->exit_code(), 0);
  ASSERT_TRUE(summary.is_object()) << suite_->daemon->log();
  ASSERT_TRUE(summary.contains("rules") && summary["rules"].contains("flooded")) << summary.dump();
  EXPECT_EQ(summary["rules"]["flooded"].value("blocked", std::uint64_t{0}), kOpens) << summary.dump();
  EXPECT_EQ(summary["rules"]["flooded"].value("would_block", std::uint64_t{1}), 0U);
  ASSERT_TRUE(summary.contains("hooks") && summary["hooks"].contains("file_open")) << summary.dump();
  const nlohmann::json& hook = summary["hooks"]["file_open"];
  const auto count = [&](const char* name) { return hook.value(name, std::uint64_t{0}); };
  EXPECT_GE(count("refused"), kOpens) << summary.dump();
  EXPECT_GE(count("produced"), kOpens) << summary.dump();
  EXPECT_EQ(count("produced"), count("delivered") + count("lost_ring_full") + count("lost_no_scratch") + count("lost_quota"))
      << summary.dump();

  // The daemon has gone, and so has what it forbade.
  EXPECT_EQ(run({deed("open"), "openat", "-", suite_->place.path("flooded"), kRead}).exit_code, 0);
  suite_.reset();
}

}  // namespace
}  // namespace shrike::test
