// SPDX-License-Identifier: Apache-2.0
#include "engine/lang/ast.h"

#include <string_view>
#include <utility>

namespace shrike::lang {
namespace {

constexpr std::string_view kSpaces = " \t\b\r\n\f\v";  // what ends a bare text

std::string hex_escape(char c) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(c);
  return {'\\', 'x', kDigits[byte >> 4U], kDigits[byte & 15U]};
}

std::string quote(std::string_view text) {
  static constexpr std::string_view kControls = "\b\f\n\r\t";
  static constexpr std::string_view kLetters = "bfnrt";
  std::string out = "\"";
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (const std::size_t at = kControls.find(c); at != std::string_view::npos) {
      out += {'\\', kLetters[at]};
    } else if (c == '\\' && i + 1 == text.size()) {
      out += hex_escape(c);  // a quote right behind a backslash does not close
    } else if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else {
      out += c == '\0' || c == '\v' ? hex_escape(c) : std::string(1, c);
    }
  }
  return out + '"';
}

// Quoted only if it could not stand bare, whatever the rule's author did.
std::string value_text(std::string_view text) {
  const bool bare = !text.empty() && text.find_first_of("()\"'=,") == std::string_view::npos &&
                    text.find_first_of(kSpaces) == std::string_view::npos && text.find('\0') == std::string_view::npos;
  return bare ? std::string(text) : quote(text);
}

std::string argument_text(std::string_view text) {
  const bool bare = !text.empty() && text.find_first_of("[]\"'") == std::string_view::npos &&
                    text.find_first_of(kSpaces) == std::string_view::npos && text.find('\0') == std::string_view::npos;
  return '[' + (bare ? std::string(text) : quote(text)) + ']';
}

class Dumper {
 public:
  std::string take() { return std::move(out_); }

  void expr(const Expr& expr) {
    std::visit(
        Overload{[&](const And& node) { group(node.operands, " and "); }, [&](const Or& node) { group(node.operands, " or "); },
                 [&](const Not& node) {
                   out_ += "not ";
                   this->expr(*node.operand);
                 },
                 [&](const MacroRef& node) { out_ += node.name; }, [&](const Compare& node) { compare(node); }},
        expr.node);
  }

  void transform(const Transform& node) {
    out_ += node.name;
    out_ += '(';
    arguments(node.arguments);
    out_ += ')';
    if (node.index) out_ += argument_text(*node.index);
  }

 private:
  void group(const std::vector<ExprPtr>& operands, std::string_view word) {
    out_ += '(';
    for (std::size_t i = 0; i < operands.size(); ++i) {
      if (i > 0) out_ += word;
      expr(*operands[i]);
    }
    out_ += ')';
  }

  void field(const FieldRef& ref) {
    out_ += ref.name;
    if (ref.argument) out_ += argument_text(*ref.argument);
  }

  // A constant of a transformer can't be bare text.
  void argument(const TransformArgument& argument) {
    std::visit(Overload{[&](const FieldRef& ref) { field(ref); },
                        [&](const Literal& literal) { out_ += literal.quoted ? quote(literal.text) : literal.text; },
                        [&](const TransformPtr& inner) { transform(*inner); },
                        [&](const TransformList& list) {
                          out_ += '(';
                          arguments(list.items);
                          out_ += ')';
                        }},
               argument.node);
  }

  void arguments(const std::vector<TransformArgument>& all) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (i > 0) out_ += ',';
      argument(all[i]);
    }
  }

  void compare(const Compare& node) {
    std::visit(Overload{[&](const FieldRef& ref) { field(ref); }, [&](const Transform& inner) { transform(inner); }}, node.left);
    out_ += ' ';
    out_ += spelling(node.op);
    if (node.modifier != Modifier::kNone) {
      out_ += ' ';
      out_ += spelling(node.modifier);
    }
    if (!std::holds_alternative<std::monostate>(node.right)) out_ += ' ';
    std::visit(Overload{[](std::monostate) {}, [&](const Literal& literal) { out_ += value_text(literal.text); },
                        [&](const std::vector<Literal>& list) {
                          out_ += '(';
                          for (std::size_t i = 0; i < list.size(); ++i) {
                            if (i > 0) out_ += ", ";
                            out_ += value_text(list[i].text);
                          }
                          out_ += ')';
                        },
                        [&](const ValueOf& value) {
                          out_ += "val(";
                          field(value.field);
                          out_ += ')';
                        },
                        [&](const Transform& inner) { transform(inner); }},
               node.right);
  }

  std::string out_;
};

