// SPDX-License-Identifier: Apache-2.0
#include "engine/event/event_type.h"

#include <gtest/gtest.h>
#include <set>
#include <sstream>
#include <string>

#include "engine/event/params.h"

namespace shrike::event {
namespace {

// The events of Falco's packs, rule-language.md 3.5: parameters with their kinds, in order.
constexpr const char* kReference = R"(
execve: res errno, exe charbuf, args bytebuf, tid pid, pid pid, ptid pid, cwd charbuf, fdlimit uint64, pgft_maj uint64, pgft_min uint64, vm_size uint32, vm_rss uint32, vm_swap uint32, comm charbuf, cgroups bytebuf, env bytebuf, tty uint32, vpgid pid, loginuid uid, flags flags32, cap_inheritable uint64, cap_permitted uint64, cap_effective uint64, exe_ino uint64, exe_ino_ctime abstime, exe_ino_mtime abstime, uid uid, trusted_exepath fspath, pgid pid, gid gid, filename fspath
execveat: res errno, exe charbuf, args bytebuf, tid pid, pid pid, ptid pid, cwd charbuf, fdlimit uint64, pgft_maj uint64, pgft_min uint64, vm_size uint32, vm_rss uint32, vm_swap uint32, comm charbuf, cgroups bytebuf, env bytebuf, tty uint32, vpgid pid, loginuid uid, flags flags32, cap_inheritable uint64, cap_permitted uint64, cap_effective uint64, exe_ino uint64, exe_ino_ctime abstime, exe_ino_mtime abstime, uid uid, trusted_exepath fspath, pgid pid, gid gid
open: fd fd, name fspath, flags flags32, mode uint32, dev uint32, ino uint64
openat: fd fd, dirfd fd, name fsrelpath, flags flags32, mode uint32, dev uint32, ino uint64
openat2: fd fd, dirfd fd, name fsrelpath, flags flags32, mode uint32, resolve flags32, dev uint32, ino uint64
connect: res errno, tuple socktuple, fd fd, addr sockaddr
accept: fd fd, tuple socktuple, queuepct uint8, queuelen uint32, queuemax uint32
accept4: fd fd, tuple socktuple, queuepct uint8, queuelen uint32, queuemax uint32, flags int32
listen: res errno, fd fd, backlog int32
sendmsg: res errno, data bytebuf, fd fd, size uint32, tuple socktuple
sendto: res errno, data bytebuf, fd fd, size uint32, tuple socktuple
rename: res errno, oldpath fspath, newpath fspath
renameat: res errno, olddirfd fd, oldpath fsrelpath, newdirfd fd, newpath fsrelpath
renameat2: res errno, olddirfd fd, oldpath fsrelpath, newdirfd fd, newpath fsrelpath, flags flags32
rmdir: res errno, path fspath
unlink: res errno, path fspath
unlinkat: res errno, dirfd fd, name fsrelpath, flags flags32
recvfrom: res errno, data bytebuf, tuple socktuple, fd fd, size uint32
chmod: res errno, filename fspath, mode mode
creat: fd fd, name fspath, mode uint32, dev uint32, ino uint64, creat_flags flags16
fchmod: res errno, fd fd, mode mode
fchmodat: res errno, dirfd fd, filename fsrelpath, mode mode
mkdir: res errno, path fspath, mode uint32
mkdirat: res errno, dirfd fd, path fsrelpath, mode uint32
ptrace: res errno, addr dyn, data dyn, request enumflags16, pid pid
recvmsg: res errno, size uint32, data bytebuf, tuple socktuple, msgcontrol bytebuf, fd fd
bpf: fd fd, cmd enumflags32
dup: res fd, oldfd fd
dup2: res fd, oldfd fd, newfd fd
dup3: res fd, oldfd fd, newfd fd, flags flags32
finit_module: res errno, fd fd, uargs charbuf, flags flags32
init_module: res errno, img bytebuf, length uint64, uargs charbuf
link: res errno, oldpath fspath, newpath fspath
linkat: res errno, olddir fd, oldpath fsrelpath, newdir fd, newpath fsrelpath, flags flags32
setns: res errno, fd fd, nstype flags32
setuid: res errno, uid uid
socket: fd fd, domain enumflags32, type uint32, proto uint32, flags flags32
symlink: res errno, target charbuf, linkpath fspath
symlinkat: res errno, target charbuf, linkdirfd fd, linkpath fsrelpath
unshare: res errno, flags flags32
userfaultfd: res errno, flags flags32
)";

TEST(EventTypes, ParametersAreTheReferences) {
  std::istringstream lines(kReference);
  std::size_t count = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.empty()) continue;
    ++count;
    const std::string name = line.substr(0, line.find(':'));
    const auto type = find_event_type(name);
    ASSERT_TRUE(type) << name;
    std::string got = name + ": ";
    for (const Param& param : event_types()[index(*type)].params) {
      if (!got.ends_with(": ")) got += ", ";
      got += std::string(param.name) + ' ' + std::string(spelling(param.kind));
    }
    EXPECT_EQ(got, line);
  }
  EXPECT_EQ(count, 41U);
}

TEST(EventTypes, NamesAreUniqueAndFound) {
  std::set<std::string_view> names;
  for (const EventTypeInfo& type : event_types()) EXPECT_TRUE(names.insert(type.name).second) << type.name;
  for (const char* name :
       {"close", "clone", "io_uring_enter", "statx", "pread", "send", "procexit", "container", "drop", "asyncevent",
        "pluginevent", "signaldeliver", "switch", "notification", "infra", "procinfo", "useradded", "groupdeleted"}) {
    EXPECT_TRUE(find_event_type(name)) << name;
  }
  for (const char* name : {"", "opne", "OPEN", "user_event"}) EXPECT_FALSE(find_event_type(name)) << name;
  EXPECT_TRUE(event_types()[index(*find_event_type("pread"))].is_syscall);
  EXPECT_FALSE(event_types()[index(*find_event_type("drop"))].is_syscall);
}

TEST(EventTypes, WhatIsNotCapturedOfAParameter) {
  const auto captured = [](EventType type, std::string_view name) { return is_captured(type, {name, ParamKind::kText}); };
  EXPECT_TRUE(captured(EventType::kExecve, "args"));
  EXPECT_FALSE(captured(EventType::kExecve, "env"));
  EXPECT_TRUE(captured(EventType::kPtrace, "data"));
  EXPECT_TRUE(captured(EventType::kSendto, "data"));
  EXPECT_FALSE(captured(EventType::kSendmmsg, "data"));
  EXPECT_TRUE(captured(EventType::kFinitModule, "uargs"));
  EXPECT_FALSE(captured(EventType::kOpenByHandleAt, "mountfd"));
  EXPECT_FALSE(captured(*find_event_type("mount"), "dir"));
}

}  // namespace
}  // namespace shrike::event
