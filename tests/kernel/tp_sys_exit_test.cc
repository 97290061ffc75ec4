// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "tests/kernel/kernel_fixture.h"

namespace shrike::test {
namespace {

using namespace std::string_literals;

class TpSysExit : public KernelTest {
 protected:
  void make_file(const std::string& name) const { std::ofstream(path(name)) << "x"; }

  static const Record* open_of(const Deed& deed, const std::string& name) {
    return deed.only<event_open>(EVENT_KIND_OPEN, [&](const Record& r, const event_open& e) { return r.text(e.name) == name; });
  }

  static const Record* socket_of(const Deed& deed, event_type type) {
    return deed.only<event_socket>(EVENT_KIND_SOCKET,
                                   [&](const Record&, const event_socket& e) { return e.header.type == type; });
  }
};

TEST_F(TpSysExit, OpenSaysTheFileBehindTheLink) {
  make_file("target");
  std::filesystem::create_symlink(path("target"), path("link"));
  for (const auto& [call, type] :
       {std::pair{"open"s, EVENT_TYPE_OPEN}, {"openat"s, EVENT_TYPE_OPENAT}, {"openat2"s, EVENT_TYPE_OPENAT2}}) {
    SCOPED_TRACE(call);
    // openat2 refuses only magic links, as the deed asks.
    const Deed deed = run("open", {call, "-", path("link"), std::to_string(O_RDWR | O_APPEND)});
    ASSERT_EQ(deed.exit_code, 0);
    const Record* record = open_of(deed, path("link"));
    ASSERT_NE(record, nullptr);
    const auto& event = record->as<event_open>();
    EXPECT_EQ(record->text(event.path), path("target"));
    EXPECT_EQ(event.header.type, type);
    EXPECT_EQ(event.header.flags, 0U);
    EXPECT_EQ(event.ret, std::stol(deed.output));
    EXPECT_EQ(event.open_flags, static_cast<std::uint64_t>(O_RDWR | O_APPEND));
    EXPECT_EQ(event.dirfd, AT_FDCWD);
    EXPECT_EQ(event.fmode, 3U);
    EXPECT_EQ(event.resolve, call == "openat2" ? std::uint64_t{RESOLVE_NO_MAGICLINKS} : 0U);
    EXPECT_EQ(event.base.size, 0U);
    EXPECT_EQ(event.cwd.size, 0U) << "not asked for";
    struct stat file{};
    ASSERT_EQ(stat(path("target").c_str(), &file), 0);
    EXPECT_EQ(event.file.ino, file.st_ino);
    EXPECT_EQ(event.file.mode, file.st_mode);
  }
}

TEST_F(TpSysExit, CreatAndOCreatSayWhetherTheyMadeTheFile) {
  const Deed first = run("open", {"creat", "-", path("new"), "0"});
  const Record* record = open_of(first, path("new"));
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->header().type, EVENT_TYPE_CREAT);
  EXPECT_TRUE(record->as<event_open>().file.flags & EVENT_FILE_CREATED);
  EXPECT_EQ(record->as<event_open>().open_mode, 0640U);
  EXPECT_EQ(record->as<event_open>().fmode, 2U);

  const Deed second = run("open", {"openat", "-", path("new"), std::to_string(O_CREAT | O_WRONLY)});
  record = open_of(second, path("new"));
  ASSERT_NE(record, nullptr);
  EXPECT_FALSE(record->as<event_open>().file.flags & EVENT_FILE_CREATED) << "it was there";
}

TEST_F(TpSysExit, OpenRelativeToADirectory) {
  std::filesystem::create_directory(path("sub"));
  make_file("sub/file");
  const Deed found = run("open", {"openat", path("sub"), "../sub/./file", "0"});
  const Record* record = open_of(found, "../sub/./file");
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->text(record->as<event_open>().path), path("sub/file"));
  EXPECT_GE(record->as<event_open>().dirfd, 0);

  const Deed missing = run("open", {"openat", path("sub"), "nothing", "0"});
  ASSERT_EQ(missing.exit_code, ENOENT);
  record = open_of(missing, "nothing");
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->as<event_open>().ret, -ENOENT);
  EXPECT_EQ(record->text(record->as<event_open>().base), path("sub"));
  EXPECT_EQ(record->as<event_open>().path.size, 0U);
  EXPECT_EQ(record->as<event_open>().file.ino, 0U);

  const Deed here = run("open", {"open", "-", "nothing", "0"}, [&] { (void)!chdir(path("sub").c_str()); });
  record = open_of(here, "nothing");
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->text(record->as<event_open>().base), path("sub"));
}

