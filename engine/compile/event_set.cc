// SPDX-License-Identifier: Apache-2.0
#include "engine/compile/event_set.h"

#include <charconv>

namespace shrike::compile {
namespace {

using event::EventSet;
using lang::Operator;

std::vector<const lang::Literal*> constants(const lang::Compare& compare) {
  std::vector<const lang::Literal*> all;
  if (const auto* one = std::get_if<lang::Literal>(&compare.right)) all.push_back(one);
  if (const auto* many = std::get_if<std::vector<lang::Literal>>(&compare.right)) {
    for (const lang::Literal& literal : *many) all.push_back(&literal);
  }
  return all;
}

// evt.type: = and in name a set, != its complement; anything else says nothing.
EventSet of_event_type(const lang::Compare& compare, bool negated) {
  const EventSet& all = event::all_event_types();
  if (compare.modifier != lang::Modifier::kNone) return all;
  if (compare.op == Operator::kExists) return negated ? EventSet() : all;
  if (compare.op != Operator::kEqual && compare.op != Operator::kNotEqual && compare.op != Operator::kIn) return all;
  EventSet named;
  for (const lang::Literal* literal : constants(compare)) {
    if (const auto type = event::find_event_type(literal->text)) named.set(event::index(*type));
  }
  const bool complement = (compare.op == Operator::kNotEqual) != negated;
  return complement ? all & ~named : named;
}

// evt.num is known to be above 0. True, false, or not known.
enum class Truth { kFalse, kTrue, kUnknown };
Truth of_event_number(const lang::Compare& compare) {
  if (compare.modifier != lang::Modifier::kNone) return Truth::kUnknown;
  const auto all = constants(compare);
  if (compare.op == Operator::kExists) return Truth::kTrue;
  const auto number = [](const lang::Literal& literal) {
    long long value = 1;
    std::from_chars(literal.text.data(), literal.text.data() + literal.text.size(), value);
    return value;
  };
  if (compare.op == Operator::kIn || compare.op == Operator::kIntersects) {
    for (const lang::Literal* literal : all) {
      if (number(*literal) > 0) return Truth::kUnknown;
    }
    return Truth::kFalse;
  }
  if (all.size() != 1) return Truth::kUnknown;
  const long long value = number(*all[0]);
  switch (compare.op) {
    case Operator::kEqual:
      return value <= 0 ? Truth::kFalse : Truth::kUnknown;
    case Operator::kNotEqual:
      return value <= 0 ? Truth::kTrue : Truth::kUnknown;
    case Operator::kLess:
      return value <= 1 ? Truth::kFalse : Truth::kUnknown;
    case Operator::kLessEqual:
      return value <= 0 ? Truth::kFalse : Truth::kUnknown;
    case Operator::kGreater:
      return value <= 0 ? Truth::kTrue : Truth::kUnknown;
    case Operator::kGreaterEqual:
      return value <= 1 ? Truth::kTrue : Truth::kUnknown;
    default:
      return Truth::kUnknown;
  }
}

EventSet infer(const lang::Expr& expr, bool negated) {
  const EventSet& all = event::all_event_types();
  const auto combine = [&](const std::vector<lang::ExprPtr>& operands, bool intersect) {
    EventSet set = intersect ? all : EventSet();
    for (const lang::ExprPtr& operand : operands) {
      const EventSet one = infer(*operand, negated);
      set = intersect ? set & one : set | one;
    }
    return set;
  };
  return std::visit(lang::Overload{
                        [&](const lang::And& node) { return combine(node.operands, !negated); },
                        [&](const lang::Or& node) { return combine(node.operands, negated); },
                        [&](const lang::Not& node) { return infer(*node.operand, !negated); },
                        [&](const lang::MacroRef&) { return all; },
                        [&](const lang::Compare& compare) {
                          const auto* field = std::get_if<lang::FieldRef>(&compare.left);
                          if (field == nullptr) return all;
                          if (field->name == "evt.type" || field->name == "syscall.type") return of_event_type(compare, negated);
                          if (field->name == "evt.num") {
                            const Truth truth = of_event_number(compare);
                            return truth == (negated ? Truth::kTrue : Truth::kFalse) ? EventSet() : all;
                          }
                          return all;
                        },
                    },
                    expr.node);
}

}  // namespace

event::EventSet infer_events(const lang::Expr& expr) { return infer(expr, false); }

}  // namespace shrike::compile
