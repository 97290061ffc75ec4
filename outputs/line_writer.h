// SPDX-License-Identifier: Apache-2.0
// LineWriter writes messages as lines to a descriptor that may take only a part: the rest of a line is kept and goes first next
// time, so that no line is ever continued by another.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>
#include <unistd.h>

#include "outputs/wait.h"

namespace shrike::outputs {

class LineWriter {
 public:
  static void append(std::string& lines, std::string_view body) {
    const std::size_t at = lines.size();
    lines += body;
    std::replace(lines.begin() + static_cast<std::ptrdiff_t>(at), lines.end(), '\n', ' ');
    lines += '\n';
  }

  // What was left over, then `lines`: how many bytes of `lines` went out, up to and with a line begun (its rest is kept). `error`
  // is why not all: an errno. SIGPIPE must be ignored.
  std::size_t write(int fd, std::string_view lines, const Wait& wait, int& error) {
    error = 0;
    while (!rest_.empty()) {
      const std::size_t count = put(fd, rest_, wait, error);
      rest_.erase(0, count);
      if (error != 0) return 0;
    }
    std::size_t out = 0;
    while (out < lines.size() && error == 0) out += put(fd, lines.substr(out), wait, error);
    if (out == 0 || lines[out - 1] == '\n') return out;
    const std::size_t end = lines.find('\n', out) + 1;
    rest_ = lines.substr(out, end - out);
    return end;
  }
  // The last line counted by write() is not out as a whole.
  bool pending() const { return !rest_.empty(); }
  std::size_t pending_bytes() const { return rest_.size(); }
  // Another file or reader: what is left over is of no use there.
  void forget() { rest_.clear(); }
  // A line there is cut, by whoever wrote it: end it first.
  void end_line() { rest_ = "\n"; }

 private:
  static std::size_t put(int fd, std::string_view bytes, const Wait& wait, int& error) {
    while (true) {
      const ssize_t written = ::write(fd, bytes.data(), bytes.size());
      if (written >= 0) return static_cast<std::size_t>(written);
      if (errno == EINTR) continue;
      error = errno == EAGAIN ? wait.until(fd, POLLOUT) : errno;
      if (error != 0) return 0;
    }
  }

  std::string rest_;
};

}  // namespace shrike::outputs
