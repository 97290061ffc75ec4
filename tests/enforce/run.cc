// SPDX-License-Identifier: Apache-2.0
#include "tests/enforce/run.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

namespace shrike::test {
namespace {

constexpr unsigned kHangSeconds = 180;

std::string content(int fd) {
  std::string text;
  std::array<char, 4096> part{};
  for (ssize_t count = 0; (count = pread(fd, part.data(), part.size(), static_cast<off_t>(text.size()))) > 0;)
    text.append(part.data(), static_cast<std::size_t>(count));
  return text;
}

}  // namespace

// Output goes to memory, not through a pipe: nobody has to read while it runs.
Running::Running(const Command& command)
    : output_(memfd_create("output", MFD_CLOEXEC)), errors_(memfd_create("errors", MFD_CLOEXEC)) {
  std::vector<char*> argv;
  argv.reserve(command.size() + 1);
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  pid_ = fork();
  if (pid_ != 0) return;
  dup2(output_.get(), STDOUT_FILENO);
  dup2(errors_.get(), STDERR_FILENO);
  alarm(kHangSeconds);
  execv(argv[0], argv.data());
  _exit(252);
}

Outcome Running::wait() {
  Outcome outcome;
  outcome.pid = pid_;
  int status = 0;
  if (waitpid(pid_, &status, 0) == pid_)
    outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : kSignalled + WTERMSIG(status);
  outcome.output = content(output_.get());
  outcome.errors = content(errors_.get());
  return outcome;
}

Outcome run(const Command& command) { return Running(command).wait(); }

std::string deed(const std::string& name) { return std::string(SHRIKE_DEEDS) + "/deed_" + name; }

std::string shrike() { return SHRIKE_BINARY; }

}  // namespace shrike::test
