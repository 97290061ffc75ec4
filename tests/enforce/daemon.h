// SPDX-License-Identifier: Apache-2.0
// A real `shrike run`, met as its users meet it: by rule files, signals, stdout and stderr.
#pragma once

#include <nlohmann/json.hpp>

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "engine/base/handle.h"
#include "tests/enforce/run.h"

namespace shrike::test {

// Long, because guests are slow: to verify the programs alone takes them most of a minute.
inline constexpr std::chrono::seconds kReadyPatience{150};
inline constexpr std::chrono::seconds kPatience{40};

// A rule, with an output by which alerts are told apart. Without an action it is an alert rule; without a mode it has the host's.
std::string yaml(const std::string& name, const std::string& condition, const std::string& action = "block",
                 const std::string& mode = "");

// `tier` as `shrike doctor` says it.
const std::string& tier();

// What it must be here, by SHRIKE_TEST_TIER: where that is set, a suite of the tier fails rather than skips. Empty: nothing is
// known.
std::string tier_wanted();

class Daemon {
 public:
  struct Options {
    std::filesystem::path directory;  // for its files
    std::string rules;
    std::string mode = "enforce";
    std::string config;  // none if empty
  };
  // Waits until it is ready; failure() says why it is not.
  explicit Daemon(const Options& options);
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  const std::string& failure() const { return failure_; }
  const std::string& ready_line() const { return ready_line_; }
  pid_t pid() const { return pid_; }

  // Alerts that carry the text anywhere, in order of arrival; waits until there are `least`, or patience ends.
  std::vector<nlohmann::json> alerts(std::string_view text, std::size_t least = 0, std::chrono::seconds patience = kPatience);

  // Alerts that carry it are counted by nobody and kept nowhere: for floods.
  void forget(std::string text);

  // Puts other rules in the file and reloads: whether they are in force now.
  bool reload(const std::string& rules);

  void signal(int number) const;

  // Its stderr so far.
  std::string log();

  // Stops it by SIGTERM. The counters of --summary json; null if there were none. exit_code() holds then.
  nlohmann::json stop();
  int exit_code() const { return exit_code_; }

 private:
  void start(const Command& command);
  void read_lines(int fd, const std::function<void(std::string)>& take);
  template <class Condition>
  bool wait_until(std::chrono::seconds patience, Condition condition);

  std::filesystem::path rule_file_;
  pid_t pid_ = -1;
  int exit_code_ = -1;
  std::string failure_;
  std::string ready_line_;
  UniqueFd stdout_;
  UniqueFd stderr_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> alerts_;  // as text: only what is asked for is parsed
  std::vector<std::string> log_;
  std::vector<std::string> forgotten_;
  bool log_ended_ = false;
  std::thread alert_reader_;
  std::thread log_reader_;
};

}  // namespace shrike::test
