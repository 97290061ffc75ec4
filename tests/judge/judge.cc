// SPDX-License-Identifier: Apache-2.0
#include "tests/judge/judge.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cstdlib>
#include <fnmatch.h>
#include <re2/re2.h>
#include <utility>

namespace shrike::judge {
namespace {

using event::Type;
using event::Value;
using lang::Modifier;
using lang::Operator;
using Whole = __int128;  // holds every int64 and uint64

std::string_view as_text(const Value& value) {
  const auto* text = std::get_if<std::string_view>(&value.data);
  return text == nullptr ? std::string_view() : *text;
}

// --- numbers (2.4)

std::optional<Whole> as_whole(const Value& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value.data)) return Whole{*number};
  if (const auto* number = std::get_if<std::uint64_t>(&value.data)) return Whole{*number};
  return std::nullopt;
}

Whole parse_whole(Type type, std::string_view text) {
  static const std::map<std::string_view, int> kServices{{"", 0}, {"ssh", 22}, {"http", 80}, {"https", 443}};
  if (type == Type::kPort) {
    if (const auto service = kServices.find(text); service != kServices.end()) return service->second;
  }
  const bool minus = text.starts_with('-');
  if (minus || text.starts_with('+')) text.remove_prefix(1);
  Whole number = 0;
  for (const char digit : text) number = number * 10 + (digit - '0');
  return minus ? -number : number;
}

template <class T>
bool ordered(Operator op, const T& left, const T& right) {
  switch (op) {
    case Operator::kEqual:
    case Operator::kIn:
    case Operator::kIntersects:
      return left == right;
    case Operator::kNotEqual:
      return !(left == right);
    case Operator::kLess:
      return left < right;
    case Operator::kLessEqual:
      return left < right || left == right;
    case Operator::kGreater:
      return right < left;
    case Operator::kGreaterEqual:
      return right < left || left == right;
    default:
      return false;
  }
}

// --- addresses (2.5)

struct Bits {
  std::vector<bool> bits;  // 32 or 128 of them
  bool operator==(const Bits&) const = default;
  bool operator<(const Bits& other) const { return bits < other.bits; }
};

// An IPv4-mapped IPv6 address is that IPv4 address (docs/differences.md).
Bits to_bits(const std::uint8_t* bytes, std::size_t count) {
  static constexpr std::uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (count == 16 && std::equal(std::begin(kMapped), std::end(kMapped), bytes)) return to_bits(bytes + 12, 4);
  Bits out;
  for (std::size_t bit = 0; bit < 8 * count; ++bit) out.bits.push_back((bytes[bit / 8] & (0x80U >> bit % 8)) != 0);
  return out;
}

Bits to_bits(const event::IpAddress& address) { return to_bits(address.bytes.data(), address.family == 4 ? 4 : 16); }

// As written; of a network the mapped form stays IPv6, where no address of an event is.
std::vector<std::uint8_t> parse_bytes(const std::string& text) {
  const bool v4 = text.find('.') != std::string::npos;
  std::vector<std::uint8_t> bytes(v4 ? 4 : 16);
  if (inet_pton(v4 ? AF_INET : AF_INET6, text.c_str(), bytes.data()) != 1) std::abort();
  return bytes;
}

bool in_network(const Bits& address, const std::string& network) {
  const std::size_t slash = network.find('/');
  const std::vector<std::uint8_t> bytes = parse_bytes(network.substr(0, slash));
  if (address.bits.size() != 8 * bytes.size()) return false;
  const std::size_t prefix = std::strtoul(network.c_str() + slash + 1, nullptr, 10);
  for (std::size_t bit = 0; bit < prefix; ++bit) {
    if (address.bits[bit] != ((bytes[bit / 8] & (0x80U >> bit % 8)) != 0)) return false;
  }
  return true;
}

// --- texts (2.3)

std::string mapped(std::string_view text, char from, char to, int distance) {
  std::string out(text);
  for (char& c : out) {
    if (c >= from && c <= to) c = static_cast<char>(c + distance);
  }
  return out;
}
std::string lower(std::string_view text) { return mapped(text, 'A', 'Z', 'a' - 'A'); }
std::string upper(std::string_view text) { return mapped(text, 'a', 'z', 'A' - 'a'); }

