// SPDX-License-Identifier: Apache-2.0
#include "engine/match/quiet_opens.h"

#include <algorithm>
#include <bit>
#include <random>
#include <string_view>
#include <sys/stat.h>
#include <utility>

namespace shrike::match {
namespace {

constexpr std::size_t kSlotsMax = 4;  // more than that is not worth it

// Fields that say nothing but what event::Open holds, if it has no further names.
bool is_of_open(std::string_view field) {
  static constexpr std::string_view kFields[] = {
      "fd.name",  "fd.directory",     "fd.filename",       "fd.nameraw",       "fd.typechar",
      "fd.type",  "fd.num",           "evt.rawres",        "evt.res",          "evt.failed",
      "evt.type", "evt.is_open_read", "evt.is_open_write", "evt.is_open_exec", "evt.is_open_create"};
  return std::ranges::find(kFields, field) != std::end(kFields);
}

// Asks no more of the result of an open than whether it is negative.
bool asks_for_sign(const program::Predicate& predicate) {
  using program::Op;
  const auto* numbers = std::get_if<program::Numbers>(&predicate.constants);
  if (numbers == nullptr || numbers->size() != 1) return false;
  const auto is = [&](std::int64_t number) {
    return std::visit([&](auto constant) { return std::cmp_equal(constant, number); }, numbers->front());
  };
  return ((predicate.op == Op::kGreaterEqual || predicate.op == Op::kLess) && is(0)) ||
         ((predicate.op == Op::kGreater || predicate.op == Op::kLessEqual) && is(-1));
}

}  // namespace

QuietOpens::Inputs QuietOpens::inputs(const program::Program& program, const RuleIndex& index, event::EventType type) {
  Inputs inputs;
  const std::uint32_t first = index.first_step(type);
  if (first == RuleIndex::kNone) return inputs;
  inputs.tree = first;
  inputs.usable = true;
  const auto take = [&](std::uint32_t slot, const program::Predicate* predicate) {
    const event::Field* field = program.slots[slot].use.field;
    if (field == nullptr) {
      inputs.usable = false;
    } else if (field->name == "fd.num" || field->name == "evt.rawres") {
      inputs.result = inputs.result || predicate == nullptr || !asks_for_sign(*predicate);
    } else if (!is_of_open(field->name) && std::ranges::find(inputs.slots, slot) == inputs.slots.end()) {
      inputs.slots.push_back(slot);
    }
  };
  std::vector<std::uint32_t> steps = {first};
  while (!steps.empty()) {
    const RuleIndex::Step step = index.step(steps.back());
    steps.pop_back();
    if (step.predicate != RuleIndex::Step::kLeaf) {
      const program::Predicate& predicate = program.predicates[step.predicate];
      take(predicate.slot, &predicate);
      steps.insert(steps.end(), step.next.begin(), step.next.end());
    } else {
      for (const RuleIndex::Lookup& lookup : index.leaf(step).lookups) take(lookup.slot, nullptr);
    }
  }
  inputs.usable = inputs.usable && inputs.slots.size() <= kSlotsMax;
  return inputs;
}

QuietOpens::QuietOpens() : lines_(std::size_t{1} << (64 - kShift)) {
  std::random_device device;
  for (std::uint64_t& key : keys_) key = static_cast<std::uint64_t>(device()) << 32U | device();
}

void QuietOpens::add_value(Fingerprint& to, const event::Value& value) const {
  struct Visitor {
    const QuietOpens& quiet;
    Fingerprint& to;
    void operator()(std::monostate) const { quiet.add(to, 1, 0); }
    void operator()(bool flag) const { quiet.add(to, 2, flag ? 1 : 0); }
    void operator()(std::int64_t number) const { quiet.add(to, 3, static_cast<std::uint64_t>(number)); }
    void operator()(std::uint64_t number) const { quiet.add(to, 4, number); }
    void operator()(double number) const { quiet.add(to, 9, std::bit_cast<std::uint64_t>(number)); }
    void operator()(std::string_view text) const {
      if (text.size() >= 16) quiet.add(to, 8, text.size());  // else its only block says it
      quiet.add(to, text);
    }
    void operator()(const event::IpAddress& address) const {
      quiet.add(to, {reinterpret_cast<const char*>(address.bytes.data()), address.bytes.size()});
      quiet.add(to, 5, address.family);
    }
    void operator()(const event::ValueList& list) const {
      for (const event::Value& item : list) quiet.add(to, item);
      quiet.add(to, 6, list.count);
    }
  };
  std::visit(Visitor{*this, to}, value.data);
  for (const event::Value& name : value.also) add(to, name);
  if (value.also.count != 0) add(to, 7, value.also.count);
}

}  // namespace shrike::match
