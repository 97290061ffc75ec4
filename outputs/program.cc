// SPDX-License-Identifier: Apache-2.0
#include "outputs/program.h"

#include <cerrno>
#include <csignal>
#include <array>
#include <deque>
#include <memory>
#include <vector>
#include <fcntl.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>  // glibc 2.36 declares pidfd_open as C++
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/handle.h"
#include "outputs/line_writer.h"

namespace shrike::outputs {
namespace {

constexpr std::chrono::milliseconds kTimeout{10'000};
constexpr std::chrono::milliseconds kGrace{2'000};

std::string ended(const siginfo_t& info) {
  if (info.si_code == CLD_EXITED) return "ended with status " + std::to_string(info.si_status);
  return "killed by signal " + std::to_string(info.si_status);
}

class Program final : public Destination {
 public:
  explicit Program(ProgramOptions options) : options_(std::move(options)) {}
  ~Program() override { finish(); }
  Limits limits() const override { return {256, 64 << 10}; }
  // Its arguments may hold secrets.
  std::string describe() const override { return "program " + options_.command[0]; }

  Delivery deliver(std::span<const Message> messages, std::stop_token stop) override {
    const Wait wait(kTimeout, std::move(stop));
    if (process_ && wait.at_most(std::chrono::milliseconds{0}).until(process_.get(), POLLIN) == 0) (void)finish();
    if (!process_) {
      if (const int error = start(); error != 0) {
        return Delivery::all(messages.size(), Fate::kRetry, system_error("start " + options_.command[0], error).message);
      }
    }
    std::string lines;
    std::vector<const Message*> fresh;
    std::vector<std::size_t> ends;
    for (const Message& message : messages) {
      if (waits(message.id) != nullptr) continue;
      LineWriter::append(lines, message.body);
      ends.push_back(lines.size());
      fresh.push_back(&message);
    }
    int error = 0;
    const std::size_t out = writer_.write(input_.get(), lines, wait, error);
    for (std::size_t i = 0; i < ends.size() && ends[i] <= out; ++i) waiting_.push_back({fresh[i]->id, given_ + ends[i]});
    given_ += out;

    // Until all is read.
    while (error == 0 && taken() < given_) {
      error = wait.at_most(std::chrono::milliseconds{1}).until(process_.get(), POLLIN) == 0 ? EPIPE : wait.over();
    }
    const std::uint64_t read = taken();
    Delivery delivery = Delivery::all(messages.size(), Fate::kRetry);
    for (std::size_t i = 0; i < messages.size(); ++i) {
      const Waiting* waiting = waits(messages[i].id);
      if (waiting != nullptr && waiting->end <= read) delivery.outcomes[i].fate = Fate::kDelivered;
    }
    std::erase_if(waiting_, [read](const Waiting& waiting) { return waiting.end <= read; });
    if (error == 0) return delivery;
    std::string why = describe();
    if (error == EPIPE) {
      why += ": " + finish();
    } else {
      const char* known = wait_error(error);
      why = known != nullptr ? why + " does not read: " + known : system_error(why, error).message;
    }
    for (Outcome& outcome : delivery.outcomes) {
      if (outcome.fate == Fate::kRetry) outcome.reason = why;
    }
    return delivery;
  }

 private:
  struct Waiting {
    std::string id;
    std::uint64_t end = 0;  // of its line, in the count of given_
  };

  const Waiting* waits(const std::string& id) const {
    const auto at = std::ranges::find(waiting_, id, &Waiting::id);
    return at == waiting_.end() ? nullptr : &*at;
  }

  // Bytes the program has read.
  std::uint64_t taken() const {
    int unread = 0;
    if (ioctl(input_.get(), FIONREAD, &unread) != 0) return 0;
    const std::uint64_t left = static_cast<std::uint64_t>(unread) + writer_.pending_bytes();
    return left < given_ ? given_ - left : 0;
  }

  int start() {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) return errno;
    const UniqueFd theirs(ends[0]);
    UniqueFd ours(ends[1]);
    if (fcntl(ours.get(), F_SETFL, O_NONBLOCK) != 0) return errno;

    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    const std::unique_ptr<posix_spawn_file_actions_t, Destroyer<posix_spawn_file_actions_destroy>> actions_end(&actions);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    const std::unique_ptr<posix_spawnattr_t, Destroyer<posix_spawnattr_destroy>> attributes_end(&attributes);
    posix_spawn_file_actions_adddup2(&actions, theirs.get(), STDIN_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);

    std::vector<char*> argv;
    argv.reserve(options_.command.size() + 1);
    for (std::string& argument : options_.command) argv.push_back(argument.data());
    argv.push_back(nullptr);
    pid_t pid = 0;
    if (const int error = posix_spawnp(&pid, argv[0], &actions, &attributes, argv.data(), environ); error != 0) return error;
    // Its number is nobody else's before it is reaped.
    UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    if (!process) {
      const int error = errno;
      kill(pid, SIGKILL);
      waitpid(pid, nullptr, 0);
      return error;
    }
    process_ = std::move(process);
    input_ = std::move(ours);
    given_ = 0;
    waiting_.clear();
    writer_.forget();
    return 0;
  }

  // Ends and reaps it; what became of it.
  std::string finish() {
    if (!process_) return "not running";
    input_.reset();
    for (const int signal : {0, SIGTERM, SIGKILL}) {
      if (signal != 0) syscall(SYS_pidfd_send_signal, process_.get(), signal, nullptr, 0);
      if (signal == SIGKILL || Wait(kGrace / (signal == 0 ? 2 : 1), {}).until(process_.get(), POLLIN) == 0) break;
    }
    siginfo_t info{};
    waitid(P_PIDFD, static_cast<id_t>(process_.get()), &info, WEXITED);
    process_.reset();
    waiting_.clear();
    return ended(info);
  }

  ProgramOptions options_;
  UniqueFd process_;  // pidfd; none: not running
  UniqueFd input_;
  std::uint64_t given_ = 0;      // bytes, since it was started, those of a line begun with them
  std::deque<Waiting> waiting_;  // in the pipe, as far as known
  LineWriter writer_;
};

}  // namespace

Result<std::unique_ptr<Destination>> make_program(const ProgramOptions& options) {
  if (options.command.empty() || options.command[0].empty())
    return fail(Code::kInvalid, "command: the program's name is missing");
  return std::make_unique<Program>(options);
}

}  // namespace shrike::outputs
