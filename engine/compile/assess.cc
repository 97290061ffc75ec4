// SPDX-License-Identifier: Apache-2.0
#include <optional>

#include "engine/compile/compile.h"

namespace shrike::compile {
namespace {

using program::Availability;
using program::Node;
using program::Program;

// What nobody knows yet.
class NoNames final : public event::Names {
 public:
  std::string_view user_name(std::uint32_t) const override { return {}; }
  std::string_view group_name(std::uint32_t) const override { return {}; }
};
class NoProcesses final : public event::Processes {
 public:
  const event::Process* find(std::uint32_t) const override { return nullptr; }
};

// Folds a condition with what is known before any event: evt.num is above 0 and, if `host`, container fields have the host's
// values. Leaves that stay open are looked up in `reached`.
class Folder {
 public:
  Folder(const Program& program, bool host) : program_(program), host_(host) {}

  std::optional<bool> fold(std::uint32_t at) {
    const Node& node = program_.nodes[at];
    switch (node.kind) {
      case Node::Kind::kCheck:
        return check(program_.predicates[node.first]);
      case Node::Kind::kNot: {
        const auto value = fold(program_.children[node.first]);
        return value ? std::optional(!*value) : std::nullopt;
      }
      case Node::Kind::kAnd:
      case Node::Kind::kOr:
        break;
    }
    const bool decisive = node.kind == Node::Kind::kOr;
    bool open = false;
    for (std::uint32_t i = 0; i < node.count; ++i) {
      const auto value = fold(program_.children[node.first + i]);
      if (value == decisive) return decisive;
      open = open || !value;
    }
    return open ? std::nullopt : std::optional(!decisive);
  }

 private:
  std::optional<bool> check(const program::Predicate& predicate) {
    const event::FieldUse& use = program_.slots[predicate.slot];
    if (std::holds_alternative<std::uint32_t>(predicate.constants)) return std::nullopt;  // val()
    if (use.field->name == "evt.num") {
      // Any number above 0 may come; only what holds for none or all of them is known.
      if (const auto* numbers = std::get_if<program::Numbers>(&predicate.constants)) return fold_number(predicate, *numbers);
      return std::nullopt;
    }
    if (!host_ || use.field->origin != event::Origin::kHostConstant) return std::nullopt;
    return program::holds(predicate, event::extract(use, event_, context_, arena_));
  }

  static std::optional<bool> fold_number(const program::Predicate& predicate, const program::Numbers& numbers) {
    if (predicate.quantifier != program::Quantifier::kNone || predicate.op == program::Op::kExists) return std::nullopt;
    const bool at_one = program::holds(predicate, event::Value(std::uint64_t{1}));
    const bool at_end = program::holds(predicate, event::Value(~std::uint64_t{0}));
    if (at_one != at_end) return std::nullopt;
    for (const auto& number : numbers) {
      const bool above_zero = std::visit([](auto n) { return std::cmp_greater(n, 0); }, number);
      if (above_zero) return std::nullopt;
    }
    return at_one;
  }

  const Program& program_;
  bool host_;
  NoNames names_;
  NoProcesses processes_;
  event::Context context_{names_, processes_, {}, 0};
  event::Event event_;
  Arena arena_;
};

std::string join(const event::EventSet& set) {
  std::string text;
  for (std::size_t type = 1; type < event::event_types().size(); ++type) {
    if (!set.test(type)) continue;
    if (!text.empty()) text += ", ";
    text += event::event_types()[type].name;
  }
  return text;
}

// A field of the condition that nothing supplies; empty if there is none.
std::string missing_field(const program::Rule& rule) {
  for (const std::string& name : rule.condition_fields) {
    const std::string bare = name.substr(0, name.find('['));
    const auto use = event::resolve_field(bare, std::nullopt);
    if (use && use->field->origin == event::Origin::kNotCaptured) return name;
  }
  return {};
}

Availability assess_rule(const Program& program, const program::Rule& rule, const Capabilities& capabilities) {
  using State = Availability::State;
  if (rule.source != "syscall") return {State::kInactive, "source " + rule.source};
  if (rule.events.none() || Folder(program, false).fold(rule.root) == false) return {State::kInactive, "never true by its own text"};
  if (!capabilities.containers && Folder(program, true).fold(rule.root) == false) return {State::kInactive, "containers"};
  const event::EventSet seen = rule.events & capabilities.events;
  if (seen.none()) return {State::kInactive, "events: " + join(rule.events)};
  if (const std::string field = missing_field(rule); !field.empty()) return {State::kInactive, "fields: " + field};
  if (seen == rule.events) return {State::kActive, {}};
  if (rule.any_event) return {State::kPartial, "all events but " + join(seen)};
  return {State::kPartial, join(rule.events & ~seen)};
}

}  // namespace

void assess(Program& program, const Capabilities& capabilities) {
  for (program::Rule& rule : program.rules) rule.availability = assess_rule(program, rule, capabilities);
  program.index_rules();
}

}  // namespace shrike::compile
