// SPDX-License-Identifier: Apache-2.0
#include "engine/match/quiet_opens.h"

#include <algorithm>
#include <random>
#include <string_view>
#include <sys/random.h>
#include <utility>

namespace shrike::match {
namespace {

// Fields that say nothing but what event::Open holds, if it has no further names.
bool is_of_open(std::string_view field) {
  static constexpr std::string_view kFields[] = {
      "fd.name",          "fd.directory",      "fd.filename",      "fd.typechar",       "fd.type",
      "fd.num",           "evt.rawres",        "evt.res",          "evt.failed",        "evt.type",
      "evt.is_open_read", "evt.is_open_write", "evt.is_open_exec", "evt.is_open_create"};
  return std::ranges::find(kFields, field) != std::end(kFields);
}

// Fields that say nothing but what event::Process holds.
bool is_of_process(std::string_view field) {
  static constexpr std::string_view kFields[] = {"proc.name", "proc.exe", "proc.exepath", "proc.pname", "proc.pexepath"};
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
  inputs.type = event::index(type);
  inputs.usable = true;
  const auto take = [&](std::uint32_t slot, const program::Predicate* predicate) {
    const event::Field* field = program.slots[slot].use.field;
    if (field == nullptr || (predicate != nullptr && std::holds_alternative<std::uint32_t>(predicate->constants))) {
      inputs.usable = false;  // val() and transformers ask for other slots
    } else if (field->name == "fd.num" || field->name == "evt.rawres") {
      inputs.result = inputs.result || predicate == nullptr || !asks_for_sign(*predicate);
    } else if (field->name == "fd.nameraw") {
      inputs.name = true;
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
      if (const auto* right = std::get_if<std::uint32_t>(&predicate.constants)) take(*right, nullptr);
      steps.insert(steps.end(), step.next.begin(), step.next.end());
    } else {
      for (const RuleIndex::Lookup& lookup : index.leaf(step).lookups) take(lookup.slot, nullptr);
    }
  }
  inputs.usable = inputs.usable && inputs.slots.size() <= kSlotsMax;
  inputs.early = inputs.usable && std::ranges::all_of(inputs.slots, [&](std::uint32_t slot) {
                   return is_of_process(program.slots[slot].use.field->name);
                 });
  return inputs;
}

QuietOpens::QuietOpens() : lines_(std::size_t{1} << (64 - kShift)) {
  // One call for all: random_device takes microseconds for each word.
  const auto draw = [&](auto& keys) {
    if (getrandom(keys.data(), sizeof(keys), GRND_NONBLOCK) == static_cast<ssize_t>(sizeof(keys))) return;
    std::random_device device;
    for (std::uint64_t& key : keys) key = static_cast<std::uint64_t>(device()) << 32U | device();
  };
  draw(keys_);
  draw(ends_);
}

}  // namespace shrike::match
