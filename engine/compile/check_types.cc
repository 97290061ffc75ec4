// SPDX-License-Identifier: Apache-2.0
#include "engine/compile/check_types.h"

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>
#include <limits>
#include <re2/re2.h>

#include "engine/event/services.h"
#include "engine/lang/diagnostic.h"
#include "engine/lang/parser.h"

namespace shrike::compile {
namespace {

using event::Field;
using event::Type;
using lang::Literal;
using lang::Operator;
using program::Op;
using program::Quantifier;

std::unexpected<Problem> problem(std::string message, lang::Span span, std::string hint = {},
                                 Problem::Kind kind = Problem::Kind::kOther) {
  return std::unexpected(Problem{kind, std::move(message), std::move(hint), span});
}

constexpr std::size_t kMaxConstantBytes = 255;  // rule-language.md 2.2

std::string quoted(std::string_view text) { return '"' + std::string(text) + '"'; }

// What is wrong with a constant whatever the operator.
std::optional<Problem> check_constant(const Literal& literal, Type type) {
  const auto wrong = [&](std::string message, std::string hint) {
    return Problem{Problem::Kind::kOther, std::move(message), std::move(hint), literal.span};
  };
  if (literal.text.size() > kMaxConstantBytes) {
    return wrong("filter parameter too long: " + std::to_string(literal.text.size()) + " bytes, more than " +
                     std::to_string(kMaxConstantBytes),
                 {});
  }
  if (type != Type::kBuffer && literal.text.find('\0') != std::string::npos)
    return wrong("a NUL byte can stand in a constant for a buffer only", "\\x00 goes with evt.buffer");
  return std::nullopt;
}

bool is_text(Type type) { return type == Type::kString; }
bool is_number(Type type) {
  return type == Type::kInt || type == Type::kUint || type == Type::kTime || type == Type::kDuration || type == Type::kPort ||
         type == Type::kDouble;
}

bool is_numeric_order(Operator op) {
  return op == Operator::kLess || op == Operator::kLessEqual || op == Operator::kGreater || op == Operator::kGreaterEqual;
}

bool is_within(const TypedOperand& operand) {
  const event::FieldUse* use = operand.field();
  return use != nullptr && use->field->has(event::kWithin);
}

// Does the operator exist for the type?
bool supports(const TypedOperand& operand, Operator op) {
  const Type type = operand.type;
  if (is_within(operand)) return op == Operator::kEqual;
  if (operand.list) return op == Operator::kExists || op == Operator::kIn || op == Operator::kIntersects;
  if (type == Type::kOpaque) return op == Operator::kExists;
  if (op == Operator::kExists || op == Operator::kEqual || op == Operator::kNotEqual || op == Operator::kIn ||
      op == Operator::kIntersects)
    return true;
  if (is_number(type)) return is_numeric_order(op);
  if (is_text(type)) return op != Operator::kBcontains && op != Operator::kBstartswith;
  if (type == Type::kBuffer) {
    return op == Operator::kContains || op == Operator::kStartswith || op == Operator::kEndswith || op == Operator::kBcontains ||
           op == Operator::kBstartswith;
  }
  return false;
}

std::string supported_operators(const TypedOperand& operand) {
  static constexpr Operator kAll[] = {Operator::kEqual,     Operator::kNotEqual,     Operator::kLess,        Operator::kLessEqual,
                                      Operator::kGreater,   Operator::kGreaterEqual, Operator::kContains,    Operator::kIcontains,
                                      Operator::kBcontains, Operator::kStartswith,   Operator::kBstartswith, Operator::kEndswith,
                                      Operator::kGlob,      Operator::kIglob,        Operator::kRegex,       Operator::kPmatch,
                                      Operator::kIn,        Operator::kIntersects,   Operator::kExists};
  std::string text;
  for (const Operator op : kAll) {
    if (!supports(operand, op)) continue;
    if (!text.empty()) text += ' ';
    text += lang::spelling(op);
  }
  return text;
}

Op to_op(Operator op) {
  switch (op) {
    case Operator::kExists:
      return Op::kExists;
    case Operator::kEqual:
      return Op::kEqual;
    case Operator::kNotEqual:
      return Op::kNotEqual;
    case Operator::kLess:
      return Op::kLess;
    case Operator::kLessEqual:
      return Op::kLessEqual;
    case Operator::kGreater:
      return Op::kGreater;
    case Operator::kGreaterEqual:
      return Op::kGreaterEqual;
    case Operator::kContains:
      return Op::kContains;
    case Operator::kIcontains:
      return Op::kIcontains;
    case Operator::kBcontains:
      return Op::kBcontains;
    case Operator::kStartswith:
      return Op::kStartswith;
    case Operator::kBstartswith:
      return Op::kBstartswith;
    case Operator::kEndswith:
      return Op::kEndswith;
    case Operator::kGlob:
      return Op::kGlob;
    case Operator::kIglob:
      return Op::kIglob;
    case Operator::kRegex:
      return Op::kRegex;
    case Operator::kIn:
      return Op::kIn;
    case Operator::kIntersects:
      return Op::kIntersects;
    case Operator::kPmatch:
      return Op::kPmatch;
  }
  return Op::kExists;
}

Quantifier to_quantifier(lang::Modifier modifier) {
  switch (modifier) {
    case lang::Modifier::kNone:
      return Quantifier::kNone;
    case lang::Modifier::kOneof:
      return Quantifier::kOneof;
    case lang::Modifier::kAnyof:
      return Quantifier::kAnyof;
    case lang::Modifier::kAllof:
      return Quantifier::kAllof;
  }
  return Quantifier::kNone;
}

// As messages call it: "proc.name", "tolower()".
std::string name_of(const TypedOperand& operand) {
  if (const event::FieldUse* use = operand.field()) return quoted(use->field->name);
  if (const auto* call = std::get_if<TypedCall>(&operand.node)) return std::string(program::spelling(call->function)) + "()";
  return std::holds_alternative<std::string>(operand.node) ? "a constant" : "a list";
}
// "a list of string", "an int".
std::string type_name(const TypedOperand& operand) {
  const std::string type(event::spelling(operand.type));
  if (operand.list) return "a list of " + type;
  return (type.find_first_of("aei") == 0 ? "an " : "a ") + type;
}

using Number = std::variant<std::int64_t, std::uint64_t>;

// What numbers of the operand lie in.
std::int64_t least(const TypedOperand& operand) {
  if (operand.type == Type::kDouble) return std::numeric_limits<std::int64_t>::min();
  return operand.field() != nullptr ? operand.field()->field->min() : 0;
}
std::uint64_t most(const TypedOperand& operand) {
  if (operand.type == Type::kDouble) return std::numeric_limits<std::int64_t>::max();
  return operand.field() != nullptr ? operand.field()->field->max() : std::numeric_limits<std::uint64_t>::max();
}

std::expected<Number, Problem> parse_number(const TypedOperand& operand, const Literal& literal) {
  const std::string& text = literal.text;
  if (operand.type == Type::kPort) {
    if (text.empty()) return std::uint64_t{0};
    if (const auto port = event::service_port(text)) return std::uint64_t{*port};
  }
  const bool minus = text.starts_with('-');
  const char* first = text.data() + (minus || text.starts_with('+') ? 1 : 0);
  const char* last = text.data() + text.size();
  std::uint64_t size = 0;
  const auto [end, error] = std::from_chars(first, last, size);
  if ((error != std::errc() && error != std::errc::result_out_of_range) || end != last || first == last) {
    return problem(
        quoted(text) + " is not a valid number for " + name_of(operand), literal.span,
        operand.type == Type::kPort ? "a decimal integer, or the name of a service such as https" : "write a decimal integer");
  }
  const std::int64_t low = least(operand);
  // The size of `low`; of the least int64 too.
  const std::uint64_t below = ~static_cast<std::uint64_t>(low) + 1;
  if (error != std::errc() || size > (minus ? below : most(operand))) {
    return problem(quoted(text) + " is out of range for " + name_of(operand), literal.span,
                   std::to_string(low) + " to " + std::to_string(most(operand)));
  }
  if (low == 0) return size;
  return static_cast<std::int64_t>(minus ? ~size + 1 : size);
}

std::expected<event::IpAddress, Problem> parse_ip(std::string_view text, const Literal& literal) {
  event::IpAddress address;
  const std::string terminated(text);
  const bool v4 = text.find('.') != std::string_view::npos;
  address.family = v4 ? 4 : 6;
  if (inet_pton(v4 ? AF_INET : AF_INET6, terminated.c_str(), address.bytes.data()) != 1) {
    return problem(quoted(literal.text) + " is not a valid " + (v4 ? "IPv4" : "IPv6") + " address", literal.span,
                   text.find('/') != std::string_view::npos
                       ? "an address without /; networks go with fd.net, fd.snet, fd.cnet, fd.lnet, fd.rnet"
                       : "");
  }
  return address;
}

std::expected<event::IpAddress, Problem> parse_address(const Literal& literal) {
  auto address = parse_ip(literal.text, literal);
  if (address) *address = event::canonical(*address);  // as events have it
  return address;
}

std::expected<program::Network, Problem> parse_network(const Literal& literal) {
  const std::size_t slash = literal.text.find('/');
  if (slash == std::string::npos)
    return problem(quoted(literal.text) + " is not a network", literal.span, "write it as CIDR: " + literal.text + "/32");
  auto address = parse_ip(std::string_view(literal.text).substr(0, slash), literal);
  if (!address) return std::unexpected(address.error());
  const char* first = literal.text.data() + slash + 1;
  const char* last = literal.text.data() + literal.text.size();
  unsigned prefix = 0;
  const auto [end, error] = std::from_chars(first, last, prefix);
  const unsigned most = address->family == 4 ? 32 : 128;
  if (error != std::errc() || end != last || prefix > most) {
    return problem(quoted(literal.text) + " has no valid prefix length", literal.span, "0 to " + std::to_string(most));
  }
  for (unsigned bit = prefix; bit < 128; ++bit) {
    address->bytes[bit / 8] = static_cast<std::uint8_t>(address->bytes[bit / 8] & ~(0x80U >> bit % 8));
  }
  return program::Network{*address, static_cast<std::uint8_t>(prefix)};
}

std::expected<std::string, Problem> parse_hex(const Literal& literal) {
  if (literal.text.size() % 2 != 0) return problem(quoted(literal.text) + " has an odd number of hex digits", literal.span);
  std::string bytes;
  for (std::size_t i = 0; i < literal.text.size(); i += 2) {
    unsigned byte = 0;
    const auto [end, error] = std::from_chars(literal.text.data() + i, literal.text.data() + i + 2, byte, 16);
    if (error != std::errc() || end != literal.text.data() + i + 2)
      return problem(quoted(literal.text) + " is not hexadecimal", literal.span);
    bytes += static_cast<char>(byte);
  }
  return bytes;
}

std::expected<std::shared_ptr<const re2::RE2>, Problem> parse_regex(const Literal& literal) {
  re2::RE2::Options options(re2::RE2::POSIX);
  options.set_longest_match(true);
  options.set_log_errors(false);
  options.set_max_mem(8 << 20);
  auto regex = std::make_shared<const re2::RE2>(literal.text, options);
  if (!regex->ok()) {
    return problem("invalid regex " + quoted(literal.text) + ": " + regex->error(), literal.span,
                   "POSIX extended syntax: [[:digit:]] instead of \\d, no (?…) groups; the whole text must match");
  }
  return regex;
}

// Would a plain operator do?
std::optional<std::string> simpler_than(std::string_view regex) {
  std::string_view core = regex;
  bool open_front = false;
  bool open_back = false;
  if (core.starts_with('^')) core.remove_prefix(1);
  if (core.ends_with('$')) core.remove_suffix(1);
  if (core.starts_with(".*")) open_front = true, core.remove_prefix(2);
  if (core.ends_with(".*")) open_back = true, core.remove_suffix(2);
  if (core.find_first_of("\\^$.|?*+()[]{}") != std::string_view::npos) return std::nullopt;
  if (core.empty() && (open_front || open_back)) return "exists";
  const std::string text = lang::dump(Literal{.text = std::string(core), .quoted = true, .span = {}});
  return std::string(open_front && open_back ? "contains"
                     : open_front            ? "endswith"
                     : open_back             ? "startswith"
                                             : "=") +
         ' ' + text;
}

// All constants of the right side, in order; empty for `exists`, val() and transformers.
std::vector<const Literal*> literals(const lang::Rhs& right) {
  std::vector<const Literal*> all;
  if (const auto* one = std::get_if<Literal>(&right)) all.push_back(one);
  if (const auto* many = std::get_if<std::vector<Literal>>(&right)) {
    for (const Literal& literal : *many) all.push_back(&literal);
  }
  return all;
}

template <class T, class Parse>
std::expected<program::Constants, Problem> parse_all(const std::vector<const Literal*>& all, Parse parse) {
  std::vector<T> values;
  values.reserve(all.size());
  for (const Literal* literal : all) {
    auto value = parse(*literal);
    if (!value) return std::unexpected(std::move(value).error());
    values.push_back(*std::move(value));
  }
  return program::Constants(std::move(values));
}

std::expected<program::Constants, Problem> parse_texts(Operator op, const std::vector<const Literal*>& all) {
  program::Texts texts;
  texts.reserve(all.size());
  for (const Literal* literal : all) {
    if (op == Operator::kBcontains || op == Operator::kBstartswith) {
      auto bytes = parse_hex(*literal);
      if (!bytes) return std::unexpected(std::move(bytes).error());
      texts.push_back(*std::move(bytes));
      continue;
    }
    texts.push_back(literal->text);
  }
  if (op == Operator::kIn || op == Operator::kIntersects) {
    std::ranges::sort(texts);
    const auto rest = std::ranges::unique(texts);
    texts.erase(rest.begin(), rest.end());
  }
  return program::Constants(std::move(texts));
}

std::expected<program::Constants, Problem> parse_constants(const TypedOperand& field, Operator op,
                                                           const std::vector<const Literal*>& all) {
  switch (field.type) {
    case Type::kInt:
    case Type::kUint:
    case Type::kTime:
    case Type::kDuration:
    case Type::kPort:
    case Type::kDouble:
      return parse_all<Number>(all, [&](const Literal& literal) { return parse_number(field, literal); });
    case Type::kBool:
      return parse_all<bool>(all, [&](const Literal& literal) -> std::expected<bool, Problem> {
        if (literal.text == "true") return true;
        if (literal.text == "false") return false;
        return problem(quoted(literal.text) + " is not a valid bool for " + name_of(field), literal.span, "true or false");
      });
    case Type::kIp: {
      auto addresses = parse_all<event::IpAddress>(all, [](const Literal& literal) { return parse_address(literal); });
      if (addresses && (op == Operator::kIn || op == Operator::kIntersects))
        std::ranges::sort(std::get<std::vector<event::IpAddress>>(*addresses));
      return addresses;
    }
    case Type::kNet:
      return parse_all<program::Network>(all, parse_network);
    case Type::kString:
    case Type::kBuffer:
    case Type::kOpaque:
      break;
  }
  if (op == Operator::kRegex) {
    program::Regexes regexes;
    for (const Literal* literal : all) {
      auto regex = parse_regex(*literal);
      if (!regex) return std::unexpected(std::move(regex).error());
      regexes.items.push_back(*std::move(regex));
    }
    return program::Constants(std::move(regexes));
  }
  if (op == Operator::kPmatch) {
    std::vector<program::PathPattern> patterns;
    patterns.reserve(all.size());
    for (const Literal* literal : all) patterns.push_back(program::parse_path_pattern(literal->text));
    return program::Constants(std::move(patterns));
  }
  return parse_texts(op, all);
}

bool names_event_type(const TypedOperand& operand) {
  const event::FieldUse* use = operand.field();
  return use != nullptr && (use->field->name == "evt.type" || use->field->name == "syscall.type");
}

std::optional<Problem> check_event_types(const TypedOperand& field, Operator op, const std::vector<const Literal*>& all) {
  if (!names_event_type(field) ||
      (op != Operator::kEqual && op != Operator::kNotEqual && op != Operator::kIn && op != Operator::kIntersects))
    return std::nullopt;
  for (const Literal* literal : all) {
    if (event::find_event_type(literal->text)) continue;
    std::vector<std::string_view> names;
    for (const event::EventTypeInfo& type : event::event_types()) names.push_back(type.name);
    const std::string_view near = lang::nearest(literal->text, names);
    return Problem{Problem::Kind::kUnknownEventType, "unknown event type " + quoted(literal->text),
                   near.empty() ? "" : "did you mean " + std::string(near) + "?", literal->span};
  }
  return std::nullopt;
}

// Is the text a field as it would stand in a rule?
bool names_field(std::string_view text) {
  const std::size_t open = text.find('[');
  if (text.substr(0, open).find('.') == std::string_view::npos || text.find('/') == 0) return false;  // most, at no cost
  if (open == std::string_view::npos) return event::resolve_field(text, std::nullopt).has_value();
  const auto bracket = lang::parse_bracket(text.substr(open));
  return bracket && open + bracket->size == text.size() &&
         event::resolve_field(text.substr(0, open), bracket->argument).has_value();
}

bool names_transform(std::string_view text) {
  if (!lang::starts_transform(text)) return false;
  const auto prefix = lang::parse_transform(text);
  return prefix && prefix->size == text.size();
}

// Constants that look as if something else was meant.
void remark_on(const std::vector<const Literal*>& all, Operator op, std::vector<Remark>& remarks) {
  for (const Literal* literal : all) {
    if (names_field(literal->text)) {
      remarks.push_back({"compares with the text \"" + literal->text + "\", which is also a field",
                         "to compare with the field write val(" + literal->text + ")", literal->span});
    }
    if (names_transform(literal->text)) {
      remarks.push_back({"compares with the text \"" + literal->text + "\", which reads like a transformer",
                         "to compare with what it yields write it without quotes", literal->span});
    }
    if (op != Operator::kRegex) continue;
    if (const auto simpler = simpler_than(literal->text))
      remarks.push_back({"this regex needs no regex", "write: " + *simpler, literal->span});
  }
}

// Left and right side of a comparison with a field or a transformer.
std::expected<void, Problem> check_sides(const TypedOperand& left, Operator op, const TypedOperand& right, lang::Span span) {
  if (op == Operator::kRegex || op == Operator::kPmatch)
    return problem(std::string(lang::spelling(op)) + " compares with constants only", span);
  if (names_event_type(left))
    return problem(name_of(left) + " compares with constants only", span, "name the events: evt.type in (…)");
  for (const TypedOperand* side : {&left, &right}) {
    if (side->type == Type::kNet || (side->field() != nullptr && side->field()->field->has(event::kNoRhs)))
      return problem(name_of(*side) + " can't be compared with another field", span);
  }
  if (left.type != right.type || left.list != right.list) {
    return problem(name_of(left) + " is " + type_name(left) + ", " + name_of(right) + " " + type_name(right), span,
                   "both sides are of one type");
  }
  if ((op == Operator::kIn || op == Operator::kIntersects) && !right.list)
    return problem(name_of(right) + " is no list", span, "write: =");
  return {};
}

// --- transformers

std::expected<TypedOperand, Problem> check_argument(const lang::TransformArgument& argument, lang::Span call);
std::expected<TypedOperand, Problem> check_call(const lang::Transform& transform);

void count_parts(const std::vector<lang::TransformArgument>& all, std::size_t& parts) {
  for (const lang::TransformArgument& argument : all) {
    if (++parts > kMaxCallParts) return;
    if (const auto* inner = std::get_if<lang::TransformPtr>(&argument.node)) count_parts((*inner)->arguments, parts);
    if (const auto* list = std::get_if<lang::TransformList>(&argument.node)) count_parts(list->items, parts);
  }
}

std::expected<TypedOperand, Problem> check_list(const lang::TransformList& list, lang::Span call) {
  std::vector<TypedOperand> items;
  items.reserve(list.items.size());
  for (const lang::TransformArgument& argument : list.items) {
    auto item = check_argument(argument, call);
    if (!item) return item;
    if (item->list) return problem(name_of(*item) + " is a list: lists don't nest", call);
    items.push_back(*std::move(item));
  }
  const bool texts = std::ranges::all_of(items, [](const TypedOperand& item) { return item.type == Type::kString; });
  const Type type = texts ? Type::kString : items.front().type;
  return TypedOperand{std::move(items), type, true};
}

std::expected<TypedOperand, Problem> check_argument(const lang::TransformArgument& argument, lang::Span call) {
  using Result = std::expected<TypedOperand, Problem>;
  return std::visit(lang::Overload{[](const lang::FieldRef& ref) -> Result {
                                     auto use = check_field(ref);
                                     if (!use) return std::unexpected(std::move(use).error());
                                     const Field& field = *use->field;
                                     if (field.has(event::kNoTransform))
                                       return problem(quoted(field.name) + " can't stand in a transformer", ref.span);
                                     return of_field(*std::move(use));
                                   },
                                   [](const Literal& literal) -> Result {
                                     if (auto wrong = check_constant(literal, Type::kString))
                                       return std::unexpected(*std::move(wrong));
                                     return TypedOperand{literal.text, literal.quoted ? Type::kString : Type::kInt, false};
                                   },
                                   [](const lang::TransformPtr& inner) { return check_call(*inner); },
                                   [&](const lang::TransformList& list) { return check_list(list, call); }},
                    argument.node);
}

// Why the arguments don't fit; empty if they do.
std::string wrong_arguments(program::Function function, const std::vector<TypedOperand>& arguments) {
  using enum program::Function;
  const auto is_scalar = [](const TypedOperand& operand, Type type) { return operand.type == type && !operand.list; };
  const auto takes = [&](std::string_view what, const TypedOperand& operand) {
    return "takes " + std::string(what) + ", " + name_of(operand) + " is " + type_name(operand);
  };
  const TypedOperand& first = arguments.front();
  switch (function) {
    case kTolower:
    case kToupper:
    case kBasename:
    case kB64:
    case kLen: {
      if (arguments.size() != 1) return "takes one argument, not " + std::to_string(arguments.size());
      const bool fits = is_scalar(first, Type::kString) ||
                        (is_scalar(first, Type::kBuffer) && (function == kB64 || function == kLen)) ||
                        (first.list && function == kLen);
      if (fits) return {};
      return takes(function == kLen   ? "a string, a buffer or a list"
                   : function == kB64 ? "a string or a buffer"
                                      : "a string",
                   first);
    }
    case kJoin:
    case kGetopt: {
      if (arguments.size() != 2) return "takes two arguments, not " + std::to_string(arguments.size());
      const TypedOperand& list = arguments[function == kJoin ? 1 : 0];
      const TypedOperand& text = arguments[function == kJoin ? 0 : 1];
      if (!is_scalar(text, Type::kString)) {
        return takes(function == kJoin ? "a string and then a list" : "a list and then a string", text);
      }
      if (!list.list) return takes(function == kJoin ? "a string and then a list" : "a list and then a string", list);
      if (function == kGetopt && list.type != Type::kString) return takes("a list of strings", list);
      return {};
    }
    case kConcat:
      if (arguments.size() < 2) return "takes two arguments or more";
      for (const TypedOperand& argument : arguments) {
        if (argument.list) return takes("single values", argument);
      }
      return {};
  }
  return {};
}

Type result_type(program::Function function, const TypedOperand& first) {
  if (function == program::Function::kLen) return Type::kUint;
  return function == program::Function::kB64 ? first.type : Type::kString;
}

std::expected<TypedOperand, Problem> check_left(const lang::Operand& operand) {
  if (const auto* transform = std::get_if<lang::Transform>(&operand)) return check_transform(*transform);
  auto use = check_field(std::get<lang::FieldRef>(operand));
  if (!use) return std::unexpected(std::move(use).error());
  return of_field(*std::move(use));
}

}  // namespace

std::expected<event::FieldUse, Problem> check_field(const lang::FieldRef& field) {
  auto use = event::resolve_field(field.name, field.argument);
  if (use) return *std::move(use);
  Problem out{Problem::Kind::kOther, use.error().message, {}, field.span};
  if (use.error().code == Code::kNotFound) {
    out.kind = Problem::Kind::kUnknownField;
    std::vector<std::string_view> names;
    for (const Field& known : event::fields()) names.push_back(known.name);
    const std::string_view near = lang::nearest(field.name, names);
    out.hint = near.empty() ? "`shrike fields` lists them all" : "did you mean " + std::string(near) + "?";
  }
  return std::unexpected(std::move(out));
}

TypedOperand of_field(event::FieldUse use) {
  const Type type = use.field->type;
  const bool list = use.field->has(event::kList);
  return {std::move(use), type, list};
}

std::expected<TypedOperand, Problem> check_transform(const lang::Transform& transform) {
  std::size_t parts = 0;
  count_parts(transform.arguments, parts);
  if (parts > kMaxCallParts)
    return problem(transform.name + "() of more than " + std::to_string(kMaxCallParts) + " arguments", transform.span);
  return check_call(transform);
}

namespace {
std::expected<TypedOperand, Problem> check_call(const lang::Transform& transform) {
  TypedCall call;
  const auto function = program::find_function(transform.name);
  if (!function) return problem("unknown transformer " + transform.name + "()", transform.span);
  call.function = *function;
  for (const lang::TransformArgument& argument : transform.arguments) {
    auto checked = check_argument(argument, transform.span);
    if (!checked) return checked;
    call.arguments.push_back(*std::move(checked));
  }
  if (std::string wrong = wrong_arguments(call.function, call.arguments); !wrong.empty())
    return problem(transform.name + "() " + std::move(wrong), transform.span);
  const bool getopt = call.function == program::Function::kGetopt;
  if (transform.index) {
    if (!getopt) return problem(transform.name + "() takes no argument in brackets", transform.span);
    if (transform.index->size() != 1)
      return problem(quoted(*transform.index) + " is no option letter", transform.span, "one letter: getopt(…)[o]");
    call.option = transform.index->front();
  }
  const Type type = result_type(call.function, call.arguments.front());
  return TypedOperand{std::move(call), type, getopt && !transform.index};
}
}  // namespace

std::expected<CheckedCompare, Problem> check_types(const lang::Compare& compare) {
  auto left = check_left(compare.left);
  if (!left) return std::unexpected(std::move(left).error());
  if (!supports(*left, compare.op)) {
    return problem("'" + std::string(lang::spelling(compare.op)) + "' operator not supported for " + name_of(*left) + ", " +
                       type_name(*left),
                   compare.op_span, "it has: " + supported_operators(*left));
  }

  CheckedCompare checked;
  program::Predicate& predicate = checked.predicate;
  predicate.op = to_op(compare.op);
  predicate.quantifier = to_quantifier(compare.modifier);
  predicate.list = left->list;
  if (is_within(*left)) {
    if (predicate.quantifier != Quantifier::kNone) return problem(name_of(*left) + " takes one constant", compare.op_span);
    predicate.op = Op::kLessEqual;  // "= D": at most D away
  }
  if (const event::FieldUse* use = left->field()) {
    predicate.field_flags = use->field->flags;
    // proc.aname[2] is one ancestor, not any.
    if (use->argument.present) predicate.field_flags &= static_cast<std::uint8_t>(~event::kExistential);
  }
  checked.left = *std::move(left);

  if (std::holds_alternative<lang::ValueOf>(compare.right) || std::holds_alternative<lang::Transform>(compare.right)) {
    const auto* value_of = std::get_if<lang::ValueOf>(&compare.right);
    auto right = value_of != nullptr ? check_left(value_of->field) : check_transform(std::get<lang::Transform>(compare.right));
    if (!right) return std::unexpected(std::move(right).error());
    const lang::Span span = value_of != nullptr ? value_of->field.span : std::get<lang::Transform>(compare.right).span;
    if (auto fits = check_sides(checked.left, compare.op, *right, span); !fits) return std::unexpected(std::move(fits).error());
    checked.right = *std::move(right);
    predicate.constants = std::uint32_t{0};
    return checked;
  }

  const std::vector<const Literal*> all = literals(compare.right);
  for (const Literal* literal : all) {
    if (auto wrong = check_constant(*literal, checked.left.type)) return std::unexpected(*std::move(wrong));
  }
  if (auto unknown = check_event_types(checked.left, compare.op, all)) return std::unexpected(*std::move(unknown));
  if (compare.op != Operator::kExists) {
    auto constants = parse_constants(checked.left, compare.op, all);
    if (!constants) return std::unexpected(std::move(constants).error());
    predicate.constants = *std::move(constants);
    remark_on(all, compare.op, checked.remarks);
  }
  return checked;
}

}  // namespace shrike::compile