Transform clone_transform(const Transform& node);

TransformArgument clone_argument(const TransformArgument& argument) {
  return std::visit(
      Overload{[](const FieldRef& ref) { return TransformArgument{ref}; },
               [](const Literal& literal) { return TransformArgument{literal}; },
               [](const TransformPtr& inner) { return TransformArgument{std::make_unique<Transform>(clone_transform(*inner))}; },
               [](const TransformList& list) {
                 TransformList copy;
                 for (const TransformArgument& item : list.items) copy.items.push_back(clone_argument(item));
                 return TransformArgument{std::move(copy)};
               }},
      argument.node);
}

Transform clone_transform(const Transform& node) {
  Transform copy{node.name, {}, node.index, node.span};
  for (const TransformArgument& argument : node.arguments) copy.arguments.push_back(clone_argument(argument));
  return copy;
}

Compare clone_compare(const Compare& node) {
  Compare copy;
  copy.op = node.op;
  copy.modifier = node.modifier;
  copy.op_span = node.op_span;
  std::visit(Overload{[&](const FieldRef& ref) { copy.left = ref; },
                      [&](const Transform& inner) { copy.left = clone_transform(inner); }},
             node.left);
  std::visit(Overload{[&](const Transform& inner) { copy.right = clone_transform(inner); },
                      [&](const auto& other) { copy.right = other; }},
             node.right);
  return copy;
}

std::vector<ExprPtr> clone_all(const std::vector<ExprPtr>& operands) {
  std::vector<ExprPtr> copies;
  copies.reserve(operands.size());
  for (const ExprPtr& operand : operands) copies.push_back(clone(*operand));
  return copies;
}

}  // namespace

const char* spelling(Operator op) {
  switch (op) {
    case Operator::kExists:
      return "exists";
    case Operator::kEqual:
      return "=";
    case Operator::kNotEqual:
      return "!=";
    case Operator::kLess:
      return "<";
    case Operator::kLessEqual:
      return "<=";
    case Operator::kGreater:
      return ">";
    case Operator::kGreaterEqual:
      return ">=";
    case Operator::kContains:
      return "contains";
    case Operator::kIcontains:
      return "icontains";
    case Operator::kBcontains:
      return "bcontains";
    case Operator::kStartswith:
      return "startswith";
    case Operator::kBstartswith:
      return "bstartswith";
    case Operator::kEndswith:
      return "endswith";
    case Operator::kGlob:
      return "glob";
    case Operator::kIglob:
      return "iglob";
    case Operator::kRegex:
      return "regex";
    case Operator::kIn:
      return "in";
    case Operator::kIntersects:
      return "intersects";
    case Operator::kPmatch:
      return "pmatch";
  }
  return "";
}

const char* spelling(Modifier modifier) {
  switch (modifier) {
    case Modifier::kNone:
      return "";
    case Modifier::kOneof:
      return "oneof";
    case Modifier::kAnyof:
      return "anyof";
    case Modifier::kAllof:
      return "allof";
  }
  return "";
}

std::string dump(const Expr& expr) {
  Dumper dumper;
  dumper.expr(expr);
  return dumper.take();
}

std::string dump(const Literal& literal) { return value_text(literal.text); }

std::string dump(const Transform& transform) {
  Dumper dumper;
  dumper.transform(transform);
  return dumper.take();
}

ExprPtr clone(const Expr& expr) {
  auto copy = std::make_unique<Expr>();
  copy->span = expr.span;
  copy->source = expr.source;
  std::visit(
      Overload{[&](const And& node) { copy->node = And{clone_all(node.operands)}; },
               [&](const Or& node) { copy->node = Or{clone_all(node.operands)}; },
               [&](const Not& node) { copy->node = Not{clone(*node.operand)}; }, [&](const MacroRef& node) { copy->node = node; },
               [&](const Compare& node) { copy->node = clone_compare(node); }},
      expr.node);
  return copy;
}

}  // namespace shrike::lang
