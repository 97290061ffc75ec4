// SPDX-License-Identifier: Apache-2.0
// Other calls and other names for the same object: all refused, by the rule that names it.
#include "tests/enforce/full_tier.h"

namespace shrike::test {
namespace {

class WaysRound : public FullTier {
 protected:
  void target(const Command& command) { suite_->expect(command, kRefused, {blocked("Target", "file_open")}); }
  void tree(const Command& command) { suite_->expect(command, kRefused, {blocked("Tree", "file_open")}); }
};

TEST_F(WaysRound, OtherCalls) {
  for (const char* call : {"open", "openat", "openat2", "ia32"}) {
    target(open("ways/target", kRead, call));
    tree(open("tree/secret", kRead, call));
    tree(open("tree/sub/deep", kRead, call));
  }
}

TEST_F(WaysRound, RelativeToADirectory) {
  target({deed("open"), "openat", path("ways"), "target", kRead});
  target({deed("open"), "openat2", path("elsewhere"), "../ways/target", kRead});
  tree({deed("open"), "openat", path("tree"), "secret", kRead});
  tree({deed("open"), "openat", path("elsewhere"), "../tree/sub/../secret", kRead});
  // The directory is below the prefix itself.
  suite_->expect({deed("open"), "openat", path("ways"), "../tree/sub", "0200000"}, kRefused, {blocked("Tree", "file_open")});
}

TEST_F(WaysRound, DotsAndProc) {
  target(open("elsewhere/../ways/./target", kRead));
  tree(open("write2/..//tree/sub/../secret", kRead));
  target(open("/proc/self/root" + path("ways/target"), kRead));
  tree(open("/proc/self/root" + path("tree/secret"), kRead));
  tree({deed("open"), "openat", "/proc/self/root" + path("tree"), "sub/deep", kRead});
}

TEST_F(WaysRound, Symlinks) {
  target(open("elsewhere/symlink", kRead));
  tree(open("elsewhere/tree-symlink/secret", kRead));
  suite_->expect({deed("link"), "symlink", "-", path("tree/secret"), path("elsewhere/later-symlink")}, 0);
  tree(open("elsewhere/later-symlink", kRead));
}

TEST_F(WaysRound, HardLinks) {
  target(open("elsewhere/link-before", kRead));
  suite_->expect({deed("link"), "link", "-", path("ways/target"), path("elsewhere/link-after")}, 0);
  target(open("elsewhere/link-after", kRead));
}

TEST_F(WaysRound, BindMountsOfTheDirectory) {
  tree(open("mount-before/secret", kRead));
  tree(open("mount-before/sub/deep", kRead));
  ASSERT_TRUE(suite_->place.bind_mount(path("tree"), path("mount-after")));
  tree(open("mount-after/secret", kRead));
  tree(open("mount-after/sub/deep", kRead));
  ASSERT_TRUE(suite_->place.bind_mount(path("tree/sub"), path("mount-of-sub")));
  tree(open("mount-of-sub/deep", kRead));
}

TEST_F(WaysRound, BindMountsOfTheFile) {
  ASSERT_TRUE(suite_->place.bind_mount(path("ways/target"), path("elsewhere/mounted-target")));
  target(open("elsewhere/mounted-target", kRead));
  ASSERT_TRUE(suite_->place.bind_mount(path("tree/secret"), path("elsewhere/mounted-secret")));
  tree(open("elsewhere/mounted-secret", kRead));
}

// The overlay's own open is allowed; the layer's file, which it opens next, is the one the rule names.
TEST_F(WaysRound, Overlay) {
  std::filesystem::create_directories(path("elsewhere/overlay"));
  const Command read = {deed("read_secret"), "overlay_view", path("ways/target"), path("elsewhere/overlay"), "-1"};
  if (run(read).exit_code == 200) GTEST_SKIP() << "no overlay here";
  target(read);
}

TEST_F(WaysRound, Chroot) {
  target({deed("chroot"), path(""), "ways/target"});
  target({deed("chroot"), path("ways"), "/target"});
  tree({deed("chroot"), path(""), "/tree/secret"});
  tree({deed("chroot"), path("tree"), "/secret"});
  tree({deed("chroot"), path("tree/sub"), "/deep"});
  tree({deed("chroot"), path("elsewhere"), "secret", path("tree")});  // by a directory opened outside
}

TEST_F(WaysRound, FileHandle) {
  const Outcome outcome = run({deed("by_handle"), path("ways/target"), path(""), kRead});
  if (outcome.exit_code == 201) GTEST_SKIP() << "this file system gives no handles";
  EXPECT_EQ(outcome.exit_code, kRefused);
  suite_->expect_alerts(token(outcome.pid), {blocked("Target", "file_open")});
  tree({deed("by_handle"), path("tree/sub/deep"), path(""), kRead});
}

TEST_F(WaysRound, Uring) {
  if (run({deed("uring_open"), path("elsewhere/file"), kRead}).exit_code == 200) GTEST_SKIP() << "no io_uring here";
  for (const char* how : {"plain", "async", "sqpoll"}) {
    target({deed("uring_open"), path("ways/target"), kRead, how});
    tree({deed("uring_open"), path("mount-before/secret"), kRead, how});
    for (const char* kind : {"4", "6", "mapped"}) {
      suite_->expect({deed("uring_connect"), kind, names_.connect_port, how}, kRefused, {blocked("Connect", "socket_connect")});
      suite_->expect({deed("uring_connect"), kind, names_.other_port, how}, 0);
    }
    suite_->expect({deed("uring_open"), path("elsewhere/file"), kRead, how}, 0);
  }
}

TEST_F(WaysRound, ProgramUnderAnotherName) {
  const auto forbidden = [&](const std::string& name) {
    suite_->expect({deed("exec_fail"), "execve", "-", path(name)}, kRefused, {blocked("Exec", "bprm_creds_from_file")});
  };
  std::filesystem::create_symlink(path("bin/forbidden"), path("elsewhere/program-symlink"));
  forbidden("elsewhere/program-symlink");
  std::filesystem::create_hard_link(path("bin/forbidden"), path("elsewhere/program-link"));
  forbidden("elsewhere/program-link");
  ASSERT_TRUE(suite_->place.bind_mount(path("bin/forbidden"), path("elsewhere/program-mount")));
  forbidden("elsewhere/program-mount");
  std::filesystem::remove(path("elsewhere/program-link"));
  std::filesystem::remove(path("elsewhere/program-symlink"));
}

}  // namespace
}  // namespace shrike::test
