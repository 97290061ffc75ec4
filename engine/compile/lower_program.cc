// SPDX-License-Identifier: Apache-2.0
#include "engine/compile/lower_program.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

namespace shrike::compile {
namespace {

using program::Node;

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
}

std::size_t name_size(std::string_view text) {
  std::size_t size = 0;
  while (size < text.size() && is_name_char(text[size])) ++size;
  return size;
}

// The longest prefix of `text` that is a field, with its bracket argument if it takes one. Size 0: none.
constexpr std::size_t kMaxName = 255;  // no field has a longer one
struct FieldToken {
  event::FieldUse use;
  std::size_t size = 0;
};
FieldToken longest_field(std::string_view text) {
  for (std::size_t size = std::min(name_size(text), kMaxName); size > 0; --size) {
    const std::string_view name = text.substr(0, size);
    if (const auto bracket = lang::parse_bracket(text.substr(size))) {
      if (auto use = event::resolve_field(name, bracket->argument)) return {*std::move(use), size + bracket->size};
    }
    if (auto use = event::resolve_field(name, std::nullopt)) return {*std::move(use), size};
  }
  return {};
}

// `%proc.apid` is the process's own id (rule-language.md 5.1), though in a condition it asks all ancestors.
event::FieldUse shown(const event::FieldUse& use) {
  if (use.field->name != "proc.apid" || use.argument.present) return use;
  return {use.field, {.text = "0", .index = 0, .present = true}};
}

constexpr std::uint32_t kMaxWidth = 4096;
constexpr std::string_view kRemovedToken = "container.info";

// Calls `seen` for every field of an operand.
template <class Seen>
void each_field(const TypedOperand& operand, const Seen& seen) {
  std::visit(lang::Overload{[&](const event::FieldUse& use) { seen(use); }, [](const std::string&) {},
                            [&](const std::vector<TypedOperand>& items) {
                              for (const TypedOperand& item : items) each_field(item, seen);
                            },
                            [&](const TypedCall& call) {
                              for (const TypedOperand& argument : call.arguments) each_field(argument, seen);
                            }},
             operand.node);
}

void append_key(const std::vector<program::CallArgument>& all, std::string& out) {
  out += '(';
  for (const program::CallArgument& argument : all) {
    if (const auto* slot = std::get_if<std::uint32_t>(&argument.node)) {
      out += '%' + std::to_string(*slot);
    } else if (const auto* constant = std::get_if<std::string>(&argument.node)) {
      out += std::to_string(constant->size()) + ':' + *constant;
    } else {
      append_key(std::get<std::vector<program::CallArgument>>(argument.node), out);
    }
  }
  out += ')';
}

// What makes two calls the same. Slots stand in it by number: a key does not grow with what is nested.
std::string key_of(const program::Call& call) {
  std::string key = "call " + std::string(program::spelling(call.function));
  append_key(call.arguments, key);
  if (call.option) key += *call.option;
  return key;
}

}  // namespace

std::uint32_t ProgramBuilder::slot(const event::FieldUse& use) {
  const auto [at, added] = slots_.try_emplace(use.text(), static_cast<std::uint32_t>(program_.slots.size()));
  if (added) program_.slots.push_back({use, std::nullopt});
  return at->second;
}

std::uint32_t ProgramBuilder::slot(const TypedOperand& operand) {
  if (const event::FieldUse* use = operand.field()) return slot(*use);
  const auto& typed = std::get<TypedCall>(operand.node);
  program::Call call{typed.function, {}, typed.option};
  for (const TypedOperand& item : typed.arguments) call.arguments.push_back(argument(item));
  std::string key = key_of(call);
  if (const auto known = slots_.find(key); known != slots_.end()) return known->second;
  const auto at = static_cast<std::uint32_t>(program_.slots.size());
  slots_.emplace(std::move(key), at);
  program_.slots.push_back({{}, std::move(call)});
  return at;
}

