// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <filesystem>

#include "tests/kernel/kernel_fixture.h"

namespace shrike::test {
namespace {

using namespace std::string_literals;

class TpSchedProcessExec : public KernelTest {};

bool any(const Record&, const event_process&) { return true; }

TEST_F(TpSchedProcessExec, TellsProgramFileArgumentsAndCredentials) {
  const std::string link = path("link");
  const std::string real = path("program");  // a copy: user 34 may not reach the build
  std::filesystem::copy_file(std::string(SHRIKE_DEEDS) + "/deed_exec_fail", real);
  std::filesystem::create_symlink(real, link);
  const Deed deed = run("exec_fail", {"execve", "-", "/nowhere"}, [&] {
    if (chdir(directory_.c_str()) != 0 || setgid(12) != 0 || setuid(34) != 0) _exit(251);
    execl(link.c_str(), "renamed", "", "two words", nullptr);
  });
  const Record* record = deed.only<event_process>(EVENT_KIND_EXEC, any);  // run()'s own exec did not happen any more
  ASSERT_NE(record, nullptr);
  const auto& event = record->as<event_process>();
  EXPECT_EQ(record->text(event.exe_path), real) << "the file, not the link that led to it";
  EXPECT_EQ(record->text(event.cwd), directory_.string());
  EXPECT_EQ(record->text(event.args), "renamed\0\0two words\0"s);
  EXPECT_EQ(event.args_total, event.args.size);
  EXPECT_STREQ(event.comm, "link") << "comm comes from the name passed";
  EXPECT_EQ(event.header.type, EVENT_TYPE_EXECVE);
  EXPECT_EQ(event.header.hook, HOOK_SCHED_PROCESS_EXEC);
  EXPECT_EQ(event.header.version, ABI_VERSION);
  EXPECT_EQ(event.header.flags, 0U);
  EXPECT_EQ(event.header.tid, event.header.tgid);
  EXPECT_EQ(event.header.ppid, static_cast<std::uint32_t>(getpid()));
  EXPECT_EQ(event.header.sid, static_cast<std::uint32_t>(getsid(0)));
  EXPECT_EQ(event.pgid, static_cast<std::uint32_t>(getpgid(0)));
  EXPECT_EQ(event.header.creds.uid, 34U);
  EXPECT_EQ(event.header.creds.gid, 12U);
  EXPECT_EQ(event.header.creds.cap_effective, 0U) << "no longer root";
  EXPECT_GT(event.header.start_ns, event.parent_start_ns);
  EXPECT_GT(event.header.time_ns, event.header.start_ns);

  struct stat file{};
  ASSERT_EQ(stat(real.c_str(), &file), 0);
  EXPECT_EQ(event.exe.ino, file.st_ino);
  EXPECT_EQ(event.exe.dev, major(file.st_dev) << 20U | minor(file.st_dev));
  EXPECT_EQ(event.exe.mode, file.st_mode);
  EXPECT_EQ(event.exe.mtime_ns,
            static_cast<std::uint64_t>(file.st_mtim.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(file.st_mtim.tv_nsec));
  EXPECT_EQ(event.exe.ctime_ns,
            static_cast<std::uint64_t>(file.st_ctim.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(file.st_ctim.tv_nsec));
}

TEST_F(TpSchedProcessExec, RootHasCapabilities) {
  const Deed deed = run("ptrace");
  const Record* record = deed.only<event_process>(EVENT_KIND_EXEC, any);
  ASSERT_NE(record, nullptr);
  EXPECT_NE(record->header().creds.cap_effective, 0U);
  EXPECT_EQ(record->header().creds.uid, 0U);
}

TEST_F(TpSchedProcessExec, CutsLongArgumentsAndSaysSo) {
  const Deed deed = run("exec_fail", {"execve", "-", std::string(20'000, 'x')});
  const Record* record = deed.only<event_process>(EVENT_KIND_EXEC, any);
  ASSERT_NE(record, nullptr);
  const auto& event = record->as<event_process>();
  EXPECT_EQ(event.args.size, static_cast<std::uint32_t>(ARGS_BYTES_MAX));
  EXPECT_GT(event.args_total, 20'000U);
  EXPECT_TRUE(event.header.flags & EVENT_FLAG_ARGS_TRUNCATED);
}

TEST_F(TpSchedProcessExec, NamesWhatLivesInMemoryOnly) {
  const Deed deed = run("exec_memfd");
  ASSERT_EQ(deed.exit_code, 0);
  const Record* record = deed.only<event_process>(
      EVENT_KIND_EXEC, [](const Record&, const event_process& e) { return e.header.type == EVENT_TYPE_EXECVEAT; });
  ASSERT_NE(record, nullptr);
  const auto& event = record->as<event_process>();
  EXPECT_EQ(record->text(event.exe_path), "memfd:deed");
  EXPECT_TRUE(event.exe.flags & EVENT_FILE_MEMFD);
  EXPECT_TRUE(event.exe.flags & EVENT_FILE_DELETED);
  EXPECT_EQ(record->text(event.args), "in memory\0copy\0"s);
}

TEST_F(TpSchedProcessExec, OfAThreadIsOfTheProcess) {
  const Deed deed = run("exec_thread");
  ASSERT_EQ(deed.exit_code, 0);
  const Record* record = deed.only<event_process>(
      EVENT_KIND_EXEC, [](const Record& r, const event_process& e) { return r.text(e.args).starts_with("from"); });
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->header().tid, static_cast<std::uint32_t>(deed.pid));
  const Record* first = deed.only<event_process>(
      EVENT_KIND_EXEC, [](const Record& r, const event_process& e) { return !r.text(e.args).starts_with("from"); });
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(record->header().start_ns, first->header().start_ns) << "another start would be another process";
}

}  // namespace
}  // namespace shrike::test
