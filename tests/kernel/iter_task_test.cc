// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <filesystem>
#include <map>

#include "tests/kernel/kernel_fixture.h"

namespace shrike::test {
namespace {

class IterTask : public KernelTest {};

TEST_F(IterTask, FindsEveryProcessOnce) {
  std::map<std::uint32_t, Record> tasks;
  std::size_t count = 0;
  const auto read = loader_->read_tasks([&](std::span<const std::byte> bytes) {
    ++count;
    const Record record(bytes);
    tasks.emplace(record.header().tgid, record);
  });
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(count, tasks.size());

  const auto self = tasks.find(static_cast<std::uint32_t>(getpid()));
  ASSERT_NE(self, tasks.end());
  const auto& event = self->second.as<event_process>();
  EXPECT_EQ(event.header.kind, EVENT_KIND_TASK);
  EXPECT_EQ(self->second.text(event.exe_path), std::filesystem::read_symlink("/proc/self/exe").string());
  EXPECT_EQ(self->second.text(event.cwd), std::filesystem::current_path().string());
  EXPECT_EQ(event.header.ppid, static_cast<std::uint32_t>(getppid()));
  EXPECT_GT(event.pidns_init_start_ns, 0U);
  EXPECT_LE(event.pidns_init_start_ns, event.header.start_ns);
  // Some sandboxes leave their init out of the iterator; then there is nothing to compare.
  if (const auto init = tasks.find(1); init != tasks.end()) {
    EXPECT_EQ(init->second.header().start_ns, event.pidns_init_start_ns);
  }

  const auto counters = loader_->counters();
  ASSERT_TRUE(counters.has_value());
  const auto& own = (*counters)[HOOK_ITER_TASK].counters;
  EXPECT_EQ(own.produced, count + own.lost_no_scratch) << "records the kernel asked for twice are not counted twice";
}

TEST_F(IterTask, KernelThreadsHaveNoPaths) {
  std::size_t kernel_threads = 0;
  const auto read = loader_->read_tasks([&](std::span<const std::byte> bytes) {
    const Record record(bytes);
    const auto& event = record.as<event_process>();
    if (record.header().ppid != 2) return;
    ++kernel_threads;
    EXPECT_EQ(event.exe_path.size, 0U);
    EXPECT_EQ(event.exe.ino, 0U);
    EXPECT_TRUE(event.header.flags & EVENT_FLAG_NO_PROCESS_PATHS);
  });
  ASSERT_TRUE(read.has_value()) << read.error().message;
  if (kernel_threads == 0) GTEST_SKIP() << "no kernel threads to be seen";
}

}  // namespace
}  // namespace shrike::test
