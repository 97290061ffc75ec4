// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include "engine/enrich/cgroups.h"
#include "tests/kernel/kernel_fixture.h"

namespace shrike::test {
namespace {

class TpCgroup : public KernelTest {
 protected:
  void SetUp() override {
    KernelTest::SetUp();
    if (!IsSkipped() && host_.mount_point().empty()) GTEST_SKIP() << "no cgroup2 is mounted";
  }
  enrich::HostCgroups host_;
};

TEST_F(TpCgroup, TellsOfEachMadeAndRemoved) {
  const std::string name = "/shrike-test-" + std::to_string(getpid());
  const std::string directory = host_.mount_point() + name;
  std::uint64_t id = 0;
  ASSERT_EQ(mkdir(directory.c_str(), 0755), 0);
  struct stat status{};
  ASSERT_EQ(stat(directory.c_str(), &status), 0);
  id = status.st_ino;
  const std::string inner = directory + "/inner";
  const Deed deed = run("exit0", {}, [&] {
    mkdir(inner.c_str(), 0755);
    rmdir(inner.c_str());
    rmdir(directory.c_str());
  });
  rmdir(inner.c_str());
  rmdir(directory.c_str());
  const auto tells = [&](std::string_view path, bool removed) {
    return deed.only<event_cgroup>(EVENT_KIND_CGROUP, [&](const Record& record, const event_cgroup& event) {
      return record.text(event.path) == path && (event.removed != 0) == removed;
    });
  };
  const Record* made = tells(name + "/inner", false);
  const Record* inner_gone = tells(name + "/inner", true);
  const Record* gone = tells(name, true);
  ASSERT_TRUE(made != nullptr && inner_gone != nullptr && gone != nullptr);
  EXPECT_EQ(gone->as<event_cgroup>().id, id);
  EXPECT_EQ(made->as<event_cgroup>().id, inner_gone->as<event_cgroup>().id);
  EXPECT_NE(made->as<event_cgroup>().id, id);
  EXPECT_EQ(made->header().hook, HOOK_CGROUP_MKDIR);
  EXPECT_EQ(gone->header().hook, HOOK_CGROUP_RMDIR);
  EXPECT_EQ(made->header().creds.uid, geteuid());
}

TEST_F(TpCgroup, OfOtherHierarchiesNothing) {
  const std::string pids = "/sys/fs/cgroup/pids";
  struct statfs system{};
  if (statfs(pids.c_str(), &system) != 0 || system.f_type != CGROUP_SUPER_MAGIC)
    GTEST_SKIP() << "no v1 hierarchy is mounted at " << pids;
  const std::string directory = pids + "/shrike-test-" + std::to_string(getpid());
  const Deed deed = run("exit0", {}, [&] {
    mkdir(directory.c_str(), 0755);
    rmdir(directory.c_str());
  });
  rmdir(directory.c_str());
  for (const Record& record : deed.records) EXPECT_NE(record.header().kind, EVENT_KIND_CGROUP);
}

}  // namespace
}  // namespace shrike::test