TEST_F(TpSysExit, OpenThroughThe32BitEntry) {
  make_file("file");
  const Deed deed = run("open", {"ia32", "-", path("file"), "0"});
  if (deed.exit_code == ENOSYS || deed.exit_code > 256) GTEST_SKIP() << "no 32-bit entry on this host";
  ASSERT_EQ(deed.exit_code, 0);
  const Record* record = open_of(deed, path("file"));
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->header().type, EVENT_TYPE_OPEN);
  EXPECT_EQ(record->header().flags, static_cast<std::uint32_t>(EVENT_FLAG_COMPAT));
  EXPECT_EQ(record->text(record->as<event_open>().path), path("file"));
  EXPECT_EQ(record->as<event_open>().ret, std::stol(deed.output));
}

TEST_F(TpSysExit, PathsAreThoseOfTheTasksRoot) {
  std::filesystem::create_directories(path("jail/etc"));
  make_file("jail/etc/secret");
  make_file("outside");
  const Deed inside = run("chroot", {path("jail"), "/etc/secret"});
  ASSERT_EQ(inside.exit_code, 0);
  const Record* record = open_of(inside, "/etc/secret");
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->text(record->as<event_open>().path), "/etc/secret");
  EXPECT_EQ(record->header().flags, 0U);

  const Deed escaped = run("chroot", {path("jail"), "outside", directory_.string()});
  ASSERT_EQ(escaped.exit_code, 0);
  record = open_of(escaped, "outside");
  ASSERT_NE(record, nullptr);
  // The whole mount tree's: longer than ours if this test itself runs in a chroot.
  EXPECT_TRUE(record->text(record->as<event_open>().path).ends_with(path("outside")))
      << record->text(record->as<event_open>().path);
  EXPECT_EQ(record->header().flags, static_cast<std::uint32_t>(EVENT_FLAG_PATH_UNREACHABLE));
}

TEST_F(TpSysExit, PathsCrossMounts) {
  std::filesystem::create_directory(path("mnt"));
  if (mount("shrike", path("mnt").c_str(), "tmpfs", 0, nullptr) != 0) GTEST_SKIP() << "no right to mount";
  std::filesystem::create_directory(path("mnt/dir"));
  make_file("mnt/dir/file");
  const Deed deed = run("open", {"open", "-", path("mnt/dir/file"), "0"});
  const Deed root = run("open", {"open", "-", "/", "0"});
  umount(path("mnt").c_str());
  const Record* record = open_of(deed, path("mnt/dir/file"));
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->text(record->as<event_open>().path), path("mnt/dir/file"));
  record = open_of(root, "/");
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->text(record->as<event_open>().path), "/");
}

// Names of 250 letters, directory in directory: longer than any path the kernel itself would return.
TEST_F(TpSysExit, TooLongAPathLosesItsFrontAndSaysSo) {
  const std::string name(250, 'd');
  const Deed deed = run("open", {"open", "-", "file", std::to_string(O_CREAT | O_RDWR)}, [&] {
    if (chdir(directory_.c_str()) != 0) _exit(251);
    for (int i = 0; i < 20; ++i) {
      if (mkdir(name.c_str(), 0700) != 0 || chdir(name.c_str()) != 0) _exit(251);
    }
  });
  ASSERT_EQ(deed.exit_code, 0);
  const Record* record = open_of(deed, "file");
  ASSERT_NE(record, nullptr);
  EXPECT_TRUE(record->header().flags & EVENT_FLAG_PATH_TRUNCATED);
  const std::string_view text = record->text(record->as<event_open>().path);
  EXPECT_TRUE(text.ends_with("/" + name + "/file"));
  EXPECT_GT(text.size(), std::size_t{PATH_BYTES_MAX} - 256);
  EXPECT_LE(text.size(), std::size_t{PATH_BYTES_MAX});
  EXPECT_GE((*loader_->counters())[HOOK_SYS_EXIT].counters.path_truncated, 1U);
}

