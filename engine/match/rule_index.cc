// SPDX-License-Identifier: Apache-2.0
#include "engine/match/rule_index.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "engine/program/cover.h"

namespace shrike::match {

using event::EventType;
using program::Answer;
using program::Coverer;
using program::Node;

namespace {

constexpr std::size_t kSplitsMax = 5;       // checks on the way to a leaf
constexpr std::size_t kPlacesMax = 40'000;  // rules in all leaves of a group: bounds memory
constexpr std::size_t kSample = 96;         // rules that tell what a split is worth
constexpr std::size_t kTried = 8;           // checks that are tried for a split
constexpr double kStepNs = 6;

// Fields that cost next to nothing, and have few values.
bool splits(std::string_view field) {
  static constexpr std::string_view kFields[] = {
      "evt.is_open_read", "evt.is_open_write", "evt.is_open_exec", "evt.is_open_create", "evt.failed", "evt.rawres",
      "fd.num",           "fd.typechar",       "fd.connected",     "fd.is_server"};
  return std::ranges::find(kFields, field) != std::end(kFields);
}

}  // namespace

class RuleIndex::Builder {
 public:
  explicit Builder(RuleIndex& index) : index_(index), program_(index.program_), coverer_(program_) {}

  // Returns the first step.
  std::uint32_t build(std::vector<EventType> types, const std::vector<std::uint32_t>& rules) {
    types_ = std::move(types);
    places_ = rules.size();
    known_.clear();
    return grow(rules);
  }

 private:
  std::uint32_t grow(const std::vector<std::uint32_t>& rules) {
    const std::vector<std::uint32_t> left = possible(rules);
    const auto at = static_cast<std::uint32_t>(index_.steps_.size());
    index_.steps_.emplace_back();
    const std::uint32_t predicate = known_.size() < kSplitsMax ? best_split(left) : Step::kLeaf;
    if (predicate == Step::kLeaf || places_ + left.size() > kPlacesMax) {
      add_leaf(at, left);
      return at;
    }
    places_ += left.size();
    Step step{.predicate = predicate, .next = {}};
    for (const bool holds : {false, true}) {
      known_.push_back({predicate, holds});
      step.next[holds ? 1 : 0] = grow(left);
      known_.pop_back();
    }
    index_.steps_[at] = step;
    return at;
  }

  std::vector<std::uint32_t> possible(const std::vector<std::uint32_t>& rules) {
    coverer_.suppose(types_.front(), known_);
    std::vector<std::uint32_t> left;
    for (const std::uint32_t rule : rules) {
      if (coverer_.cover(program_.rules[rule].root).kind != Coverer::Cover::Kind::kNever) left.push_back(rule);
    }
    return left;
  }

  // ns per event that comes to a leaf with these rules, about.
  double cost(const std::vector<std::uint32_t>& rules) {
    coverer_.suppose(types_.front(), known_);
    double ns = 0;
    for (const std::uint32_t rule : rules) {
      const Coverer::Cover cover = coverer_.cover(program_.rules[rule].root);
      if (cover.kind == Coverer::Cover::Kind::kNever) continue;
      ns += cover.kind == Coverer::Cover::Kind::kAlways ? cover.cost : cover.odds * kAskNs + coverer_.pay(cover);
    }
    return ns;
  }

  // The check that saves most, if it saves more than it costs. Half of the events are taken to satisfy it.
  std::uint32_t best_split(const std::vector<std::uint32_t>& rules) {
    std::vector<std::uint32_t> sample;
    const std::size_t every = rules.size() / kSample + 1;
    for (std::size_t i = 0; i < rules.size(); i += every) sample.push_back(rules[i]);
    std::map<std::uint32_t, std::size_t> seen;
    for (const std::uint32_t rule : sample) count_checks(program_.rules[rule].root, seen);
    std::vector<std::pair<std::size_t, std::uint32_t>> tried;
    tried.reserve(seen.size());
    for (const auto& [predicate, count] : seen) tried.emplace_back(count, predicate);
    std::ranges::sort(tried, std::greater<>());
    if (tried.size() > kTried) tried.resize(kTried);

    double least = cost(sample);
    std::uint32_t best = Step::kLeaf;
    for (const auto& [count, predicate] : tried) {
      double ns = kStepNs;
      for (const bool holds : {false, true}) {
        known_.push_back({predicate, holds});
        ns += cost(sample) / 2;
        known_.pop_back();
      }
      if (ns < least) {
        least = ns;
        best = predicate;
      }
    }
    return best;
  }

  // Checks that may split, each once per rule, and not known yet.
  void count_checks(std::uint32_t at, std::map<std::uint32_t, std::size_t>& seen) {
    const Node& node = program_.nodes[at];
    if (node.kind != Node::Kind::kCheck) {
      for (std::uint32_t i = 0; i < std::max(node.count, 1U); ++i) count_checks(program_.children[node.first + i], seen);
      return;
    }
    const event::Field* field = program_.slots[program_.predicates[node.first].slot].use.field;
    if (field == nullptr || !splits(field->name)) return;
    if (std::ranges::find(known_, node.first, &Answer::predicate) == known_.end()) ++seen[node.first];
  }

