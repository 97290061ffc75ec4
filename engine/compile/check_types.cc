// SPDX-License-Identifier: Apache-2.0
#include "engine/compile/check_types.h"

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>
#include <limits>
#include <re2/re2.h>

#include "engine/event/services.h"
#include "engine/lang/diagnostic.h"

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

std::string quoted(std::string_view text) { return '"' + std::string(text) + '"'; }

bool is_text(Type type) { return type == Type::kString; }
bool is_number(Type type) {
  return type == Type::kInt || type == Type::kUint || type == Type::kTime || type == Type::kDuration || type == Type::kPort ||
         type == Type::kDouble;
}

bool is_numeric_order(Operator op) {
  return op == Operator::kLess || op == Operator::kLessEqual || op == Operator::kGreater || op == Operator::kGreaterEqual;
}

// Does the operator exist for the type?
bool supports(Type type, Operator op) {
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

std::string supported_operators(Type type) {
  static constexpr Operator kAll[] = {Operator::kEqual,     Operator::kNotEqual,     Operator::kLess,        Operator::kLessEqual,
                                      Operator::kGreater,   Operator::kGreaterEqual, Operator::kContains,    Operator::kIcontains,
                                      Operator::kBcontains, Operator::kStartswith,   Operator::kBstartswith, Operator::kEndswith,
                                      Operator::kGlob,      Operator::kIglob,        Operator::kRegex,       Operator::kPmatch,
                                      Operator::kIn,        Operator::kIntersects,   Operator::kExists};
  std::string text;
  for (const Operator op : kAll) {
    if (!supports(type, op)) continue;
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

std::expected<std::variant<std::int64_t, std::uint64_t>, Problem> parse_number(const Field& field, const Literal& literal) {
  const std::string& text = literal.text;
  if (field.type == Type::kPort) {
    if (text.empty()) return std::uint64_t{0};
    if (const auto port = event::service_port(text)) return std::uint64_t{*port};
  }
  const bool is_signed = field.type == Type::kInt;
  const char* first = text.data();
  const char* last = first + text.size();
  if (first != last && *first == '+') ++first;
  std::int64_t negative = 0;
  std::uint64_t positive = 0;
  std::from_chars_result result{};
  const bool minus = first != last && *first == '-';
  if (minus) {
    result = std::from_chars(first, last, negative);
  } else {
    result = std::from_chars(first, last, positive);
  }
  const std::string name = quoted(field.name);
  if (result.ec == std::errc::result_out_of_range) return problem(quoted(text) + " is out of range for " + name, literal.span);
  if (result.ec != std::errc() || result.ptr != last || first == last) {
    return problem(quoted(text) + " is not a valid number for " + name, literal.span, "write a decimal integer");
  }
  if (minus && !is_signed && negative != 0) return problem(quoted(text) + " is negative, " + name + " never is", literal.span);
  if (!is_signed && field.type == Type::kPort && positive > 65535)
    return problem(quoted(text) + " is not a port", literal.span, "0 to 65535");
  if (minus) return negative;
  if (is_signed && positive > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    return problem(quoted(text) + " is out of range for " + name, literal.span);
  }
  return is_signed ? std::variant<std::int64_t, std::uint64_t>(static_cast<std::int64_t>(positive))
                   : std::variant<std::int64_t, std::uint64_t>(positive);
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
  return std::string(open_front && open_back ? "contains"
                     : open_front            ? "endswith"
                     : open_back             ? "startswith"
                                             : "=") +
         ' ' + std::string(core);
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

std::expected<program::Constants, Problem> parse_texts(const Field& field, Operator op, const std::vector<const Literal*>& all) {
  program::Texts texts;
  texts.reserve(all.size());
  for (const Literal* literal : all) {
    if (is_text(field.type) && literal->text.find('\0') != std::string::npos) {
      return problem("a NUL byte can't stand in a text", literal->span);
    }
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

std::expected<program::Constants, Problem> parse_constants(const Field& field, Operator op,
                                                           const std::vector<const Literal*>& all) {
  switch (field.type) {
    case Type::kInt:
    case Type::kUint:
    case Type::kTime:
    case Type::kDuration:
    case Type::kPort:
    case Type::kDouble:
      return parse_all<std::variant<std::int64_t, std::uint64_t>>(
          all, [&](const Literal& literal) { return parse_number(field, literal); });
    case Type::kBool:
      return parse_all<bool>(all, [&](const Literal& literal) -> std::expected<bool, Problem> {
        if (literal.text == "true") return true;
        if (literal.text == "false") return false;
        return problem(quoted(literal.text) + " is not a valid bool for " + quoted(field.name), literal.span, "true or false");
      });
    case Type::kIp: {
      auto addresses = parse_all<event::IpAddress>(all, [&](const Literal& literal) { return parse_ip(literal.text, literal); });
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
  return parse_texts(field, op, all);
}

bool names_event_type(const Field& field) { return field.name == "evt.type" || field.name == "syscall.type"; }

std::optional<Problem> check_event_types(const Field& field, Operator op, const std::vector<const Literal*>& all) {
  if (!names_event_type(field) || (op != Operator::kEqual && op != Operator::kNotEqual && op != Operator::kIn))
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

// Constants that look as if something else was meant.
void remark_on(const std::vector<const Literal*>& all, Operator op, std::vector<Remark>& remarks) {
  for (const Literal* literal : all) {
    if (!literal->quoted && event::resolve_field(literal->text, std::nullopt)) {
      remarks.push_back({"compares with the text \"" + literal->text + "\", which is also a field",
                         "to compare with the field write val(" + literal->text + ")", literal->span});
    }
    if (op == Operator::kRegex) {
      if (const auto simpler = simpler_than(literal->text)) {
        remarks.push_back({"this regex needs no regex", "write: " + *simpler, literal->span});
      }
    }
  }
}

std::expected<void, Problem> check_rhs_field(const Field& left, Operator op, const lang::ValueOf& right, const Field& field) {
  const lang::Span span = right.field.span;
  if (op == Operator::kRegex || op == Operator::kPmatch)
    return problem(std::string(lang::spelling(op)) + " does not compare with a field", span);
  if (left.has(event::kNoRhs)) return problem(quoted(left.name) + " can't be compared with another field", span);
  if (field.has(event::kNoRhs)) return problem(quoted(field.name) + " can't stand in val()", span);
  if (left.type != field.type) {
    return problem(quoted(left.name) + " is a " + std::string(event::spelling(left.type)) + ", " + quoted(field.name) + " a " +
                       std::string(event::spelling(field.type)),
                   span);
  }
  if (op == Operator::kIn || op == Operator::kIntersects) return problem("val(" + std::string(field.name) + ") is no list", span);
  return {};
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

std::expected<CheckedCompare, Problem> check_types(const lang::Compare& compare) {
  if (const auto* transform = std::get_if<lang::Transform>(&compare.left)) {
    return problem("transformer " + transform->name + "() is not supported in this version", transform->span);
  }
  const auto& left_ref = std::get<lang::FieldRef>(compare.left);
  auto left = check_field(left_ref);
  if (!left) return std::unexpected(std::move(left).error());
  const Field& field = *left->field;

  if (!supports(field.type, compare.op)) {
    return problem("operator " + std::string(lang::spelling(compare.op)) + " is not supported for " + quoted(field.name) +
                       ", a " + std::string(event::spelling(field.type)),
                   compare.op_span, "it has: " + supported_operators(field.type));
  }
  if (const auto* transform = std::get_if<lang::Transform>(&compare.right)) {
    return problem("transformer " + transform->name + "() is not supported in this version", transform->span);
  }

  CheckedCompare checked;
  checked.left = *std::move(left);
  program::Predicate& predicate = checked.predicate;
  predicate.op = to_op(compare.op);
  predicate.quantifier = to_quantifier(compare.modifier);
  predicate.field_flags = field.flags;
  // proc.aname[2] is one ancestor, not any.
  if (checked.left.argument.present) predicate.field_flags &= static_cast<std::uint8_t>(~event::kExistential);

  if (const auto* value_of = std::get_if<lang::ValueOf>(&compare.right)) {
    auto right = check_field(value_of->field);
    if (!right) return std::unexpected(std::move(right).error());
    if (names_event_type(field)) return problem("evt.type can't be compared with a field", value_of->field.span);
    if (auto fits = check_rhs_field(field, compare.op, *value_of, *right->field); !fits)
      return std::unexpected(std::move(fits).error());
    checked.right = *std::move(right);
    predicate.constants = std::uint32_t{0};
    return checked;
  }

  const std::vector<const Literal*> all = literals(compare.right);
  if (auto unknown = check_event_types(field, compare.op, all)) return std::unexpected(*std::move(unknown));
  if (compare.op != Operator::kExists) {
    auto constants = parse_constants(field, compare.op, all);
    if (!constants) return std::unexpected(std::move(constants).error());
    predicate.constants = *std::move(constants);
    remark_on(all, compare.op, checked.remarks);
  }
  return checked;
}

}  // namespace shrike::compile