bool glob(const std::string& pattern, std::string_view text, int flags) {
  if (text.find('\0') != std::string_view::npos) return false;  // no C string, which is what fnmatch is about
  return fnmatch(pattern.c_str(), std::string(text).c_str(), flags) == 0;
}

std::vector<std::string> components(std::string_view path) {
  std::vector<std::string> out(1);
  for (const char c : path) {
    if (c == '/') {
      out.emplace_back();
    } else {
      out.back() += c;
    }
  }
  std::erase(out, "");
  return out;
}

bool path_begins(std::string_view path, std::string_view pattern) {
  const std::vector<std::string> parts = components(path);
  const std::vector<std::string> wanted = components(pattern);
  if (wanted.size() > parts.size()) return false;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const bool is_glob = wanted[i].find_first_of("?*[") != std::string::npos;
    if (is_glob ? !glob(wanted[i], parts[i], 0) : wanted[i] != parts[i]) return false;
  }
  return true;
}

// The code point at the front of `text` and its length in bytes; length 0: there is none.
std::size_t code_point(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i])); };
  const std::uint32_t first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc0 || first >= 0xf8 || text.size() < size) return 0;
  std::uint32_t point = first & (0x7fU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0U) != 0x80) return 0;
    point = point << 6U | (byte(i) & 0x3fU);
  }
  static constexpr std::uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = point >= 0xd800 && point < 0xe000;
  return point < kLeast[size] || point > 0x10ffff || surrogate ? 0 : size;
}

std::string valid_utf8(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t size = code_point(text);
    out += size == 0 ? "\xef\xbf\xbd" : text.substr(0, size);
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return out;
}

std::string from_hex(const std::string& hex) {
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) out += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return out;
}

bool compare_texts(Operator op, std::string_view text, const std::string& constant) {
  switch (op) {
    case Operator::kContains:
      return text.find(constant) != std::string_view::npos;
    case Operator::kIcontains:
      return lower(text).find(lower(constant)) != std::string::npos;
    case Operator::kBcontains:
      return text.find(from_hex(constant)) != std::string_view::npos;
    case Operator::kStartswith:
      return text.substr(0, constant.size()) == constant;
    case Operator::kBstartswith:
      return text.substr(0, constant.size() / 2) == from_hex(constant);
    case Operator::kEndswith:
      return text.size() >= constant.size() && text.substr(text.size() - constant.size()) == constant;
    case Operator::kGlob:
      return glob(constant, text, 0);
    case Operator::kIglob:
      return glob(constant, text, FNM_CASEFOLD);
    case Operator::kPmatch:
      return path_begins(text, constant);
    default:
      return ordered(op, std::string(text), constant);
  }
}

// Two values of one type.
bool compare_values(Operator op, const Value& left, const Value& right) {
  if (const auto a = as_whole(left), b = as_whole(right); a && b) return ordered(op, *a, *b);
  if (const auto* a = std::get_if<double>(&left.data)) return ordered(op, *a, std::get<double>(right.data));
  if (const auto* a = std::get_if<bool>(&left.data)) return ordered(op, *a, std::get<bool>(right.data));
  if (const auto* a = std::get_if<event::IpAddress>(&left.data))
    return ordered(op, to_bits(*a), to_bits(std::get<event::IpAddress>(right.data)));
  // Hexadecimal is a spelling of constants.
  if (op == Operator::kBcontains) op = Operator::kContains;
  if (op == Operator::kBstartswith) op = Operator::kStartswith;
  return compare_texts(op, as_text(left), std::string(as_text(right)));
}

// --- transformers (2.8)

std::string printed(const Value& value) {
  if (const auto number = as_whole(value)) {
    std::string digits;
    Whole rest = *number < 0 ? -*number : *number;
    do digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(rest % 10)));
    while ((rest /= 10) != 0);
    return *number < 0 ? '-' + digits : digits;
  }
  if (const auto* flag = std::get_if<bool>(&value.data)) return *flag ? "true" : "false";
  if (const auto* address = std::get_if<event::IpAddress>(&value.data)) {
    char out[INET6_ADDRSTRLEN] = {};
    inet_ntop(address->family == 4 ? AF_INET : AF_INET6, address->bytes.data(), out, sizeof(out));
    return out;
  }
  return std::string(as_text(value));
}

