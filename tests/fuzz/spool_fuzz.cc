// SPDX-License-Identifier: Apache-2.0
// A segment's bytes by a stranger: reading ends, goes forward, and what it finds can be written again as it stands. A record put
// behind any of it is found. The same bytes as acknowledgements.
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "engine/base/handle.h"
#include "outputs/spool_format.h"

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace shrike;
  using namespace shrike::outputs;
  const SegmentName name{4, 1, 0x4142434445464748U};
  std::string bytes(reinterpret_cast<const char*>(data), size);
  // The first byte says what is around the rest: nothing, a header, a header and a whole record before it.
  const unsigned mode = size == 0 ? 0 : data[0] % 3U;
  const Message message{
      .id = "i", .time_ns = 5, .priority = 4, .rule = "r", .source = "s", .host = "h", .subject = "c", .body = "body"};
  std::string segment = mode == 0 ? std::string() : segment_header(name, 7);
  if (mode == 2) append_record(segment, name.key, 0, 1, message);
  segment += bytes;
  const std::size_t strange_end = segment.size();
  const bool has_room = strange_end >= kSegmentHeaderBytes;

  static const UniqueFd fd(memfd_create("segment", MFD_CLOEXEC));
  const auto read_all = [&](const std::string& content, auto each) {
    check(ftruncate(fd.get(), 0) == 0);
    check(pwrite(fd.get(), content.data(), content.size(), 0) == static_cast<ssize_t>(content.size()));
    SegmentReader reader(fd.get(), name);
    Record record;
    std::uint64_t end = 0;
    std::uint64_t next = 0;
    while (reader.next(record, content.size())) {
      check(reader.whole_end() > end && reader.whole_end() <= content.size());
      check(record.index >= next);
      end = reader.whole_end();
      next = std::uint64_t{record.index} + 1;
      std::string again;
      append_record(again, name.key, record.index, record.sequence, record.message);
      check(again.size() == record_bytes(record.message));
      check(content.compare(end - again.size(), again.size(), again) == 0);
      each(record);
    }
    check(reader.read_errno() == 0);
    (void)reader.has_room_for_record(content.size());
    return next;
  };

  std::size_t count = 0;
  const std::uint64_t next = read_all(segment, [&](const Record& record) {
    if (mode == 2 && count == 0) check(record.message == message);
    ++count;
  });
  if (mode == 2) check(count >= 1);
  // Only if its index may be: as many records as it says must have had room.
  if (has_room && next <= strange_end / 16) {
    append_record(segment, name.key, static_cast<std::uint32_t>(next), 99, message);
    bool found = false;
    read_all(segment, [&](const Record& record) { found = found || record.sequence == 99; });
    check(found);
  }
  for (std::size_t at = 0; at + kAckBytes <= size; at += kAckBytes) {
    const std::string_view frame = std::string_view(bytes).substr(at, kAckBytes);
    if (const auto ack = parse_ack(frame, name.key)) {
      std::string again;
      append_ack(again, name.key, *ack);
      check(again == frame);
    }
  }
  return 0;
}
