// SPDX-License-Identifier: Apache-2.0
// A place, the rules about it, and a daemon that holds them; and the words in which tests speak of what came of a deed.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "tests/enforce/daemon.h"
#include "tests/enforce/place.h"
#include "tests/enforce/run.h"

namespace shrike::test {

inline constexpr int kRefused = 1;  // EPERM, as deeds end with it

template <class... Parts>
std::string joined(const Parts&... parts) {
  std::string text;
  (text.append(std::string_view(parts)), ...);
  return text;
}

// For an event that passes several hooks: one of them alerts, no matter which.
inline const std::string kAnyHook = "*";

// What an alert must say. For `alert` hook and errno stay empty.
struct Expected {
  std::string rule;
  std::string verdict;
  std::string hook;
  int error = 0;
  auto operator<=>(const Expected&) const = default;
  friend std::ostream& operator<<(std::ostream& out, const Expected& e) {
    return out << '"' << e.rule << "\" " << e.verdict << ' ' << e.hook << ' ' << e.error;
  }
};
inline Expected blocked(std::string rule, std::string hook) { return {std::move(rule), "blocked", std::move(hook), 1}; }
inline Expected killed(std::string rule, std::string hook, int error) {
  return {std::move(rule), "killed", std::move(hook), error};
}
inline Expected would_block(std::string rule, std::string hook) { return {std::move(rule), "would_block", std::move(hook), 0}; }
inline Expected alert(std::string rule) { return {std::move(rule), "alert", "", 0}; }

// What alerts of a process and its children carry.
inline std::string token(pid_t pid) { return "pid=" + std::to_string(pid) + ";"; }

class Suite {
 public:
  explicit Suite(bool mounted) : place(mounted) {}

  // Starts the daemon with these rules, and one more that tells how far it has read.
  void start(const std::string& rules, const std::string& mode = "enforce", const std::string& config = "");
  static std::string with_mark(const Place& place, const std::string& rules);

  // Why it can't be used; empty if it can.
  std::string failure() const;

  // Waits until all that was done before has been through the daemon.
  void settle();

  // The token's alerts are exactly these.
  void expect_alerts(const std::string& token, std::vector<Expected> expected);
  // The command ends with this, and it and its children's alerts are exactly these.
  Outcome expect(const Command& command, int exit_code, std::vector<Expected> expected = {});

  Place place;
  std::unique_ptr<Daemon> daemon;

 private:
  int marks_ = 0;
  bool silent_ = false;  // marks come no more: no use in waiting for others
};

}  // namespace shrike::test
