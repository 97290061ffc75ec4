// SPDX-License-Identifier: Apache-2.0
#include "engine/match/matcher.h"

namespace shrike::match {

using program::Node;

Matcher::Matcher(const program::Program& program, const event::Context& context)
    : program_(program), context_(context), values_(program.slots.size()), answers_(program.predicates.size()) {}

std::span<const std::uint32_t> Matcher::match(const event::Event& event, Matching matching) {
  look_at(event);
  for (const std::uint32_t rule : program_.by_event[event::index(event.type)]) {
    if (!holds(program_.rules[rule].root)) continue;
    fired_.push_back(rule);
    if (matching == Matching::kFirst) break;
  }
  return fired_;
}

void Matcher::look_at(const event::Event& event) {
  event_ = &event;
  ++events_;
  arena_.reset();
  fired_.clear();
}

const event::Value& Matcher::value(std::uint32_t slot) {
  CachedValue& cached = values_[slot];
  if (cached.event != events_) {
    const program::Slot& asked = program_.slots[slot];
    cached.value = asked.call ? evaluate(*asked.call) : event::extract(asked.use, *event_, context_, arena_);
    cached.event = events_;
  }
  return cached.value;
}

event::Value Matcher::evaluate(const program::Call& call) { return program::apply(call, arguments(call.arguments), arena_); }

std::span<const event::Value> Matcher::arguments(const std::vector<program::CallArgument>& all) {
  const std::span<event::Value> values = arena_.array<event::Value>(all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (const auto* slot = std::get_if<std::uint32_t>(&all[i].node)) {
      values[i] = value(*slot);
    } else if (const auto* constant = std::get_if<std::string>(&all[i].node)) {
      values[i] = event::Value(*constant);
    } else {
      const auto items = arguments(std::get<std::vector<program::CallArgument>>(all[i].node));
      values[i] = event::Value(event::ValueList{items.data(), items.size()});
    }
  }
  return values;
}

bool Matcher::holds(std::uint32_t at) {
  const Node& node = program_.nodes[at];
  switch (node.kind) {
    case Node::Kind::kCheck:
      return check(node.first);
    case Node::Kind::kNot:
      return !holds(program_.children[node.first]);
    case Node::Kind::kAnd:
      for (std::uint32_t i = 0; i < node.count; ++i) {
        if (!holds(program_.children[node.first + i])) return false;
      }
      return true;
    case Node::Kind::kOr:
      for (std::uint32_t i = 0; i < node.count; ++i) {
        if (holds(program_.children[node.first + i])) return true;
      }
      return false;
  }
  return false;
}

bool Matcher::check(std::uint32_t index) {
  CachedAnswer& cached = answers_[index];
  if (cached.event != events_) {
    const program::Predicate& predicate = program_.predicates[index];
    const auto* right = std::get_if<std::uint32_t>(&predicate.constants);
    cached.answer = program::holds(predicate, value(predicate.slot), right == nullptr ? event::Value() : value(*right));
    cached.event = events_;
  }
  return cached.answer;
}

}  // namespace shrike::match
