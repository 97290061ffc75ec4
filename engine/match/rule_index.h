// SPDX-License-Identifier: Apache-2.0
// RuleIndex says which rules of a Program an event's values leave possible. Per event type a rule has a cover (program::Coverer);
// its checks' keys are filed under their field, and looking the field's value up gives the rules that may hold: candidates. What
// is no candidate can't hold. Rules without a cover are candidates always.
//
// A value; the program it was made from must outlive it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/event/event_type.h"
#include "engine/match/value_index.h"
#include "engine/program/program.h"

namespace shrike::match {

class RuleIndex {
 public:
  // A field to look up.
  struct Lookup {
    std::uint32_t slot = 0;
    ValueIndex index;  // its askers are positions in Group::rules
  };
  // Event types for which rules are asked in the same way.
  struct Group {
    std::vector<event::EventType> types;
    std::vector<std::uint32_t> rules;         // that can hold, in definition order
    std::vector<std::uint64_t> always;        // a bit per position: without a cover
    std::vector<std::uint64_t> always_words;  // a bit per word of `always` that is not zero
    std::vector<Lookup> lookups;
    std::vector<std::vector<std::uint32_t>> covers;  // for dump(): by position, predicates; empty for `always`
    Lists lists;
  };

  explicit RuleIndex(const program::Program& program);

  // Null: no rule can hold for such an event.
  const Group* group(event::EventType type) const {
    const std::uint32_t at = group_of_[event::index(type)];
    return at == kNone ? nullptr : &groups_[at];
  }
  // Of the largest group.
  std::size_t most_rules() const { return most_rules_; }

  // Per group its event types, and each rule with the checks that make it a candidate.
  std::string dump() const;

 private:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};
  void build(Group& group, program::Coverer& coverer);

  const program::Program& program_;
  std::vector<Group> groups_;
  std::vector<std::uint32_t> group_of_;
  std::size_t most_rules_ = 0;
};

}  // namespace shrike::match
