// SPDX-License-Identifier: Apache-2.0
// The tracing tier: network by cgroup programs, kill elsewhere. All in a cgroup of the test's own.
#include <csignal>

#include "tests/enforce/full_tier.h"

namespace shrike::test {
namespace {

class TracingTier : public testing::Test {
 protected:
  static void TearDownTestSuite() { suite_.reset(); }

  void SetUp() override {
    if (tier() != "tracing") GTEST_SKIP() << "tier " << tier() << ", not tracing";
    if (!suite_) {
      suite_ = std::make_unique<Suite>(false);
      names_ = prepare(suite_->place);
      for (const char* name : {"kill/file", "block/file"}) suite_->place.file(name);
      suite_->place.program("bin/killed");
      suite_->start(rules(), "enforce", config());
    }
    if (names_.cgroup.empty()) GTEST_SKIP() << "no cgroup can be made here";
    ASSERT_EQ(suite_->failure(), "");
  }

  static std::string config() { return "enforcement:\n  cgroup: " + Place::cgroup_directory(names_.cgroup) + "\n"; }

  static std::string here(const std::string& condition) { return condition + " and cgroup.path=" + names_.cgroup; }

  static std::string block_open() {
    return yaml("Block open", here(joined(kOpen, " and evt.is_open_read=true and fd.name=", suite_->place.path("block/file"))));
  }

  static std::string rules() {
    std::string text;
    text += yaml("Connect", here(joined("evt.type=connect and fd.sport=", names_.connect_port)));
    text += yaml("Watched connect", here(joined("evt.type=connect and fd.sport=", names_.address_port)), "block", "monitor");
    text += yaml("Send", here(joined(kSend, " and fd.sport=", names_.send_port)));
    text += yaml("Bind", here(joined("evt.type=bind and fd.sport=", names_.bind_port)));
    text += yaml("Kill open", here(joined(kOpen, " and evt.is_open_read=true and fd.name=", suite_->place.path("kill/file"))),
                 "kill");
    text += yaml("Kill exec", here(joined(kExec, " and proc.exepath=", suite_->place.path("bin/killed"))), "kill");
    return text + block_open();
  }

  static Command in(const std::string& cgroup, const Command& command) {
    Command whole = {deed("in_cgroup"), Place::cgroup_directory(cgroup)};
    whole.insert(whole.end(), command.begin(), command.end());
    return whole;
  }
  static Command inside(const Command& command) { return in(names_.cgroup, command); }
  static Command beside(const Command& command) { return in(names_.other_cgroup, command); }

