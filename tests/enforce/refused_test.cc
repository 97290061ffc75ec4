// SPDX-License-Identifier: Apache-2.0
// Every operation a rule can refuse: EPERM and one alert under enforce, success and one alert under monitor.
#include "tests/enforce/full_tier.h"

namespace shrike::test {
namespace {

// A deed that a rule forbids.
struct Forbidden {
  std::string rule;
  std::string hook;
  Command command;
};

class Deeds : public FullTier {
 protected:
  using FullTier::FullTier;

  std::vector<Forbidden> execs() const {
    const std::string program = path("bin/forbidden");
    return {{"Exec", "bprm_creds_from_file", {deed("exec_fail"), "execve", "-", program}},
            {"Exec", "bprm_creds_from_file", {deed("exec_fail"), "execveat", path("bin"), "forbidden"}},
            {"Exec", "bprm_creds_from_file", {deed("as_user"), "33", program}}};
  }

  std::vector<Forbidden> opens() const {
    return {{"Write", "file_open", open("write/file", kWrite)},
            {"Write", "file_open", open("write/file", kReadWrite, "open")},
            {"Write", "file_open", open("write/file", kWrite, "openat2")},
            {"Write", "file_open", open("write/file", "0102", "openat")},  // O_RDWR | O_CREAT, of what is there
            {"Read", "file_open", open("read/file", kRead)},
            {"Read", "file_open", open("read/file", kReadWrite, "open")},
            {"Read", "file_open", open("read/file", kRead, "openat2")},
            {"Read", "file_open", {deed("as_user"), "33", deed("open"), "openat", "-", path("read/file"), kRead}}};
  }

  std::vector<Forbidden> connects() const {
    const std::string& port = names_.connect_port;
    std::vector<Forbidden> found;
    for (const char* kind : {"4", "6", "mapped"}) {
      found.push_back({"Connect", "socket_connect", {deed("connect"), kind, port, "alone"}});
      for (const char* call : {"sendto", "sendmsg"})
        found.push_back({"Connect", "socket_sendmsg", {deed("send"), kind, "fastopen", port, call}});
    }
    found.push_back({"Connect", "socket_connect", {deed("connect"), "udp", port}});
    return found;
  }

  std::vector<Forbidden> sends() const {
    std::vector<Forbidden> found;
    for (const char* kind : {"4", "6", "mapped", "unspec"}) {
      for (const char* call : {"sendto", "sendmsg", "sendmmsg"})
        found.push_back({"Send", "socket_sendmsg", {deed("send"), kind, "udp", names_.send_port, call}});
    }
    return found;
  }

  std::vector<Forbidden> binds() const {
    std::vector<Forbidden> found;
    for (const char* kind : {"4", "6", "mapped"}) {
      found.push_back({"Bind", "socket_bind", {deed("bind"), kind, names_.bind_port}});
      found.push_back({"Bind", "socket_bind", {deed("bind"), kind, names_.bind_port, "udp"}});
    }
    return found;
  }

  // Opens that would make a file, by every call that can.
  std::vector<Command> makings() const {
    std::vector<Command> found;
    for (const char* call : {"open", "openat", "openat2", "creat", "ia32"}) {
      for (const std::string& flags : {kMake, kMakeOrTruncate}) {
        Command command = open("write/new", flags, call);
        command.emplace_back("0600");
        found.push_back(command);
      }
    }
    found.push_back({deed("uring_open"), path("write/new"), kMake});
    return found;
  }

  bool is_there(const std::string& name) const { return std::filesystem::exists(path(name)); }
};

class Refused : public Deeds {
 protected:
  void all(const std::vector<Forbidden>& forbidden) {
    for (const Forbidden& f : forbidden) suite_->expect(f.command, kRefused, {blocked(f.rule, f.hook)});
  }
};

TEST_F(Refused, Exec) { all(execs()); }
TEST_F(Refused, Open) { all(opens()); }
TEST_F(Refused, Connect) { all(connects()); }
TEST_F(Refused, Send) { all(sends()); }
TEST_F(Refused, Bind) { all(binds()); }

TEST_F(Refused, MakingAFileLeavesNone) {
  for (const Command& command : makings()) {
    const Outcome outcome = run(command);
    if (outcome.exit_code == 200) continue;  // no io_uring here
    EXPECT_EQ(outcome.exit_code, kRefused) << command[0] << ' ' << command[1] << outcome.errors;
    suite_->expect_alerts(token(outcome.pid), {blocked("Write", "path_mknod")});
    EXPECT_FALSE(is_there("write/new")) << command[1];
  }
}

TEST_F(Refused, TruncationLeavesTheContent) {
  suite_->expect(open("write/truncated", "01001"), kRefused, {blocked("Write", "file_open")});  // O_WRONLY | O_TRUNC
  EXPECT_EQ(std::filesystem::file_size(path("write/truncated")), 5U);
}

TEST_F(Refused, KillEndsTheProcessBeforeTheDeed) {
  suite_->expect(open("kill/file", kWrite), kSignalled + SIGKILL, {killed("Kill write", "file_open", 1)});
  suite_->expect(open("kill/new", kMake), kSignalled + SIGKILL, {killed("Kill write", "path_mknod", 1)});
  EXPECT_FALSE(is_there("kill/new"));
  const Outcome outcome = suite_->expect({deed("exec_fail"), "execve", "-", path("bin/killed")}, kSignalled + SIGKILL,
                                         {killed("Kill exec", "bprm_creds_from_file", 1)});
  EXPECT_EQ(outcome.output, "");
}

class Monitored : public Deeds {
 protected:
  Monitored() : Deeds("monitor") {}

  void all(const std::vector<Forbidden>& forbidden) {
    for (const Forbidden& f : forbidden) suite_->expect(f.command, 0, {would_block(f.rule, f.hook)});
  }
};

TEST_F(Monitored, Exec) { all(execs()); }
TEST_F(Monitored, Open) { all(opens()); }
TEST_F(Monitored, Connect) { all(connects()); }
TEST_F(Monitored, Send) { all(sends()); }
TEST_F(Monitored, Bind) { all(binds()); }

TEST_F(Monitored, MakingAFile) {
  for (const Command& command : makings()) {
    const Outcome outcome = run(command);
    if (outcome.exit_code == 200) continue;
    EXPECT_EQ(outcome.exit_code, 0) << command[0] << ' ' << command[1] << outcome.errors;
    suite_->expect_alerts(token(outcome.pid), {would_block("Write", kAnyHook)});
    EXPECT_TRUE(is_there("write/new"));
    std::filesystem::remove(path("write/new"));
  }
}

TEST_F(Monitored, KillDoesNot) {
  suite_->expect(open("kill/file", kWrite), 0, {{"Kill write", "would_kill", "file_open", 0}});
  suite_->expect({deed("exec_fail"), "execve", "-", path("bin/killed")}, 0,
                 {{"Kill exec", "would_kill", "bprm_creds_from_file", 0}});
}

}  // namespace
}  // namespace shrike::test
