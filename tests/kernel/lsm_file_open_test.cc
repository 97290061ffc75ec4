// SPDX-License-Identifier: Apache-2.0
// The full tier's capture: allowed opens told by the LSM hook, where no rule needs the end of the call.
#include <fcntl.h>

#include <fstream>

#include "engine/kernel/probe.h"
#include "tests/kernel/kernel_fixture.h"

namespace shrike::test {
namespace {

using namespace std::string_literals;

class LsmFileOpen : public KernelTest {
 protected:
  void SetUp() override {
    prepare();
    if (IsSkipped()) return;
    if (kernel::probe_host().tier != "full") GTEST_SKIP() << "the full tier is not to be had here";
    kernel::CapturePlan plan;
    plan.full = true;
    for (const int type : {EVENT_TYPE_OPEN, EVENT_TYPE_OPENAT, EVENT_TYPE_OPENAT2, EVENT_TYPE_CREAT})
      plan.lsm_events[static_cast<std::size_t>(type)] = true;
    load({.full = true}, plan);
    std::ofstream(path("file")) << "x";
  }
};

TEST_F(LsmFileOpen, TellsEachAllowedOpenOnceWithoutSysExit) {
  EXPECT_EQ(loader_->attached_programs(), 6U) << "three of the scheduler, two of cgroups, and file_open";
  const auto ours = [&](const Record& r, const event_open& e) { return r.text(e.path) == path("file"); };
  for (const auto& [call, type] :
       {std::pair{"open"s, EVENT_TYPE_OPEN}, {"openat"s, EVENT_TYPE_OPENAT}, {"openat2"s, EVENT_TYPE_OPENAT2}}) {
    SCOPED_TRACE(call);
    const Deed deed = run("open", {call, "-", path("file"), std::to_string(O_RDWR)});
    ASSERT_EQ(deed.exit_code, 0);
    const Record* record = deed.only<event_open>(EVENT_KIND_OPEN, ours);
    ASSERT_NE(record, nullptr);
    const auto& event = record->as<event_open>();
    EXPECT_EQ(event.header.hook, HOOK_FILE_OPEN);
    EXPECT_EQ(event.header.type, type);
    EXPECT_EQ(event.header.flags, static_cast<std::uint32_t>(EVENT_FLAG_ASSUMED));
    EXPECT_EQ(event.header.verdict.size, 0U);
    EXPECT_EQ(event.ret, 0);
    EXPECT_EQ(event.fmode, 3U);
  }
  const Deed missing = run("open", {"openat", "-", path("missing"), "0"});
  EXPECT_EQ(missing.exit_code, ENOENT);
  for (const Record& record : missing.records) {
    if (record.header().kind != EVENT_KIND_OPEN) continue;
    EXPECT_NE(record.text(record.as<event_open>().path), path("missing"));
  }
}

// Where the caller's memory is no one's to read: no system call of the table, but the same file.
TEST_F(LsmFileOpen, TellsIoUringsOpenAsOpenat) {
  for (const std::string& how : {""s, "async"s, "sqpoll"s, "direct"s}) {
    SCOPED_TRACE(how);
    const Deed deed = run("uring_open", {path("file"), "0", how});
    if (deed.exit_code == 200) GTEST_SKIP() << "no io_uring on this host";
    ASSERT_EQ(deed.exit_code, 0);
    const Record* record = deed.only<event_open>(
        EVENT_KIND_OPEN, [&](const Record& r, const event_open& e) { return r.text(e.path) == path("file"); });
    ASSERT_NE(record, nullptr);
    EXPECT_EQ(record->header().type, EVENT_TYPE_OPENAT);
    EXPECT_EQ(record->header().flags, static_cast<std::uint32_t>(EVENT_FLAG_ASSUMED | EVENT_FLAG_URING));
  }
}

// What exec opens to run it is no opening.
TEST_F(LsmFileOpen, LeavesExecsOwnOpenOut) {
  const Deed deed = run("exit0");
  ASSERT_EQ(deed.exit_code, 0);
  for (const Record& record : deed.records) {
    if (record.header().kind != EVENT_KIND_OPEN) continue;
    EXPECT_FALSE(record.text(record.as<event_open>().path).ends_with("deed_exit0"));
  }
}

}  // namespace
}  // namespace shrike::test
