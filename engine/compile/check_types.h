// SPDX-License-Identifier: Apache-2.0
// check_types turns one check of a tree into a Predicate: the field exists, the operator fits its type, the constants parse.
// The tables are those of rule-language.md 2.3 to 2.5 and 2.9.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "engine/event/field.h"
#include "engine/lang/ast.h"
#include "engine/program/predicate.h"

namespace shrike::compile {

// What is wrong with a check, and where in its text.
struct Problem {
  enum class Kind { kOther, kUnknownField, kUnknownEventType };  // skip-if-unknown-filter forgives the last two
  Kind kind = Kind::kOther;
  std::string message;
  std::string hint;
  lang::Span span;
};

// A remark that does not stop the rule (LOAD_COMPILE_CONDITION).
struct Remark {
  std::string message;
  std::string hint;
  lang::Span span;
};

struct CheckedCompare {
  event::FieldUse left;
  std::optional<event::FieldUse> right;  // val(field)
  program::Predicate predicate;          // its slots are not set yet
  std::vector<Remark> remarks;
};

std::expected<CheckedCompare, Problem> check_types(const lang::Compare& compare);

// Resolves a field of a rule; unknown names get the nearest known one as hint.
std::expected<event::FieldUse, Problem> check_field(const lang::FieldRef& field);

}  // namespace shrike::compile
