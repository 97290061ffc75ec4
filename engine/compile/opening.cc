// SPDX-License-Identifier: Apache-2.0
#include "engine/compile/opening.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

namespace shrike::compile {
namespace {

constexpr std::array<std::string_view, 3> kNamed = {"open", "openat", "openat2"};
constexpr std::string_view kMeant = "open_by_handle_at";

// `evt.type = x` or `evt.type in (…)`, null if it is neither.
lang::Compare* event_types_of(lang::Expr& expr) {
  auto* compare = std::get_if<lang::Compare>(&expr.node);
  if (compare == nullptr || compare->modifier != lang::Modifier::kNone) return nullptr;
  const auto* field = std::get_if<lang::FieldRef>(&compare->left);
  if (field == nullptr || (field->name != "evt.type" && field->name != "syscall.type")) return nullptr;
  return compare->op == lang::Operator::kEqual || compare->op == lang::Operator::kIn ? compare : nullptr;
}

void collect(const lang::Compare& compare, std::vector<const lang::Literal*>& to) {
  if (const auto* one = std::get_if<lang::Literal>(&compare.right)) to.push_back(one);
  if (const auto* many = std::get_if<std::vector<lang::Literal>>(&compare.right)) {
    for (const lang::Literal& literal : *many) to.push_back(&literal);
  }
}

bool has(const std::vector<const lang::Literal*>& types, std::string_view type) {
  return std::ranges::any_of(types, [&](const lang::Literal* literal) { return literal->text == type; });
}

bool wants_more(const std::vector<const lang::Literal*>& types) {
  return std::ranges::all_of(kNamed, [&](std::string_view type) { return has(types, type); }) && !has(types, kMeant);
}

// Whether something was added.
bool widen(lang::Expr& expr);

bool widen_all(const std::vector<lang::ExprPtr>& operands) {
  bool any = false;
  for (const lang::ExprPtr& operand : operands) any = widen(*operand) || any;
  return any;
}

bool widen_alternatives(lang::Or& node) {
  const bool inner = widen_all(node.operands);
  std::vector<const lang::Literal*> types;
  const lang::Expr* model = nullptr;
  // A macro's alternatives are the group's own.
  const auto look = [&](const auto& self, const lang::Or& group) -> void {
    for (const lang::ExprPtr& operand : group.operands) {
      if (const auto* nested = std::get_if<lang::Or>(&operand->node)) self(self, *nested);
      const lang::Compare* compare = event_types_of(*operand);
      if (compare == nullptr) continue;
      collect(*compare, types);
      model = operand.get();
    }
  };
  look(look, node);
  if (!wants_more(types)) return inner;
  lang::Literal meant = *types.front();
  meant.text = kMeant;
  lang::ExprPtr more = lang::clone(*model);
  lang::Compare* compare = event_types_of(*more);
  compare->op = lang::Operator::kEqual;
  compare->right = std::move(meant);
  node.operands.push_back(std::move(more));
  return true;
}

bool widen(lang::Expr& expr) {
  if (auto* node = std::get_if<lang::And>(&expr.node)) return widen_all(node->operands);
  if (auto* node = std::get_if<lang::Or>(&expr.node)) return widen_alternatives(*node);
  if (auto* node = std::get_if<lang::Not>(&expr.node)) return widen(*node->operand);
  lang::Compare* compare = event_types_of(expr);
  if (compare == nullptr) return false;
  std::vector<const lang::Literal*> types;
  collect(*compare, types);
  if (!wants_more(types)) return false;
  lang::Literal meant = *types.front();
  meant.text = kMeant;
  std::get<std::vector<lang::Literal>>(compare->right).push_back(std::move(meant));
  return true;
}

}  // namespace

lang::ExprPtr widen_opens(const lang::Expr& expr) {
  lang::ExprPtr wider = lang::clone(expr);
  return widen(*wider) ? std::move(wider) : nullptr;
}

}  // namespace shrike::compile
