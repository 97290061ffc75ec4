// SPDX-License-Identifier: Apache-2.0
#include "engine/match/matcher.h"

#include <algorithm>
#include <bit>
#include <new>
#include <type_traits>
#include <utility>

namespace shrike::match {

using program::Node;

namespace {

// Times of answers: of those that depend on the event's type alone the type, of others the event's number, which is larger.
constexpr std::uint64_t kFirstEvent = 1U << 16U;
std::uint64_t type_stamp(event::EventType type) { return event::index(type) + 1; }

static_assert(event::kEventTypeMax < kFirstEvent);
static_assert(std::is_trivially_destructible_v<event::Value>);  // cached values are made anew in their place
const event::Value kNoValue;

}  // namespace

Matcher::Matcher(const program::Program& program, const event::Context& context)
    : program_(program),
      context_(context),
      index_(program),
      values_(program.slots.size()),
      answers_(program.predicates.size()),
      hits_((index_.most_rules() + 63) / 64),
      hit_words_((hits_.size() + 63) / 64) {
  fired_.reserve(index_.most_rules());
  events_ = kFirstEvent;
  for (std::size_t type = 0; type <= event::index(event::EventType::kOpenByHandleAt); ++type)
    inputs_.push_back(QuietOpens::inputs(program, index_, static_cast<event::EventType>(type)));
  peeks_ = std::ranges::any_of(inputs_, &QuietOpens::Inputs::early);
  for (std::uint32_t p = 0; p < program.predicates.size(); ++p)
    answers_[p].by_type = program::answer_by_type(program, program.predicates[p], event::EventType::kNone).has_value();
}

Peeked Matcher::peek(event::EventType type, const event::OpenKey& open, const event::Process& process) {
  if (event::index(type) >= inputs_.size()) return {};
  const QuietOpens::Inputs& inputs = inputs_[event::index(type)];
  if (!inputs.early) return {};
  early_.process = &process;
  Peeked peeked;
  peeked.fingerprint = fingerprint(inputs, QuietOpens::shape(inputs, open), open, early_);
  early_.process = nullptr;
  peeked.quiet = peeked.fingerprint && quiet_.knows(*peeked.fingerprint);
  return peeked;
}

std::span<const std::uint32_t> Matcher::match(const event::Event& event, Matching matching, const Peeked& peeked) {
  look_at(event);
  if (event.type == event::EventType::kNone) [[unlikely]] {
    for (const std::uint32_t rule : program_.asked(event.type)) {
      if (matching == Matching::kFirst && !fired_.empty()) break;
      if (holds(program_.rules[rule].root)) fired_.push_back(rule);
    }
    return fired_;
  }
  const std::uint32_t at = index_.first_step(event.type);
  if (at == RuleIndex::kNone) return fired_;
  const QuietOpens::Inputs* inputs = quiet_inputs(event);
  const RuleIndex::Leaf* leaf = nullptr;
  if (inputs == nullptr) {
    leaf = &find_leaf(at);
    if (!find_candidates(*leaf)) return fired_;
  } else {
    const event::OpenKey open = key_of(std::get<event::Open>(event.payload));
    const QuietOpens::Shape shape = QuietOpens::shape(*inputs, open);
    const auto seen = peeked.fingerprint ? peeked.fingerprint : fingerprint(*inputs, shape, open, event);
    if (!peeked.fingerprint && seen && quiet_.knows(*seen)) return fired_;
    ShapeLeaf& known = shape_leaves_[mix_hash(shape.flags ^ shape.result, shape.bits) % shape_leaves_.size()];
    if (known.leaf == nullptr || known.shape != shape) known = {shape, &find_leaf(at)};
    leaf = known.leaf;
    if (!find_candidates(*leaf)) {
      if (seen) quiet_.remember(*seen);
      return fired_;
    }
  }
  ask(*leaf, matching);
  return fired_;
}

// The opens for which what QuietOpens::Inputs says is all; null: it is none.
const QuietOpens::Inputs* Matcher::quiet_inputs(const event::Event& event) const {
  if (event::index(event.type) >= inputs_.size() || !std::holds_alternative<event::Open>(event.payload)) return nullptr;
  const QuietOpens::Inputs& inputs = inputs_[event::index(event.type)];
  return inputs.usable && event.names.empty() && event.recorded == nullptr ? &inputs : nullptr;
}

std::optional<QuietOpens::Fingerprint> Matcher::fingerprint(const QuietOpens::Inputs& inputs, const QuietOpens::Shape& shape,
                                                            const event::OpenKey& open, const event::Event& event) {
  auto made = quiet_.fingerprint(inputs, shape, open);
  if (!made) return std::nullopt;
  // Not through value(): most of these opens need nothing else.
  for (const std::uint32_t slot : inputs.slots) {
    if (!quiet_.add(*made, event::extract(program_.slots[slot].use, event, context_, arena_))) return std::nullopt;
  }
  return made;
}

const RuleIndex::Leaf& Matcher::find_leaf(std::uint32_t first) {
  const RuleIndex::Step* step = &index_.step(first);
  while (step->predicate != RuleIndex::Step::kLeaf) step = &index_.step(step->next[check(step->predicate) ? 1 : 0]);
  return index_.leaf(*step);
}

// The candidates of the leaf.
void Matcher::ask(const RuleIndex::Leaf& leaf, Matching matching) {
  bool done = false;
  for (std::size_t upper = 0; upper < leaf.always_words.size(); ++upper) {
    for (std::uint64_t words = std::exchange(hit_words_[upper], 0) | leaf.always_words[upper]; words != 0; words &= words - 1) {
      const std::size_t word = 64 * upper + static_cast<std::size_t>(std::countr_zero(words));
      std::uint64_t bits = std::exchange(hits_[word], 0) | leaf.always[word];
      for (; bits != 0 && !done; bits &= bits - 1) {
        const std::uint32_t rule = leaf.rules[64 * word + static_cast<std::size_t>(std::countr_zero(bits))];
        if (!holds(program_.rules[rule].root)) continue;
        fired_.push_back(rule);
        done = matching == Matching::kFirst;  // what is left of hits_ is still to be cleared
      }
    }
  }
}

// Whether there are any.
bool Matcher::find_candidates(const RuleIndex::Leaf& leaf) {
  bool any = std::ranges::any_of(leaf.always_words, [](std::uint64_t word) { return word != 0; });
  for (const RuleIndex::Lookup& lookup : leaf.lookups) {
    const event::Value& found = value(lookup.slot);
    lookup.index.look(found, [&](std::uint32_t list) {
      any = true;
      leaf.lists.each(list, [&](std::uint32_t position) {
        hits_[position / 64] |= 1ULL << (position % 64);
        hit_words_[position / 4096] |= 1ULL << (position / 64 % 64);
      });
    });
  }
  return any;
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
    if (asked.call) {
      cached.value = evaluate(*asked.call);
    } else {
      // In its place, not through a copy: a copy right after the getter's narrow stores would wait for them.
      new (&cached.value) event::Value(event::extract(asked.use, *event_, context_, arena_));
    }
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
  const std::uint64_t now = cached.by_type ? type_stamp(event_->type) : events_;
  if (cached.event != now) {
    cached.answer = answer(index);
    cached.event = now;
  }
  return cached.answer;
}

bool Matcher::answer(std::uint32_t index) {
  const program::Predicate& predicate = program_.predicates[index];
  const event::Value& left = value(predicate.slot);
  // The commonest kinds without a detour; what they mean is program::holds' to say.
  if (const auto* flag = std::get_if<bool>(&left.data)) {
    const auto* wanted = std::get_if<std::vector<bool>>(&predicate.constants);
    if (wanted != nullptr && wanted->size() == 1 && predicate.op == program::Op::kEqual) return *flag == wanted->front();
  }
  const auto* right = std::get_if<std::uint32_t>(&predicate.constants);
  return program::holds(predicate, left, right == nullptr ? kNoValue : value(*right));
}

}  // namespace shrike::match
