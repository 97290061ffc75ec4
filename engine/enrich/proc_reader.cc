// SPDX-License-Identifier: Apache-2.0
#include "engine/enrich/proc_reader.h"

#include <array>
#include <charconv>
#include <climits>
#include <fcntl.h>
#include <unistd.h>

#include "engine/base/handle.h"

namespace shrike::enrich {
namespace {

// At most `most` bytes are kept; `total` counts all, as far as 1 MiB.
std::string read_file(const std::string& path, std::size_t most, std::uint32_t& total) {
  static constexpr std::uint32_t kCountMax = 1U << 20U;
  std::string bytes;
  total = 0;
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return bytes;
  std::array<char, 4096> buffer{};
  while (total < kCountMax) {
    const ssize_t got = read(fd.get(), buffer.data(), buffer.size());
    if (got <= 0) break;
    const auto size = static_cast<std::size_t>(got);
    total += static_cast<std::uint32_t>(size);
    if (bytes.size() < most) bytes.append(buffer.data(), std::min(size, most - bytes.size()));
  }
  return bytes;
}

std::string read_link(const std::string& path) {
  std::array<char, PATH_MAX> target{};
  const ssize_t size = readlink(path.c_str(), target.data(), target.size());
  return size < 0 ? std::string() : std::string(target.data(), static_cast<std::size_t>(size));
}

}  // namespace

std::string ProcReader::path(std::uint32_t pid, const char* file) const { return root_ + '/' + std::to_string(pid) + '/' + file; }

// Nothing if what has the pid is another process, or nothing has.
std::optional<ProcReader::Stat> ProcReader::stat(std::uint32_t pid, std::uint64_t start_ns) const {
  static constexpr std::size_t kParent = 4, kGroup = 5, kSession = 6, kStartTime = 22;  // proc(5); the last in clock ticks
  std::uint32_t total = 0;
  const std::string text = read_file(path(pid, "stat"), 4096, total);
  // comm may hold blanks and parentheses; what follows the last one is plain: field 3 on.
  std::size_t at = text.rfind(')');
  if (at == std::string::npos) return std::nullopt;
  Stat stat;
  std::uint64_t ticks = 0;
  for (std::size_t field = 3; field <= kStartTime; ++field) {
    at = text.find(' ', at + 1);
    if (at == std::string::npos) return std::nullopt;
    const auto read = [&](auto& number) {
      return std::from_chars(text.data() + at + 1, text.data() + text.size(), number).ec == std::errc();
    };
    bool good = true;
    if (field == kParent) good = read(stat.ppid);
    if (field == kGroup) good = read(stat.pgid);
    if (field == kSession) good = read(stat.sid);
    if (field == kStartTime) good = read(ticks);
    if (!good) return std::nullopt;
  }
  if (ticks != start_ns / (1'000'000'000 / static_cast<std::uint64_t>(sysconf(_SC_CLK_TCK)))) return std::nullopt;
  return stat;
}

ProcReader::Arguments ProcReader::arguments(std::uint32_t pid, std::uint64_t start_ns) const {
  Arguments arguments;
  if (!stat(pid, start_ns)) return arguments;
  arguments.bytes = read_file(path(pid, "cmdline"), kArgumentsMax, arguments.total);
  return arguments;
}

event::Environment ProcReader::environment(std::uint32_t pid, std::uint64_t start_ns) const {
  event::Environment environment;
  if (!stat(pid, start_ns) || access(path(pid, "environ").c_str(), R_OK) != 0) return environment;
  environment.known = true;
  environment.bytes = read_file(path(pid, "environ"), kArgumentsMax, environment.total);
  return environment;
}

ProcReader::Snapshot ProcReader::snapshot(std::uint32_t pid, std::uint64_t start_ns) const {
  Snapshot snapshot;
  const std::optional<Stat> stat = this->stat(pid, start_ns);
  if (!stat) return snapshot;
  snapshot.ppid = stat->ppid;
  snapshot.pgid = stat->pgid;
  snapshot.sid = stat->sid;
  std::uint32_t total = 0;
  snapshot.comm = read_file(path(pid, "comm"), 16, total);
  if (snapshot.comm.ends_with('\n')) snapshot.comm.pop_back();
  snapshot.exe_path = read_link(path(pid, "exe"));
  static constexpr std::string_view kDeleted = " (deleted)";
  if (snapshot.exe_path.ends_with(kDeleted)) snapshot.exe_path.resize(snapshot.exe_path.size() - kDeleted.size());
  snapshot.cwd = read_link(path(pid, "cwd"));
  snapshot.arguments = arguments(pid, start_ns);
  return snapshot;
}

}  // namespace shrike::enrich
