// SPDX-License-Identifier: Apache-2.0
#include "engine/enrich/container_names.h"

#include <array>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace shrike::enrich {
namespace {

class ContainerNamesTest : public testing::Test {
 protected:
  void SetUp() override {
    root_ = std::filesystem::temp_directory_path() / ("shrike-names-" + std::to_string(getpid()));
    std::filesystem::create_directories(root_ / "rootfs/etc");
    write("rootfs/etc/passwd",
          "# no entry\nroot:x:0:0::/:/bin/sh\ncu:x:4242:4343:The "
          "One,,:/home/cu:/bin/ash\n:x:7:7::/:/x\nlate:x:4242:1::/:/\nbad:x:9z:1::/:/\n");
    write("rootfs/etc/group", "root:x:0:\ncg:x:4343:a,b");
    reading_.rootfs = root_ / "rootfs";
  }
  void TearDown() override { std::filesystem::remove_all(root_); }
  void write(const std::string& name, const std::string& text) const { std::ofstream(root_ / name) << text; }

  std::filesystem::path root_;
  ContainerReading reading_;
  ContainerNames names_;
};

TEST_F(ContainerNamesTest, AreTheContainersOwn) {
  EXPECT_EQ(names_.user_name(4242), "") << "nothing is known of it yet, and the host's files are not asked";
  EXPECT_EQ(names_.user_name(0), "");
  names_.look_in(reading_);
  EXPECT_EQ(names_.user_name(4242), "cu");
  EXPECT_EQ(names_.user_home(4242), "/home/cu");
  EXPECT_EQ(names_.user_shell(4242), "/bin/ash");
  EXPECT_EQ(names_.group_name(4343), "cg") << "the last line needs no end";
  EXPECT_EQ(names_.group_name(4242), "");
  EXPECT_EQ(names_.user_name(33), "");
  EXPECT_EQ(names_.user_name(7), "");
  EXPECT_EQ(names_.user_name(9), "");
}

TEST_F(ContainerNamesTest, AChangedFileIsReadAgain) {
  names_.look_in(reading_);
  EXPECT_EQ(names_.user_name(4242), "cu");
  write("rootfs/etc/passwd", "renamed:x:4242:0::/:/\n");
  EXPECT_EQ(names_.user_name(5), "") << "an id not asked about before: the change is seen";
  EXPECT_EQ(names_.user_name(4242), "renamed");
}

TEST_F(ContainerNamesTest, LinksLeadNowhereOutOfTheContainer) {
  names_.look_in(reading_);
  std::filesystem::remove(root_ / "rootfs/etc/group");
  std::filesystem::create_directories(root_ / "outside");
  write("outside/group", "host:x:4343:\n");
  std::filesystem::create_symlink("../../outside/group", root_ / "rootfs/etc/group");
  EXPECT_EQ(names_.group_name(4343), "");
  std::filesystem::remove(root_ / "rootfs/etc/group");
  std::filesystem::create_symlink(root_ / "outside/group", root_ / "rootfs/etc/group");
  usleep(20'000);
  EXPECT_EQ(names_.group_name(4343), "") << "an absolute one";
  std::filesystem::create_directories(root_ / "rootfs/data");
  write("rootfs/data/group", "inside:x:4343:\n");
  std::filesystem::remove(root_ / "rootfs/etc/group");
  std::filesystem::create_symlink("/data/group", root_ / "rootfs/etc/group");
  usleep(20'000);
  EXPECT_EQ(names_.group_name(4343), "inside") << "where it leads in the container";
}

TEST_F(ContainerNamesTest, NothingIsWaitedFor) {
  std::filesystem::remove(root_ / "rootfs/etc/passwd");
  ASSERT_EQ(mkfifo((root_ / "rootfs/etc/passwd").c_str(), 0600), 0);
  names_.look_in(reading_);
  EXPECT_EQ(names_.user_name(4242), "");
}

// Would catch: the daemon opening what a container's root put there, a device say, whose opening does something.
TEST_F(ContainerNamesTest, WhatIsNoFileIsNotOpened) {
  const std::string passwd = (root_ / "rootfs/etc/passwd").string();
  std::filesystem::remove(passwd);
  ASSERT_EQ(mkfifo(passwd.c_str(), 0600), 0);
  const UniqueFd watch(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  ASSERT_GE(inotify_add_watch(watch.get(), passwd.c_str(), IN_OPEN), 0);
  names_.look_in(reading_);
  EXPECT_EQ(names_.user_name(4242), "");
  std::array<char, 256> seen{};
  EXPECT_EQ(read(watch.get(), seen.data(), seen.size()), -1) << "it was opened";
  ASSERT_TRUE(UniqueFd(open(passwd.c_str(), O_RDONLY | O_NONBLOCK)));
  EXPECT_GT(read(watch.get(), seen.data(), seen.size()), 0) << "the watch works";
}

TEST_F(ContainerNamesTest, IdsAreMappedAsTheContainerSeesThem) {
  reading_.uids = {{.inside = 0, .outside = 100'000, .count = 65'536}};
  reading_.gids = reading_.uids;
  names_.look_in(reading_);
  EXPECT_EQ(names_.user_name(104'242), "cu");
  EXPECT_EQ(names_.user_name(100'000), "root");
  EXPECT_EQ(names_.user_name(4242), "") << "not mapped";
  EXPECT_EQ(names_.user_name(165'536), "");
  EXPECT_EQ(names_.group_name(104'343), "cg");
}

TEST_F(ContainerNamesTest, AFileMountedOverTheRootsOwnCounts) {
  write("mounted", "over:x:4242:0::/:/\n");
  reading_.passwd = root_ / "mounted";
  names_.look_in(reading_);
  EXPECT_EQ(names_.user_name(4242), "over");
}

TEST_F(ContainerNamesTest, TheHostsRootIsNoContainers) {
  reading_.rootfs = "/";
  names_.look_in(reading_);
  names_.set_process(static_cast<std::uint32_t>(getpid()));  // as runc's init before it changes its root
  EXPECT_EQ(names_.user_name(0), "");
}

TEST_F(ContainerNamesTest, ReadsAreBounded) {
  std::string text;
  for (int id = 1; id <= 100; ++id) text += "u" + std::to_string(id) + ":x:" + std::to_string(id) + ":1::/:/\n";
  write("rootfs/etc/passwd", text);
  names_.look_in(reading_);
  for (std::uint32_t id = 1; id <= ContainerNames::kReadsMost; ++id) ASSERT_EQ(names_.user_name(id), "u" + std::to_string(id));
  EXPECT_EQ(names_.user_name(100), "") << "not until the file is looked at again";
  EXPECT_EQ(names_.user_name(1), "u1");
}

TEST_F(ContainerNamesTest, FilesAndNamesAreBounded) {
  std::string text = std::string(1000, 'n') + ":x:1:1::/:/\n";
  while (text.size() < ContainerNames::kFileMax) text += "filler:x:99999:1::/:/\n";
  write("rootfs/etc/passwd", text + "far:x:2:2::/:/\n");
  names_.look_in(reading_);
  EXPECT_EQ(names_.user_name(1), std::string(ContainerNames::kNameMax, 'n'));
  EXPECT_EQ(names_.user_name(2), "");
}

}  // namespace
}  // namespace shrike::enrich
