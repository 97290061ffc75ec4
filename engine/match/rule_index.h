// SPDX-License-Identifier: Apache-2.0
// RuleIndex says which rules of a Program an event leaves possible. Per event type a few cheap checks that many rules share split
// the events (opened to write? failed?), as far as that pays. Of the rules that are left each has a cover (program::Coverer); its
// checks' keys are filed under their field, and looking the field's value up gives the rules that may hold: candidates. What is
// no candidate can't hold. Rules without a cover are candidates always.
//
// A value; the program it was made from must outlive it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/event/event_type.h"
#include "engine/match/value_index.h"
#include "engine/program/cover.h"
#include "engine/program/program.h"

namespace shrike::match {

class RuleIndex {
 public:
  // A field to look up.
  struct Lookup {
    std::uint32_t slot = 0;
    ValueIndex index;  // its askers are positions in Leaf::rules
  };
  // Events of which the same is known.
  struct Leaf {
    std::vector<event::EventType> types;
    std::vector<program::Answer> known;
    std::vector<std::uint32_t> rules;         // that can hold, in definition order
    std::vector<std::uint64_t> always;        // a bit per position: without a cover
    std::vector<std::uint64_t> always_words;  // a bit per word of `always` that is not zero
    std::vector<Lookup> lookups;
    Lists lists;
  };
  // A step of the way to a leaf.
  struct Step {
    static constexpr std::uint32_t kLeaf = ~std::uint32_t{0};
    std::uint32_t predicate = kLeaf;      // or: `next[0]` is a leaf
    std::array<std::uint32_t, 2> next{};  // steps, if it does not hold and if it does
  };
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  explicit RuleIndex(const program::Program& program);

  // Where to begin for such an event; kNone: no rule can hold.
  std::uint32_t first_step(event::EventType type) const {
    return event::index(type) < first_step_.size() ? first_step_[event::index(type)] : kNone;
  }
  const Step& step(std::uint32_t at) const { return steps_[at]; }
  const Leaf& leaf(const Step& step) const { return leaves_[step.next[0]]; }

  // Of the largest leaf.
  std::size_t most_rules() const { return most_rules_; }

  // Per leaf its event types and what else is known, and each rule with the checks that make it a candidate.
  std::string dump() const;

 private:
  class Builder;

  const program::Program& program_;
  std::vector<Leaf> leaves_;
  std::vector<Step> steps_;
  std::vector<std::uint32_t> first_step_;  // by type
  std::size_t most_rules_ = 0;
};

}  // namespace shrike::match
