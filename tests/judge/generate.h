// SPDX-License-Identifier: Apache-2.0
// Random rule files and events that suit each other: constants occur in events, or nearly. Each rule comes twice: as the file has
// it, with lists, macros, exceptions and no more parentheses than needed, and plain, as one condition. What the first compiles to
// must be what the second says.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/event/field.h"
#include "engine/event/recorded.h"

namespace shrike::judge {

// Decisions: from a seed, or from a fuzzer's bytes and then the first choice for ever.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed), seeded_(true) {}
  explicit Dice(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  std::size_t below(std::size_t n);
  bool chance(unsigned percent) { return below(100) >= 100 - percent; }
  template <class T>
  const T& of(const std::vector<T>& items) {
    return items[below(items.size())];
  }
  bool exhausted() const { return !seeded_ && bytes_.empty(); }

 private:
  std::mt19937_64 engine_;
  bool seeded_ = false;
  std::span<const std::uint8_t> bytes_;
};

struct PlainRule {
  std::string name;
  std::string condition;  // no lists, no macros, no exceptions
  bool enabled = true;
};

struct RuleFile {
  std::string yaml;
  std::vector<PlainRule> rules;
};

class Generator {
 public:
  // About `subjects` fields that a set of rules asks for and its events have; of all the catalogue's.
  Generator(Dice& dice, std::size_t subjects);
  // The same, about these fields.
  Generator(Dice& dice, const std::vector<std::string>& subjects);

  RuleFile rules(std::size_t count);
  // Fills a cleared event.
  void event(event::RecordedEvent& event, std::uint64_t number);

  std::string text();  // one of the texts the rules are about, or nearly
  std::uint64_t number(const event::Field& field);
  event::IpAddress address();

 private:
  struct Text {  // of a condition: in the file, and plain
    std::string file;
    std::string plain;
    bool is_or = false;  // without parentheses of its own
    bool is_and = false;
  };
  struct Subject {
    std::string name;
    event::FieldUse use;
  };
  struct Operand {
    std::string text;
    event::Type type = event::Type::kString;
    bool list = false;
    const Subject* subject = nullptr;  // null: a transformer
  };
  struct List {
    std::string name;
    std::vector<std::string> items;       // of conditions, all lists expanded
    const event::Field* field = nullptr;  // whose values the items are
  };
  struct Macro {
    std::string name;
    std::string plain;
  };

  void add_subject(const std::string& name);
  const Subject* find(event::Type type, std::uint8_t without, bool list);
  Operand operand();
  Operand transformer(unsigned depth);
  std::string transformer_argument(unsigned depth);
  std::string literal(event::Type type, const Subject* subject, std::string_view op);
  std::string literal_text(std::string_view op);
  Text values(const Operand& left, std::string_view op, bool allow_lists);
  Text check();
  Text fresh_check();
  Text type_check();
  Text condition(unsigned depth);
  Text group(std::vector<Text> operands, bool all);
  Text typical_rule();
  std::string exceptions(std::string& plain);

  std::string quote(std::string_view text, bool always = false);
  std::string mutate(std::string text);

  Dice& dice_;
  std::vector<Subject> subjects_;
  std::vector<std::string> texts_;
  std::vector<std::string> types_;
  std::vector<event::IpAddress> addresses_;
  std::vector<List> lists_;
  std::vector<Macro> macros_;
  std::vector<Text> checks_;  // to be used again
};

}  // namespace shrike::judge
