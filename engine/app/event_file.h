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

inline constexpr std::uint64_t kRecordingVersion = 1;

// A line that says what the recording lacks.
struct RecordedLoss {
  std::uint64_t lost = 0;
  std::string hook;  // may be empty

  bool operator==(const RecordedLoss&) const = default;
};

// The alerts the kernel's policy made of an event: "shrike.rules", "shrike.verdicts" and "shrike.errnos", side by side, with
// "shrike.hook" and "shrike.generation".
struct RecordedVerdict {
  struct Item {
    std::string rule;
    std::string verdict;  // "blocked"
    int error_number = 0;

    bool operator==(const Item&) const = default;
  };
  std::vector<Item> items;
  std::string hook;
  std::uint32_t generation = 0;

  bool operator==(const RecordedVerdict&) const = default;
};

// What a recording says of the rules in force from here on: names of those that were not asked.
struct RecordedRules {
  std::vector<std::string> inactive;  // this host could not supply what they ask for
  std::vector<std::string> decided;   // the kernel decided, and told verdicts

  bool operator==(const RecordedRules&) const = default;
};

struct Told {};  // an event
using EventLine = std::variant<Told, RecordedVerdict, RecordedLoss, RecordedRules>;

// One line. An event goes into `event`, with `number` as its evt.num unless it has one; that of a verdict too.
std::expected<EventLine, Flaw> read_event_line(std::string_view line, std::uint64_t number, event::RecordedEvent& event);

class EventFile {
 public:
  // "-" is standard input. Errors: kSystem.
  static Result<EventFile> open(const std::string& path);

  struct End {};
  using Record = std::variant<End, Told, RecordedVerdict, RecordedLoss, RecordedRules, lang::Diagnostic>;

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