TEST_F(TpSysExit, ConnectV4) {
  const Deed deed = run("connect", {"4", "47811"});
  ASSERT_EQ(deed.exit_code, 0);
  const Record* record = socket_of(deed, EVENT_TYPE_CONNECT);
  ASSERT_NE(record, nullptr);
  const auto& event = record->as<event_socket>();
  EXPECT_EQ(event.sock.family, AF_INET);
  EXPECT_EQ(event.sock.remote_family, AF_INET);
  EXPECT_EQ(event.sock.protocol, IPPROTO_TCP);
  EXPECT_EQ(event.sock.socket_type, SOCK_STREAM);
  EXPECT_EQ(event.sock.remote_port, 47811);
  EXPECT_NE(event.sock.local_port, 0);
  const std::uint8_t loopback[4] = {127, 0, 0, 1};
  EXPECT_EQ(std::memcmp(event.sock.remote_ip, loopback, 4), 0);
  EXPECT_EQ(std::memcmp(event.sock.local_ip, loopback, 4), 0);
}

TEST_F(TpSysExit, ConnectV6) {
  const Deed deed = run("connect", {"6", "47812"});
  if (deed.exit_code != 0) GTEST_SKIP() << "no IPv6 here";
  const Record* record = socket_of(deed, EVENT_TYPE_CONNECT);
  ASSERT_NE(record, nullptr);
  const auto& event = record->as<event_socket>();
  EXPECT_EQ(event.sock.family, AF_INET6);
  EXPECT_EQ(event.sock.remote_port, 47812);
  EXPECT_EQ(std::memcmp(event.sock.remote_ip, &in6addr_loopback, 16), 0);
  EXPECT_EQ(std::memcmp(event.sock.local_ip, &in6addr_loopback, 16), 0);
}

TEST_F(TpSysExit, ConnectThatFailsSaysWhereItWanted) {
  const Deed deed = run("connect", {"4", "47813", "no server"});
  ASSERT_EQ(deed.exit_code, ECONNREFUSED);
  const Record* record = socket_of(deed, EVENT_TYPE_CONNECT);
  ASSERT_NE(record, nullptr);
  const auto& event = record->as<event_socket>();
  EXPECT_EQ(event.ret, -ECONNREFUSED);
  EXPECT_EQ(event.sock.remote_port, 47813);
  EXPECT_EQ(event.sock.remote_family, AF_INET);
  const std::uint8_t loopback[4] = {127, 0, 0, 1};
  EXPECT_EQ(std::memcmp(event.sock.remote_ip, loopback, 4), 0);
}

TEST_F(TpSysExit, ConnectUdp) {
  const Deed deed = run("connect", {"udp", "47814"});
  const Record* record = socket_of(deed, EVENT_TYPE_CONNECT);
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->as<event_socket>().sock.protocol, IPPROTO_UDP);
  EXPECT_EQ(record->as<event_socket>().sock.socket_type, SOCK_DGRAM);
  EXPECT_EQ(record->as<event_socket>().sock.remote_port, 47814);
}

TEST_F(TpSysExit, ConnectUnix) {
  const Deed named = run("connect", {"unix", path("socket")});
  ASSERT_EQ(named.exit_code, 0);
  const Record* record = socket_of(named, EVENT_TYPE_CONNECT);
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->text(record->as<event_socket>().sock.unix_path), path("socket"));
  EXPECT_EQ(record->as<event_socket>().sock.family, AF_UNIX);

  const Deed abstract = run("connect", {"unix", "@shrike-test"});
  ASSERT_EQ(abstract.exit_code, 0);
  record = socket_of(abstract, EVENT_TYPE_CONNECT);
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->text(record->as<event_socket>().sock.unix_path), "\0shrike-test"s);

  const Deed missing = run("connect", {"unix", path("none"), "no server"});
  ASSERT_EQ(missing.exit_code, ENOENT);
  record = socket_of(missing, EVENT_TYPE_CONNECT);
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->text(record->as<event_socket>().sock.unix_path), path("none")) << "what the caller passed";
}