std::optional<std::string> base64(std::string_view text) {
  static constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  if (padding > 0 && text.size() % 4 != 0) return std::nullopt;
  std::vector<bool> bits;
  for (const char c : text.substr(0, text.size() - padding)) {
    const std::size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    for (unsigned bit = 0; bit < 6; ++bit) bits.push_back((digit & (0x20U >> bit)) != 0);
  }
  if (bits.size() % 8 == 6) return std::nullopt;  // one digit left over
  std::string out;
  for (std::size_t at = 0; at + 8 <= bits.size(); at += 8) {
    unsigned byte = 0;
    for (std::size_t bit = 0; bit < 8; ++bit) byte = byte << 1U | (bits[at + bit] ? 1U : 0U);
    out += static_cast<char>(byte);
  }
  return out;
}

struct Options {
  std::vector<std::string> yielded;
  std::map<char, std::string> last;  // option letter → its argument, or itself
};

Options getopt_posix(const std::vector<Value>& arguments, const std::string& known) {
  Options options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string word(as_text(arguments[i]));
    if (word.empty() || word[0] != '-' || word == "-" || word == "--") break;
    for (std::size_t at = 1; at < word.size(); ++at) {
      const char letter = word[at];
      const std::size_t place = letter == ':' ? std::string::npos : known.find(letter);
      if (place == std::string::npos) {
        options.yielded.emplace_back("?");
        options.last['?'] = "?";
        continue;
      }
      if (place + 1 >= known.size() || known[place + 1] != ':') {
        options.yielded.emplace_back(1, letter);
        options.last[letter] = std::string(1, letter);
        continue;
      }
      std::string argument = word.substr(at + 1);
      if (!argument.empty()) {
        options.yielded.emplace_back(1, letter);
      } else if (i + 1 < arguments.size()) {
        options.yielded.emplace_back(1, letter);
        argument = as_text(arguments[++i]);
      }  // missing: "" without the letter
      options.yielded.push_back(argument);
      options.last[letter] = argument;
      break;
    }
  }
  return options;
}

const std::vector<lang::Literal>& constants(const lang::Compare& compare, std::vector<lang::Literal>& one) {
  if (const auto* many = std::get_if<std::vector<lang::Literal>>(&compare.right)) return *many;
  one.push_back(std::get<lang::Literal>(compare.right));
  return one;
}

}  // namespace

Judge::Judge(const event::Context& context) : context_(context) {}
Judge::~Judge() = default;

bool Judge::holds(const lang::Expr& condition, const event::Event& event) {
  event_ = &event;
  arena_.reset();
  const auto is_true = [&](const lang::ExprPtr& operand) { return holds(*operand, event); };
  return std::visit(lang::Overload{
                        [&](const lang::And& node) { return std::ranges::all_of(node.operands, is_true); },
                        [&](const lang::Or& node) { return std::ranges::any_of(node.operands, is_true); },
                        [&](const lang::Not& node) { return !is_true(node.operand); },
                        [](const lang::MacroRef&) -> bool { std::abort(); },
                        [&](const lang::Compare& node) { return compare(node); },
                    },
                    condition.node);
}

// --- operands

Value Judge::text(std::string_view text) { return arena_.concat(text); }

Judge::Operand Judge::field(const lang::FieldRef& ref) {
  const auto use = event::resolve_field(ref.name, ref.argument);
  if (!use) std::abort();
  const Value value = event::extract(*use, *event_, context_, arena_);
  Operand operand;
  operand.source = use->field;
  operand.type = use->field->type;
  operand.is_list = use->field->has(event::kList);
  operand.present = !value.absent();
  if (const auto* list = std::get_if<event::ValueList>(&value.data)) {
    operand.values.assign(list->begin(), list->end());
    operand.every_for_unequal = use->field->has(event::kBothEnds);  // any ancestor, but both ends
  } else if (operand.present) {
    operand.values.push_back(value);
    operand.values.insert(operand.values.end(), value.also.begin(), value.also.end());
  }
  return operand;
}

