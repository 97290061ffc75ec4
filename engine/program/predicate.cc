// SPDX-License-Identifier: Apache-2.0
#include "engine/program/predicate.h"

#include <fnmatch.h>

#include <algorithm>
#include <re2/re2.h>
#include <utility>

namespace shrike::program {
namespace {

using event::Value;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool icontains(std::string_view text, std::string_view part) {
  return std::search(text.begin(), text.end(), part.begin(), part.end(), [](char a, char b) { return lower(a) == lower(b); }) !=
             text.end() ||
         part.empty();
}

// Length of the UTF-8 sequence `text` begins with; 0 if it is none.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xc2 && first <= 0xdf   ? 2
                             : (first & 0xf0U) == 0xe0        ? 3
                             : first >= 0xf0 && first <= 0xf4 ? 4
                                                              : 0;
  if (length == 0 || length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0U) != 0x80) return 0;
  }
  // Overlong forms, surrogates, above U+10FFFF.
  if ((first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) > 0x9f)) return 0;
  if ((first == 0xf0 && byte(1) < 0x90) || (first == 0xf4 && byte(1) > 0x8f)) return 0;
  return length;
}

std::size_t valid_prefix(std::string_view text) {
  std::size_t size = 0;
  while (size < text.size()) {
    const std::size_t length = sequence_length(text.substr(size));
    if (length == 0) break;
    size += length;
  }
  return size;
}

// RE2 wants valid UTF-8: bad bytes count as one U+FFFD each (rule-language.md 2.3). `room` is used only where there are some.
std::string_view valid_utf8(std::string_view text, std::string& room) {
  std::size_t size = valid_prefix(text);
  if (size == text.size()) return text;
  while (true) {
    room.append(text.substr(0, size));
    text.remove_prefix(size);
    if (text.empty()) return room;
    room.append("\xef\xbf\xbd");
    text.remove_prefix(1);
    size = valid_prefix(text);
  }
}

bool path_matches(const PathPattern& pattern, std::string_view path) {
  std::size_t at = 0;
  for (const PathPattern::Component& component : pattern.components) {
    while (at < path.size() && path[at] == '/') ++at;
    if (at >= path.size()) return false;
    const std::size_t end = std::min(path.find('/', at), path.size());
    const std::string_view name = path.substr(at, end - at);
    if (component.glob ? !glob_match(component.text, name, false) : name != component.text) return false;
    at = end;
  }
  return true;
}

// One text against one constant.
bool compare_text(Op op, std::string_view text, std::string_view constant) {
  switch (op) {
    case Op::kEqual:
    case Op::kIn:
    case Op::kIntersects:
      return text == constant;
    case Op::kNotEqual:
      return text != constant;
    case Op::kLess:
      return text < constant;
    case Op::kLessEqual:
      return text <= constant;
    case Op::kGreater:
      return text > constant;
    case Op::kGreaterEqual:
      return text >= constant;
    case Op::kContains:
    case Op::kBcontains:
      return text.find(constant) != std::string_view::npos;
    case Op::kIcontains:
      return icontains(text, constant);
    case Op::kStartswith:
    case Op::kBstartswith:
      return text.starts_with(constant);
    case Op::kEndswith:
      return text.ends_with(constant);
    case Op::kGlob:
      return glob_match(constant, text, false);
    case Op::kIglob:
      return glob_match(constant, text, true);
    default:
      return false;
  }
}

template <class A, class B>
bool compare_numbers(Op op, A left, B right) {
  switch (op) {
    case Op::kEqual:
    case Op::kIn:
    case Op::kIntersects:
      return std::cmp_equal(left, right);
    case Op::kNotEqual:
      return std::cmp_not_equal(left, right);
    case Op::kLess:
      return std::cmp_less(left, right);
    case Op::kLessEqual:
      return std::cmp_less_equal(left, right);
    case Op::kGreater:
      return std::cmp_greater(left, right);
    case Op::kGreaterEqual:
      return std::cmp_greater_equal(left, right);
    default:
      return false;
  }
}

bool compare_doubles(Op op, double left, double right) {
  switch (op) {
    case Op::kEqual:
    case Op::kIn:
    case Op::kIntersects:
      return left == right;
    case Op::kNotEqual:
      return left != right;
    case Op::kLess:
      return left < right;
    case Op::kLessEqual:
      return left <= right;
    case Op::kGreater:
      return left > right;
    case Op::kGreaterEqual:
      return left >= right;
    default:
      return false;
  }
}

bool compare_number(Op op, const Value& left, const std::variant<std::int64_t, std::uint64_t>& right) {
  return std::visit(
      [&](auto number) {
        if (const auto* i = std::get_if<std::int64_t>(&left.data)) return compare_numbers(op, *i, number);
        if (const auto* u = std::get_if<std::uint64_t>(&left.data)) return compare_numbers(op, *u, number);
        if (const auto* d = std::get_if<double>(&left.data)) return compare_doubles(op, *d, static_cast<double>(number));
        return false;
      },
      right);
}

