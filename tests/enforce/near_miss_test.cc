// SPDX-License-Identifier: Apache-2.0
// What a rule does not name passes, without an alert; beside each, what it does name.
#include "tests/enforce/full_tier.h"

namespace shrike::test {
namespace {

class NearMiss : public FullTier {
 protected:
  void passes(const Command& command) { suite_->expect(command, 0); }
  void refused(const Command& command, const std::string& rule, const std::string& hook = "file_open") {
    suite_->expect(command, kRefused, {blocked(rule, hook)});
  }

  // The command, followed by an opening of that file for reading.
  Command reading(Command command, const std::string& name) const {
    for (const std::string& word : open(name, kRead)) command.push_back(word);
    return command;
  }
};

TEST_F(NearMiss, OtherPath) {
  passes(open("read/file2", kRead));
  passes(open("write2/file", kWrite));  // the prefix ends in a slash
  passes(open("write2/new", kMakeOrTruncate));
  passes({deed("exec_fail"), "execve", "-", path("bin/allowed")});
}

TEST_F(NearMiss, OtherAccess) {
  passes(open("read/file", kWrite));
  passes(open("write/file", kRead));
}

TEST_F(NearMiss, OtherOperation) {
  passes({deed("bind"), "4", names_.send_port});
  passes({deed("send"), "4", "udp", names_.connect_port});
  passes({deed("send"), "6", "udp", names_.bind_port});
}

TEST_F(NearMiss, OtherPort) {
  for (const char* kind : {"4", "6", "mapped"}) {
    passes({deed("connect"), kind, names_.other_port, "alone"});
    passes({deed("send"), kind, "fastopen", names_.other_port});
    passes({deed("send"), kind, "udp", names_.other_port});
  }
  passes({deed("bind"), "4", suite_->place.free_port()});
}

TEST_F(NearMiss, OtherAddress) {
  refused({deed("connect"), "4", names_.address_port, "alone"}, "Address", "socket_connect");
  refused({deed("connect"), "mapped", names_.address_port, "alone"}, "Address", "socket_connect");
  passes({deed("connect"), "6", names_.address_port, "alone"});
  passes({deed("connect"), "4", names_.other_address_port, "alone"});
}

TEST_F(NearMiss, OtherUser) {
  refused(reading({deed("as_user"), "33"}, "near/user"), "User");
  passes(open("near/user", kRead));
  passes(reading({deed("as_user"), "34"}, "near/user"));
}

TEST_F(NearMiss, OtherProgram) {
  refused({path("bin/bad-name"), "openat", "-", path("near/name"), kRead}, "Name");
  passes({path("bin/good-name"), "openat", "-", path("near/name"), kRead});
  refused({path("bin/bad-exe"), "openat", "-", path("near/exepath"), kRead}, "Exepath");
  passes({path("bin/good-exe"), "openat", "-", path("near/exepath"), kRead});
}

TEST_F(NearMiss, OtherParent) {
  refused(reading({deed("as_child"), path("bin/bad-parent")}, "near/parent"), "Parent");
  passes(reading({deed("as_child"), path("bin/good-parent")}, "near/parent"));
  // A grandparent of that name is no parent.
  const Outcome outcome =
      run(reading({deed("as_child"), path("bin/bad-parent"), deed("as_child"), path("bin/between")}, "near/parent"));
  EXPECT_EQ(outcome.exit_code, 0);
  suite_->expect_alerts(token(outcome.pid), {});
}

TEST_F(NearMiss, OtherAncestor) {
  refused(reading({deed("as_child"), path("bin/bad-ancestor")}, "near/ancestor"), "Ancestor");
  passes(reading({deed("as_child"), path("bin/good-ancestor")}, "near/ancestor"));
  const std::size_t before = suite_->daemon->alerts("near/ancestor").size();
  const Outcome outcome =
      run(reading({deed("as_child"), path("bin/bad-ancestor"), deed("as_child"), path("bin/between")}, "near/ancestor"));
  EXPECT_EQ(outcome.exit_code, kRefused);
  EXPECT_EQ(suite_->daemon->alerts("near/ancestor", before + 1).size(), before + 1);
}

TEST_F(NearMiss, OtherCgroup) {
  if (names_.cgroup.empty()) GTEST_SKIP() << "no cgroup can be made here";
  refused(reading({deed("in_cgroup"), Place::cgroup_directory(names_.cgroup)}, "near/cgroup"), "Cgroup");
  passes(reading({deed("in_cgroup"), Place::cgroup_directory(names_.other_cgroup)}, "near/cgroup"));
  passes(open("near/cgroup", kRead));
}

TEST_F(NearMiss, ContainerOrHost) {
  if (names_.container.empty()) GTEST_SKIP() << "no cgroup can be made here";
  const auto contained = [&](const std::string& file) {
    return reading({deed("in_cgroup"), Place::cgroup_directory(names_.container)}, file);
  };
  refused(contained("near/container"), "Container");
  passes(open("near/container", kRead));
  passes(reading({deed("in_cgroup"), Place::cgroup_directory(names_.other_cgroup)}, "near/container"));
  refused(reading({deed("in_cgroup"), Place::cgroup_directory(names_.other_cgroup)}, "near/host"), "Host");
  passes(contained("near/host"));
}

}  // namespace
}  // namespace shrike::test
