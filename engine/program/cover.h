// SPDX-License-Identifier: Apache-2.0
// A cover of a rule: checks one of which must hold for the rule to hold, chosen so that few events make one hold. Rules whose
// cover does not hold need not be asked; engine/match finds the others by the values that make a check hold (Key).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
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
    kNumber,   // equals the number
    kRange,    // is at least the number, or with `flag` at most
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

// A check whose answer is known.
struct Answer {
  std::uint32_t predicate = 0;
  bool holds = false;
};

// Finds covers; remembers what it found out about each predicate.
class Coverer {
 public:
  explicit Coverer(const Program& program);

  struct Cover {
    enum class Kind : std::uint8_t {
      kNever,   // the condition can't hold
      kAlways,  // nothing rules it out cheaply
      kSome,
    };
    Kind kind = Kind::kAlways;
    std::vector<std::uint32_t> predicates;  // kSome; each has keys
    double odds = 1;                        // guessed part of the events that it lets through
    double cost = 60;                       // guessed ns per event
  };

  // What is known of the events from here on; look-ups are to be paid for anew.
  void suppose(event::EventType type, std::span<const Answer> answers);
  // The cheapest cover of a condition.
  Cover cover(std::uint32_t root);
  // What the cover's look-ups cost beyond those that are paid for. They are from now on: other covers may use them for nothing.
  double pay(const Cover& cover);

  const std::optional<Keys>& keys(std::uint32_t predicate);

 private:
  enum Paid : std::uint8_t { kValuePaid = 1, kPiecesPaid = 2 };

  Cover of_node(std::uint32_t at, bool wanted);
  Cover of_check(std::uint32_t predicate, bool wanted);
  double price_of(std::uint32_t predicate) const;

  struct Known {
    bool looked = false;
    bool pieces = false;  // some key asks for a search in the text
    double odds = 1;
    std::optional<Keys> keys;
  };
  const Program& program_;
  std::vector<Known> known_;                // by predicate
  std::vector<std::uint32_t> by_type_;      // predicates that answer_by_type() answers
  std::vector<std::optional<bool>> fixed_;  // by predicate
  std::vector<Answer> supposed_;
  std::vector<std::uint8_t> paid_;  // by slot, Paid
  event::EventType type_ = event::EventType::kNone;
};

}  // namespace shrike::program