// How many of `count` constants satisfy `test`, judged by the quantifier. Without one there is exactly one constant, or `in`:
// any.
template <class Test>
bool quantified(Quantifier quantifier, std::size_t count, Test test) {
  switch (quantifier) {
    case Quantifier::kNone:
    case Quantifier::kAnyof:
      for (std::size_t i = 0; i < count; ++i) {
        if (test(i)) return true;
      }
      return false;
    case Quantifier::kAllof:
      for (std::size_t i = 0; i < count; ++i) {
        if (!test(i)) return false;
      }
      return count != 0;
    case Quantifier::kOneof: {
      std::size_t hits = 0;
      for (std::size_t i = 0; i < count; ++i) hits += test(i) ? 1 : 0;
      return hits == 1;
    }
  }
  return false;
}

bool compare_values(Op op, const Value& left, const Value& right) {
  if (const auto* text = std::get_if<std::string_view>(&left.data)) {
    const auto* other = std::get_if<std::string_view>(&right.data);
    return other != nullptr && compare_text(op, *text, *other);
  }
  if (const auto* number = std::get_if<std::int64_t>(&right.data)) return compare_number(op, left, *number);
  if (const auto* number = std::get_if<std::uint64_t>(&right.data)) return compare_number(op, left, *number);
  if (const auto* number = std::get_if<double>(&right.data)) {
    const auto* other = std::get_if<double>(&left.data);
    return other != nullptr && compare_doubles(op, *other, *number);
  }
  const bool equal = left.data.index() == right.data.index() &&
                     ((std::holds_alternative<bool>(left.data) && std::get<bool>(left.data) == std::get<bool>(right.data)) ||
                      (std::holds_alternative<event::IpAddress>(left.data) &&
                       std::get<event::IpAddress>(left.data) == std::get<event::IpAddress>(right.data)));
  return op == Op::kNotEqual ? !equal : equal;
}

bool holds_scalar(const Predicate& p, const Value& left, const Value& right) {
  struct Visitor {
    const Predicate& p;
    const Value& left;
    const Value& right;

    bool operator()(std::monostate) const { return true; }  // exists, and the value is there
    bool operator()(const Texts& texts) const {
      const auto* text = std::get_if<std::string_view>(&left.data);
      if (text == nullptr) return false;
      if (p.op == Op::kIn || p.op == Op::kIntersects) return std::ranges::binary_search(texts, *text);
      return quantified(p.quantifier, texts.size(), [&](std::size_t i) { return compare_text(p.op, *text, texts[i]); });
    }
    bool operator()(const Numbers& numbers) const {
      return quantified(p.quantifier, numbers.size(), [&](std::size_t i) { return compare_number(p.op, left, numbers[i]); });
    }
    bool operator()(const std::vector<bool>& flags) const {
      const auto* flag = std::get_if<bool>(&left.data);
      if (flag == nullptr) return false;
      return quantified(p.quantifier, flags.size(),
                        [&](std::size_t i) { return (*flag == flags[i]) != (p.op == Op::kNotEqual); });
    }
    bool operator()(const std::vector<event::IpAddress>& addresses) const {
      const auto* address = std::get_if<event::IpAddress>(&left.data);
      if (address == nullptr) return false;
      if (p.op == Op::kIn || p.op == Op::kIntersects) return std::ranges::binary_search(addresses, *address);
      return quantified(p.quantifier, addresses.size(),
                        [&](std::size_t i) { return (*address == addresses[i]) != (p.op == Op::kNotEqual); });
    }
    bool operator()(const std::vector<Network>& networks) const {
      const auto* address = std::get_if<event::IpAddress>(&left.data);
      if (address == nullptr) return false;
      return quantified(p.quantifier, networks.size(),
                        [&](std::size_t i) { return networks[i].contains(*address) != (p.op == Op::kNotEqual); });
    }
    bool operator()(const std::vector<PathPattern>& patterns) const {
      const auto* text = std::get_if<std::string_view>(&left.data);
      return text != nullptr &&
             std::ranges::any_of(patterns, [&](const PathPattern& pattern) { return path_matches(pattern, *text); });
    }
    bool operator()(const Regexes& regexes) const {
      const auto* text = std::get_if<std::string_view>(&left.data);
      if (text == nullptr) return false;
      std::string room;
      const std::string_view valid = valid_utf8(*text, room);
      return quantified(p.quantifier, regexes.items.size(),
                        [&](std::size_t i) { return re2::RE2::FullMatch(valid, *regexes.items[i]); });
    }
    bool operator()(std::uint32_t) const { return !right.absent() && compare_values(p.op, left, right); }
  };
  return std::visit(Visitor{p, left, right}, p.constants);
}

