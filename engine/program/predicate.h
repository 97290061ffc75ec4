// SPDX-License-Identifier: Apache-2.0
// A Predicate is one check of a condition, typed and ready to be asked: slot, operator, constants.
// What it means is rule-language.md 2.3 to 2.6; holds() is the one place that says so.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/event/field.h"
#include "engine/event/value.h"

namespace re2 {
class RE2;
}

namespace shrike::program {

enum class Op : std::uint8_t {
  kExists,
  kEqual,
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
std::string_view spelling(Op op);

enum class Quantifier : std::uint8_t { kNone, kOneof, kAnyof, kAllof };

struct Network {
  event::IpAddress address;  // host bits cleared
  std::uint8_t prefix = 0;   // bits

  bool contains(const event::IpAddress& other) const;
  bool operator==(const Network&) const = default;
};

// A pattern of `pmatch`: its components, and whether each is a glob.
struct PathPattern {
  struct Component {
    std::string text;
    bool glob = false;
    bool operator==(const Component&) const = default;
  };
  std::vector<Component> components;

  bool operator==(const PathPattern&) const = default;
};
PathPattern parse_path_pattern(std::string_view text);

// Compiled regular expressions, one per element; RE2 in POSIX syntax, matched whole.
struct Regexes {
  std::vector<std::shared_ptr<const re2::RE2>> items;
};

using Texts = std::vector<std::string>;  // string operators; sorted for `in`
using Numbers = std::vector<std::variant<std::int64_t, std::uint64_t>>;
using Constants = std::variant<std::monostate,  // exists
                               Texts, Numbers, std::vector<bool>, std::vector<event::IpAddress>, std::vector<Network>,
                               std::vector<PathPattern>, Regexes,
                               std::uint32_t>;  // val() or a transformer: the slot on the right

struct Predicate {
  std::uint32_t slot = 0;  // left side
  Op op = Op::kExists;
  Quantifier quantifier = Quantifier::kNone;
  std::uint8_t field_flags = 0;  // of the left field: kExistential, kBothEnds
  bool list = false;             // both sides are lists: `in` wants all of the left one, and none will do
  Constants constants;
  std::string text;  // normal form; also what makes two predicates the same
};

// The answer for a left value (and, for val() and transformers, a right one). An absent value makes every predicate false. A
// value that has further names (Value::also) holds if one of them does, for != only if all do: so `not fd.name = /x` and `fd.name
// != /x` both want that no name is /x.
bool holds(const Predicate& predicate, const event::Value& left, const event::Value& right = {});

// POSIX fnmatch without flags; a set of its own because it must not read past a view.
bool glob_match(std::string_view pattern, std::string_view text, bool ignore_case);

}  // namespace shrike::program
