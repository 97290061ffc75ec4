// SPDX-License-Identifier: Apache-2.0
// EventFile reads an event file: JSON lines, one at a time, of bounded length (design: docs/testing_rules.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/app/event_line.h"
#include "engine/base/handle.h"
#include "engine/base/result.h"
#include "engine/event/recorded.h"
#include "engine/lang/diagnostic.h"

namespace shrike::app {

inline constexpr std::size_t kMaxEventLine = 8U << 20U;  // bytes; a longer one is a bad record

// A line that says what the recording lacks.
struct RecordedLoss {
  std::uint64_t lost = 0;
  std::string hook;  // may be empty

  bool operator==(const RecordedLoss&) const = default;
};

// One line. An event goes into `event`, with `number` as its evt.num unless it has one; nullopt says so.
std::expected<std::optional<RecordedLoss>, Flaw> read_event_line(std::string_view line, std::uint64_t number,
                                                                 event::RecordedEvent& event);

class EventFile {
 public:
  // "-" is standard input. Errors: kSystem.
  static Result<EventFile> open(const std::string& path);

  struct End {};
  struct Told {};  // an event, in `event`
  using Record = std::variant<End, Told, RecordedLoss, lang::Diagnostic>;

  // The next record; a bad one as what is wrong with it. Blank lines are skipped. Errors: kSystem.
  Result<Record> next(event::RecordedEvent& event);

 private:
  EventFile(UniqueFd fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {}

  enum class Line : std::uint8_t { kWhole, kTooLong, kEnd };
  Result<Line> next_line(std::string_view& line);
  Result<bool> read_more();
  lang::Diagnostic bad(Flaw flaw, std::string_view line) const;

  UniqueFd fd_;
  std::string name_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;  // of what is unread
  std::size_t end_ = 0;
  bool at_end_ = false;
  std::uint64_t line_ = 0;
};

}  // namespace shrike::app
