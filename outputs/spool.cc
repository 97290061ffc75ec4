// SPDX-License-Identifier: Apache-2.0
#include "outputs/spool.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <tuple>

#include "engine/base/clock.h"
#include "outputs/spool_files.h"
#include "outputs/spool_scan.h"

namespace shrike::outputs {
namespace {

constexpr std::uint64_t kBlockBytes = 4096;  // a file's least cost
constexpr std::uint64_t kLeastSegmentBytes = 4096;
constexpr std::uint64_t kParts = 16;  // of max_bytes and max_age: what is removed at once
constexpr std::size_t kMostSealedUnsynced = 16;
constexpr std::uint64_t kYear2020Ns = 1'577'836'800'000'000'000U;  // a clock before this has not been set yet

// All of it or an error; what was written of it does not count.
Result<void> write_at(int fd, std::string_view bytes, std::uint64_t at, const std::string& what) {
  while (!bytes.empty()) {
    const ssize_t written = pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return std::unexpected(system_error("write " + what, written == 0 ? EIO : errno));
    bytes.remove_prefix(static_cast<std::size_t>(written));
    at += static_cast<std::uint64_t>(written);
  }
  return {};
}

std::uint64_t random_key() {
  std::uint64_t key = 0;
  // Early in boot there may be no random bytes yet; the time serves to tell segments apart.
  if (getrandom(&key, sizeof(key), GRND_NONBLOCK) != sizeof(key)) key = boot_time_ns() * 0x9e3779b97f4a7c15U;
  return key;
}

std::string number_of(std::uint64_t count, const char* one, const char* many) {
  return std::to_string(count) + ' ' + (count == 1 ? one : many);
}

}  // namespace

Spool::Spool(const SpoolOptions& options, UniqueFd directory, UniqueFd lock)
    : options_(options),
      segment_bytes_(std::max(std::min(options.segment_bytes, options.max_bytes / kParts), kLeastSegmentBytes)),
      directory_(std::move(directory)),
      lock_(std::move(lock)) {}

Result<std::unique_ptr<Spool>> Spool::open(const SpoolOptions& options, std::uint64_t now_ns) {
  UniqueFd directory = TRY(open_spool_directory(options.directory, true));
  UniqueFd lock = TRY(lock_spool(directory.get(), options.directory));
  std::unique_ptr<Spool> spool(new Spool(options, std::move(directory), std::move(lock)));
  auto names = list_directory(spool->directory_.get());
  if (!names) return std::unexpected(std::move(names).error());
  for (const std::string& name : *names) {
    if (name.ends_with(".seg")) {
      if (const auto parsed = parse_segment_stem(std::string_view(name).substr(0, name.size() - 4))) {
        spool->load_segment(*parsed, now_ns);
        continue;
      }
    } else if (name.ends_with(".ack")) {
      // Its segment was removed, and then this process's predecessor ended.
      const std::string segment = name.substr(0, name.size() - 4) + ".seg";
      if (!std::ranges::binary_search(*names, segment)) unlinkat(spool->directory_.get(), name.c_str(), 0);
      continue;
    } else if (is_spool_file(name)) {
      continue;
    }
    spool->report("the file " + name + " is none of a spool's and is left alone");
  }
  return spool;
}

void Spool::load_segment(const SegmentName& name, std::uint64_t now_ns) {
  const std::string file = segment_stem(name) + ".seg";
  auto scan = scan_segment(directory_.get(), name, [](const Record&) {});
  if (!scan) {
    report("segment " + file + " can't be read and is left alone: " + scan.error().message);
    return;
  }
  if (scan->damaged_bytes != 0) {
    report("segment " + file + ": " + number_of(scan->damaged_bytes, "byte", "bytes") + " in between are damaged and skipped");
  }
  if (scan->lost != 0 && scan->records != 0) {
    report("segment " + file + ": " + number_of(scan->lost, "message is", "messages are") + " lost to damage");
  }
  losses_.damaged[name.priority] += scan->lost;
  Lane& lane = lanes_[name.priority];
  const auto [at, fresh] = lane.segments.try_emplace(name.first);
  if (!fresh) {
    report("segment " + file + " is there twice; this one is left alone");
    return;
  }
  Segment& segment = at->second;
  segment.name = name;
  segment.created_ns = scan->created_ns < kYear2020Ns ? now_ns : scan->created_ns;
  segment.bytes = scan->whole_end;
  segment.ack_bytes = scan->ack_bytes;
  segment.next_index = scan->next_index;
  segment.records = scan->records;
  segment.acked = scan->acked;
  segment.is_acked = std::move(scan->is_acked);
  bytes_ += kBlockBytes + segment.bytes + segment.ack_bytes;
  messages_ += segment.pending();
  next_sequence_ = std::max({next_sequence_, name.first + 1, scan->last_sequence + 1});
  const std::uint64_t tail = scan->file_bytes - std::min(scan->file_bytes, scan->whole_end);
  if (segment.records == 0 && tail != 0) {
    report("segment " + file + ": nothing in it can be read; removed with its " + number_of(tail, "byte", "bytes"));
  }
  if (segment.pending() == 0) {
    remove(lane, at, losses_.evicted);
    return;
  }
  if (tail == 0) return;
  report("segment " + file + ": " + number_of(tail, "byte", "bytes") + " at its end are no whole message and are cut off");
  const UniqueFd fd(openat(directory_.get(), file.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd || ftruncate(fd.get(), static_cast<off_t>(segment.bytes)) != 0) {
    report(system_error("segment " + file + ": cut off its end", errno).message);
  }
}

Spool::~Spool() {
  for (Lane& lane : lanes_) {
    if (lane.write_fd) seal(lane);
  }
}

void Spool::report(std::string text) {
  // Somebody who never asks must not fill the memory.
  static constexpr std::size_t kMostReports = 256;
  if (reports_.size() < kMostReports) reports_.push_back("spool " + options_.directory + ": " + std::move(text));
}

// A new segment, to be the last of its lane.
Result<void> Spool::rotate(Lane& lane, std::uint8_t priority, std::uint64_t now_ns) {
  if (lane.write_fd) seal(lane);
  const SegmentName name{priority, next_sequence_, random_key()};
  const std::string file = segment_stem(name) + ".seg";
  UniqueFd fd(openat(directory_.get(), file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return std::unexpected(system_error("create " + options_.directory + '/' + file, errno));
  const std::string header = segment_header(name, now_ns);
  if (auto written = write_at(fd.get(), header, 0, options_.directory + '/' + file); !written) {
    unlinkat(directory_.get(), file.c_str(), 0);
    return written;
  }
  Segment segment;
  segment.name = name;
  segment.created_ns = now_ns;
  segment.bytes = header.size();
  bytes_ += kBlockBytes + segment.bytes;
  lane.segments.insert_or_assign(name.first, std::move(segment));
  lane.write_fd = std::move(fd);
  lane.unsynced = directory_unsynced_ = true;
  lane.ragged = false;
  return {};
}

// The last segment is written to no more.
void Spool::seal(Lane& lane) {
  const auto at = std::prev(lane.segments.end());
  if (lane.ragged && ftruncate(lane.write_fd.get(), static_cast<off_t>(at->second.bytes)) != 0) {
    // Then it is cut off when the segment is next loaded.
    report(system_error("segment " + segment_stem(at->second.name) + ": cut off its end", errno).message);
  }
  if (at->second.pending() == 0) {
    lane.write_fd.reset();
    remove(lane, at, losses_.evicted);
    return;
  }
  if (lane.unsynced) {
    if (sealed_unsynced_.size() >= kMostSealedUnsynced) {
      fdatasync(lane.write_fd.get());
    } else {
      sealed_unsynced_.push_back({at->second.name, std::move(lane.write_fd)});
    }
  }
  lane.write_fd.reset();
}

// Takes a segment away; what nobody was handed of it counts as lost.
Spool::SegmentAt Spool::remove(Lane& lane, SegmentAt at, PerPriority& lost) {
  Segment& segment = at->second;
  if (is_active(lane, at)) lane.write_fd.reset();
  // An open descriptor would keep its blocks.
  std::erase_if(sealed_unsynced_, [&](const Sealed& sealed) { return sealed.name == segment.name; });
  if (lane.reader && at == lane.segments.upper_bound(lane.read_to)) stop_reading(lane);
  lost[segment.name.priority] += segment.unread();
  messages_ -= segment.pending();
  taken_ -= segment.taken;
  bytes_ -= kBlockBytes + segment.bytes + segment.ack_bytes;
  // In this order: acknowledgements without a segment are nothing, a segment without them would come again.
  const std::string stem = segment_stem(segment.name);
  const bool removed = unlinkat(directory_.get(), (stem + ".seg").c_str(), 0) == 0 || errno == ENOENT;
  if (!removed && !std::exchange(remove_failed_, true)) {
    report(system_error("remove " + stem + ".seg", errno).message + "; what it holds may be delivered again by the next process");
  }
  if (removed) {
    remove_failed_ = false;
    if (segment.ack_bytes != 0 || segment.ack_fd) unlinkat(directory_.get(), (stem + ".ack").c_str(), 0);
  }
  return lane.segments.erase(at);
}

// Makes room at the cost of messages of `priority` or less urgent ones; false: there are none.
bool Spool::evict(std::uint8_t priority) {
  // First what costs nothing: segments still written to in which all is acknowledged.
  for (Lane& lane : lanes_) {
    if (!lane.write_fd || std::prev(lane.segments.end())->second.pending() != 0) continue;
    seal(lane);
    return true;
  }
  for (std::size_t at = kPriorities; at-- > priority;) {
    Lane& lane = lanes_[at];
    if (lane.segments.empty()) continue;
    remove(lane, lane.segments.begin(), losses_.evicted);
    return true;
  }
  return false;
}

Result<void> Spool::append(const Message& message, std::uint64_t now_ns) {
  const std::uint8_t priority = std::min<std::uint8_t>(message.priority, kPriorities - 1);
  const std::size_t size = record_bytes(message);
  if (size > kMaxRecordBytes)
    return fail(Code::kLimit, "a message of " + std::to_string(size) + " bytes is more than a spool's record may be");
  Lane& lane = lanes_[priority];
  const auto wants_new = [&] {
    if (!lane.write_fd) return true;
    const Segment& last = std::prev(lane.segments.end())->second;
    if (last.records == 0) return false;
    const std::uint64_t most_age_ns = static_cast<std::uint64_t>(options_.max_age.count()) * 1'000'000'000U / kParts;
    return last.bytes + size > segment_bytes_ || now_ns > last.created_ns + most_age_ns;
  };
  while (bytes_ + size + (wants_new() ? kBlockBytes + kSegmentHeaderBytes : 0) > options_.max_bytes) {
    if (evict(priority)) continue;
    ++losses_.evicted[priority];
    return {};
  }
  if (wants_new()) TRY(rotate(lane, priority, now_ns));
  Segment& segment = std::prev(lane.segments.end())->second;
  std::string record;
  record.reserve(size);
  append_record(record, segment.name.key, segment.next_index, next_sequence_, message);
  if (auto written =
          write_at(lane.write_fd.get(), record, segment.bytes, options_.directory + '/' + segment_stem(segment.name) + ".seg");
      !written) {
    lane.ragged = true;
    return written;
  }
  lane.unsynced = true;
  segment.bytes += record.size();
  bytes_ += record.size();
  ++segment.next_index;
  ++segment.records;
  segment.is_acked.push_back(false);
  ++next_sequence_;
  ++messages_;
  return {};
}

void Spool::stop_reading(Lane& lane) {
  lane.reader.reset();
  lane.read_fd.reset();
  lane.head.reset();
}

// Reads on until lane.head is a message not acknowledged, or there is none.
void Spool::fill(Lane& lane) {
  while (!lane.head) {
    const auto at = lane.segments.upper_bound(lane.read_to);
    if (at == lane.segments.end()) return;
    Segment& segment = at->second;
    if (segment.unread() != 0) {
      if (!lane.reader) {
        lane.read_fd.reset(
            openat(directory_.get(), (segment_stem(segment.name) + ".seg").c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
        lane.reader = std::make_unique<SegmentReader>(lane.read_fd.get(), segment.name);
      }
      Record record;
      if (lane.reader->next(record, segment.bytes)) {
        if (record.index < segment.is_acked.size() && !segment.is_acked[record.index]) lane.head = std::move(record);
        continue;
      }
      // They were there when they were counted.
      report("segment " + segment_stem(segment.name) + ".seg: " + number_of(segment.unread(), "message is", "messages are") +
             " lost: " +
             (lane.reader->read_errno() != 0 ? system_error("read", lane.reader->read_errno()).message : "damaged since"));
      losses_.damaged[segment.name.priority] += segment.unread();
      messages_ -= segment.unread();
      segment.records -= segment.unread();
      if (is_active(lane, at)) {
        seal(lane);
        continue;
      }
    } else if (is_active(lane, at)) {
      return;
    }
    stop_reading(lane);
    if (segment.pending() == 0) {
      remove(lane, at, losses_.damaged);
    } else {
      lane.read_to = at->first;
    }
  }
}

std::vector<Spool::Entry> Spool::read(std::size_t messages, std::size_t bytes) {
  std::vector<Entry> entries;
  std::size_t taken_bytes = 0;
  while (entries.size() < messages && unread() != 0) {
    Lane* oldest = nullptr;
    for (Lane& lane : lanes_) {
      fill(lane);
      if (lane.head && (oldest == nullptr || lane.head->sequence < oldest->head->sequence)) oldest = &lane;
    }
    if (oldest == nullptr) break;
    Record& record = *oldest->head;
    taken_bytes += record.message.body.size();
    if (!entries.empty() && taken_bytes > bytes) break;
    Segment& segment = oldest->segments.upper_bound(oldest->read_to)->second;
    entries.push_back({{segment.name.priority, segment.name.first, record.index}, std::move(record.message)});
    oldest->head.reset();
    ++segment.taken;
    ++taken_;
  }
  return entries;
}

void Spool::acknowledge(std::span<const Position> given) {
  // By segment, for one write each.
  std::vector<Position> sorted(given.begin(), given.end());
  std::ranges::sort(sorted, {}, [](const Position& at) { return std::tuple(at.priority, at.segment, at.index); });
  std::span<const Position> positions = sorted;
  while (!positions.empty()) {
    // A run in one segment.
    const Position first = positions.front();
    std::uint32_t count = 1;
    while (count < positions.size() && positions[count].priority == first.priority && positions[count].segment == first.segment &&
           positions[count].index == first.index + count) {
      ++count;
    }
    positions = positions.subspan(count);
    Lane& lane = lanes_[first.priority % kPriorities];
    const auto at = lane.segments.find(first.segment);
    if (at == lane.segments.end()) continue;  // evicted meanwhile
    Segment& segment = at->second;
    for (std::uint32_t index = first.index; index < first.index + count && index < segment.is_acked.size(); ++index) {
      if (segment.is_acked[index]) continue;
      segment.is_acked[index] = true;
      ++segment.acked;
      --segment.taken;
      --taken_;
      --messages_;
    }
    if (segment.pending() == 0 && !is_active(lane, at)) {
      remove(lane, at, losses_.damaged);
      continue;
    }
    append_ack(segment.unwritten_acks, segment.name.key, {first.index, count});
    // The next run may be of the same segment: one write for both.
    if (positions.empty() || positions.front().segment != first.segment) write_acks(segment);
  }
}

void Spool::write_acks(Segment& segment) {
  const std::string file = segment_stem(segment.name) + ".ack";
  if (!segment.ack_fd)
    segment.ack_fd.reset(openat(directory_.get(), file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  Result<void> written = segment.ack_fd ? write_at(segment.ack_fd.get(), segment.unwritten_acks, segment.ack_bytes, file)
                                        : std::unexpected(system_error("open " + file, errno));
  if (!written) {
    if (!std::exchange(ack_failed_, true))
      report(written.error().message + "; what has been delivered may be delivered again by the next process");
    return;
  }
  ack_failed_ = false;
  segment.ack_bytes += segment.unwritten_acks.size();
  bytes_ += segment.unwritten_acks.size();
  segment.unwritten_acks.clear();
}

void Spool::expire(std::uint64_t now_ns) {
  const std::uint64_t age_ns = static_cast<std::uint64_t>(options_.max_age.count()) * 1'000'000'000U;
  for (Lane& lane : lanes_) {
    for (auto at = lane.segments.begin(); at != lane.segments.end();) {
      Segment& segment = at->second;
      if (segment.created_ns < kYear2020Ns) segment.created_ns = now_ns;
      at = now_ns > segment.created_ns + age_ns ? remove(lane, at, losses_.expired) : std::next(at);
    }
  }
}

std::vector<UniqueFd> Spool::take_unsynced() {
  std::vector<UniqueFd> fds;
  fds.reserve(sealed_unsynced_.size() + lanes_.size() + 1);
  for (Sealed& sealed : sealed_unsynced_) fds.push_back(std::move(sealed.fd));
  sealed_unsynced_.clear();
  for (Lane& lane : lanes_) {
    if (!lane.write_fd || !std::exchange(lane.unsynced, false)) continue;
    if (UniqueFd copy(fcntl(lane.write_fd.get(), F_DUPFD_CLOEXEC, 0)); copy) fds.push_back(std::move(copy));
  }
  if (std::exchange(directory_unsynced_, false)) {
    if (UniqueFd copy(fcntl(directory_.get(), F_DUPFD_CLOEXEC, 0)); copy) fds.push_back(std::move(copy));
  }
  return fds;
}

std::size_t Spool::segments() const {
  std::size_t count = 0;
  for (const Lane& lane : lanes_) count += lane.segments.size();
  return count;
}

}  // namespace shrike::outputs
