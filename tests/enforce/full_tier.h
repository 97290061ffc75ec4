// SPDX-License-Identifier: Apache-2.0
// The full tier's rules, all in one file: to start a daemon is what takes time in a guest, so the suites share it.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "tests/enforce/suite.h"

namespace shrike::test {

// Ports and cgroups the rules name. Files are named in the rules by their path below the place.
struct Names {
  std::string connect_port;        // listened to
  std::string address_port;        // listened to; refused at 127.0.0.1 only
  std::string other_address_port;  // listened to; refused at 127.0.0.2 only
  std::string other_port;          // listened to; no rule names it
  std::string send_port;
  std::string bind_port;
  std::string cgroup;
  std::string other_cgroup;
  std::string container;  // a cgroup as container runtimes name theirs
};
Names prepare(Place& place);
std::string full_tier_rules(const Place& place, const Names& names);

// What the rules are about, with links and mounts that are there before the daemon is.
void make_files(Place& place);

inline constexpr std::string_view kOpen = "evt.type in (open, openat, openat2)";
inline constexpr std::string_view kExec = "evt.type in (execve, execveat)";
inline constexpr std::string_view kSend = "evt.type in (sendto, sendmsg, sendmmsg)";

// One of them at a time: two daemons would both refuse.
class FullTierWorld {
 public:
  static FullTierWorld& get(const std::string& mode);
  static void end();

  explicit FullTierWorld(const std::string& of);

  std::string mode;
  Suite suite{true};
  Names names;
};

class FullTier : public testing::Test {
 protected:
  explicit FullTier(std::string mode = "enforce") : mode_(std::move(mode)) {}

  void SetUp() override {
    if (tier() != "full") {
      ASSERT_NE(tier_wanted(), "full") << "but it is " << tier();
      GTEST_SKIP() << "tier " << tier() << ": only BPF LSM refuses this";
    }
    FullTierWorld& world = FullTierWorld::get(mode_);
    suite_ = &world.suite;
    names_ = world.names;
    ASSERT_EQ(suite_->failure(), "");
  }

  std::string path(const std::string& name) const { return suite_->place.path(name); }
  // open CALL of a name below the place.
  Command open(const std::string& name, const std::string& flags, const std::string& call = "openat") const {
    return {deed("open"), call, "-", name.starts_with('/') ? name : path(name), flags};
  }

  Suite* suite_ = nullptr;
  Names names_;

 private:
  std::string mode_;
};

// As the kernel's flags, in the form deeds take them.
inline const std::string kRead = "0";
inline const std::string kWrite = "1";
inline const std::string kReadWrite = "2";
inline const std::string kMake = "0301";             // O_WRONLY | O_CREAT | O_EXCL
inline const std::string kMakeOrTruncate = "01101";  // O_WRONLY | O_CREAT | O_TRUNC

}  // namespace shrike::test
