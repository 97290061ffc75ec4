// SPDX-License-Identifier: Apache-2.0
#include "engine/app/background_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace shrike::app {
namespace {

// All of it, or the errno of what went wrong.
int write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

}  // namespace

Result<UniqueFd> BackgroundFile::make(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0600));
  if (!fd) return std::unexpected(system_error("make " + path, errno));
  return fd;
}

BackgroundFile::BackgroundFile(UniqueFd fd, std::string name, std::size_t bound)
    : fd_(std::move(fd)), name_(std::move(name)), bound_(bound), thread_([this] { run(); }) {}

BackgroundFile::~BackgroundFile() { finish(); }

void BackgroundFile::put(std::string_view line) {
  const std::lock_guard lock(mutex_);
  if (waiting_.text.size() + line.size() > bound_) {
    ++counters_.missing;
    ++untold_;
    return;
  }
  tell_missing();
  waiting_.text += line;
  ++waiting_.lines;
  if (waiting_.text.size() >= kChunk) there_is_work_.notify_one();
}

// A line about those that are missing, if some are.
void BackgroundFile::tell_missing() {
  if (untold_ == 0) return;
  waiting_.text += R"({"lost": )" + std::to_string(untold_) + ", \"hook\": \"recording\"}\n";
  waiting_.told += std::exchange(untold_, 0);
}

void BackgroundFile::flush() {
  const std::lock_guard lock(mutex_);
  flush_ = true;
  there_is_work_.notify_one();
}

void BackgroundFile::finish() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    tell_missing();
    ending_ = true;
    there_is_work_.notify_one();
  }
  thread_.join();
}

BackgroundFile::Counters BackgroundFile::counters() const {
  const std::lock_guard lock(mutex_);
  return counters_;
}

std::optional<Error> BackgroundFile::take_error() {
  const std::lock_guard lock(mutex_);
  return std::exchange(error_, std::nullopt);
}

void BackgroundFile::run() {
  Waiting chunk;
  while (true) {
    {
      std::unique_lock lock(mutex_);
      there_is_work_.wait(lock, [this] { return waiting_.text.size() >= kChunk || flush_ || ending_; });
      flush_ = false;
      chunk.text.clear();
      chunk.text.swap(waiting_.text);
      chunk.lines = std::exchange(waiting_.lines, 0);
      chunk.told = std::exchange(waiting_.told, 0);
      if (chunk.text.empty() && ending_) return;
    }
    if (!chunk.text.empty()) write(chunk);
  }
}

void BackgroundFile::write(const Waiting& chunk) {
  int failure = cut_ ? write_all(fd_.get(), "\n") : 0;
  if (failure == 0) {
    cut_ = false;
    failure = write_all(fd_.get(), chunk.text);
  }
  if (failure == 0) {
    offset_ += chunk.text.size();
    const std::lock_guard lock(mutex_);
    counters_.bytes += chunk.text.size();
    return;
  }
  // Back to the last whole line, if this is a file that can be cut.
  if (!cut_) {
    const auto end = static_cast<off_t>(offset_);
    cut_ = ftruncate(fd_.get(), end) != 0 || lseek(fd_.get(), end, SEEK_SET) != end;
  }
  const std::lock_guard lock(mutex_);
  counters_.missing += chunk.lines;
  untold_ += chunk.lines + chunk.told;
  if (!std::exchange(failed_, true)) error_ = system_error("write " + name_, failure);
}

}  // namespace shrike::app
