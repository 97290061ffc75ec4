// SPDX-License-Identifier: Apache-2.0
#include <sched.h>
#include <unistd.h>

#include <algorithm>

#include "tests/kernel/kernel_fixture.h"

namespace shrike::test {
namespace {

class TpSchedProcessFork : public KernelTest {};

TEST_F(TpSchedProcessFork, DescribesTheChildAndLeavesThreadsOut) {
  const Deed deed = run("fork");
  ASSERT_EQ(deed.exit_code, 0);
  const auto child = static_cast<std::uint32_t>(std::stoul(deed.output));
  std::vector<Record> forks;
  for (const Record& record : others()) {
    if (record.header().kind == EVENT_KIND_FORK && record.header().ppid == static_cast<std::uint32_t>(deed.pid))
      forks.push_back(record);
  }
  ASSERT_EQ(forks.size(), 1U) << "the thread is no process";
  const auto& event = forks[0].as<event_process>();
  EXPECT_EQ(event.header.tgid, child);
  EXPECT_EQ(event.header.tid, child);
  EXPECT_EQ(event.vpid, child) << "no pid namespace of its own";
  EXPECT_STREQ(event.comm, "deed_fork");
  EXPECT_EQ(event.args.size, 0U);
  const auto own =
      std::ranges::find_if(deed.records, [](const Record& record) { return record.header().kind == EVENT_KIND_FORK; });
  ASSERT_NE(own, deed.records.end()) << "the fork of the deed itself";
  EXPECT_EQ(event.parent_start_ns, own->header().start_ns);
  EXPECT_EQ(own->header().ppid, static_cast<std::uint32_t>(getpid()));
}

TEST_F(TpSchedProcessFork, KnowsPidNamespaces) {
  const Deed deed = run("fork", {"no thread"}, [] {
    if (unshare(CLONE_NEWPID) != 0) _exit(251);
  });
  if (deed.exit_code == 251) GTEST_SKIP() << "no right to make a pid namespace";
  ASSERT_EQ(deed.exit_code, 0);
  const auto all = others();
  const auto fork = std::ranges::find_if(all, [&](const Record& record) {
    return record.header().kind == EVENT_KIND_FORK && record.header().ppid == static_cast<std::uint32_t>(deed.pid);
  });
  ASSERT_NE(fork, all.end());
  const auto& event = fork->as<event_process>();
  EXPECT_EQ(event.header.tgid, static_cast<std::uint32_t>(std::stoul(deed.output))) << "as its parent numbers it, outside";
  EXPECT_EQ(event.vpid, 1U) << "as it numbers itself";
  EXPECT_EQ(event.pidns_init_start_ns, event.header.start_ns) << "it is the namespace's init";
}

}  // namespace
}  // namespace shrike::test
