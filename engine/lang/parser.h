// SPDX-License-Identifier: Apache-2.0
// parse turns the text of a condition into its tree: the whole grammar of rule-language.md section 2.1, no field names, no types.
#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>

#include "engine/lang/ast.h"

namespace shrike::lang {

inline constexpr std::size_t kMaxDepth = 1000;        // nesting of parentheses and `not` (rule-language.md 1.11)
inline constexpr std::size_t kMaxLiteralBytes = 255;  // longest constant (rule-language.md 2.2)

struct ParseError {
  std::string message;     // one line, lower case
  std::string hint;        // may be empty
  std::size_t offset = 0;  // byte of the text the caret points at; for an unclosed string its opening quote
};

std::expected<ExprPtr, ParseError> parse(std::string_view text);

}  // namespace shrike::lang
