// SPDX-License-Identifier: Apache-2.0
#include "engine/enrich/read_file.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/handle.h"

namespace shrike::enrich {

UniqueFd reopen_regular(const UniqueFd& path) {
  struct stat status{};
  if (!path || fstat(path.get(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
  return UniqueFd(open(("/proc/self/fd/" + std::to_string(path.get())).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
}

std::optional<FileText> read_open_file(int fd, std::size_t most) {
  struct stat status{};
  if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  FileText file;
  const auto size = static_cast<std::size_t>(std::max<off_t>(status.st_size, 0));
  file.whole = size <= most;
  file.text.resize(std::min(size, most));
  std::size_t filled = 0;
  while (filled < file.text.size()) {
    const ssize_t got = read(fd, file.text.data() + filled, file.text.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) break;  // it became shorter
    filled += static_cast<std::size_t>(got);
  }
  file.text.resize(filled);
  return file;
}

std::optional<FileText> read_file(const std::string& path, std::size_t most) {
  const UniqueFd fd = reopen_regular(UniqueFd(open(path.c_str(), O_PATH | O_CLOEXEC | O_NOFOLLOW)));
  return fd ? read_open_file(fd.get(), most) : std::nullopt;
}

}  // namespace shrike::enrich
