// SPDX-License-Identifier: Apache-2.0
// A cover of a rule: checks one of which must hold for the rule to hold, chosen so that few events make one hold. Rules whose
// cover does not hold need not be asked; engine/match finds the others by the values that make a check hold (Key).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/event/event_type.h"
#include "engine/program/program.h"

namespace shrike::program {

// A property of a value. A check that has keys holds only for values that have one of them; the other way round it may not hold.
struct Key {
  enum class Kind : std::uint8_t {
    kText,     // is the text
    kPrefix,   // begins with it
    kSuffix,   // ends with it
    kPiece,    // has it somewhere, be it in other ASCII case
    kRegex,    // as kPiece, or has a byte above 0x7f: RE2 folds more than ASCII
    kPath,     // pmatch: begins with these components, however many slashes lie between them; the text is absolute and plain
    kNumber,   // a number, or text of an address: equals
    kFlag,     // is true, or is false
    kAddress,  // is the address
    kNetwork,  // lies in the network
  };
  Kind kind = Kind::kText;
  std::string_view text = {};
  std::variant<std::int64_t, std::uint64_t> number = std::int64_t{0};
  bool flag = false;
  const Network* network = nullptr;
  const event::IpAddress* address = nullptr;
};

// Of a predicate the keys, or nothing if it has none that could be looked up.
class Keys {
 public:
  // nothing: no list of keys says when it can hold.
  static std::optional<Keys> of(const Predicate& predicate);

  Keys(Keys&&) = default;
  Keys& operator=(Keys&&) = default;
  Keys(const Keys&) = delete;  // keys borrow from it
  Keys& operator=(const Keys&) = delete;

  const std::vector<Key>& all() const { return keys_; }

 private:
  Keys() = default;
  std::vector<Key> keys_;
  std::vector<std::string> texts_;  // that keys borrow; the others borrow from the predicate
};

// The answer of a predicate that depends on the event's type alone, or nothing: of evt.type only, as an event file may leave out
// everything else.
std::optional<bool> answer_by_type(const Program& program, const Predicate& predicate, event::EventType type);

// Finds covers; remembers what it found out about each predicate.
class Coverer {
 public:
  explicit Coverer(const Program& program);

  struct Cover {
    enum class Kind : std::uint8_t {
      kNever,   // the condition can't hold for this type
      kAlways,  // nothing rules it out cheaply
      kSome,
    };
    Kind kind = Kind::kAlways;
    std::vector<std::uint32_t> predicates;  // kSome; each has keys
    double odds = 1;                        // guessed part of the events that it lets through
  };
  // For rules of events of `type`.
  Cover cover(std::uint32_t root, event::EventType type);

  const std::optional<Keys>& keys(std::uint32_t predicate);

 private:
  Cover of_node(std::uint32_t at, bool wanted);
  Cover of_check(std::uint32_t predicate, bool wanted);
  void set_type(event::EventType type);

  struct Known {
    bool looked = false;
    std::optional<Keys> keys;
    double odds = 1;
  };
  const Program& program_;
  std::vector<Known> known_;                // by predicate
  std::vector<std::uint32_t> by_type_;      // predicates that answer_by_type() answers
  std::vector<std::optional<bool>> fixed_;  // by predicate, for type_
  event::EventType type_ = event::EventType::kNone;
  bool any_type_ = false;
};

}  // namespace shrike::program
