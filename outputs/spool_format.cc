// SPDX-License-Identifier: Apache-2.0
#include "outputs/spool_format.h"

#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <concepts>
#include <cstdio>

namespace shrike::outputs {
namespace {

constexpr std::string_view kMagic = "SHRKSPL1";
constexpr std::size_t kFrameBytes = 16;  // key, length, checksum
constexpr std::size_t kFixedBytes = 4 + 8 + 8 + 1;
constexpr std::size_t kReadBytes = std::size_t{64} << 10U;

template <std::unsigned_integral T>
void put(std::string& to, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) to.push_back(static_cast<char>(static_cast<unsigned char>(value >> (8 * i))));
}

template <std::unsigned_integral T>
T get(std::string_view from) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i)
    value = static_cast<T>(value | static_cast<T>(static_cast<T>(static_cast<unsigned char>(from[i])) << (8 * i)));
  return value;
}

// Takes values off the front; `whole` says whether they were all there.
class Cursor {
 public:
  explicit Cursor(std::string_view rest) : rest_(rest) {}
  template <std::unsigned_integral T>
  T number() {
    const std::string_view bytes = take(sizeof(T));
    return whole_ ? get<T>(bytes) : T{0};
  }
  std::string text() { return std::string(take(number<std::uint32_t>())); }
  bool ended_whole() const { return whole_ && rest_.empty(); }

 private:
  std::string_view take(std::size_t size) {
    whole_ = whole_ && size <= rest_.size();
    if (!whole_) return {};
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  std::string_view rest_;
  bool whole_ = true;
};

std::uint32_t checksum(std::uint64_t key, std::string_view bytes) {
  std::string seed;
  put(seed, key);
  uLong sum = crc32_z(0, reinterpret_cast<const Bytef*>(seed.data()), seed.size());
  sum = crc32_z(sum, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
  return static_cast<std::uint32_t>(sum);
}

std::size_t payload_bytes(const Message& message) {
  std::size_t size = kFixedBytes;
  for (const std::string* text : {&message.id, &message.rule, &message.source, &message.host, &message.subject, &message.body}) {
    size += 4 + text->size();
  }
  return size;
}

std::optional<std::uint64_t> parse_hex(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::string segment_stem(const SegmentName& name) {
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%u-%016llx-%016llx", static_cast<unsigned>(name.priority),
                static_cast<unsigned long long>(name.first), static_cast<unsigned long long>(name.key));
  return text.data();
}

std::optional<SegmentName> parse_segment_stem(std::string_view stem) {
  if (stem.size() != 35 || stem[0] < '0' || stem[0] > '7' || stem[1] != '-' || stem[18] != '-') return std::nullopt;
  const auto first = parse_hex(stem.substr(2, 16));
  const auto key = parse_hex(stem.substr(19));
  if (!first || !key) return std::nullopt;
  return SegmentName{static_cast<std::uint8_t>(stem[0] - '0'), *first, *key};
}

std::string segment_header(const SegmentName& name, std::uint64_t created_ns) {
  std::string header(kMagic);
  put(header, name.first);
  put(header, created_ns);
  put(header, std::uint32_t{name.priority});
  put(header, checksum(name.key, header));
  return header;
}

void append_record(std::string& to, std::uint64_t key, std::uint32_t index, std::uint64_t sequence, const Message& message) {
  put(to, key);
  const std::size_t length_at = to.size();
  put(to, static_cast<std::uint32_t>(payload_bytes(message)));
  put(to, std::uint32_t{0});
  put(to, index);
  put(to, sequence);
  put(to, message.time_ns);
  put(to, message.priority);
  for (const std::string* text : {&message.id, &message.rule, &message.source, &message.host, &message.subject, &message.body}) {
    put(to, static_cast<std::uint32_t>(text->size()));
    to += *text;
  }
  // Over the length and the payload.
  std::string sum;
  put(sum,
      checksum(key ^ get<std::uint32_t>(std::string_view(to).substr(length_at)), std::string_view(to).substr(length_at + 8)));
  to.replace(length_at + 4, 4, sum);
}

std::size_t record_bytes(const Message& message) { return kFrameBytes + payload_bytes(message); }

void append_ack(std::string& to, std::uint64_t key, Ack ack) {
  std::string frame;
  put(frame, ack.first);
  put(frame, ack.count);
  put(frame, checksum(key, frame));
  to += frame;
}

std::optional<Ack> parse_ack(std::string_view frame, std::uint64_t key) {
  if (frame.size() != kAckBytes || get<std::uint32_t>(frame.substr(8)) != checksum(key, frame.substr(0, 8))) return std::nullopt;
  return Ack{get<std::uint32_t>(frame), get<std::uint32_t>(frame.substr(4))};
}

SegmentReader::SegmentReader(int fd, const SegmentName& name) : fd_(fd), name_(name) {}

// Up to `size` bytes from `at` on, fewer at the end.
std::string_view SegmentReader::view(std::uint64_t at, std::size_t size, std::uint64_t end) {
  size = static_cast<std::size_t>(std::min<std::uint64_t>(size, at < end ? end - at : 0));
  if (at >= buffer_at_ && at + size <= buffer_at_ + buffer_.size())
    return std::string_view(buffer_).substr(static_cast<std::size_t>(at - buffer_at_), size);
  buffer_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(std::max(size, kReadBytes), end - at)));
  buffer_at_ = at;
  std::size_t have = 0;
  while (have < buffer_.size()) {
    const ssize_t got = pread(fd_, buffer_.data() + have, buffer_.size() - have, static_cast<off_t>(at + have));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) errno_ = errno;
    if (got <= 0) break;
    have += static_cast<std::size_t>(got);
  }
  buffer_.resize(have);
  return std::string_view(buffer_).substr(0, size);
}

