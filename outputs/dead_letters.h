// SPDX-License-Identifier: Apache-2.0
// Dead letters: messages the other side rejected for good, or too often, kept for people in DIRECTORY/dead.jsonl (0600), one JSON
// object a line with the reason and the number of attempts. When the file is full it becomes dead.jsonl.1, and what that held
// before is lost and counted.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/handle.h"
#include "engine/base/result.h"
#include "outputs/message.h"

namespace shrike::outputs {

struct DeadLetter {
  Message message;
  std::uint64_t died_ns = 0;  // epoch
  std::uint32_t attempts = 0;
  std::string reason;

  bool operator==(const DeadLetter&) const = default;
};
// Without a line break. Text that is not UTF-8 becomes {"base64": "…"}.
std::string dead_letter_line(const DeadLetter& letter);
// Errors: kCorrupt.
Result<DeadLetter> parse_dead_letter(std::string_view line);

class DeadLetters {
 public:
  static constexpr std::uint64_t kMaxFileBytes = 16U << 20U;

  // Nothing is touched before there is something to write. `max_bytes` of each of the two files.
  explicit DeadLetters(std::string directory, std::uint64_t max_bytes = kMaxFileBytes)
      : directory_(std::move(directory)), max_bytes_(max_bytes) {}

  // Errors: kSystem; then it is not kept.
  Result<void> add(const DeadLetter& letter) { return add_line(dead_letter_line(letter)); }
  Result<void> add_line(std::string line);
  // That were in files which had to go.
  std::uint64_t lost() const { return lost_; }

 private:
  std::string directory_;
  std::uint64_t max_bytes_;
  std::uint64_t lost_ = 0;
};

}  // namespace shrike::outputs
