// SPDX-License-Identifier: Apache-2.0
// check_types turns one check of a tree into a Predicate: the field exists, the operator fits its type, the constants parse.
// The tables are those of rule-language.md 2.3 to 2.5 and 2.9.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "engine/event/field.h"
#include "engine/lang/ast.h"
#include "engine/program/call.h"
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

// A side of a check, or an argument of a call: a field, a constant, a list, a call.
struct TypedOperand;
struct TypedCall {
  program::Function function = program::Function::kTolower;
  std::vector<TypedOperand> arguments;
  std::optional<char> option;  // getopt(…)[c]
};
struct TypedOperand {
  std::variant<event::FieldUse, std::string, std::vector<TypedOperand>, TypedCall> node;
  event::Type type = event::Type::kString;  // of a list: its items'
  bool list = false;

  const event::FieldUse* field() const { return std::get_if<event::FieldUse>(&node); }
};

struct CheckedCompare {
  TypedOperand left;
  std::optional<TypedOperand> right;  // val() or a transformer
  program::Predicate predicate;       // its slots are not set yet
  std::vector<Remark> remarks;
};

std::expected<CheckedCompare, Problem> check_types(const lang::Compare& compare);

TypedOperand of_field(event::FieldUse use);

inline constexpr std::size_t kMaxCallParts = 1000;  // arguments and items of lists of a call and of all calls in it

// Arity, types and flags of a call and of all calls in it (rule-language.md 2.8).
std::expected<TypedOperand, Problem> check_transform(const lang::Transform& transform);

// Resolves a field of a rule; unknown names get the nearest known one as hint.
std::expected<event::FieldUse, Problem> check_field(const lang::FieldRef& field);

}  // namespace shrike::compile
