// SPDX-License-Identifier: Apache-2.0
// Spool is a sink's queue on disk: what append() took is handed out by read() until it is acknowledged, also by the next process
// after this one was killed at any point. A power cut may lose what was appended after the last sync().
//
// One directory (0700) per sink and one process per directory (a lock). Messages of each priority have segment files (0600) of
// their own, so that room can be made by removing the oldest segment of the least urgent; read() joins them in the order of
// append(). A segment is removed when all in it is acknowledged; until then its acknowledgements are appended to a file beside
// it.
//
// Not thread-safe: the sink's lock guards it.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/handle.h"
#include "engine/base/result.h"
#include "outputs/message.h"
#include "outputs/options.h"
#include "outputs/spool_format.h"

namespace shrike::outputs {

constexpr std::size_t kPriorities = 8;
using PerPriority = std::array<std::uint64_t, kPriorities>;

class Spool {
 public:
  struct Position {
    std::uint8_t priority = 0;
    std::uint64_t segment = 0;  // SegmentName::first
    std::uint32_t index = 0;
  };
  struct Entry {
    Position position;
    Message message;
  };
  // Messages that are gone without having been handed out, since open().
  struct Losses {
    PerPriority evicted{};  // no room
    PerPriority expired{};  // max_age
    PerPriority damaged{};  // could not be read, as far as they can be counted
    bool operator==(const Losses&) const = default;
  };

  // Makes the directory if it is not there, and reads all segments: what is damaged is left out and told by take_reports().
  // Errors: kInvalid (another process has it), kSystem. `now_ns`: epoch.
  static Result<std::unique_ptr<Spool>> open(const SpoolOptions& options, std::uint64_t now_ns);
  // Removes what is empty. What is not acknowledged stays.
  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  // The message is in the file (write(2) took it whole), or it was the least urgent of a full spool and counts as evicted.
  // Errors: kSystem (disk full, read-only, …: nothing has changed, and a later one may work), kLimit (larger than a record may
  // be).
  Result<void> append(const Message& message, std::uint64_t now_ns);

  // The next ones not handed out yet, oldest first: at least one if there is one, then up to `messages` and `bytes` of bodies.
  std::vector<Entry> read(std::size_t messages, std::size_t bytes);
  // In any order. They never come back, unless the file system does not take the note of it and the process ends.
  void acknowledge(std::span<const Position> positions);

  // Removes what is older than max_age, to within a sixteenth of it.
  void expire(std::uint64_t now_ns);
  // What must be given to fdatasync(2), and then closed, for all appended so far to survive a power cut: can be done elsewhere.
  std::vector<UniqueFd> take_unsynced();

  std::uint64_t messages() const { return messages_; }         // not acknowledged
  std::uint64_t unread() const { return messages_ - taken_; }  // of these, not handed out
  std::uint64_t bytes() const { return bytes_; }               // of files, each with a block for itself
  std::size_t segments() const;
  const Losses& losses() const { return losses_; }
  const SpoolOptions& options() const { return options_; }
  // What was found damaged, and what the file system refused, as lines for the log.
  std::vector<std::string> take_reports() { return std::exchange(reports_, {}); }

 private:
  struct Segment {
    SegmentName name;
    std::uint64_t created_ns = 0;
    std::uint64_t bytes = 0;
    std::uint64_t ack_bytes = 0;
    std::uint32_t next_index = 0;
    std::uint32_t records = 0;  // that can be read
    std::uint32_t acked = 0;    // of these
    std::uint32_t taken = 0;    // handed out and not acknowledged
    std::vector<bool> is_acked;
    std::string unwritten_acks;  // the file system did not take them yet
    UniqueFd ack_fd;
    std::uint32_t pending() const { return records - acked; }
    std::uint32_t unread() const { return pending() - taken; }
  };
  // The segments of one priority, by SegmentName::first.
  struct Lane {
    std::map<std::uint64_t, Segment> segments;
    UniqueFd write_fd;  // of the last one, if it is still written to
    bool unsynced = false;
    bool ragged = false;  // behind its end are bytes of a write that failed
    // Reading.
    std::uint64_t read_to = 0;  // segments up to this one are done with
    UniqueFd read_fd;
    std::unique_ptr<SegmentReader> reader;  // of the first segment after read_to
    std::optional<Record> head;
  };
  struct Sealed {
    SegmentName name;
    UniqueFd fd;
  };
  using SegmentAt = std::map<std::uint64_t, Segment>::iterator;

  Spool(const SpoolOptions& options, UniqueFd directory, UniqueFd lock);
  void load(std::uint64_t now_ns);
  void load_segment(const SegmentName& name, std::uint64_t now_ns);
  Result<void> rotate(Lane& lane, std::uint8_t priority, std::uint64_t now_ns);
  void seal(Lane& lane);
  static bool is_active(const Lane& lane, SegmentAt at) { return lane.write_fd && std::next(at) == lane.segments.end(); }
  bool evict(std::uint8_t priority);
  void fill(Lane& lane);
  void stop_reading(Lane& lane);
  void write_acks(Segment& segment);
  SegmentAt remove(Lane& lane, SegmentAt at, PerPriority& lost);
  void report(std::string text);

  SpoolOptions options_;
  std::uint64_t segment_bytes_;
  UniqueFd directory_, lock_;
  std::array<Lane, kPriorities> lanes_;
  std::uint64_t next_sequence_ = 1;
  std::uint64_t messages_ = 0, taken_ = 0, bytes_ = 0;
  std::vector<Sealed> sealed_unsynced_;
  bool directory_unsynced_ = false;
  bool ack_failed_ = false, remove_failed_ = false;  // reported
  Losses losses_;
  std::vector<std::string> reports_;
};

}  // namespace shrike::outputs
