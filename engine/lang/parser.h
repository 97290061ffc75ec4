// SPDX-License-Identifier: Apache-2.0
// parse turns the text of a condition into its tree: the whole grammar of rule-language.md section 2.1, no field names, no types.
#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "engine/lang/ast.h"

namespace shrike::lang {

inline constexpr std::size_t kMaxDepth = 1000;  // nesting of parentheses and `not` (rule-language.md 1.11)

struct ParseError {
  std::string message;     // one line, lower case
  std::string hint;        // may be empty
  std::size_t offset = 0;  // byte of the text the caret points at; for an unclosed string its opening quote
};

std::expected<ExprPtr, ParseError> parse(std::string_view text);

// What an output token is made of, at the beginning of `text`; `size` bytes of it.
struct TransformPrefix {
  Transform transform;
  std::size_t size = 0;
  std::size_t call_size = 0;  // up to the ")"
};
bool starts_transform(std::string_view text);  // "tolower(…"
std::expected<TransformPrefix, ParseError> parse_transform(std::string_view text);

// `[argument]`, quotes removed; nothing if `text` begins with no such thing.
struct BracketPrefix {
  std::string argument;
  std::size_t size = 0;
};
std::optional<BracketPrefix> parse_bracket(std::string_view text);

}  // namespace shrike::lang