Judge::Operand Judge::side(const lang::Operand& operand) {
  if (const auto* call = std::get_if<lang::Transform>(&operand)) return transform(*call);
  return field(std::get<lang::FieldRef>(operand));
}

Judge::Operand Judge::argument(const lang::TransformArgument& argument) {
  return std::visit(lang::Overload{
                        [&](const lang::FieldRef& ref) { return field(ref); },
                        [&](const lang::Literal& literal) {
                          Operand operand;
                          operand.present = true;
                          operand.values = {text(literal.text)};
                          return operand;
                        },
                        [&](const lang::TransformPtr& call) { return transform(*call); },
                        [&](const lang::TransformList& list) {
                          Operand all;
                          all.is_list = true;
                          all.present = true;
                          for (const lang::TransformArgument& item : list.items) {
                            Operand one = this->argument(item);
                            if (!one.present || one.values.front().absent()) return Operand{};
                            all.values.push_back(one.values.front());
                          }
                          return all;
                        },
                    },
                    argument.node);
}

// A value with further names gives a result with further names: the same transformation of each.
Judge::Operand Judge::transform(const lang::Transform& call) {
  std::vector<Operand> arguments;
  std::size_t names = 1;
  for (const lang::TransformArgument& given : call.arguments) {
    arguments.push_back(argument(given));
    if (!arguments.back().is_list) names = std::max(names, arguments.back().values.size());
  }
  Operand result;
  if (call.name == "len") result.type = Type::kUint;
  if (call.name == "b64") result.type = arguments.front().type;
  if (std::ranges::any_of(arguments, [](const Operand& one) { return !one.present; })) return result;
  if (call.name == "getopt") {
    const Options options = getopt_posix(arguments[0].values, std::string(as_text(arguments[1].values.front())));
    if (call.index) {
      const auto found = options.last.find(call.index->front());
      result.present = found != options.last.end();
      if (result.present) result.values = {text(found->second)};
      return result;
    }
    result.is_list = true;
    result.present = true;
    for (const std::string& item : options.yielded) result.values.push_back(text(item));
    return result;
  }
  for (std::size_t name = 0; name < names; ++name) {
    const auto value = apply(call, arguments, name);
    result.present = result.present || value.has_value();
    result.values.push_back(value.value_or(Value()));  // of a name nothing is yielded for, no check holds
  }
  return result;
}

std::optional<Value> Judge::apply(const lang::Transform& call, const std::vector<Operand>& arguments, std::size_t name) {
  const auto of = [&](const Operand& operand) { return operand.values[name < operand.values.size() ? name : 0]; };
  const Operand& first = arguments.front();
  const auto lacks = [&](const Operand& operand) { return !operand.is_list && of(operand).absent(); };
  if (std::ranges::any_of(arguments, lacks)) return std::nullopt;
  if (call.name == "len")
    return Value(static_cast<std::uint64_t>(first.is_list ? first.values.size() : as_text(of(first)).size()));
  if (call.name == "join") {
    std::string out;
    for (std::size_t i = 0; i < arguments[1].values.size(); ++i) {
      if (i > 0) out += as_text(of(first));
      out += printed(arguments[1].values[i]);
    }
    return text(out);
  }
  if (call.name == "concat") {
    std::string out;
    for (const Operand& part : arguments) out += printed(of(part));
    return text(out);
  }
  const std::string_view subject = as_text(of(first));
  if (call.name == "tolower") return text(lower(subject));
  if (call.name == "toupper") return text(upper(subject));
  if (call.name == "basename") {
    const std::size_t slash = subject.rfind('/');
    return text(slash == std::string_view::npos ? subject : subject.substr(slash + 1));
  }
  if (call.name == "b64") {
    const auto decoded = base64(subject);
    return decoded ? std::optional(text(*decoded)) : std::nullopt;
  }
  std::abort();
}

const re2::RE2& Judge::regex(const std::string& pattern) {
  std::unique_ptr<re2::RE2>& known = regexes_[pattern];
  if (known == nullptr) {
    re2::RE2::Options options;
    options.set_posix_syntax(true);
    options.set_longest_match(true);
    options.set_log_errors(false);
    known = std::make_unique<re2::RE2>(pattern, options);
    if (!known->ok()) std::abort();
  }
  return *known;
}

// --- checks

