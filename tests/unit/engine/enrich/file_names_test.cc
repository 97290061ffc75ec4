// SPDX-License-Identifier: Apache-2.0
#include "engine/enrich/file_names.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace shrike::enrich {
namespace {

using Names = std::vector<std::string>;

constexpr std::uint32_t dev(std::uint32_t major, std::uint32_t minor) { return major << 20U | minor; }

class FileNamesTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "shrike-names-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    directory_ = name;
    std::filesystem::create_directories(directory_ / "self");
    std::ofstream(directory_ / "self/mountinfo") << R"(20 1 8:1 / / rw,relatime shared:1 - ext4 /dev/a rw
21 20 8:2 / /home rw - ext4 /dev/b rw
22 20 8:1 /srv/data /data\040x rw - ext4 /dev/a rw
23 20 8:1 / /mnt/root rw - ext4 /dev/a rw
24 20 0:40 / /var/lib/docker/overlay2/1/merged rw - overlay overlay rw
25 20 0:4 net:[4026531840] /run/netns/x rw - nsfs nsfs rw
a line that is none
)";
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  static Result<std::vector<FileKey>> by_stat(const std::vector<int>& fds) {
    std::vector<FileKey> keys;
    for (const int fd : fds) {
      struct stat status{};
      if (fstat(fd, &status) != 0) return fail(Code::kSystem, "stat");
      keys.push_back({.ino = status.st_ino, .dev = 7, .generation = 3});
    }
    return keys;
  }

  std::string path(const std::string& name) const { return (directory_ / name).string(); }
  event::Open open_of(const std::string& name) const {
    struct stat status{};
    EXPECT_EQ(stat(path(name).c_str(), &status), 0);
    event::Open open;
    open.file = {.ino = status.st_ino, .dev = 7, .generation = 3};
    open.path = "/elsewhere";
    return open;
  }

  std::filesystem::path directory_;
  NameList names_;
};

TEST_F(FileNamesTest, APlaceInAFileSystemHasThePathsOfItsMounts) {
  FileNames files(directory_.string(), by_stat);
  ASSERT_TRUE(files.refresh().has_value());
  struct Row {
    const char* what;
    std::uint32_t dev;
    const char* above;
    const char* path;
    std::size_t in_mount;
    Names names;
  };
  const Row rows[] = {
      {"the host's own", dev(8, 1), "", "/etc/shadow", 11, {}},
      {"a directory bound in another namespace", dev(8, 1), "/etc", "/tmp/b/shadow", 7, {"/etc/shadow"}},
      {"a bound file", dev(8, 1), "/etc/shadow", "/tmp/f", 0, {"/etc/shadow"}},
      {"chroot into a directory", dev(8, 1), "/etc", "/shadow", 7, {"/etc/shadow"}},
      {"chroot into a directory, the directory", dev(8, 1), "/etc", "/", 0, {"/etc"}},
      {"the whole root, bound below itself", dev(8, 1), "", "/mnt/root/etc/shadow", 11, {"/etc/shadow"}},
      {"what a bind mount shows elsewhere", dev(8, 1), "", "/srv/data/f", 11, {"/data x/f"}},
      {"through that bind mount", dev(8, 1), "/srv/data", "/data x/f", 2, {"/srv/data/f"}},
      {"its root", dev(8, 1), "/srv/data", "/data x", 0, {"/srv/data"}},
      {"a name that only begins like it", dev(8, 1), "", "/srv/database", 13, {}},
      {"deeper than the bind mount", dev(8, 1), "/srv/data/d", "/tmp/b/f", 2, {"/srv/data/d/f", "/data x/d/f"}},
      {"above the bind mount", dev(8, 1), "/srv", "/tmp/b/data/f", 7, {"/srv/data/f", "/data x/f"}},
      {"chroot into another file system", dev(8, 2), "", "/u/key", 6, {"/home/u/key"}},
      {"its root", dev(8, 2), "", "/", 0, {"/home"}},
      {"the same path on a file system the host does not show", dev(9, 9), "", "/etc/shadow", 11, {}},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.what);
    event::Open open;
    open.file = {.ino = 5, .dev = row.dev};
    open.above = row.above;
    open.path = row.path;
    open.in_mount = static_cast<std::uint32_t>(row.in_mount);
    names_.clear(open.path);
    files.add_names(place_of(open), names_);
    EXPECT_EQ((Names{names_.names().begin(), names_.names().end()}), row.names);
    open.in_mount.reset();
    names_.clear(open.path);
    files.add_names(place_of(open), names_);
    EXPECT_TRUE(names_.names().empty()) << "its place is not known";
  }
}

TEST_F(FileNamesTest, AContainersRootHasTheContainersNamesOnly) {
  FileNames files(directory_.string(), by_stat);
  ASSERT_TRUE(files.refresh().has_value());
  event::Open open;
  open.file = {.ino = 5, .dev = dev(0, 40), .lower_layer = true};
  open.path = "/etc/shadow";
  open.in_mount = 11;
  names_.clear(open.path);
  files.add_names(place_of(open), names_);
  EXPECT_TRUE(names_.names().empty());
}

