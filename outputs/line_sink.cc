// SPDX-License-Identifier: Apache-2.0
#include "outputs/line_sink.h"

#include <cerrno>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

namespace shrike::outputs {

namespace {

// A second way to the same pipe that does not block: the flags of the one we were given are shared with whoever gave it to us.
UniqueFd without_blocking(int fd) {
  struct stat status{};
  if (fstat(fd, &status) != 0 || !S_ISFIFO(status.st_mode)) return UniqueFd();
  return UniqueFd(open(("/proc/self/fd/" + std::to_string(fd)).c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
}

Result<UniqueFd> open_file(const std::string& path) {
  // Not blocking, so that a pipe without a reader is an error and no wait.
  UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600));
  if (!fd) return std::unexpected(system_error("open " + path, errno));
  return fd;
}

}  // namespace

std::unique_ptr<LineSink> LineSink::to_stdout(FormatOptions options, GiveUp give_up) {
  return std::unique_ptr<LineSink>(new LineSink(without_blocking(STDOUT_FILENO), {}, options, std::move(give_up)));
}

Result<std::unique_ptr<LineSink>> LineSink::to_file(const std::string& path, FormatOptions options, GiveUp give_up) {
  UniqueFd fd = TRY(open_file(path));
  return std::unique_ptr<LineSink>(new LineSink(std::move(fd), path, options, std::move(give_up)));
}

Result<void> LineSink::write(const act::Alert& alert) {
  // A line that was cut by an error must not grow together with the next.
  std::string line = format_alert(alert, options_) + '\n';
  if (cut_) line.insert(line.begin(), '\n');
  const int fd = fd_ ? fd_.get() : STDOUT_FILENO;
  const std::string name = path_.empty() ? "standard output" : path_;
  std::string_view rest = line;
  while (!rest.empty()) {
    static constexpr int kSliceMs = 100;
    pollfd ready{fd, POLLOUT, 0};
    if (poll(&ready, 1, kSliceMs) == 0) {
      if (!give_up_()) continue;
      cut_ = cut_ || rest.size() != line.size();
      return std::unexpected(system_error("write to " + name, ETIMEDOUT));
    }
    const ssize_t written = ::write(fd, rest.data(), rest.size());
    if (written >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR && errno != EAGAIN) {
      const int error = errno;
      cut_ = cut_ || rest.size() != line.size();
      return std::unexpected(system_error("write to " + name, error));
    }
  }
  cut_ = false;
  return {};
}

Result<void> LineSink::reopen() {
  if (path_.empty()) return {};
  fd_ = TRY(open_file(path_));
  cut_ = false;
  return {};
}

}  // namespace shrike::outputs
