// SPDX-License-Identifier: Apache-2.0
// Bytes from anywhere as text that can stand in a record. What is not UTF-8 becomes U+FFFD, one per maximal invalid part.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace shrike::outputs {

struct CodePoint {
  char32_t value = 0xfffd;
  std::size_t size = 1;  // bytes it took, at least 1
  bool valid = false;
};

// The first of `text`, which is not empty.
CodePoint first_code_point(std::string_view text);

// Code points a terminal acts on, or that turn the order of what is read around: C1, direction marks and overrides, separators.
bool drives_terminal(char32_t c);

// Appends `text` as the inside of a JSON string. Control characters and what drives a terminal as \uXXXX.
void append_json(std::string& out, std::string_view text);

// For formats that have no escape for them: control characters and what drives a terminal as the text \n, \r, \t or \uXXXX. A
// backslash of the text's own stays as it is.
std::string visible(std::string_view text);

// UTF-8 for sure, nothing else changed.
std::string clean(std::string_view text);

// The `max` bytes or fewer that UTF-8 can be cut to, the last of them "…" if anything is missing.
std::string cut(std::string text, std::size_t max);

// UTC in RFC 3339 with so many digits below the second (0 to 9): "2026-11-02T10:00:00.123Z".
std::string utc_text(std::uint64_t epoch_ns, std::size_t digits);

// Decimal milliseconds, "1793613600123".
std::string milliseconds_text(std::uint64_t epoch_ns);

}  // namespace shrike::outputs
