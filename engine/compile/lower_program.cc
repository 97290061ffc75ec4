// SPDX-License-Identifier: Apache-2.0
#include "engine/compile/lower_program.h"

#include <algorithm>
#include <utility>

namespace shrike::compile {
namespace {

using program::Node;

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
}

// The longest prefix of `text` that is a field, with its bracket argument if it takes one. Size 0: none.
struct Token {
  event::FieldUse use;
  std::size_t size = 0;
};
Token longest_field(std::string_view text) {
  std::size_t end = 0;
  while (end < text.size() && is_name_char(text[end])) ++end;
  for (std::size_t size = end; size > 0; --size) {
    const std::string_view name = text.substr(0, size);
    if (size < text.size() && text[size] == '[') {
      const std::size_t close = text.find(']', size);
      if (close != std::string_view::npos) {
        std::string argument(text.substr(size + 1, close - size - 1));
        if (argument.size() >= 2 && argument.front() == argument.back() &&
            (argument.front() == '"' || argument.front() == '\'')) {
          argument = argument.substr(1, argument.size() - 2);
        }
        if (auto use = event::resolve_field(name, argument)) return {*std::move(use), close + 1};
      }
    }
    if (auto use = event::resolve_field(name, std::nullopt)) return {*std::move(use), size};
  }
  return {};
}

}  // namespace

std::uint32_t ProgramBuilder::slot(const event::FieldUse& use) {
  const auto [at, added] = slots_.try_emplace(use.text(), static_cast<std::uint32_t>(program_.slots.size()));
  if (added) program_.slots.push_back({use});
  return at->second;
}

std::uint32_t ProgramBuilder::predicate(CheckedCompare checked, std::string text) {
  const auto [at, added] = predicates_.try_emplace(text, static_cast<std::uint32_t>(program_.predicates.size()));
  if (added) {
    checked.predicate.slot = slot(checked.left);
    if (checked.right) checked.predicate.constants = slot(*checked.right);
    checked.predicate.text = std::move(text);
    program_.predicates.push_back(std::move(checked.predicate));
  }
  return at->second;
}

std::uint32_t ProgramBuilder::node(Node::Kind kind, const std::vector<std::uint32_t>& children) {
  Node node{kind, static_cast<std::uint32_t>(program_.children.size()), static_cast<std::uint32_t>(children.size())};
  program_.children.insert(program_.children.end(), children.begin(), children.end());
  program_.nodes.push_back(node);
  return static_cast<std::uint32_t>(program_.nodes.size() - 1);
}

std::uint32_t ProgramBuilder::lower(const lang::Expr& expr, std::uint32_t source) {
  const auto group = [&](Node::Kind kind, const std::vector<lang::ExprPtr>& operands) {
    std::vector<std::uint32_t> children;
    children.reserve(operands.size());
    for (const lang::ExprPtr& operand : operands) children.push_back(lower(*operand, operand->source));
    return node(kind, children);
  };
  return std::visit(
      lang::Overload{
          [&](const lang::And& n) { return group(Node::Kind::kAnd, n.operands); },
          [&](const lang::Or& n) { return group(Node::Kind::kOr, n.operands); },
          [&](const lang::Not& n) { return node(Node::Kind::kNot, {lower(*n.operand, n.operand->source)}); },
          [&](const lang::MacroRef& n) {
            problems_.push_back({{Problem::Kind::kOther, "undefined macro \"" + n.name + '"', {}, expr.span}, source});
            return 0U;
          },
          [&](const lang::Compare& compare) {
            auto checked = check_types(compare);
            if (!checked) {
              problems_.push_back({std::move(checked).error(), source});
              return 0U;
            }
            for (Remark& remark : checked->remarks) remarks_->push_back({std::move(remark), source});
            fields_->push_back(checked->left.text());
            if (checked->right) fields_->push_back(checked->right->text());
            program_.nodes.push_back({Node::Kind::kCheck, predicate(*std::move(checked), lang::dump(expr)), 0});
            return static_cast<std::uint32_t>(program_.nodes.size() - 1);
          },
      },
      expr.node);
}

std::expected<std::uint32_t, std::vector<ProgramBuilder::Located>> ProgramBuilder::add_condition(
    const lang::Expr& expr, std::vector<std::string>& fields, std::vector<LocatedRemark>& remarks) {
  problems_.clear();
  fields_ = &fields;
  remarks_ = &remarks;
  const std::uint32_t root = lower(expr, expr.source);
  std::ranges::sort(fields);
  const auto rest = std::ranges::unique(fields);
  fields.erase(rest.begin(), rest.end());
  if (!problems_.empty()) return std::unexpected(std::exchange(problems_, {}));
  return root;
}

std::expected<ProgramBuilder::Output, Problem> ProgramBuilder::add_output(std::string_view text) {
  const auto wrong = [](std::string message, std::size_t at, std::size_t size, std::string hint,
                        Problem::Kind kind = Problem::Kind::kOther) {
    return std::unexpected(Problem{
        kind, std::move(message), std::move(hint), {static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(at + size)}});
  };
  Output output;
  std::string literal;
  const auto flush = [&] {
    if (!literal.empty()) output.parts.push_back({std::exchange(literal, {}), std::nullopt, 0});
  };
  std::size_t i = text.starts_with('*') ? 1 : 0;
  if (i == 1) {
    while (i < text.size() && text[i] == ' ') ++i;  // "* text": the blank belongs to the star
  }
  while (i < text.size()) {
    if (text[i] != '%') {
      literal += text[i++];
      continue;
    }
    std::size_t at = i + 1;
    std::uint32_t width = 0;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') {
      width = width * 10 + static_cast<std::uint32_t>(text[at++] - '0');
      if (width > 4096) return wrong("width of an output field above 4096", i, at - i, {});
    }
    Token token = longest_field(text.substr(at));
    if (token.size == 0) {
      std::size_t end = at;
      while (end < text.size() && is_name_char(text[end])) ++end;
      const std::string name(text.substr(at, end - at));
      if (name.empty()) return wrong("% without a field", i, 1, "a percent sign has no escape in outputs: spell it out");
      if (end < text.size() && text[end] == '(') {
        return wrong("transformer " + name + "() is not supported in this version", i, end - i, {});
      }
      return wrong("unknown field \"" + name + "\" in the output", i, end - i, "`shrike fields` lists them all",
                   Problem::Kind::kUnknownField);
    }
    if (token.use.field->has(event::kConditionOnly)) {
      return wrong("\"" + std::string(token.use.field->name) + "\" can stand in conditions only", i, token.size + 1, {});
    }
    flush();
    const std::uint32_t index = slot(token.use);
    output.parts.push_back({{}, index, width});
    std::string key = token.use.text();
    if (std::ranges::find(output.fields, key, &program::OutputField::key) == output.fields.end())
      output.fields.push_back({std::move(key), index});
    i = at + token.size;
  }
  flush();
  return output;
}

}  // namespace shrike::compile
