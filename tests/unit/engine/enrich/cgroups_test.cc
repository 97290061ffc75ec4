// SPDX-License-Identifier: Apache-2.0
#include "engine/enrich/cgroups.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>

namespace shrike::enrich {
namespace {

class FakeReader final : public CgroupReader {
 public:
  std::map<std::uint64_t, std::string> paths;
  bool able = true;
  int asked = 0;
  std::optional<std::string> read(std::uint64_t id) override {
    ++asked;
    if (!able) return std::nullopt;
    return paths[id];
  }
};

TEST(Cgroups, AreReadOnce) {
  FakeReader reader;
  reader.paths = {{1, "/"}, {9, "/system.slice/ssh.service"}};
  Cgroups cgroups(reader);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(cgroups.path(9), "/system.slice/ssh.service");
    EXPECT_EQ(cgroups.path(1), "/");
    EXPECT_EQ(cgroups.path(5), "") << "gone";
    EXPECT_EQ(cgroups.path(0), "") << "no cgroup";
  }
  EXPECT_EQ(reader.asked, 3);
  EXPECT_EQ(cgroups.counters().read, 3U);
  EXPECT_EQ(cgroups.counters().unknown, 1U);
}

TEST(Cgroups, AnAnswerThatCouldNotBeHadIsAskedForAgain) {
  FakeReader reader;
  reader.paths = {{9, "/a"}};
  reader.able = false;
  Cgroups cgroups(reader);
  EXPECT_EQ(cgroups.path(9), "");
  reader.able = true;
  EXPECT_EQ(cgroups.path(9), "/a");
}

TEST(Cgroups, TheCacheIsBounded) {
  FakeReader reader;
  Cgroups cgroups(reader, 10);
  for (std::uint64_t id = 1; id <= 100; ++id) {
    reader.paths[id] = '/' + std::to_string(id);
    EXPECT_EQ(cgroups.path(id), reader.paths[id]);
  }
  EXPECT_EQ(cgroups.counters().evicted, 90U);
}

TEST(HostCgroups, WithoutAHierarchyNothingIsKnown) {
  const auto mounts = std::filesystem::temp_directory_path() / ("shrike-mounts-" + std::to_string(getpid()));
  std::ofstream(mounts) << "proc /proc proc rw 0 0\ncgroup2 /nowhere/a\\040b cgroup2 rw 0 0\n";
  HostCgroups host(mounts);
  EXPECT_EQ(host.mount_point(), "");
  EXPECT_FALSE(host.read(1).has_value());
  std::filesystem::remove(mounts);
}

class LiveCgroups : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    if (host_.mount_point().empty()) GTEST_SKIP() << "no cgroup2 is mounted";
    path_ = "/shrike-test " + std::to_string(getpid());
    directory_ = host_.mount_point() + path_;
    if (mkdir(directory_.c_str(), 0755) != 0) GTEST_SKIP() << directory_ << " can't be made";
  }
  void TearDown() override {
    if (!directory_.empty()) rmdir(directory_.c_str());
  }

  // The kernel's id of a cgroup is its inode number.
  std::uint64_t id() const {
    struct stat status{};
    return stat(directory_.c_str(), &status) == 0 ? status.st_ino : 0;
  }

  HostCgroups host_;
  std::string path_, directory_;
};

TEST_F(LiveCgroups, ResolveWhileTheyAreThere) {
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    std::ofstream(directory_ + "/cgroup.procs") << getpid() << std::flush;
    // What the kernel itself says of where we are.
    std::string line, path;
    for (std::ifstream file("/proc/self/cgroup"); std::getline(file, line);) {
      if (line.starts_with("0::")) path = line.substr(3);
    }
    _exit(write(ready[1], path.data(), path.size()) < 0 ? 1 : 0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  char said[256] = {};
  const ssize_t size = read(ready[0], said, sizeof(said) - 1);
  close(ready[0]);
  close(ready[1]);
  ASSERT_GT(size, 0);

  const std::uint64_t id = this->id();
  EXPECT_EQ(host_.read(id), std::string(said)) << "as the process in it sees it";
  EXPECT_EQ(host_.read(id), path_);
  ASSERT_EQ(rmdir(directory_.c_str()), 0);
  directory_.clear();
  EXPECT_EQ(host_.read(id), std::string()) << "gone";
}

TEST_F(LiveCgroups, TheRootIsASlash) {
  struct stat status{};
  ASSERT_EQ(stat(host_.mount_point().c_str(), &status), 0);
  EXPECT_EQ(host_.read(status.st_ino), "/");
}

}  // namespace
}  // namespace shrike::enrich
