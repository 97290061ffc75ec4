// SPDX-License-Identifier: Apache-2.0
// Openings that are no open, and files under other names than their own: what the tracing tier's records say.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fstream>

#include "tests/kernel/kernel_fixture.h"

namespace shrike::test {
namespace {

using namespace std::string_literals;

class OpenWays : public KernelTest {
 protected:
  void SetUp() override {
    prepare();
    if (IsSkipped()) return;
    kernel::CapturePlan plan = everything();
    plan.io_uring = true;
    load({}, plan);
    std::filesystem::create_directories(path("d/e"));
    std::ofstream(path("d/e/secret")) << "x";
    struct stat status{};
    ASSERT_EQ(stat(path("d/e/secret").c_str(), &status), 0);
    ino_ = status.st_ino;
  }

  // The one opening of the secret.
  const Record* secret_of(const Deed& deed) const {
    return deed.only<event_open>(EVENT_KIND_OPEN, [&](const Record&, const event_open& e) { return e.file.ino == ino_; });
  }

  // Its place in its file system, from there on where the directory of this test lies.
  std::string place_of(const Record& record) const {
    const auto& event = record.as<event_open>();
    const std::string_view path = record.text(event.path);
    if (event.in_mount > path.size()) return "unknown";
    return std::string(record.text(event.above)) + std::string(path.substr(path.size() - event.in_mount));
  }

  std::uint64_t ino_ = 0;
};

TEST_F(OpenWays, AHandleIsAWayToo) {
  const Deed deed = run("by_handle", {path("d/e/secret"), path("."), std::to_string(O_RDWR)});
  if (deed.exit_code == 201) GTEST_SKIP() << "this file system gives no handles";
  ASSERT_EQ(deed.exit_code, 0);
  const Record* record = secret_of(deed);
  ASSERT_NE(record, nullptr);
  const auto& event = record->as<event_open>();
  EXPECT_EQ(event.header.type, EVENT_TYPE_OPEN_BY_HANDLE_AT);
  EXPECT_EQ(event.header.flags, 0U);
  EXPECT_EQ(record->text(event.path), path("d/e/secret"));
  EXPECT_EQ(event.open_flags, static_cast<std::uint64_t>(O_RDWR));
  EXPECT_EQ(event.fmode, 3U);
  EXPECT_EQ(event.name.size, 0U);
  EXPECT_GE(event.ret, 0);
  EXPECT_GE(event.dirfd, 0);

  const Deed refused = run("by_handle", {path("d/e/secret"), path("."), std::to_string(O_DIRECTORY)});
  EXPECT_EQ(refused.exit_code, ENOTDIR);
  EXPECT_NE(refused.only<event_open>(EVENT_KIND_OPEN,
                                     [&](const Record& r, const event_open& e) {
                                       return r.header().type == EVENT_TYPE_OPEN_BY_HANDLE_AT && e.ret == -ENOTDIR;
                                     }),
            nullptr);
}

TEST_F(OpenWays, IoUringByEveryWay) {
  for (const std::string& how : {""s, "async"s, "sqpoll"s, "direct"s}) {
    SCOPED_TRACE(how);
    const Deed deed = run("uring_open", {path("d/e/../e/secret"), std::to_string(O_RDWR | O_APPEND), how});
    if (deed.exit_code == 200) GTEST_SKIP() << "no io_uring on this host";
    ASSERT_EQ(deed.exit_code, 0);
    const Record* record = secret_of(deed);
    ASSERT_NE(record, nullptr);
    const auto& event = record->as<event_open>();
    EXPECT_EQ(event.header.type, EVENT_TYPE_OPENAT);
    EXPECT_EQ(event.header.flags, static_cast<std::uint32_t>(EVENT_FLAG_URING));
    EXPECT_EQ(record->text(event.path), path("d/e/secret"));
    EXPECT_EQ(event.open_flags & ~std::uint64_t{0100000}, static_cast<std::uint64_t>(O_RDWR | O_APPEND)) << "O_LARGEFILE aside";
    EXPECT_EQ(event.fmode, 3U);
    EXPECT_EQ(event.dirfd, AT_FDCWD);
    EXPECT_GE(event.ret, 0);
  }
}

TEST_F(OpenWays, IoUringThatFailsOrTellsNobody) {
  const auto ours = [](const Record& r, const event_open&) { return (r.header().flags & EVENT_FLAG_URING) != 0; };
  const Deed missing = run("uring_open", {path("missing"), "0"});
  if (missing.exit_code == 200) GTEST_SKIP() << "no io_uring on this host";
  ASSERT_EQ(missing.exit_code, ENOENT);
  const Record* record = missing.only<event_open>(EVENT_KIND_OPEN, ours);
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->as<event_open>().ret, -ENOENT);
  EXPECT_EQ(record->as<event_open>().file.ino, 0U);