TEST_F(TpSysExit, LinksSayBothNames) {
  make_file("file");
  const auto in_directory = [&] { (void)!chdir(directory_.c_str()); };
  const auto of = [](const Deed& deed, event_type type) {
    return deed.only<event_paths>(EVENT_KIND_PATHS, [&](const Record&, const event_paths& e) { return e.header.type == type; });
  };

  const Deed symlinked = run("link", {"symlink", "-", "any text", "a"}, in_directory);
  const Record* record = of(symlinked, EVENT_TYPE_SYMLINK);
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->text(record->as<event_paths>().first), "any text");
  EXPECT_EQ(record->text(record->as<event_paths>().first_base), "") << "a target is text";
  EXPECT_EQ(record->text(record->as<event_paths>().second), "a");
  EXPECT_EQ(record->text(record->as<event_paths>().second_base), directory_.string());

  const Deed symlinked_at = run("link", {"symlinkat", directory_.string(), "/etc/passwd", "b"});
  record = of(symlinked_at, EVENT_TYPE_SYMLINKAT);
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->text(record->as<event_paths>().first), "/etc/passwd");
  EXPECT_EQ(record->text(record->as<event_paths>().second_base), directory_.string());
  EXPECT_GE(record->as<event_paths>().dirfds[1], 0);

  const Deed linked = run("link", {"link", "-", "file", path("c")}, in_directory);
  record = of(linked, EVENT_TYPE_LINK);
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->text(record->as<event_paths>().first_base), directory_.string());
  EXPECT_EQ(record->text(record->as<event_paths>().second), path("c"));
  EXPECT_EQ(record->text(record->as<event_paths>().second_base), "");

  const Deed linked_at = run("link", {"linkat", directory_.string(), "file", "c"});
  ASSERT_EQ(linked_at.exit_code, EEXIST);
  record = of(linked_at, EVENT_TYPE_LINKAT);
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->as<event_paths>().ret, -EEXIST);
  EXPECT_EQ(record->as<event_paths>().arg_flags, static_cast<std::uint32_t>(AT_SYMLINK_FOLLOW));
  EXPECT_EQ(record->text(record->as<event_paths>().first), "file");
  EXPECT_EQ(record->text(record->as<event_paths>().second), "c");
}

TEST_F(TpSysExit, FailedExec) {
  const auto any = [](const Record&, const event_paths&) { return true; };
  const Deed by_name = run("exec_fail", {"execve", "-", "./none"}, [&] { (void)!chdir(directory_.c_str()); });
  const Record* record = by_name.only<event_paths>(EVENT_KIND_PATHS, any);
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->header().type, EVENT_TYPE_EXECVE);
  EXPECT_EQ(record->as<event_paths>().ret, -ENOENT);
  EXPECT_EQ(record->text(record->as<event_paths>().first), "./none");
  EXPECT_EQ(record->text(record->as<event_paths>().first_base), directory_.string());
  EXPECT_EQ(record->as<event_paths>().second.size, 0U);

  const Deed at = run("exec_fail", {"execveat", directory_.string(), "none"});
  record = at.only<event_paths>(EVENT_KIND_PATHS, any);
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->header().type, EVENT_TYPE_EXECVEAT);
  EXPECT_EQ(record->as<event_paths>().arg_flags, static_cast<std::uint32_t>(AT_SYMLINK_NOFOLLOW));
  EXPECT_EQ(record->text(record->as<event_paths>().first_base), directory_.string());
}

TEST_F(TpSysExit, Ptrace) {
  const Deed deed = run("ptrace");
  ASSERT_EQ(deed.exit_code, 0);
  const Record* record = deed.only<event_call>(
      EVENT_KIND_CALL, [](const Record&, const event_call& e) { return e.header.type == EVENT_TYPE_PTRACE; });
  ASSERT_NE(record, nullptr);
  const auto& event = record->as<event_call>();
  EXPECT_EQ(event.args[0], 0U);
  EXPECT_EQ(event.args[1], 7U);
  EXPECT_EQ(event.args[2], 0x1111U);
  EXPECT_EQ(event.args[3], 0x2222U);
}

TEST_F(TpSysExit, APlanTakesAndGivesBackWhileAttached) {
  make_file("file");
  kernel::CapturePlan plan;
  plan.events[EVENT_TYPE_OPEN] = true;
  plan.working_directory = true;
  ASSERT_TRUE(loader_->want(plan).has_value());
  EXPECT_EQ(loader_->attached_programs(), 6U);
  const Deed open = run("open", {"open", "-", path("file"), "0"}, [&] { (void)!chdir(directory_.c_str()); });
  const Record* record = open_of(open, path("file"));
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->text(record->as<event_open>().cwd), directory_.string());
  const auto opens = [](const Deed& deed) {
    return std::ranges::count_if(deed.records, [](const Record& r) { return r.header().kind == EVENT_KIND_OPEN; });
  };
  EXPECT_EQ(opens(run("open", {"openat2", "-", path("file"), "0"})), 0) << "nobody asked for openat and openat2";

  ASSERT_TRUE(loader_->want({}).has_value());
  EXPECT_EQ(loader_->attached_programs(), 5U) << "no rule wants a call: no call pays";
  EXPECT_EQ(opens(run("open", {"open", "-", path("file"), "0"})), 0);
}

}  // namespace
}  // namespace shrike::test