  static std::unique_ptr<Suite> suite_;
  static Names names_;
};
std::unique_ptr<Suite> TracingTier::suite_;
Names TracingTier::names_;

TEST_F(TracingTier, ReadyLineSaysSo) { EXPECT_TRUE(suite_->daemon->ready_line().ends_with("tier tracing")); }

TEST_F(TracingTier, ConnectIsRefused) {
  for (const char* kind : {"4", "6", "mapped"}) {
    const Command connect = {deed("connect"), kind, names_.connect_port, "alone"};
    suite_->expect(inside(connect), kRefused, {blocked("Connect", "cgroup_connect")});
    suite_->expect(beside(connect), 0);
    suite_->expect(connect, 0);
    suite_->expect(inside({deed("connect"), kind, names_.other_port, "alone"}), 0);
  }
}

TEST_F(TracingTier, MonitoredConnectPasses) {
  suite_->expect(inside({deed("connect"), "4", names_.address_port, "alone"}), 0,
                 {would_block("Watched connect", "cgroup_connect")});
}

TEST_F(TracingTier, SendIsRefused) {
  for (const char* kind : {"4", "6", "mapped"}) {
    for (const char* call : {"sendto", "sendmsg", "sendmmsg"}) {
      const Command send = {deed("send"), kind, "udp", names_.send_port, call};
      suite_->expect(inside(send), kRefused, {blocked("Send", "cgroup_sendmsg")});
      suite_->expect(beside(send), 0);
    }
  }
  suite_->expect(inside({deed("send"), "4", "udp", names_.other_port}), 0);
}

TEST_F(TracingTier, BindIsRefused) {
  for (const char* kind : {"4", "6"}) {
    const Command bind = {deed("bind"), kind, names_.bind_port};
    suite_->expect(inside(bind), kRefused, {blocked("Bind", "cgroup_bind")});
    suite_->expect(beside(bind), 0);
    suite_->expect(inside({deed("bind"), kind, suite_->place.free_port()}), 0);
  }
}

TEST_F(TracingTier, KillAtTheFirstOpen) {
  const std::string file = suite_->place.path("kill/file");
  const Outcome outcome = suite_->expect(inside({deed("open"), "openat", "-", file, kRead, "0", "read"}), kSignalled + SIGKILL,
                                         {killed("Kill open", "sys_exit", 0)});
  EXPECT_EQ(outcome.output, "");
  suite_->expect(inside({deed("hammer"), file, "1000", "1"}), kSignalled + SIGKILL, {killed("Kill open", "sys_exit", 0)});
  suite_->expect(beside({deed("open"), "openat", "-", file, kRead}), 0);
}

TEST_F(TracingTier, KillAtExec) {
  const std::string program = suite_->place.path("bin/killed");
  const Outcome outcome = suite_->expect(inside({program}), kSignalled + SIGKILL, {killed("Kill exec", "sched_process_exec", 0)});
  EXPECT_EQ(outcome.output, "");
  EXPECT_EQ(suite_->expect(beside({program}), 0).output, "ran\n");
}

// And block never turns into kill.
TEST_F(TracingTier, BlockingAnOpenIsNotEnforced) {
  const std::string log = suite_->daemon->log();
  EXPECT_NE(log.find("rule \"Block open\": not enforced: tier"), std::string::npos) << log;
  EXPECT_EQ(log.find("rule \"Connect\": not enforced"), std::string::npos) << log;
  const Outcome outcome = run(inside({deed("open"), "openat", "-", suite_->place.path("block/file"), kRead}));
  EXPECT_EQ(outcome.exit_code, 0);
}

TEST_F(TracingTier, RequiredEnforcementIsMissed) {
  const std::string rules = suite_->place.file("required.yaml", block_open());
  const std::string config_file = suite_->place.file("required-config.yaml", config());
  const Outcome outcome = run({shrike(), "run", "--rules", rules, "--config", config_file, "--mode", "enforce", "--format",
                               "json", "--require-enforcement", "--duration", "1"});
  EXPECT_EQ(outcome.exit_code, 1) << outcome.errors;
  EXPECT_NE(outcome.errors.find("not enforced: tier"), std::string::npos) << outcome.errors;
  EXPECT_EQ(outcome.errors.find("ready:"), std::string::npos) << outcome.errors;
}

// Last: the counters come with the end.
TEST_F(TracingTier, CountersAndEnd) {
  const Command connect = inside({deed("connect"), "4", names_.connect_port, "alone"});
  suite_->expect(connect, kRefused, {blocked("Connect", "cgroup_connect")});
  const nlohmann::json summary = suite_->daemon->stop();
  EXPECT_EQ(suite_->daemon->exit_code(), 0) << suite_->daemon->log();
  ASSERT_TRUE(summary.is_object() && summary.contains("rules") && summary["rules"].contains("Connect")) << summary.dump();
  EXPECT_GE(summary["rules"]["Connect"].value("blocked", 0), 1) << summary.dump();
  ASSERT_TRUE(summary["hooks"].contains("cgroup_connect")) << summary.dump();
  EXPECT_GE(summary["hooks"]["cgroup_connect"].value("refused", 0), 1) << summary.dump();
  EXPECT_EQ(run(connect).exit_code, 0);
  suite_.reset();
}

}  // namespace
}  // namespace shrike::test
