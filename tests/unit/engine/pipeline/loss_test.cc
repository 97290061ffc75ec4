// SPDX-License-Identifier: Apache-2.0
#include "engine/pipeline/loss.h"

#include <gtest/gtest.h>

namespace shrike::pipeline {
namespace {

TEST(LossMonitor, ReportsEachLossOnceWithTheFigures) {
  LossMonitor monitor;
  std::vector<HookLoss> hooks{{.hook = "sys_exit", .produced = 10, .delivered = 10}, {.hook = "sched_process_exec"}};
  EXPECT_FALSE(monitor.check(hooks, 0, 1, "h").has_value());
  hooks[0] = {.hook = "sys_exit", .produced = 107, .delivered = 60, .ring_full = 38, .no_scratch = 2};
  const auto notice = monitor.check(hooks, 0, 1, "h");
  ASSERT_TRUE(notice.has_value());
  EXPECT_EQ(notice->source, "internal");
  EXPECT_EQ(notice->message,
            "40 events were lost (lost=40 lost_total=40 sys_exit.produced=107 sys_exit.delivered=60 sys_exit.lost_ring_full=38 "
            "sys_exit.lost_no_scratch=2 sys_exit.waiting=7 sys_exit.missed=0)");
  EXPECT_FALSE(monitor.check(hooks, 0, 2, "h").has_value()) << "the same loss is not reported twice";
  hooks[0].missed = 1;
  EXPECT_TRUE(monitor.check(hooks, 0, 3, "h").has_value()) << "runs the kernel skipped count too";
  EXPECT_TRUE(monitor.check(hooks, 1, 4, "h").has_value()) << "and records that do not decode";
}

}  // namespace
}  // namespace shrike::pipeline
