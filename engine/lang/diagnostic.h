// SPDX-License-Identifier: Apache-2.0
// Diagnostics are data: what is wrong, where, and what would work. Nobody prints but the application.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "engine/lang/source.h"

namespace shrike::lang {

enum class Severity { kError, kWarning };

struct Diagnostic {
  Severity severity = Severity::kError;
  std::string code;     // of rule-language.md 1.12: LOAD_ERR_YAML_PARSE, LOAD_UNUSED_MACRO, …
  std::string message;  // one line, lower case, no full stop
  std::string hint;     // what would work; may be empty
  Position position;
  std::string item;  // the rule, macro or list it is about; may be empty
  std::string line;  // the file's line, for the caret text; may be empty

  bool operator==(const Diagnostic&) const = default;
};

// A Diagnostic as people read it:
//
//   shrike: rules.yaml:3:14: error: unknown field "proc.nmae"
//     3 |   condition: proc.nmae = cat
//       |              ^
//     hint: did you mean proc.name?
//
// Lines are joined by '\n', with none at the end. Control and text-direction characters are shown as '.', so that a rule file
// can't drive a terminal; of a long line about 160 columns around the caret are shown.
std::string format(const Diagnostic& diagnostic);

// Text of a rule file as format() shows it: without what could drive a terminal.
std::string harmless_text(std::string_view text);

// Collects what a load finds. Reading goes on after a warning and, where it makes sense, after an error.
class Diagnostics {
 public:
  void add(Diagnostic diagnostic);
  const std::vector<Diagnostic>& all() const { return all_; }
  bool has_errors() const { return errors_ > 0; }
  std::size_t error_count() const { return errors_; }

 private:
  std::vector<Diagnostic> all_;
  std::size_t errors_ = 0;
};

// Letters to insert, delete, replace or swap with their neighbour to make `a` of `b`; `limit` + 1 if it is more than `limit`.
std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit);

// The candidate nearest to `word` (edit distance at most a third of its length, at least 1), or empty.
std::string_view nearest(std::string_view word, const std::vector<std::string_view>& candidates);

}  // namespace shrike::lang