  const Deed silent = run("uring_open", {"d/e/secret", "0", "skip"}, [&] { (void)!chdir(path(".").c_str()); });
  ASSERT_EQ(silent.exit_code, 0);
  record = silent.only<event_open>(EVENT_KIND_OPEN, ours);
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->header().flags, static_cast<std::uint32_t>(EVENT_FLAG_URING | EVENT_FLAG_ASSUMED));
  EXPECT_EQ(record->text(record->as<event_open>().name), "d/e/secret");
  EXPECT_EQ(record->text(record->as<event_open>().base), directory_.string());
  EXPECT_EQ(record->as<event_open>().fmode, 1U);
}

// In a mount namespace of the deed's own.
TEST_F(OpenWays, BindMountsAndRootsDoNotHideThePlace) {
  std::ofstream(path("file")) << "x";
  std::filesystem::create_directory(path("dir"));
  const auto bind = [&](const std::string& from, const std::string& to) {
    if (unshare(CLONE_NEWNS) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount(path(from).c_str(), path(to).c_str(), nullptr, MS_BIND, nullptr) != 0)
      _exit(200);
  };
  const auto open_name = [&](const std::string& name, const std::function<void()>& before) {
    return run("open", {"openat", "-", name, "0"}, before);
  };
  const Deed plain = open_name(path("d/e/secret"), {});
  const Record* record = secret_of(plain);
  ASSERT_NE(record, nullptr);
  const std::string place = place_of(*record);
  EXPECT_TRUE(place.ends_with("/d/e/secret")) << place;

  const struct {
    const char* what;
    Deed deed;
    std::string path;
  } rows[] = {
      {"its directory", open_name(path("dir/secret"), [&] { bind("d/e", "dir"); }), path("dir/secret")},
      {"a directory above", open_name(path("dir/e/secret"), [&] { bind("d", "dir"); }), path("dir/e/secret")},
      {"the file", open_name(path("file"), [&] { bind("d/e/secret", "file"); }), path("file")},
      {"chroot", run("chroot", {path("d"), "/e/secret"}), "/e/secret"},
      {"a root below a bind mount", run("chroot", {path("dir/e"), "/secret"}, [&] { bind("d", "dir"); }), "/secret"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.what);
    if (row.deed.exit_code == 200) GTEST_SKIP() << "no right to mount";
    ASSERT_EQ(row.deed.exit_code, 0);
    record = secret_of(row.deed);
    ASSERT_NE(record, nullptr);
    EXPECT_EQ(record->text(record->as<event_open>().path), row.path);
    EXPECT_EQ(place_of(*record), place);
  }
}

// A tree that is mounted nowhere.
TEST_F(OpenWays, ADetachedTreeDoesNotHideThePlace) {
  const Record* plain = secret_of(run("open", {"openat", "-", path("d/e/secret"), "0"}));
  ASSERT_NE(plain, nullptr);
  const std::string place = place_of(*plain);
  const Deed deed = run("open", {"openat", "/proc/self/fd/9", "secret", "0"}, [&] {
    constexpr unsigned kOpenTreeClone = 1;
    const long tree = syscall(SYS_open_tree, AT_FDCWD, path("d/e").c_str(), kOpenTreeClone);
    if (tree < 0 || dup2(static_cast<int>(tree), 9) != 9) _exit(200);
  });
  if (deed.exit_code == 200) GTEST_SKIP() << "no open_tree here";
  ASSERT_EQ(deed.exit_code, 0);
  const Record* record = secret_of(deed);
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(place_of(*record), place);
}

}  // namespace
}  // namespace shrike::test
