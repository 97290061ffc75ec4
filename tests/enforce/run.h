// SPDX-License-Identifier: Apache-2.0
// Runs programs as a user would, and keeps what came of it.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "engine/base/handle.h"

namespace shrike::test {

using Command = std::vector<std::string>;

inline constexpr int kSignalled = 256;  // exit_code of a process that a signal ended: this plus its number

struct Outcome {
  pid_t pid = 0;
  int exit_code = -1;
  std::string output;
  std::string errors;  // its stderr
};

// A process under way. It ends by SIGALRM if it hangs.
class Running {
 public:
  explicit Running(const Command& command);
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  pid_t pid() const { return pid_; }
  Outcome wait();

 private:
  pid_t pid_ = -1;
  UniqueFd output_;
  UniqueFd errors_;
};

Outcome run(const Command& command);

// tests/programs' deed of that name.
std::string deed(const std::string& name);

// The full path of the daemon's binary.
std::string shrike();

}  // namespace shrike::test
