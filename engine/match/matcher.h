// SPDX-License-Identifier: Apache-2.0
// Matcher asks a Program's rules about events: those that its index leaves possible. Each field is extracted and each predicate
// evaluated at most once per event.
//
// One thread. The program must outlive the matcher.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/base/arena.h"
#include "engine/event/context.h"
#include "engine/event/event.h"
#include "engine/match/quiet_opens.h"
#include "engine/match/rule_index.h"
#include "engine/program/program.h"

namespace shrike::match {

enum class Matching : std::uint8_t { kFirst, kAll };  // rule-language.md 3.3

// What is known of an open before it is decoded.
struct Peeked {
  bool quiet = false;  // the same was seen, and left no rule possible: it need not be decoded
  std::optional<QuietOpens::Fingerprint> fingerprint;
};

class Matcher {
 public:
  Matcher(const program::Program& program, const event::Context& context);

  // Whether peek() is worth asking.
  bool peeks() const { return peeks_; }

  // Of an open without a verdict and without names beside its path. `process` is who opens, and outlives the call only.
  Peeked peek(event::EventType type, const event::OpenKey& open, const event::Process& process);

  // Indices of the rules that fire, in definition order; valid until the next call, as is all that value() returns.
  //
  // peeked   what peek() made of this very event, if it was asked
  std::span<const std::uint32_t> match(const event::Event& event, Matching matching, const Peeked& peeked = {});

  // As if match() had been called, without asking a rule: value() tells of this event.
  void look_at(const event::Event& event);

  // The value of a slot for the event last given to match() or look_at().
  const event::Value& value(std::uint32_t slot);

 private:
  event::Value evaluate(const program::Call& call);
  std::span<const event::Value> arguments(const std::vector<program::CallArgument>& all);
  const QuietOpens::Inputs* quiet_inputs(const event::Event& event) const;
  // Nothing: it is not to be remembered.
  std::optional<QuietOpens::Fingerprint> fingerprint(const QuietOpens::Inputs& inputs, const QuietOpens::Shape& shape,
                                                     const event::OpenKey& open, const event::Event& event);
  const RuleIndex::Leaf& find_leaf(std::uint32_t first);
  void ask(const RuleIndex::Leaf& leaf, Matching matching);
  bool find_candidates(const RuleIndex::Leaf& leaf);
  bool holds(std::uint32_t node);
  bool check(std::uint32_t predicate);
  bool answer(std::uint32_t predicate);

  struct CachedValue {
    event::Value value;
    std::uint64_t event = 0;  // which event it belongs to
  };
  struct CachedAnswer {
    std::uint64_t event = 0;  // or type: see type_stamp
    bool answer = false;
    bool by_type = false;  // depends on nothing else
  };

  // Where opens of a shape went last.
  struct ShapeLeaf {
    QuietOpens::Shape shape;
    const RuleIndex::Leaf* leaf = nullptr;
  };

  const program::Program& program_;
  const event::Context& context_;
  RuleIndex index_;
  std::vector<QuietOpens::Inputs> inputs_;  // by type, of the kinds of opens
  bool peeks_ = false;
  QuietOpens quiet_;
  std::array<ShapeLeaf, 64> shape_leaves_;
  event::Event early_;  // of which peek() sets what the slots of Inputs::early need
  const event::Event* event_ = nullptr;
  std::uint64_t events_ = 0;
  Arena arena_;
  std::vector<CachedValue> values_;
  std::vector<CachedAnswer> answers_;
  std::vector<std::uint64_t> hits_;       // a bit per position of the leaf at hand; zero between events
  std::vector<std::uint64_t> hit_words_;  // a bit per word of hits_ that is not zero
  std::vector<std::uint32_t> fired_;
};

}  // namespace shrike::match
