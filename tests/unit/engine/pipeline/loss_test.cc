// SPDX-License-Identifier: Apache-2.0
#include "engine/pipeline/loss.h"

#include <gtest/gtest.h>

namespace shrike::pipeline {
namespace {

TEST(LossMonitor, ReportsEachLossOnceWithTheFigures) {
  LossMonitor monitor;
  Losses losses{.hooks = {{.hook = "sys_exit", .counts = {.produced = 10, .delivered = 10}}, {.hook = "sched_process_exec"}},
                .classes = {{.name = "processes"}, {.name = "events", .counts = {.produced = 10, .delivered = 10}}}};
  EXPECT_FALSE(monitor.check(losses, 1, "h").has_value());
  const LossCounts counts{.produced = 110, .delivered = 60, .ring_full = 38, .no_scratch = 2, .quota = 3};
  losses.hooks[0].counts = losses.classes[1].counts = counts;
  const auto notice = monitor.check(losses, 1, "h");
  ASSERT_TRUE(notice.has_value());
  EXPECT_EQ(notice->source, "internal");
  EXPECT_EQ(notice->message,
            "43 events were lost (lost=43 lost_total=43 processes=0 events=43 sys_exit.produced=110 sys_exit.delivered=60 "
            "sys_exit.lost_ring_full=38 sys_exit.lost_no_scratch=2 sys_exit.lost_quota=3 sys_exit.waiting=7 sys_exit.missed=0)");
  EXPECT_FALSE(monitor.check(losses, 2, "h").has_value()) << "the same loss is not reported twice";
  losses.hooks[0].counts.missed = 1;
  const auto missed = monitor.check(losses, 3, "h");
  ASSERT_TRUE(missed.has_value()) << "runs the kernel skipped count too";
  EXPECT_TRUE(missed->message.starts_with("1 events were lost (lost=1 lost_total=44 processes=0 events=0 "));
  losses.corrupt = 1;
  EXPECT_TRUE(monitor.check(losses, 4, "h").has_value()) << "and records that do not decode";
}

// Every way to be lost makes an alert by itself, of whatever hook.
TEST(LossMonitor, NoKindOfLossIsSilent) {
  for (std::uint64_t LossCounts::* kind :
       {&LossCounts::ring_full, &LossCounts::no_scratch, &LossCounts::quota, &LossCounts::missed}) {
    for (std::size_t hook = 0; hook < 2; ++hook) {
      LossMonitor monitor;
      Losses losses{.hooks = {{.hook = "a"}, {.hook = "b"}}};
      losses.hooks[hook].counts.*kind = 1;
      EXPECT_TRUE(monitor.check(losses, 1, "h").has_value());
    }
  }
}

std::vector<std::string> named(const std::optional<act::Alert>& notice) {
  if (!notice) return {"no notice"};
  for (const auto& [key, value] : notice->fields) {
    if (key == "cgroups") return std::get<std::vector<std::string>>(value);
  }
  return {};
}

TEST(LossMonitor, NamesTheCgroupsThatLostMostSinceTheLastTime) {
  LossMonitor monitor;
  Losses losses{.hooks = {{.hook = "sys_exit"}}};
  const auto lose = [&](std::uint64_t more) { losses.hooks[0].counts.quota += more; };
  losses.cgroups = {{"/a", 5}, {"/b", 70}, {"/c", 5}, {"/d", 1}, {"/e", 2}, {"/f", 3}, {"/g", 4}};
  lose(90);
  EXPECT_EQ(named(monitor.check(losses, 1, "h")),
            (std::vector<std::string>{"/b:70", "/a:5", "/c:5", "/g:4", "/f:3", "others:3"}));
  losses.cgroups = {{"/a", 5}, {"/b", 71}, {"/new", 2}};
  lose(3);
  EXPECT_EQ(named(monitor.check(losses, 1, "h")), (std::vector<std::string>{"/new:2", "/b:1"}));
  lose(1);
  EXPECT_TRUE(named(monitor.check(losses, 1, "h")).empty()) << "no scratch buffer: no cgroup to name";
}

}  // namespace
}  // namespace shrike::pipeline
