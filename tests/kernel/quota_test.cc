// SPDX-License-Identifier: Apache-2.0
// One cgroup floods the ring of events: it loses, the others do not, and every loss has its cgroup.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>

#include "tests/kernel/kernel_fixture.h"

namespace shrike::test {
namespace {

// The tests' own cgroups, below the one we run in.
class Quota : public KernelTest {
 protected:
  void SetUp() override {
    prepare();
    if (IsSkipped()) return;
    top_ = mount_of_cgroup2();
    if (top_.empty()) GTEST_SKIP() << "no cgroup2 is mounted";
    top_ += own_cgroup() + "/shrike-quota-" + std::to_string(getpid());
    std::error_code error;
    for (const char* name : {"", "/flood", "/quiet"}) {
      if (!std::filesystem::create_directory(top_ + name, error)) GTEST_SKIP() << "no cgroup can be made: " << error.message();
    }
    std::ofstream(path("file")) << "x";
  }

  void TearDown() override {
    KernelTest::TearDown();
    for (const char* name : {"/flood", "/quiet", ""}) rmdir((top_ + name).c_str());
  }

  static std::string mount_of_cgroup2() {
    std::ifstream mounts("/proc/self/mounts");
    std::string device, where, type, rest;
    while (mounts >> device >> where >> type && std::getline(mounts, rest)) {
      if (type == "cgroup2") return where;
    }
    return {};
  }

  static std::string own_cgroup() {
    std::ifstream cgroups("/proc/self/cgroup");
    for (std::string line; std::getline(cgroups, line);) {
      if (line.starts_with("0::") && line != "0::/") return line.substr(3);
    }
    return {};
  }

  std::uint64_t id(const std::string& name) const {
    struct stat status{};
    EXPECT_EQ(stat((top_ + "/" + name).c_str(), &status), 0);
    return status.st_ino;
  }

  // system() waits for the deed, but not for us to read.
  void opens(const std::string& cgroup, std::uint64_t count) {
    const std::string command = "echo $$ >" + top_ + "/" + cgroup + "/cgroup.procs && exec " + SHRIKE_DEEDS + "/deed_flood " +
                                std::to_string(count) + " " + path("file");
    ASSERT_EQ(std::system(command.c_str()), 0);
  }

  void load_for_opens(kernel::Loader::Options options) {
    kernel::CapturePlan plan;
    plan.events[EVENT_TYPE_OPEN] = true;
    load(options, plan);
  }

  // Counts opens of our file by cgroup, and everything by class.
  void drain() {
    source_->set_settle(false);
    while (const auto raw = source_->next()) {
      const Record record(raw->bytes);
      ++delivered_[record.header().hook];
      if (record.header().kind == EVENT_KIND_OPEN && record.text(record.as<event_open>().path) == path("file"))
        ++seen_[record.header().cgroup_id];
    }
  }

  cgroup_share share(std::uint64_t cgroup) const {
    const auto all = loader_->cgroup_shares();
    EXPECT_TRUE(all.has_value());
    const auto found = std::ranges::find(*all, cgroup, &kernel::CgroupReport::id);
    return found == all->end() ? cgroup_share{} : found->share;
  }

  // produced = delivered + lost, per hook and per class.
  void expect_exact() {
    loader_->detach();
    drain();
    const auto hooks = loader_->counters();
    ASSERT_TRUE(hooks.has_value());
    for (const kernel::HookReport& hook : *hooks) {
      const hook_counters& c = hook.counters;
      EXPECT_EQ(c.produced, delivered_[hook.hook] + c.lost_ring_full + c.lost_no_scratch + c.lost_quota) << hook.name;
    }
    const auto classes = loader_->class_counters();
    ASSERT_TRUE(classes.has_value());
    const auto taken = source_->taken();
    for (std::size_t of = 0; of < CLASS_COUNT; ++of) {
      const class_counters& c = (*classes)[of].counters;
      EXPECT_EQ(c.produced, taken[of] + c.lost_ring_full + c.lost_no_scratch + c.lost_quota) << (*classes)[of].name;
      if (of != CLASS_EVENT) {
        EXPECT_EQ(c.produced, taken[of]) << (*classes)[of].name << " lost some";
      }
    }
    // Whoever lost, lost it in some cgroup's name.
    std::uint64_t full = 0, quota = 0;
    const auto shares = loader_->cgroup_shares();
    ASSERT_TRUE(shares.has_value());
    for (const kernel::CgroupReport& cgroup : *shares) {
      full += cgroup.share.lost_ring_full[CLASS_EVENT];
      quota += cgroup.share.lost_quota;
    }
    EXPECT_EQ(quota, (*classes)[CLASS_EVENT].counters.lost_quota);
    EXPECT_EQ(full, (*classes)[CLASS_EVENT].counters.lost_ring_full);
  }