// `test` of a value's main name and its others: of one, or of `every`.
template <class Test>
bool of_names(const Value& value, bool every, Test test) {
  if (test(value) != every) return !every;
  for (const Value& name : value.also) {
    if (test(name) != every) return !every;
  }
  return every;
}

bool holds_named(const Predicate& p, const Value& left, const Value& right) {
  if (left.also.count == 0 && right.also.count == 0) [[likely]] {
    return holds_scalar(p, left, right);
  }
  const bool every = p.op == Op::kNotEqual;
  return of_names(left, every,
                  [&](const Value& l) {  // of a name that a transformer yields nothing for, nothing holds
                    return !l.absent() && of_names(right, every, [&](const Value& r) { return holds_scalar(p, l, r); });
                  });
}

bool holds_lists(Op op, event::ValueList left, const Value& right) {
  const auto* others = std::get_if<event::ValueList>(&right.data);
  if (others == nullptr) return false;
  const auto known = [&](const Value& item) {
    return std::ranges::any_of(*others, [&](const Value& other) { return compare_values(Op::kEqual, item, other); });
  };
  return op == Op::kIn ? std::ranges::all_of(left, known) : std::ranges::any_of(left, known);
}

// A view with a NUL behind it, on the stack if it is of common size.
template <std::size_t Bytes>
class Terminated {
 public:
  explicit Terminated(std::string_view text) {
    if (text.size() < Bytes) {
      text.copy(near_.data(), text.size());
      near_[text.size()] = '\0';
    } else {
      far_ = text;
    }
  }
  const char* text() const { return far_.empty() ? near_.data() : far_.c_str(); }

 private:
  std::array<char, Bytes> near_;  // NOLINT(cppcoreguidelines-pro-type-member-init): what is read is written
  std::string far_;
};

}  // namespace

std::string_view spelling(Op op) {
  static constexpr std::string_view kNames[] = {
      "exists",     "=",           "!=",       "<",    "<=",    ">",     ">=", "contains",   "icontains", "bcontains",
      "startswith", "bstartswith", "endswith", "glob", "iglob", "regex", "in", "intersects", "pmatch"};
  return kNames[static_cast<std::size_t>(op)];
}

bool Network::contains(const event::IpAddress& other) const {
  if (other.family != address.family) return false;
  std::uint8_t left = prefix;
  for (std::size_t i = 0; left > 0; ++i) {
    const std::uint8_t bits = std::min<std::uint8_t>(left, 8);
    const auto mask = static_cast<std::uint8_t>(0xffU << (8U - bits));
    if ((address.bytes[i] & mask) != (other.bytes[i] & mask)) return false;
    left = static_cast<std::uint8_t>(left - bits);
  }
  return true;
}

PathPattern parse_path_pattern(std::string_view text) {
  PathPattern pattern;
  while (!text.empty()) {
    const std::size_t slash = text.find('/');
    const std::string_view component = text.substr(0, slash);
    text = slash == std::string_view::npos ? std::string_view() : text.substr(slash + 1);
    if (!component.empty())
      pattern.components.push_back({std::string(component), component.find_first_of("?*[") != std::string_view::npos});
  }
  return pattern;
}

bool glob_match(std::string_view pattern, std::string_view text, bool ignore_case) {
  // fnmatch wants terminated strings; a NUL inside ends the text there for glibc, so such texts never match.
  if (text.find('\0') != std::string_view::npos) return false;
  const Terminated<256> a(pattern);
  const Terminated<4096> b(text);
  return fnmatch(a.text(), b.text(), ignore_case ? FNM_CASEFOLD : 0) == 0;
}

bool holds(const Predicate& predicate, const Value& left, const Value& right) {
  if (left.absent() && left.also.count == 0) return false;
  const auto* list = std::get_if<event::ValueList>(&left.data);
  if (list == nullptr) return holds_named(predicate, left, right);
  if (predicate.op == Op::kExists) return true;
  const auto test = [&](const Value& item) { return holds_scalar(predicate, item, right); };
  if (predicate.list) {
    if (std::holds_alternative<std::uint32_t>(predicate.constants)) return holds_lists(predicate.op, *list, right);
    return predicate.op == Op::kIn ? std::ranges::all_of(*list, test) : std::ranges::any_of(*list, test);
  }
  // fd.ip != x wants both ends to differ; everything else is content with one (rule-language.md 2.5, 2.6).
  if (predicate.op == Op::kNotEqual && (predicate.field_flags & event::kBothEnds) != 0) return std::ranges::all_of(*list, test);
  return std::ranges::any_of(*list, test);
}

}  // namespace shrike::program
