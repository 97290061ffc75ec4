// SPDX-License-Identifier: Apache-2.0
// An Alert as one line: text for people, JSON in Falco's shape. Pure functions; no line break at the end, and none inside.
#pragma once

#include <string>
#include <string_view>

#include "engine/act/alert.h"

namespace shrike::outputs {

enum class Format : unsigned char { kText, kJson };

struct FormatOptions {
  Format format = Format::kText;
  bool iso_time = false;  // time_format_iso_8601: UTC in front of text and `output` instead of local time
  // Of JSON: json_include_…_property. `message` is `output` without time and priority.
  bool include_output = true;
  bool include_message = false;
  bool include_fields = true;
  bool include_tags = true;
};

// text: "<time>: <Priority> <message>". JSON: rule-language.md 5.3 and design.md section 7.
// Whatever an attacker put into a file name or an argument: a line stays one line, and no byte that drives a terminal
// (control characters, C1, DEL, direction marks, line separators) leaves unescaped. Bytes that are not UTF-8 become U+FFFD.
std::string format_alert(const act::Alert& alert, const FormatOptions& options);

// `text` as the inside of a JSON string, in the sense above.
std::string escape(std::string_view text);

}  // namespace shrike::outputs
