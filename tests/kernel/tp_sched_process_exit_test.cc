// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>

#include "tests/kernel/kernel_fixture.h"

namespace shrike::test {
namespace {

class TpSchedProcessExit : public KernelTest {};

TEST_F(TpSchedProcessExit, TellsTheCodeOncePerProcess) {
  const Deed deed = run("fork");
  const auto child = static_cast<std::uint32_t>(std::stoul(deed.output));
  std::vector<Record> ends;
  for (const Record& record : others()) {
    if (record.header().kind == EVENT_KIND_EXIT && record.header().tgid == child) ends.push_back(record);
  }
  ASSERT_EQ(ends.size(), 1U);
  EXPECT_EQ(ends[0].as<event_exit>().exit_code, 7U << 8U);
  EXPECT_EQ(std::ranges::count_if(deed.records, [](const Record& record) { return record.header().kind == EVENT_KIND_EXIT; }), 1)
      << "its thread's end is not the process's";
}

TEST_F(TpSchedProcessExit, TellsTheSignal) {
  const Deed deed = run("open", {}, [] { raise(SIGKILL); });
  ASSERT_FALSE(deed.records.empty());
  EXPECT_EQ(WTERMSIG(static_cast<int>(deed.records.back().as<event_exit>().exit_code)), SIGKILL);
}

}  // namespace
}  // namespace shrike::test
