// SPDX-License-Identifier: Apache-2.0
#include "outputs/line_sink.h"

#include <cerrno>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace shrike::outputs {

std::unique_ptr<LineSink> LineSink::to_stdout(FormatOptions options) {
  return std::unique_ptr<LineSink>(new LineSink(STDOUT_FILENO, UniqueFd(), "standard output", options));
}

Result<std::unique_ptr<LineSink>> LineSink::to_file(const std::string& path, FormatOptions options) {
  UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600));
  if (!fd) return std::unexpected(system_error("open " + path, errno));
  const int raw = fd.get();
  return std::unique_ptr<LineSink>(new LineSink(raw, std::move(fd), path, options));
}

Result<void> LineSink::write(const act::Alert& alert) {
  const std::string line = format_alert(alert, options_) + '\n';
  std::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t written = ::write(fd_, rest.data(), rest.size());
    if (written >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {
      // A pipe somebody made non-blocking: wait rather than lose half a line.
      pollfd ready{fd_, POLLOUT, 0};
      poll(&ready, 1, 1000);
    } else if (errno != EINTR) {
      return std::unexpected(system_error("write to " + name_, errno));
    }
  }
  return {};
}

}  // namespace shrike::outputs