TEST_F(FileNamesTest, AFileIsKnownByThePathsRulesName) {
  std::ofstream(path("secret")) << "x";
  std::filesystem::create_hard_link(path("secret"), path("link"));
  std::filesystem::create_symlink(path("secret"), path("symlink"));
  std::ofstream(path("other")) << "x";
  FileNames files(directory_.string(), by_stat);
  files.set_paths({path("secret"), path("symlink"), path("missing"), directory_.string()});
  ASSERT_TRUE(files.refresh().has_value());
  const auto known_as = [&](const event::Open& open) {
    names_.clear(open.path);
    files.add_names(place_of(open), names_);
    return Names{names_.names().begin(), names_.names().end()};
  };
  EXPECT_EQ(known_as(open_of("link")), Names{path("secret")});
  EXPECT_EQ(known_as(open_of("other")), Names{});
  EXPECT_EQ(known_as(open_of(".")), Names{}) << "a directory is no file";
  event::Open open = open_of("link");
  const std::string own = path("secret");
  open.path = own;
  EXPECT_EQ(known_as(open), Names{}) << "its path says it already";
  open = open_of("link");
  open.file.dev = 8;
  EXPECT_EQ(known_as(open), Names{}) << "another device";
  open = open_of("link");
  open.file.generation = 4;
  EXPECT_EQ(known_as(open), Names{}) << "another file that has its number now";
  open = open_of("link");
  open.ret = -13;
  EXPECT_EQ(known_as(open), Names{});
  open = open_of("other");
  open.layer = {.ino = open_of("link").file.ino, .dev = 7, .generation = 3};
  EXPECT_EQ(known_as(open), Names{path("secret")}) << "an overlay's file that shows it";

  // Replaced, made, removed.
  std::filesystem::rename(path("other"), path("secret"));
  std::ofstream(path("missing")) << "x";
  EXPECT_EQ(known_as(open_of("secret")), Names{}) << "not looked at again yet";
  ASSERT_TRUE(files.refresh().has_value());
  EXPECT_EQ(known_as(open_of("secret")), Names{path("secret")});
  EXPECT_EQ(known_as(open_of("missing")), Names{path("missing")});
  EXPECT_EQ(known_as(open_of("link")), Names{}) << "the old file is secret no more";
  std::filesystem::remove(path("secret"));
  const event::Open gone = open_of("missing");
  std::filesystem::remove(path("missing"));
  ASSERT_TRUE(files.refresh().has_value());
  EXPECT_EQ(known_as(gone), Names{});
}

TEST_F(FileNamesTest, TwoPathsOfOneFileAreBothItsNames) {
  std::ofstream(path("a")) << "x";
  std::filesystem::create_hard_link(path("a"), path("b"));
  FileNames files(directory_.string(), by_stat);
  files.set_paths({path("a"), path("b")});
  ASSERT_TRUE(files.refresh().has_value());
  const event::Open open = open_of("a");
  names_.clear(open.path);
  files.add_names(place_of(open), names_);
  EXPECT_EQ((Names{names_.names().begin(), names_.names().end()}), (Names{path("a"), path("b")}));
  std::filesystem::remove(path("a"));
  ASSERT_TRUE(files.refresh().has_value());
  names_.clear(open.path);
  files.add_names(place_of(open), names_);
  EXPECT_EQ((Names{names_.names().begin(), names_.names().end()}), Names{path("b")});
}

// Would catch: a file that was replaced just when the kernel could not be asked, and is then never looked at again.
TEST_F(FileNamesTest, ALookThatFailedIsMadeAgain) {
  std::ofstream(path("secret")) << "x";
  bool fails = false;
  FileNames files(directory_.string(), [&](const std::vector<int>& fds) -> Result<std::vector<FileKey>> {
    if (fails) return fail(Code::kSystem, "not now");
    return by_stat(fds);
  });
  files.set_paths({path("secret")});
  ASSERT_TRUE(files.refresh().has_value());
  std::ofstream(path("new")) << "y";
  std::filesystem::rename(path("new"), path("secret"));
  fails = true;
  EXPECT_FALSE(files.refresh().has_value());
  fails = false;
  ASSERT_TRUE(files.refresh().has_value());
  const event::Open open = open_of("secret");
  names_.clear(open.path);
  files.add_names(place_of(open), names_);
  EXPECT_EQ((Names{names_.names().begin(), names_.names().end()}), Names{path("secret")});
}

TEST(NameList, HoldsSoManyAndSaysThatThereWereMore) {
  NameList names;
  names.clear("/p");
  for (std::size_t i = 0; i < NameList::kMost; ++i) names.add("/", std::to_string(i));
  names.add("/p");
  EXPECT_FALSE(names.cut()) << "the path itself is none";
  names.add("/one more");
  EXPECT_EQ(names.names().size(), NameList::kMost);
  EXPECT_TRUE(names.cut());
  names.clear("/p");
  EXPECT_TRUE(names.names().empty());
  EXPECT_FALSE(names.cut());
}

}  // namespace
}  // namespace shrike::enrich
