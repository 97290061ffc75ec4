// SPDX-License-Identifier: Apache-2.0
#include "outputs/spool_scan.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

namespace shrike::outputs {
namespace {

// Frames that are whole; a torn one at the end and damaged ones are as if never written: their messages come again.
void read_acks(int directory, const SegmentName& name, SegmentScan& scan) {
  const UniqueFd fd(openat(directory, (segment_stem(name) + ".ack").c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd) return;
  std::array<char, kAckBytes * 512> buffer{};
  std::uint64_t at = 0;
  while (true) {
    const ssize_t got = pread(fd.get(), buffer.data(), buffer.size(), static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    const std::size_t whole = got <= 0 ? 0 : static_cast<std::size_t>(got) / kAckBytes * kAckBytes;
    if (whole == 0) break;
    at += whole;
    for (std::size_t frame = 0; frame < whole; frame += kAckBytes) {
      const auto ack = parse_ack({buffer.data() + frame, kAckBytes}, name.key);
      if (!ack || ack->first >= scan.is_acked.size()) continue;
      const std::size_t end = std::min<std::size_t>(scan.is_acked.size(), std::size_t{ack->first} + ack->count);
      std::fill(scan.is_acked.begin() + ack->first, scan.is_acked.begin() + static_cast<std::ptrdiff_t>(end), true);
    }
  }
  scan.ack_bytes = at;
}

}  // namespace

Result<SegmentScan> scan_segment(int directory, const SegmentName& name, const std::function<void(const Record&)>& pending) {
  const std::string file = segment_stem(name) + ".seg";
  const UniqueFd fd(openat(directory, file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd) return std::unexpected(system_error("open " + file, errno));
  struct stat status{};
  if (fstat(fd.get(), &status) != 0) return std::unexpected(system_error("stat " + file, errno));
  if (!S_ISREG(status.st_mode)) return fail(Code::kCorrupt, file + " is no regular file");
  SegmentScan scan;
  scan.file_bytes = static_cast<std::uint64_t>(status.st_size);
  // A record has more bytes than this, so indices beyond are none.
  scan.is_acked.resize(static_cast<std::size_t>(scan.file_bytes / kSegmentHeaderBytes) + 1);
  read_acks(directory, name, scan);
  SegmentReader reader(fd.get(), name);
  Record record;
  while (reader.next(record, scan.file_bytes)) {
    if (record.index >= scan.is_acked.size()) scan.is_acked.resize(std::size_t{record.index} + 1);
    for (; scan.next_index < record.index; ++scan.next_index) scan.lost += scan.is_acked[scan.next_index] ? 0 : 1;
    scan.next_index = record.index + 1;
    scan.last_sequence = record.sequence;
    ++scan.records;
    if (scan.is_acked[record.index]) {
      ++scan.acked;
    } else {
      pending(record);
    }
  }
  if (reader.read_errno() != 0) return std::unexpected(system_error("read " + file, reader.read_errno()));
  if (reader.whole_end() < scan.file_bytes && reader.has_room_for_record(scan.file_bytes) &&
      (scan.next_index >= scan.is_acked.size() || !scan.is_acked[scan.next_index]))
    ++scan.lost;
  scan.is_acked.resize(scan.next_index);
  scan.whole_end = reader.whole_end();
  scan.damaged_bytes = reader.damaged_bytes();
  scan.created_ns =
      reader.created_ns().value_or(static_cast<std::uint64_t>(std::max<time_t>(status.st_mtim.tv_sec, 0)) * 1'000'000'000U);
  return scan;
}

Result<std::vector<std::string>> list_directory(int directory) {
  const int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (copy < 0) return std::unexpected(system_error("open the spool's directory", errno));
  const std::unique_ptr<DIR, Destroyer<closedir>> stream(fdopendir(copy));
  if (stream == nullptr) {
    const int error = errno;
    close(copy);
    return std::unexpected(system_error("read the spool's directory", error));
  }
  std::vector<std::string> names;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is this function's own
  while (const dirent* entry = readdir(stream.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace shrike::outputs
