// SPDX-License-Identifier: Apache-2.0
#include "engine/match/rule_index.h"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>

namespace shrike::match {

using event::EventType;
using program::Coverer;

RuleIndex::RuleIndex(const program::Program& program) : program_(program), group_of_(program.by_event.size(), kNone) {
  std::vector<std::uint32_t> by_type;  // predicates whose answer is the type's
  for (std::uint32_t p = 0; p < program.predicates.size(); ++p) {
    if (program::answer_by_type(program, program.predicates[p], EventType::kNone)) by_type.push_back(p);
  }
  // Types with the same rules and the same answers are one group; found by a hash, then compared.
  std::vector<std::vector<bool>> answers;
  std::unordered_multimap<std::uint64_t, std::uint32_t> known;
  for (std::size_t t = 0; t < program.by_event.size(); ++t) {
    const std::vector<std::uint32_t>& rules = program.by_event[t];
    if (rules.empty()) continue;
    const auto type = static_cast<EventType>(t);
    std::vector<bool> of_type(by_type.size());
    std::uint64_t hash = rules.size();
    for (std::size_t i = 0; i < by_type.size(); ++i) {
      of_type[i] = *program::answer_by_type(program, program.predicates[by_type[i]], type);
      hash = mix_hash(hash, of_type[i] ? 1 : 0);
    }
    for (const std::uint32_t rule : rules) hash = mix_hash(hash, rule);
    const auto [first, last] = known.equal_range(hash);
    const auto same = std::find_if(first, last, [&](const auto& entry) {
      return answers[entry.second] == of_type && program.by_event[event::index(groups_[entry.second].types.front())] == rules;
    });
    if (same != last) {
      groups_[same->second].types.push_back(type);
      group_of_[t] = same->second;
      continue;
    }
    group_of_[t] = static_cast<std::uint32_t>(groups_.size());
    known.emplace(hash, group_of_[t]);
    groups_.emplace_back().types.push_back(type);
    answers.push_back(std::move(of_type));
  }

  Coverer coverer(program);
  for (Group& group : groups_) {
    build(group, coverer);
    most_rules_ = std::max(most_rules_, group.rules.size());
  }
}

void RuleIndex::build(Group& group, Coverer& coverer) {
  const EventType type = group.types.front();
  std::map<std::uint32_t, std::size_t> places;  // slot → lookup
  for (const std::uint32_t rule : program_.by_event[event::index(type)]) {
    Coverer::Cover cover = coverer.cover(program_.rules[rule].root, type);
    if (cover.kind == Coverer::Cover::Kind::kNever) continue;
    const auto position = static_cast<std::uint32_t>(group.rules.size());
    group.rules.push_back(rule);
    if (position % 64 == 0) group.always.push_back(0);
    if (cover.kind == Coverer::Cover::Kind::kAlways) group.always.back() |= 1ULL << (position % 64);
    for (const std::uint32_t predicate : cover.predicates) {
      const std::uint32_t slot = program_.predicates[predicate].slot;
      const auto [place, added] = places.try_emplace(slot, group.lookups.size());
      if (added) group.lookups.emplace_back().slot = slot;
      for (const program::Key& key : coverer.keys(predicate)->all())
        group.lookups[place->second].index.add(key, position, group.lists);
    }
    group.covers.push_back(std::move(cover.predicates));
  }
  for (Lookup& lookup : group.lookups) lookup.index.finish(group.lists);
  group.always_words.assign((group.always.size() + 63) / 64, 0);
  for (std::size_t word = 0; word < group.always.size(); ++word) {
    if (group.always[word] != 0) group.always_words[word / 64] |= 1ULL << (word % 64);
  }
}

std::string RuleIndex::dump() const {
  std::string out;
  for (const Group& group : groups_) {
    out += "events";
    for (const EventType type : group.types) out += ' ' + std::string(event::name(type));
    out += '\n';
    for (std::size_t i = 0; i < group.rules.size(); ++i) {
      out += "  rule " + program_.rules[group.rules[i]].name + '\n';
      if ((group.always[i / 64] >> (i % 64) & 1U) != 0) out += "    always\n";
      for (const std::uint32_t predicate : group.covers[i]) out += "    if " + program_.predicates[predicate].text + '\n';
    }
  }
  return out;
}

}  // namespace shrike::match
