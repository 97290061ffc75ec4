// SPDX-License-Identifier: Apache-2.0
// The spool's files byte by byte (docs/outputs.d/spool.md has the tables). Integers are little-endian.
//
// Each segment has a key, 64 random bits that its name carries. Every record begins with it and has it in its checksum, so that a
// reader finds the next record behind damage, and nobody who does not know the key can put something into a message that a
// reader takes for a record.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "outputs/message.h"

namespace shrike::outputs {

struct SegmentName {
  std::uint8_t priority = 7;  // of every message in it
  std::uint64_t first = 0;    // sequence number of its first record; no other segment has it
  std::uint64_t key = 0;

  bool operator==(const SegmentName&) const = default;
};
std::string segment_stem(const SegmentName& name);  // "4-0000000000000012-9f3c55aa01c2d3e4", without ".seg" or ".ack"
std::optional<SegmentName> parse_segment_stem(std::string_view stem);

constexpr std::size_t kSegmentHeaderBytes = 32;
std::string segment_header(const SegmentName& name, std::uint64_t created_ns);

// The largest record; no length beyond it is believed.
constexpr std::uint32_t kMaxRecordBytes = 16U << 20U;

struct Record {
  std::uint32_t index = 0;     // in its segment, from 0
  std::uint64_t sequence = 0;  // in its spool: the order of all messages
  Message message;
};
// Appends the record's bytes to `to`. Its payload must not exceed kMaxRecordBytes: see record_bytes().
void append_record(std::string& to, std::uint64_t key, std::uint32_t index, std::uint64_t sequence, const Message& message);
std::size_t record_bytes(const Message& message);

// Acknowledgements of one segment: frames of one size, each a run of records.
constexpr std::size_t kAckBytes = 12;
struct Ack {
  std::uint32_t first = 0, count = 0;
};
void append_ack(std::string& to, std::uint64_t key, Ack ack);
std::optional<Ack> parse_ack(std::string_view frame, std::uint64_t key);

// Reads the records of a segment's file one after the other and skips what is damaged. Borrows the descriptor.
class SegmentReader {
 public:
  SegmentReader(int fd, const SegmentName& name);

  // The next whole record that ends at or before `end`. Nothing: no more; asked again with a larger `end` it may find one.
  bool next(Record& record, std::uint64_t end);

  std::optional<std::uint64_t> created_ns() const { return created_ns_; }  // nothing: the header is damaged
  std::uint64_t whole_end() const { return whole_end_; }                   // where the last whole record ended
  // Whether what stands there is a damaged record; else it is the beginning of one.
  bool has_room_for_record(std::uint64_t end);
  std::uint64_t damaged_bytes() const { return damaged_bytes_; }  // before whole_end()
  int read_errno() const { return errno_; }                       // of a read that failed: it ends there

 private:
  std::string_view view(std::uint64_t at, std::size_t size, std::uint64_t end);
  bool parse(Record& record, std::uint64_t end);
  std::uint64_t find_key(std::uint64_t from, std::uint64_t end);

  int fd_;
  SegmentName name_;
  std::optional<std::uint64_t> created_ns_;
  bool begun_ = false;
  std::uint64_t at_ = 0;
  std::uint64_t whole_end_ = 0;
  std::uint64_t damaged_bytes_ = 0;
  std::uint32_t next_index_ = 0;
  int errno_ = 0;
  std::string buffer_;
  std::uint64_t buffer_at_ = 0;
};

}  // namespace shrike::outputs
