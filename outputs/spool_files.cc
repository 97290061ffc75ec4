// SPDX-License-Identifier: Apache-2.0
#include "outputs/spool_files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <charconv>

namespace shrike::outputs {
namespace {

int lock_holder(int lock) {
  std::array<char, 16> text{};
  const ssize_t got = pread(lock, text.data(), text.size(), 0);
  int pid = 0;
  if (got > 0) std::from_chars(text.data(), text.data() + got, pid);
  return pid;
}

}  // namespace

Result<UniqueFd> open_spool_directory(const std::string& path, bool create) {
  if (create) {
    for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
      if (mkdir(path.substr(0, end).c_str(), 0700) != 0 && errno != EEXIST)
        return std::unexpected(system_error("make the spool's directory " + path.substr(0, end), errno));
      if (end == std::string::npos) break;
    }
  }
  UniqueFd directory(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) {
    Error error = system_error("open the spool's directory " + path, errno);
    if (errno == ENOENT) error.code = Code::kNotFound;
    return std::unexpected(std::move(error));
  }
  struct stat status{};
  if (create && fstat(directory.get(), &status) == 0 && (status.st_mode & 077U) != 0 && fchmod(directory.get(), 0700) != 0)
    return std::unexpected(system_error("take the rights of others on " + path + " away", errno));
  return directory;
}

Result<UniqueFd> lock_spool(int directory, const std::string& path) {
  UniqueFd lock(openat(directory, kLockFile.data(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock) return std::unexpected(system_error("open " + path + "/lock", errno));
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return std::unexpected(system_error("lock " + path + "/lock", errno));
    return fail(Code::kInvalid, "the spool " + path + " is in use by process " + std::to_string(lock_holder(lock.get())) +
                                    "; each sink of each process needs a directory of its own");
  }
  // For people; on a full disk it stays empty.
  const std::string pid = std::to_string(getpid()) + '\n';
  if (ftruncate(lock.get(), 0) == 0) (void)!pwrite(lock.get(), pid.data(), pid.size(), 0);
  return lock;
}

int spool_user(int directory) {
  const UniqueFd lock(openat(directory, kLockFile.data(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!lock || flock(lock.get(), LOCK_SH | LOCK_NB) == 0) return 0;
  return lock_holder(lock.get());
}

bool is_spool_file(std::string_view name) {
  return name == kLockFile || name == kDeadFile || name == kOldDeadFile || name == kReplayedDeadFile;
}

}  // namespace shrike::outputs