// The record at at_, if a whole one stands there.
bool SegmentReader::parse(Record& record, std::uint64_t end) {
  const std::string_view frame = view(at_, kFrameBytes, end);
  if (frame.size() < kFrameBytes || get<std::uint64_t>(frame) != name_.key) return false;
  const auto length = get<std::uint32_t>(frame.substr(8));
  const auto sum = get<std::uint32_t>(frame.substr(12));
  if (length > kMaxRecordBytes || at_ + kFrameBytes + length > end) return false;
  const std::string_view payload = view(at_ + kFrameBytes, length, end);
  if (payload.size() != length || checksum(name_.key ^ length, payload) != sum) return false;
  Cursor cursor(payload);
  record.index = cursor.number<std::uint32_t>();
  record.sequence = cursor.number<std::uint64_t>();
  Message& message = record.message;
  message.time_ns = cursor.number<std::uint64_t>();
  message.priority = cursor.number<std::uint8_t>();
  for (std::string* text : {&message.id, &message.rule, &message.source, &message.host, &message.subject, &message.body}) {
    *text = cursor.text();
  }
  // As many records as its index says must have had room before it.
  if (!cursor.ended_whole() || message.priority != name_.priority || record.index < next_index_ ||
      record.index > at_ / kFrameBytes)
    return false;
  at_ += kFrameBytes + length;
  return true;
}

// Where the key stands next, or close to the end.
std::uint64_t SegmentReader::find_key(std::uint64_t from, std::uint64_t end) {
  std::string key;
  put(key, name_.key);
  while (true) {
    const std::string_view bytes = view(from, kReadBytes, end);
    if (const std::size_t found = bytes.find(key); found != std::string_view::npos) return from + found;
    if (bytes.size() < kReadBytes) return end;
    from += bytes.size() - key.size() + 1;
  }
}

bool SegmentReader::has_room_for_record(std::uint64_t end) {
  const std::string_view frame = view(whole_end_, kFrameBytes, end);
  if (!begun_ || frame.size() < kFrameBytes) return false;
  return get<std::uint64_t>(frame) != name_.key || whole_end_ + kFrameBytes + get<std::uint32_t>(frame.substr(8)) <= end;
}

bool SegmentReader::next(Record& record, std::uint64_t end) {
  if (!begun_ && end >= kSegmentHeaderBytes) {
    begun_ = true;
    const std::string header(view(0, kSegmentHeaderBytes, end));
    if (header.size() == kSegmentHeaderBytes) {
      const auto created_ns = get<std::uint64_t>(std::string_view(header).substr(16));
      if (header == segment_header(name_, created_ns)) created_ns_ = created_ns;
    }
    at_ = whole_end_ = kSegmentHeaderBytes;
  }
  if (!begun_ || errno_ != 0) return false;
  at_ = whole_end_;
  while (at_ < end) {
    const std::uint64_t tried = at_;
    if (parse(record, end)) {
      damaged_bytes_ += tried - whole_end_;
      whole_end_ = at_;
      next_index_ = record.index + 1;
      return true;
    }
    if (errno_ != 0) return false;
    at_ = find_key(tried + 1, end);
  }
  return false;
}

}  // namespace shrike::outputs
