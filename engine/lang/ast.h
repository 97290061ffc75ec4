// SPDX-License-Identifier: Apache-2.0
// The tree of a condition, as rule-language.md section 2.1 spells it. Plain data; the parser bounds its depth.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace shrike::lang {

// Bytes [begin, end) of the text a node was parsed from.
struct Span {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  bool operator==(const Span&) const = default;
};

// `proc.aname[2]`: name and the text between the brackets, quotes removed.
struct FieldRef {
  std::string name;
  std::optional<std::string> argument;
  Span span;
};

// A constant. `quoted` tells `"5"` from `5`; text has its escapes resolved.
struct Literal {
  std::string text;
  bool quoted = false;
  Span span;
};

struct Transform;
using TransformPtr = std::unique_ptr<Transform>;

// An argument of a transformer: a field, a constant, a nested transformer, or a parenthesised list of those.
struct TransformArgument;
struct TransformList {
  std::vector<TransformArgument> items;
};
struct TransformArgument {
  std::variant<FieldRef, Literal, TransformPtr, TransformList> node;
};

// `tolower(proc.name)`, `getopt(proc.args, "vo:")[o]`.
struct Transform {
  std::string name;
  std::vector<TransformArgument> arguments;
  std::optional<std::string> index;
  Span span;
};

using Operand = std::variant<FieldRef, Transform>;

enum class Operator : std::uint8_t {
  kExists,
  kEqual,  // = and ==
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kContains,
  kIcontains,
  kBcontains,
  kStartswith,
  kBstartswith,
  kEndswith,
  kGlob,
  kIglob,
  kRegex,
  kIn,
  kIntersects,
  kPmatch,
};

enum class Modifier : std::uint8_t { kNone, kOneof, kAnyof, kAllof };

struct ValueOf {  // val(field)
  FieldRef field;
};

// The right side: nothing (exists), one constant, a list, val(field), or a transformer.
using Rhs = std::variant<std::monostate, Literal, std::vector<Literal>, ValueOf, Transform>;

struct Compare {
  Operand left;
  Operator op = Operator::kExists;
  Modifier modifier = Modifier::kNone;
  Rhs right;
  Span op_span;
};

struct Expr;
using ExprPtr = std::unique_ptr<Expr>;

struct And {
  std::vector<ExprPtr> operands;
};
struct Or {
  std::vector<ExprPtr> operands;
};
struct Not {
  ExprPtr operand;
};
struct MacroRef {
  std::string name;
};

// `source` numbers the text `span` belongs to: 0 as parsed; after expansion, the index of the macro or rule text it came from.
struct Expr {
  std::variant<And, Or, Not, MacroRef, Compare> node;
  Span span;
  std::uint32_t source = 0;
};

// The operator as written in rules ("startswith").
const char* spelling(Operator op);
const char* spelling(Modifier modifier);

// Fully parenthesised text of the tree in the normal form of design.md section 7.
std::string dump(const Expr& expr);
std::string dump(const Transform& transform);
std::string dump(const Literal& literal);

ExprPtr clone(const Expr& expr);

// For std::visit over any of the variants above.
template <class... F>
struct Overload : F... {
  using F::operator()...;
};
template <class... F>
Overload(F...) -> Overload<F...>;

}  // namespace shrike::lang
