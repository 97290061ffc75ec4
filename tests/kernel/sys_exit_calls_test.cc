// SPDX-License-Identifier: Apache-2.0
// Calls about names, and all others: deed_call makes one, a table says what is to be recorded of it.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "engine/event/event_type.h"
#include "tests/kernel/kernel_fixture.h"

namespace shrike::test {
namespace {

using namespace std::string_literals;

class SysExitCalls : public KernelTest {
 protected:
  void SetUp() override {
    KernelTest::SetUp();
    if (IsSkipped()) return;
    std::ofstream(path("file")) << "x";
    std::filesystem::create_directory(path("dir"));
  }

  Deed call(const std::string& abi, long number, const std::vector<std::string>& arguments) {
    std::vector<std::string> words = {abi, std::to_string(number)};
    words.insert(words.end(), arguments.begin(), arguments.end());
    return run("call", words, [this] { (void)!chdir(directory_.c_str()); });
  }

  static const Record* of(const Deed& deed, event_kind kind, std::uint16_t type) {
    return deed.only<event_header>(kind, [&](const Record& r, const event_header&) { return r.header().type == type; });
  }
};

constexpr const char* kCwd = "-100";  // AT_FDCWD

struct PathsRow {
  event_type type;
  long number64, number32;
  std::vector<std::string> arguments;
  long ret;
  std::string first, first_base, second = {}, second_base = {};  // a base "." is the working directory, "dir" the one below it
  std::uint32_t flags = 0, mode = 0;
  bool dirfd = false;  // the first one is a descriptor
};

// In order: each works on what the ones before left.
const PathsRow kPaths[] = {
    {EVENT_TYPE_MKDIR, SYS_mkdir, 39, {"=a", "0751"}, 0, "a", ".", "", "", 0, 0751},
    {EVENT_TYPE_MKDIR, SYS_mkdir, 39, {"=a", "0700"}, -EEXIST, "a", ".", "", "", 0, 0700},
    {EVENT_TYPE_MKDIRAT, SYS_mkdirat, 296, {"@dir", "=b", "0711"}, 0, "b", "dir", "", "", 0, 0711, true},
    {EVENT_TYPE_MKDIRAT, SYS_mkdirat, 296, {kCwd, "=none/b", "0711"}, -ENOENT, "none/b", ".", "", "", 0, 0711},
    {EVENT_TYPE_RENAME, SYS_rename, 38, {"=a", "=dir/c"}, 0, "a", ".", "dir/c", "."},
    {EVENT_TYPE_RENAME, SYS_rename, 38, {"=a", "=/x"}, -ENOENT, "a", ".", "/x", ""},
    {EVENT_TYPE_RENAMEAT, SYS_renameat, 302, {"@dir", "=c", kCwd, "=a"}, 0, "c", "dir", "a", ".", 0, 0, true},
    {EVENT_TYPE_RENAMEAT2, SYS_renameat2, 353, {kCwd, "=a", "@dir", "=b", "1"}, -EEXIST, "a", ".", "b", "dir", 1},
    {EVENT_TYPE_CHMOD, SYS_chmod, 15, {"=file", "04755"}, 0, "file", ".", "", "", 0, 04755},
    {EVENT_TYPE_FCHMODAT, SYS_fchmodat, 306, {"@dir", "=../file", "0600"}, 0, "../file", "dir", "", "", 0, 0600, true},
    {EVENT_TYPE_FCHMODAT, SYS_fchmodat, 306, {"@dir", "=/none", "0600"}, -ENOENT, "/none", "dir", "", "", 0, 0600, true},
    {EVENT_TYPE_SYMLINK, SYS_symlink, 83, {"=text", "=s"}, 0, "text", "", "s", "."},
    {EVENT_TYPE_SYMLINKAT, SYS_symlinkat, 304, {"=text", "@dir", "=/none/s"}, -ENOENT, "text", "", "/none/s", "dir"},
    {EVENT_TYPE_LINK, SYS_link, 9, {"=file", "=l"}, 0, "file", ".", "l", "."},
    {EVENT_TYPE_LINKAT, SYS_linkat, 303, {kCwd, "=file", "@dir", "=l", "0"}, 0, "file", ".", "l", "dir"},
    {EVENT_TYPE_UNLINK, SYS_unlink, 10, {"=l"}, 0, "l", "."},
    {EVENT_TYPE_UNLINK, SYS_unlink, 10, {"=l"}, -ENOENT, "l", "."},
    {EVENT_TYPE_UNLINKAT, SYS_unlinkat, 301, {"@dir", "=l", "0"}, 0, "l", "dir", "", "", 0, 0, true},
    {EVENT_TYPE_UNLINKAT, SYS_unlinkat, 301, {"@dir", "=b", "0x200"}, 0, "b", "dir", "", "", AT_REMOVEDIR, 0, true},
    {EVENT_TYPE_UNLINKAT, SYS_unlinkat, 301, {"900", "=/none", "0"}, -ENOENT, "/none", "", "", "", 0, 0, true},
    {EVENT_TYPE_RMDIR, SYS_rmdir, 40, {"=a"}, 0, "a", "."},
    {EVENT_TYPE_RMDIR, SYS_rmdir, 40, {"=file"}, -ENOTDIR, "file", "."},
    {EVENT_TYPE_UNLINK, SYS_unlink, 10, {"=s"}, 0, "s", "."},
};

TEST_F(SysExitCalls, NamesAsPassedAndWhereTheyStart) {
  for (const std::string abi : {"64", "32"}) {
    for (const PathsRow& row : kPaths) {
      SCOPED_TRACE(abi + " " + std::string(event::name(static_cast<event::EventType>(row.type))) + " " + row.first);
      const Deed deed = call(abi, abi == "64" ? row.number64 : row.number32, row.arguments);
      if (abi == "32" && deed.exit_code > 255) GTEST_SKIP() << "no 32-bit entry on this host";
      const Record* record = of(deed, EVENT_KIND_PATHS, row.type);
      ASSERT_NE(record, nullptr);
      const auto& event = record->as<event_paths>();
      const auto base = [&](const std::string& word) {
        return word == "." ? directory_.string() : word.empty() ? word : path(word);
      };
      EXPECT_EQ(event.ret, row.ret);
      EXPECT_EQ(record->text(event.first), row.first);
      EXPECT_EQ(record->text(event.first_base), base(row.first_base));
      EXPECT_EQ(record->text(event.second), row.second);
      EXPECT_EQ(record->text(event.second_base), base(row.second_base));
      EXPECT_EQ(event.arg_flags, row.flags);
      EXPECT_EQ(event.arg_mode, row.mode);
      EXPECT_EQ(event.dirfds[0] >= 0, row.dirfd);
      EXPECT_EQ(event.header.flags, abi == "32" ? std::uint32_t{EVENT_FLAG_COMPAT} : 0U);
    }
  }
}

// A call with a descriptor; what it leads to is told by path, file and socket.
struct CallRow {
  event_type type;
  long number64, number32;
  std::vector<std::string> arguments;
  long ret;          // 1: a descriptor
  std::string path;  // of the descriptor: "" none; "F" our file; a text that ends in '[': the rest is a number
  int fd;            // 0: the one passed, 1: the returned one, -1: none
  std::string text;
};

const CallRow kCalls[] = {
    {EVENT_TYPE_DUP, SYS_dup, 41, {"@file"}, 1, "F", 1, ""},
    {EVENT_TYPE_DUP, SYS_dup, 41, {"900"}, -EBADF, "", -1, ""},
    {EVENT_TYPE_DUP2, SYS_dup2, 63, {"@file", "77"}, 77, "F", 1, ""},
    {EVENT_TYPE_DUP3, SYS_dup3, 330, {"%pipe", "78", "02000000"}, 78, "pipe:[", 1, ""},
    {EVENT_TYPE_DUP3, SYS_dup3, 330, {"@file", "78", "1"}, -EINVAL, "F", 0, ""},
    {EVENT_TYPE_DUP, SYS_dup, 41, {"%event"}, 1, "[eventfd]", 1, ""},
    {EVENT_TYPE_FCHMOD, SYS_fchmod, 94, {"@file", "0640"}, 0, "F", 0, ""},
    {EVENT_TYPE_FCHMOD, SYS_fchmod, 94, {"900", "0640"}, -EBADF, "", -1, ""},
    {EVENT_TYPE_SETNS, SYS_setns, 346, {"%net", "0x40000000"}, 0, "net:[", 0, ""},
    {EVENT_TYPE_SETNS, SYS_setns, 346, {"@file", "0"}, -EINVAL, "F", 0, ""},
    {EVENT_TYPE_UNSHARE, SYS_unshare, 310, {"0x400"}, 0, "", -1, ""},
    {EVENT_TYPE_UNSHARE, SYS_unshare, 310, {"1"}, -EINVAL, "", -1, ""},
    {EVENT_TYPE_SETUID, SYS_setuid, 213, {"65534"}, 0, "", -1, ""},
    {EVENT_TYPE_SETUID, SYS_setuid, 23, {"0"}, 0, "", -1, ""},
    {EVENT_TYPE_BPF, SYS_bpf, 357, {"0", "0", "0"}, -EINVAL, "", -1, ""},
    {EVENT_TYPE_USERFAULTFD, SYS_userfaultfd, 374, {"0x40000000"}, -EINVAL, "", -1, ""},
    {EVENT_TYPE_INIT_MODULE, SYS_init_module, 128, {"=no image", "9", "=a=1 b=2"}, -ENOEXEC, "", -1, "a=1 b=2"},
    {EVENT_TYPE_FINIT_MODULE, SYS_finit_module, 350, {"@file", "=c=3", "0x80"}, -EINVAL, "F", 0, "c=3"},
    {EVENT_TYPE_CLOSE, SYS_close, 6, {"@file"}, 0, "", 0, ""},
    {EVENT_TYPE_CLOSE, SYS_close, 6, {"900"}, -EBADF, "", 0, ""},
};

TEST_F(SysExitCalls, ArgumentsAndTheDescriptorTheyAreAbout) {
  for (const std::string abi : {"64", "32"}) {
    for (const CallRow& row : kCalls) {
      SCOPED_TRACE(abi + " " + std::string(event::name(static_cast<event::EventType>(row.type))) + " " + row.arguments[0]);
      const Deed deed = call(abi, abi == "64" ? row.number64 : row.number32, row.arguments);
      if (abi == "32" && deed.exit_code > 255) GTEST_SKIP() << "no 32-bit entry on this host";
      ASSERT_EQ(deed.exit_code, 0);
      long ret = 0;
      int passed = -1;
      ASSERT_GE(std::sscanf(deed.output.c_str(), "%ld %d", &ret, &passed), 1);
      if (ret == -EPERM || ret == -ENOSYS) continue;  // a host, or a build of the kernel, that has it not
      // The loader of programs closes and sets up things, too.
      const std::uint32_t flags = abi == "32" ? std::uint32_t{EVENT_FLAG_COMPAT} : 0U;
      const Record* record = nullptr;
      for (const Record& one : deed.records) {
        if (one.header().kind == EVENT_KIND_CALL && one.header().type == row.type && one.as<event_call>().ret == ret &&
            one.header().flags == flags && (passed < 0 || one.as<event_call>().args[0] == static_cast<std::uint64_t>(passed)) &&
            record == nullptr)
          record = &one;
      }
      ASSERT_NE(record, nullptr);
      const auto& event = record->as<event_call>();
      EXPECT_EQ(row.ret == 1 ? ret >= 0 : ret == row.ret, true) << ret;
      const int argument = passed >= 0 ? passed : 900;
      EXPECT_EQ(event.fd, row.fd < 0 ? -1 : row.fd == 0 ? argument : ret);
      for (std::size_t i = 1; i < row.arguments.size(); ++i) {
        if (row.arguments[i][0] == '=') continue;
        EXPECT_EQ(event.args[i], static_cast<std::uint64_t>(std::strtoll(row.arguments[i].c_str(), nullptr, 0)));
      }
      const std::string told(record->text(event.path));
      if (row.path.ends_with('[')) {
        EXPECT_TRUE(told.starts_with(row.path) && told.ends_with(']')) << told;
        EXPECT_EQ(told, row.path + std::to_string(event.file.ino) + "]");
      } else {
        EXPECT_EQ(told, row.path == "F" ? path("file") : row.path);
      }
      if (row.path == "F") {
        struct stat file{};
        ASSERT_EQ(stat(path("file").c_str(), &file), 0);
        EXPECT_EQ(event.file.ino, file.st_ino);
      } else if (row.path.empty()) {
        EXPECT_EQ(event.file.ino, 0U);
      }
      EXPECT_EQ(record->text(event.text), row.text);
      EXPECT_EQ(record->text(event.data), row.type == EVENT_TYPE_INIT_MODULE ? "no image\0"s : ""s);
    }
  }
}

// A duplicate of a socket has its ends: what a shell's redirection to a connection is seen by.
TEST_F(SysExitCalls, DupOfASocket) {
  const Deed deed = call("64", SYS_dup3, {"%tcp", "60", "0"});
  const Record* record = of(deed, EVENT_KIND_CALL, EVENT_TYPE_DUP3);
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->as<event_call>().sock.family, 2);
  EXPECT_EQ(record->as<event_call>().sock.role, SOCKET_ROLE_UNKNOWN) << "it is not connected";
  EXPECT_EQ(record->as<event_call>().path.size, 0U);
}

// BPF_MAP_CREATE returns a descriptor, BPF_MAP_GET_NEXT_ID's 0 is none.
TEST_F(SysExitCalls, OnlySomeBpfCommandsReturnDescriptors) {
  const Deed deed = call("64", SYS_bpf, {"12", "=" + std::string(1, '\1'), "8"});  // attr.start_id 1: some map, if there is one
  const Record* record = of(deed, EVENT_KIND_CALL, EVENT_TYPE_BPF);
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->as<event_call>().args[0], 12U);
  EXPECT_EQ(record->as<event_call>().fd, -1);
}

// Any other call, by the engine's number for its name.
TEST_F(SysExitCalls, GenericCalls) {
  const auto type = event::find_event_type("umount2");
  ASSERT_TRUE(type.has_value());
  kernel::CapturePlan plan;
  plan.events[event::index(*type)] = true;
  ASSERT_TRUE(loader_->want(plan).has_value());
  for (const auto& [abi, number] : {std::pair{"64"s, SYS_umount2}, {"32"s, 52}}) {
    const Deed deed = call(abi, number, {"=/none", "8"});
    if (abi == "32" && deed.exit_code > 255) GTEST_SKIP() << "no 32-bit entry on this host";
    const Record* record = of(deed, EVENT_KIND_CALL, static_cast<std::uint16_t>(event::index(*type)));
    ASSERT_NE(record, nullptr);
    EXPECT_EQ(record->as<event_call>().ret, -ENOENT);
    EXPECT_EQ(record->as<event_call>().args[1], 8U);
    EXPECT_EQ(deed.records.size(), 4U) << "fork, exec, this, exit: nothing else was asked for";
  }
}

}  // namespace
}  // namespace shrike::test
