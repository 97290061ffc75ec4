// SPDX-License-Identifier: Apache-2.0
#include "outputs/spool_verbs.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "outputs/spool_files.h"
#include "outputs/spool_scan.h"

namespace shrike::outputs {
namespace {

void count(MessageCount& all, std::uint64_t time_ns) {
  ++all.messages;
  all.oldest_ns = all.oldest_ns == 0 ? time_ns : std::min(all.oldest_ns, time_ns);
  all.newest_ns = std::max(all.newest_ns, time_ns);
}

// Calls `each` for every line; stops at the first error.
template <class Each>
Result<void> each_line(int directory, std::string_view name, const Each& each) {
  UniqueFd fd(openat(directory, name.data(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd && errno == ENOENT) return {};
  if (!fd) return std::unexpected(system_error("open " + std::string(name), errno));
  std::string rest;
  std::array<char, 65536> buffer{};
  while (true) {
    const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::unexpected(system_error("read " + std::string(name), errno));
    if (got == 0) break;
    std::size_t begin = 0;
    const std::size_t searched = rest.size();
    rest.append(buffer.data(), static_cast<std::size_t>(got));
    for (std::size_t end = 0; (end = rest.find('\n', std::max(begin, searched))) != std::string::npos; begin = end + 1) {
      if (end != begin) TRY(each(std::string_view(rest).substr(begin, end - begin)));
    }
    rest.erase(0, begin);
  }
  if (!rest.empty()) TRY(each(rest));
  return {};
}

std::uint64_t file_bytes(int directory, std::string_view name) {
  struct stat status{};
  if (fstatat(directory, name.data(), &status, AT_SYMLINK_NOFOLLOW) != 0) return 0;
  return static_cast<std::uint64_t>(status.st_size);
}

constexpr std::array kDeadFiles = {kReplayedDeadFile, kOldDeadFile, kDeadFile};  // oldest first

}  // namespace

Result<SpoolReport> spool_report(const std::string& path) {
  const UniqueFd directory = TRY(open_spool_directory(path, false));
  SpoolReport report;
  report.user = spool_user(directory.get());
  for (const std::string& file : TRY(list_directory(directory.get()))) {
    if (!file.ends_with(".seg")) continue;
    const auto name = parse_segment_stem(std::string_view(file).substr(0, file.size() - 4));
    if (!name) continue;
    const auto scan = scan_segment(directory.get(), *name, [&](const Record& record) {
      count(report.spooled, record.message.time_ns);
      ++report.by_priority[name->priority];
    });
    if (!scan && scan.error().sys_errno == ENOENT) continue;  // delivered meanwhile
    if (!scan) return std::unexpected(scan.error());
    ++report.segments;
    report.spooled.bytes += scan->file_bytes + scan->ack_bytes;
    report.damaged += scan->lost;
    report.damaged_bytes += scan->damaged_bytes + scan->file_bytes - std::min(scan->file_bytes, scan->whole_end);
  }
  for (const std::string_view file : kDeadFiles) {
    report.dead.bytes += file_bytes(directory.get(), file);
    const auto look = [&](std::string_view line) -> Result<void> {
      if (const auto letter = parse_dead_letter(line)) {
        count(report.dead, letter->message.time_ns);
      } else {
        ++report.unreadable_dead;
      }
      return {};
    };
    TRY(each_line(directory.get(), file, look));
  }
  return report;
}

Result<Replayed> replay_dead_letters(const SpoolOptions& options, std::uint64_t now_ns) {
  // Not made if it is not there.
  TRY(open_spool_directory(options.directory, false));
  const std::unique_ptr<Spool> spool = TRY(Spool::open(options, now_ns));
  DeadLetters dead(options.directory);
  auto replayed = replay_dead_letters(*spool, dead, now_ns);
  for (const UniqueFd& fd : spool->take_unsynced()) fdatasync(fd.get());
  return replayed;
}

Result<Replayed> replay_dead_letters(Spool& spool, DeadLetters& dead, std::uint64_t now_ns) {
  const UniqueFd directory = TRY(open_spool_directory(spool.options().directory, false));
  std::uint64_t bytes = 0;
  for (const std::string_view file : kDeadFiles) bytes += file_bytes(directory.get(), file);
  if (bytes != 0 && spool.bytes() + bytes > spool.options().max_bytes)
    return fail(Code::kLimit, std::to_string(bytes) + " bytes of dead letters have no room beside the " +
                                  std::to_string(spool.bytes()) + " in the spool: its max_bytes is " +
                                  std::to_string(spool.options().max_bytes));
  Replayed replayed;
  std::vector<std::string> unreadable;
  for (const std::string_view file : kDeadFiles) {
    // Under a name of its own, so that letters which die meanwhile are not put back, or lost, with it.
    if (file != kReplayedDeadFile && renameat(directory.get(), file.data(), directory.get(), kReplayedDeadFile.data()) != 0) {
      if (errno == ENOENT) continue;
      return std::unexpected(system_error("rename " + std::string(file), errno));
    }
    const auto put_back = [&](std::string_view line) -> Result<void> {
      const auto letter = parse_dead_letter(line);
      if (!letter) {
        unreadable.emplace_back(line);
        return {};
      }
      if (auto appended = spool.append(letter->message, now_ns); !appended) return appended;
      ++replayed.messages;
      return {};
    };
    TRY(each_line(directory.get(), kReplayedDeadFile, put_back));
    if (unlinkat(directory.get(), kReplayedDeadFile.data(), 0) != 0 && errno != ENOENT)
      return std::unexpected(system_error("remove " + std::string(kReplayedDeadFile), errno));
  }
  for (std::string& line : unreadable) TRY(dead.add_line(std::move(line)));
  replayed.unreadable = unreadable.size();
  return replayed;
}

}  // namespace shrike::outputs