  static constexpr std::uint64_t kRing = 1U << 20U;
  static constexpr std::uint64_t kFlood = 10'000;
  static constexpr std::uint64_t kFew = 40;
  static constexpr std::uint64_t kProcesses = 4U << 20U;

  std::string top_;
  std::map<unsigned, std::uint64_t> delivered_;  // by hook
  std::map<std::uint64_t, std::uint64_t> seen_;  // opens of our file, by cgroup
};

TEST_F(Quota, AFloodLeavesRoomForOthers) {
  load_for_opens({.processes_ring_bytes = kProcesses, .events_ring_bytes = kRing});
  opens("flood", kFlood);
  opens("quiet", kFew);
  drain();
  EXPECT_EQ(seen_[id("quiet")], kFew) << "every one, though nobody read";
  EXPECT_EQ(share(id("quiet")).lost_quota, 0U);
  const cgroup_share flood = share(id("flood"));
  EXPECT_EQ(seen_[id("flood")] + flood.lost_quota + flood.lost_ring_full[CLASS_EVENT], kFlood);
  EXPECT_GT(flood.lost_quota, kFlood / 2);
  EXPECT_EQ(flood.lost_ring_full[CLASS_EVENT], 0U) << "it never got so far";
  expect_exact();
}

// What was read is forgotten: the share is of what is unread, not of all there ever was.
TEST_F(Quota, AShareComesBackOnceItIsRead) {
  load_for_opens({.processes_ring_bytes = kProcesses, .events_ring_bytes = kRing});
  std::uint64_t least = kFlood, most = 0;
  for (int i = 0; i < 4; ++i) {
    seen_.clear();
    opens("flood", kFlood);
    drain();
    least = std::min(least, seen_[id("flood")]);
    most = std::max(most, seen_[id("flood")]);
  }
  EXPECT_GT(least, most * 9 / 10) << "the same each time";
  const std::uint64_t record = sizeof(event_open) + 8 + 2 * ((path("file").size() + 7) & ~7U);
  EXPECT_GT(least, kRing / 2 / record) << "at least what everybody may take";
  expect_exact();
}

TEST_F(Quota, CanBeSwitchedOff) {
  load_for_opens({.processes_ring_bytes = kProcesses, .events_ring_bytes = kRing, .quota_above_percent = 100});
  opens("flood", kFlood);
  opens("quiet", kFew);
  drain();
  EXPECT_LT(seen_[id("quiet")], kFew) << "the flood has it all";
  EXPECT_EQ(share(id("flood")).lost_quota, 0U);
  EXPECT_GT(share(id("flood")).lost_ring_full[CLASS_EVENT], kFlood / 2) << "told with its cgroup all the same";
  expect_exact();
}

// No room for another cgroup: those share one entry, and nothing is lost uncounted.
TEST_F(Quota, CgroupsBeyondTheTableShareAnEntry) {
  load_for_opens({.processes_ring_bytes = kProcesses, .events_ring_bytes = kRing, .quota_cgroups = 1});
  opens("flood", kFlood);
  EXPECT_GT(share(0).lost_quota, kFlood / 2);
  EXPECT_EQ(loader_->cgroup_shares()->size(), 1U);
  expect_exact();
}

TEST_F(Quota, AGoneCgroupIsForgottenWithItsLosses) {
  load_for_opens({.processes_ring_bytes = kProcesses, .events_ring_bytes = kRing});
  opens("flood", kFlood);
  const std::uint64_t lost = share(id("flood")).lost_quota;
  const auto last = loader_->forget_cgroup(id("flood"));
  ASSERT_TRUE(last.has_value());
  EXPECT_EQ(last->share.lost_quota, lost);
  EXPECT_FALSE(loader_->forget_cgroup(id("flood")).has_value());
}

}  // namespace
}  // namespace shrike::test