bool Judge::holds_for_constant(Operator op, Type type, const Value& value, const std::string& constant) {
  switch (type) {
    case Type::kInt:
    case Type::kUint:
    case Type::kTime:
    case Type::kDuration:
    case Type::kPort:
      return ordered(op, as_whole(value).value(), parse_whole(type, constant));
    case Type::kDouble:
      return ordered(op, static_cast<long double>(std::get<double>(value.data)),
                     static_cast<long double>(parse_whole(type, constant)));
    case Type::kBool:
      return ordered(op, std::get<bool>(value.data), constant == "true");
    case Type::kIp: {
      const std::vector<std::uint8_t> bytes = parse_bytes(constant);
      return ordered(op, to_bits(std::get<event::IpAddress>(value.data)), to_bits(bytes.data(), bytes.size()));
    }
    case Type::kNet:
      return in_network(to_bits(std::get<event::IpAddress>(value.data)), constant) != (op == Operator::kNotEqual);
    case Type::kString:
    case Type::kBuffer:
      if (op == Operator::kRegex) return re2::RE2::FullMatch(valid_utf8(as_text(value)), regex(constant));
      return compare_texts(op, as_text(value), constant);
    case Type::kOpaque:
      break;
  }
  std::abort();
}

// One value against the right side: the one constant, or as many of the list's as the operator or its modifier wants.
bool Judge::holds_for(const lang::Compare& compare, const Operand& left, const Value& value) {
  std::vector<lang::Literal> room;
  const std::vector<lang::Literal>& all = constants(compare, room);
  std::size_t hits = 0;
  for (const lang::Literal& constant : all) hits += holds_for_constant(compare.op, left.type, value, constant.text) ? 1 : 0;
  switch (compare.modifier) {
    case Modifier::kOneof:
      return hits == 1;
    case Modifier::kAllof:
      return hits == all.size() && !all.empty();
    case Modifier::kAnyof:
    case Modifier::kNone:
      return hits > 0;
  }
  std::abort();
}

bool Judge::compare(const lang::Compare& compare) {
  const Operand left = side(compare.left);
  if (!left.present) {
    coverage_.absent.add(false);
    return false;  // every operator (2.6)
  }
  const bool within = left.source != nullptr && left.source->has(event::kWithin);

  // How many of the values side by side the check has to be true of.
  const bool wants_every =
      left.is_list ? compare.op == Operator::kIn : compare.op == Operator::kNotEqual && left.every_for_unequal;
  const auto of_values = [&](const Operand& operand, bool every, auto test) {
    const auto holds = [&](const Value& value) { return !value.absent() && test(value); };
    return every ? std::ranges::all_of(operand.values, holds) : std::ranges::any_of(operand.values, holds);
  };

  bool answer = false;
  const bool field_right =
      std::holds_alternative<lang::ValueOf>(compare.right) || std::holds_alternative<lang::Transform>(compare.right);
  if (compare.op == Operator::kExists) {
    answer = true;
  } else if (field_right) {
    const auto* value_of = std::get_if<lang::ValueOf>(&compare.right);
    const Operand right = value_of != nullptr ? field(value_of->field) : transform(std::get<lang::Transform>(compare.right));
    if (!right.present) {
      coverage_.absent.add(false);
      return false;
    }
    answer = of_values(left, wants_every, [&](const Value& l) {
      return of_values(right, compare.op == Operator::kNotEqual,
                       [&](const Value& r) { return compare_values(compare.op, l, r); });
    });
  } else if (within) {
    answer = *as_whole(left.values.front()) <= parse_whole(left.type, std::get<lang::Literal>(compare.right).text);
  } else {
    answer = of_values(left, wants_every, [&](const Value& value) { return holds_for(compare, left, value); });
  }

  (field_right ? coverage_.fields_right : coverage_.operators)[{left.type, compare.op}].add(answer);
  coverage_.modifiers[compare.modifier].add(answer);
  if (left.source != nullptr) {
    coverage_.fields[left.source->name].add(answer);
    if (left.values.size() > 1) coverage_.named.add(answer);
  } else {
    coverage_.transformers[std::get<lang::Transform>(compare.left).name].add(answer);
  }
  return answer;
}

}  // namespace shrike::judge