  void add_leaf(std::uint32_t step, const std::vector<std::uint32_t>& rules) {
    index_.steps_[step].next[0] = static_cast<std::uint32_t>(index_.leaves_.size());
    Leaf& leaf = index_.leaves_.emplace_back();
    leaf.types = types_;
    leaf.known = known_;
    index_.most_rules_ = std::max(index_.most_rules_, rules.size());
    std::map<std::uint32_t, std::size_t> places;  // slot → lookup
    for (const Coverer::Cover& cover : covers(coverer_, program_, leaf, rules)) {
      const auto position = static_cast<std::uint32_t>(leaf.rules.size());
      leaf.rules.push_back(rules[position]);
      if (position % 64 == 0) leaf.always.push_back(0);
      if (cover.kind == Coverer::Cover::Kind::kAlways) leaf.always.back() |= 1ULL << (position % 64);
      for (const std::uint32_t predicate : cover.predicates) {
        const std::uint32_t slot = program_.predicates[predicate].slot;
        const auto [place, added] = places.try_emplace(slot, leaf.lookups.size());
        if (added) leaf.lookups.emplace_back().slot = slot;
        for (const program::Key& key : coverer_.keys(predicate)->all())
          leaf.lookups[place->second].index.add(key, position, leaf.lists);
      }
    }
    for (Lookup& lookup : leaf.lookups) lookup.index.finish(leaf.lists);
    leaf.always_words.assign((leaf.always.size() + 63) / 64, 0);
    for (std::size_t word = 0; word < leaf.always.size(); ++word) {
      if (leaf.always[word] != 0) leaf.always_words[word / 64] |= 1ULL << (word % 64);
    }
  }

 public:
  // Of each rule of a leaf. Look-ups that many rules want are for nothing to the others: so first who wants what, then who takes
  // what.
  static std::vector<Coverer::Cover> covers(Coverer& coverer, const program::Program& program, const Leaf& leaf,
                                            const std::vector<std::uint32_t>& rules) {
    coverer.suppose(leaf.types.front(), leaf.known);
    std::vector<Coverer::Cover> first;
    std::map<std::uint32_t, std::size_t> wanted;  // slot → rules
    for (const std::uint32_t rule : rules) {
      first.push_back(coverer.cover(program.rules[rule].root));
      std::set<std::uint32_t> slots;
      for (const std::uint32_t predicate : first.back().predicates) slots.insert(program.predicates[predicate].slot);
      for (const std::uint32_t slot : slots) ++wanted[slot];
    }
    for (const Coverer::Cover& cover : first) {
      const bool shared = std::ranges::all_of(
          cover.predicates, [&](std::uint32_t predicate) { return wanted[program.predicates[predicate].slot] > 1; });
      if (shared) coverer.pay(cover);
    }
    std::vector<Coverer::Cover> taken;
    taken.reserve(rules.size());
    for (const std::uint32_t rule : rules) {
      taken.push_back(coverer.cover(program.rules[rule].root));
      coverer.pay(taken.back());
    }
    return taken;
  }

 private:
  static constexpr double kAskNs = 60;
  RuleIndex& index_;
  const program::Program& program_;
  Coverer coverer_;
  std::vector<EventType> types_;
  std::vector<Answer> known_;  // on the way to the step at hand
  std::size_t places_ = 0;
};

RuleIndex::RuleIndex(const program::Program& program) : program_(program), first_step_(program.by_event.size(), kNone) {
  std::vector<std::uint32_t> by_type;  // predicates whose answer is the type's
  for (std::uint32_t p = 0; p < program.predicates.size(); ++p) {
    if (program::answer_by_type(program, program.predicates[p], EventType::kNone)) by_type.push_back(p);
  }
  // Types with the same rules and the same answers go the same way.
  std::vector<std::vector<EventType>> groups;
  std::map<std::pair<std::uint32_t, std::vector<bool>>, std::size_t> known;
  for (std::size_t t = 1; t < program.by_event.size(); ++t) {  // Matcher asks rules of events without a type one by one
    const auto type = static_cast<EventType>(t);
    if (program.asked(type).empty()) continue;
    std::vector<bool> answers;
    answers.reserve(by_type.size());
    for (const std::uint32_t p : by_type) answers.push_back(*program::answer_by_type(program, program.predicates[p], type));
    const auto [group, added] = known.try_emplace({program.by_event[t], std::move(answers)}, groups.size());
    if (added) groups.emplace_back();
    groups[group->second].push_back(type);
  }
  Builder builder(*this);
  for (const std::vector<EventType>& types : groups) {
    const std::uint32_t step = builder.build(types, program.asked(types.front()));
    for (const EventType type : types) first_step_[event::index(type)] = step;
  }
}

std::string RuleIndex::dump() const {
  std::string out;
  Coverer coverer(program_);
  for (const Leaf& leaf : leaves_) {
    out += "events";
    for (const EventType type : leaf.types) out += ' ' + std::string(event::name(type));
    for (const Answer& answer : leaf.known) out += (answer.holds ? ", " : ", not ") + program_.predicates[answer.predicate].text;
    out += '\n';
    const auto covers = Builder::covers(coverer, program_, leaf, leaf.rules);
    for (std::size_t i = 0; i < leaf.rules.size(); ++i) {
      out += "  rule " + program_.rules[leaf.rules[i]].name + '\n';
      if (covers[i].kind == Coverer::Cover::Kind::kAlways) out += "    always\n";
      for (const std::uint32_t predicate : covers[i].predicates) out += "    if " + program_.predicates[predicate].text + '\n';
    }
  }
  return out;
}

}  // namespace shrike::match
