// SPDX-License-Identifier: Apache-2.0
#include "outputs/file.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <array>
#include <cstdio>
#include <thread>

#include "engine/base/clock.h"
#include "engine/base/handle.h"
#include "outputs/line_writer.h"

namespace shrike::outputs {
namespace {

constexpr std::chrono::milliseconds kTimeout{10'000};

bool passes(int error) { return error == ENOSPC || error == EDQUOT || error == EROFS || error == ENXIO || error == EIO; }

std::string numbered(const std::string& path, std::uint32_t number) { return path + '.' + std::to_string(number); }

// `path` becomes `path`.gz; on any failure it stays as it is.
void compress(const std::string& path, const std::stop_token& stop) {
  const UniqueFd in(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!in) return;
  const std::string half = path + ".gz.tmp";
  const int out_fd = open(half.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (out_fd < 0) return;
  gzFile out = gzdopen(out_fd, "wb");
  bool good = out != nullptr;
  if (!good) close(out_fd);
  std::array<char, 64 << 10> part{};
  ssize_t count = 0;
  while (good && !stop.stop_requested() && (count = read(in.get(), part.data(), part.size())) > 0) {
    good = gzwrite(out, part.data(), static_cast<unsigned>(count)) == count;
  }
  good = good && count == 0 && !stop.stop_requested();
  if (out != nullptr && gzclose(out) != Z_OK) good = false;
  if (good && rename(half.c_str(), (path + ".gz").c_str()) == 0) {
    unlink(path.c_str());
  } else {
    unlink(half.c_str());
  }
}

class File final : public Destination {
 public:
  explicit File(FileOptions options) : options_(std::move(options)) {}
  Limits limits() const override { return {1024, std::size_t{1} << 20U}; }
  std::string describe() const override { return options_.path.empty() ? "standard output" : "file " + options_.path; }

  int open_it() {
    if (options_.path.empty()) return open_stdout();
    // Not blocking, so that a pipe without a reader is an error and no wait.
    UniqueFd fd(open(options_.path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600));
    if (!fd) return errno;
    fd_ = std::move(fd);
    writer_.forget();
    struct stat status{};
    regular_ = fstat(fd_.get(), &status) == 0 && S_ISREG(status.st_mode);
    if (!regular_ || status.st_size == 0) return 0;
    period_ = period(static_cast<std::uint64_t>(status.st_mtim.tv_sec));
    // A process that was killed may have left half a line.
    const UniqueFd reader(open(options_.path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    char last = '\n';
    if (reader && pread(reader.get(), &last, 1, status.st_size - 1) == 1 && last != '\n') writer_.end_line();
    return 0;
  }

  void reopen() override {
    if (options_.path.empty()) return;
    if (writer_.pending()) {
      int error = 0;
      (void)writer_.write(fd_.get(), {}, Wait(std::chrono::milliseconds{0}, {}), error);
    }
    UniqueFd old = std::move(fd_);
    if (open_it() != 0) fd_ = std::move(old);  // tried again by nobody: the old one still takes
  }

  Delivery deliver(std::span<const Message> messages, std::stop_token stop) override {
    const Wait wait(kTimeout, std::move(stop));
    if (!fd_) {
      if (const int error = open_it(); error != 0) {
        return Delivery::all(messages.size(), Fate::kRetry, system_error("open " + options_.path, error).message);
      }
    }
    Delivery delivery = Delivery::all(messages.size(), Fate::kRetry);
    std::size_t next = 0;
    while (next < messages.size()) {
      std::string lines;
      std::vector<std::size_t> ends;
      std::uint64_t size = before(messages[next].body.size() + 1);
      for (std::size_t i = next; i < messages.size(); ++i) {
        size += messages[i].body.size() + 1;
        if (i > next && rotates_by_size() && size > options_.rotate_bytes) break;
        LineWriter::append(lines, messages[i].body);
        ends.push_back(lines.size());
      }
      int error = 0;
      const std::size_t out = writer_.write(fd_.get(), lines, wait, error);
      std::size_t whole = 0;
      while (whole < ends.size() && (ends[whole] < out || (ends[whole] == out && !writer_.pending()))) {
        delivery.outcomes[next + whole++].fate = Fate::kDelivered;
      }
      next += whole;
      if (error == 0) continue;
      const char* known = wait_error(error);
      const std::string why =
          known != nullptr ? "write to " + describe() + ": " + known : system_error("write to " + describe(), error).message;
      for (; next < messages.size(); ++next) delivery.outcomes[next].reason = why;
      // A pipe whose reader is gone has another reader next time, to whom the rest of a line means nothing.
      if (error == EPIPE) {
        writer_.forget();
        if (!options_.path.empty()) fd_.reset();
      }
    }
    return delivery;
  }

 private:
  // A second way to the same pipe or terminal that does not block: the flags of the one we were given are shared with whoever
  // gave it to us.
  int open_stdout() {
    struct stat status{};
    if (fstat(STDOUT_FILENO, &status) != 0) return errno;
    if (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode)) {
      fd_ = UniqueFd(open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
    }
    if (!fd_) fd_ = UniqueFd(fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
    return fd_ ? 0 : errno;
  }

  bool rotates_by_size() const { return regular_ && options_.rotate_bytes != 0; }
  std::uint64_t period(std::uint64_t seconds) const {
    const auto every = static_cast<std::uint64_t>(options_.rotate_every.count());
    return every == 0 ? 0 : seconds / every;
  }

  // Rotates if the time or the next line asks for it; the file's size.
  std::uint64_t before(std::uint64_t bytes) {
    static constexpr std::uint64_t kSecond = 1'000'000'000;
    struct stat status{};
    if (!regular_ || fstat(fd_.get(), &status) != 0) return 0;
    const auto size = static_cast<std::uint64_t>(status.st_size);
    const std::uint64_t now = period(wall_time_ns() / kSecond);
    const bool due = size > 0 && !writer_.pending() &&
                     ((options_.rotate_bytes != 0 && size + bytes > options_.rotate_bytes) || (now != period_));
    if (size == 0) period_ = now;
    if (!due || !rotate()) return size;
    period_ = now;
    return 0;
  }

  // PATH.1 is the newest. If a step fails, the file goes on as it is, and the next batch tries again.
  bool rotate() {
    if (compressor_.joinable()) compressor_.join();
    const std::string& path = options_.path;
    if (options_.keep == 0) {
      if (unlink(path.c_str()) != 0) return false;
    } else {
      for (const char* suffix : {"", ".gz"}) {
        unlink((numbered(path, options_.keep) + suffix).c_str());
        for (std::uint32_t i = options_.keep; i > 1; --i) {
          (void)std::rename((numbered(path, i - 1) + suffix).c_str(), (numbered(path, i) + suffix).c_str());
        }
      }
      if (std::rename(path.c_str(), numbered(path, 1).c_str()) != 0) return false;
    }
    if (open_it() != 0) return false;
    if (options_.compress && options_.keep != 0) {
      compressor_ = std::jthread([path, keep = options_.keep](const std::stop_token& stop) {
        for (std::uint32_t i = 1; i <= keep; ++i) compress(numbered(path, i), stop);
      });
    }
    return true;
  }

  const FileOptions options_;
  UniqueFd fd_;
  bool regular_ = false;
  std::uint64_t period_ = 0;
  LineWriter writer_;
  std::jthread compressor_;
};

}  // namespace

Result<std::unique_ptr<Destination>> make_file(const FileOptions& options) {
  auto file = std::make_unique<File>(options);
  if (const int error = file->open_it(); error != 0 && !passes(error)) {
    return std::unexpected(system_error("open " + file->describe(), error));
  }
  return file;
}

}  // namespace shrike::outputs