program::CallArgument ProgramBuilder::argument(const TypedOperand& operand) {
  if (const auto* constant = std::get_if<std::string>(&operand.node)) return {*constant};
  const auto* list = std::get_if<std::vector<TypedOperand>>(&operand.node);
  if (list == nullptr) return {slot(operand)};
  std::vector<program::CallArgument> items;
  for (const TypedOperand& item : *list) items.push_back(argument(item));
  return {std::move(items)};
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
            if (problems_.size() == kMaxProblems) return 0U;
            problems_.push_back({{Problem::Kind::kOther, "undefined macro \"" + n.name + '"', {}, expr.span}, source});
            return 0U;
          },
          [&](const lang::Compare& compare) {
            if (problems_.size() == kMaxProblems) return 0U;
            auto checked = check_types(compare);
            if (checked) regex_size_ += checked->regex_size;
            if (checked && regex_size_ > kMaxRegexSize)
              checked = std::unexpected(
                  Problem{Problem::Kind::kOther, "the regexes of the rules up to here are too large", {}, expr.span});
            if (!checked) {
              problems_.push_back({std::move(checked).error(), source});
              return 0U;
            }
            for (Remark& remark : checked->remarks) {
              if (remarks_->size() < kMaxProblems) remarks_->push_back({std::move(remark), source});
            }
            const auto note = [&](const event::FieldUse& use) { fields_->push_back(use.text()); };
            each_field(checked->left, note);
            if (checked->right) each_field(*checked->right, note);
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

struct ProgramBuilder::Token {
  TypedOperand operand;
  std::size_t size = 0;
};

// The longest prefix of `text` from `at` on that is a field or a transformer; its % stands at `begin`.
std::expected<ProgramBuilder::Token, Problem> ProgramBuilder::token(std::string_view text, std::size_t begin, std::size_t at) {
  const auto wrong = [&](std::string message, std::size_t end, std::string hint, Problem::Kind kind = Problem::Kind::kOther) {
    return std::unexpected(Problem{kind,
                                   std::move(message),
                                   std::move(hint),
                                   {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(std::min(end, text.size()))}});
  };
  const std::string_view rest = text.substr(at);
  if (lang::starts_transform(rest)) {
    auto prefix = lang::parse_transform(rest);
    if (!prefix) return wrong(std::move(prefix.error().message), at + prefix.error().offset, std::move(prefix.error().hint));
    auto checked = check_transform(prefix->transform);
    if (!checked && prefix->transform.index) {  // then the brackets are text
      prefix->transform.index.reset();
      prefix->size = prefix->call_size;
      checked = check_transform(prefix->transform);
    }
    if (!checked) return wrong(checked.error().message, at + prefix->size, checked.error().hint, checked.error().kind);
    return Token{*std::move(checked), prefix->size};
  }
  FieldToken found = longest_field(rest);
  if (found.size == 0) {
    const std::string name(rest.substr(0, name_size(rest)));
    const std::size_t end = at + name.size();
    if (name.empty()) return wrong("% without a field", begin + 1, "a percent sign has no escape in outputs: spell it out");
    if (name == "val" && rest.substr(3).starts_with('('))
      return wrong("val() can't stand in an output", end, "write the field itself");
    const auto resolved = event::resolve_field(name, std::nullopt);
    if (!resolved && resolved.error().code != Code::kNotFound) return wrong(resolved.error().message, end, {});
    return wrong("unknown field " + ('"' + name + '"') + " in the output", end, "`shrike fields` lists them all",
                 Problem::Kind::kUnknownField);
  }
  if (found.use.field->has(event::kConditionOnly))
    return wrong('"' + std::string(found.use.field->name) + "\" can stand in conditions only", at + found.size, {});
  return Token{of_field(std::move(found.use)), found.size};
}

std::expected<ProgramBuilder::Output, Problem> ProgramBuilder::add_output(std::string_view text) {
  Output output;
  std::unordered_set<std::uint32_t> keys;  // of output.fields
  std::string literal;
  const auto flush = [&] {
    if (!literal.empty()) output.parts.push_back({.slot = {}, .text = this->text(std::exchange(literal, {}))});
  };
  const auto note = [&](const event::FieldUse& use) {
    const std::uint32_t key = this->text(use.text());
    if (!keys.insert(key).second) return;
    output.fields.push_back({.key = key, .slot = slot(shown(use)), .format = {}});
  };
  std::size_t i = text.starts_with('*') ? 1 : 0;
  while (i < text.size()) {
    if (text[i] != '%') {
      literal += text[i++];
      continue;
    }
    std::size_t at = i + 1;
    std::uint32_t width = 0;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9' && width <= kMaxWidth)
      width = width * 10 + static_cast<std::uint32_t>(text[at++] - '0');
    const lang::Span span{static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(at)};
    if (width > kMaxWidth)
      return std::unexpected(
          Problem{Problem::Kind::kOther, "width of an output field above " + std::to_string(kMaxWidth), {}, span});
    if (text.substr(at).starts_with(kRemovedToken)) {
      output.removed.push_back({"%container.info prints nothing any more", "leave it out", span});
      i = at + kRemovedToken.size();
      continue;
    }
    auto found = token(text, i, at);
    if (!found) return std::unexpected(std::move(found).error());
    flush();
    const event::FieldUse* use = found->operand.field();
    output.parts.push_back({.slot = use != nullptr ? slot(shown(*use)) : slot(found->operand), .width = width});
    each_field(found->operand, note);
    i = at + found->size;
  }
  flush();
  return output;
}

std::uint32_t ProgramBuilder::text(std::string text) {
  const auto known = texts_.find(text);
  if (known != texts_.end()) return known->second;
  const auto added = static_cast<std::uint32_t>(program_.texts.size());
  program_.texts.push_back(std::move(text));
  texts_.emplace(program_.texts.back(), added);
  return added;
}

std::uint32_t ProgramBuilder::format(std::vector<program::OutputPart> parts) {
  const auto known = std::ranges::find(program_.formats, parts);  // there are as many as the configuration names
  if (known != program_.formats.end()) return static_cast<std::uint32_t>(known - program_.formats.begin());
  program_.formats.push_back(std::move(parts));
  return static_cast<std::uint32_t>(program_.formats.size() - 1);
}

}  // namespace shrike::compile
