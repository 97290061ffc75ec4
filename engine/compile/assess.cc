// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/compile/compile.h"
#include "engine/event/semantics.h"

namespace shrike::compile {
namespace {

using program::Availability;
using program::Node;
using program::Program;

// What is taken as known besides the rule's own text.
enum class Given {
  kNothing,
  kFailed,      // the call failed
  kFailedOpen,  // it was an open that failed
};

// Folds a condition with what is known before any event: evt.num is above 0, and what is given. Nothing: it depends on the event.
class Folder {
 public:
  // `type`: of the event; kNone: any.
  Folder(const Program& program, Given given, event::EventType type = event::EventType::kNone)
      : program_(program), given_(given), type_(type) {}

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
  // Always, or of every event of the type.
  bool is_absent(const event::FieldUse& use) const {
    if (use.field->origin == event::Origin::kNothing) return true;
    return type_ != event::EventType::kNone && event::names_param(use) && !event::has_param(use, type_);
  }

  std::optional<bool> check(const program::Predicate& predicate) {
    const auto* right = std::get_if<std::uint32_t>(&predicate.constants);  // val() or a call
    if (right != nullptr || program_.slots[predicate.slot].call) return check_known(predicate, right);
    const event::FieldUse& use = program_.slots[predicate.slot].use;
    if (is_absent(use)) return false;
    if (type_ != event::EventType::kNone && (use.field->name == "evt.type" || use.field->name == "syscall.type"))
      return program::holds(predicate, event::Value(event::name(type_)));
    if (use.field->name == "evt.num") {
      // Any number above 0 may come; only what holds for none or all of them is known.
      if (const auto* numbers = std::get_if<program::Numbers>(&predicate.constants)) return fold_number(predicate, *numbers);
      return std::nullopt;
    }
    if (given_ == Given::kFailedOpen && use.field->name == "fd.num")
      return program::holds(predicate, event::Value(std::int64_t{-1}));
    if (given_ == Given::kFailed || given_ == Given::kFailedOpen) return fold_failed(predicate, use.field->name);
    return std::nullopt;
  }

  std::optional<bool> check_known(const program::Predicate& predicate, const std::uint32_t* right_slot) {
    const auto left = known(predicate.slot);
    const auto right = right_slot != nullptr ? known(*right_slot) : std::optional(event::Value());
    if (left && left->absent()) return false;
    if (right_slot != nullptr && right && right->absent()) return false;
    if (!left || !right) return std::nullopt;
    return program::holds(predicate, *left, *right);
  }

  // The value of a slot, if what is given tells it.
  std::optional<event::Value> known(std::uint32_t at) {
    const program::Slot& slot = program_.slots[at];
    if (slot.call) return known(*slot.call);
    if (is_absent(slot.use)) return event::Value();
    return std::nullopt;
  }

  std::optional<event::Value> known(const program::Call& call) {
    const auto values = known(call.arguments);
    return values ? std::optional(program::apply(call, *values, arena_)) : std::nullopt;
  }

  // Nothing if one may be present and is not known. One that is absent makes the others unimportant: they stand as absent too.
  std::optional<std::span<event::Value>> known(const std::vector<program::CallArgument>& all) {
    const std::span<event::Value> values = arena_.array<event::Value>(all.size());
    bool open = false;
    bool absent = false;
    for (std::size_t i = 0; i < all.size(); ++i) {
      const auto value = known(all[i]);
      open = open || !value;
      absent = absent || (value && value->absent());
      if (value) values[i] = *value;
    }
    return open && !absent ? std::nullopt : std::optional(values);
  }

  std::optional<event::Value> known(const program::CallArgument& argument) {
    if (const auto* slot = std::get_if<std::uint32_t>(&argument.node)) return known(*slot);
    if (const auto* constant = std::get_if<std::string>(&argument.node)) return event::Value(*constant);
    const auto items = known(std::get<std::vector<program::CallArgument>>(argument.node));
    if (!items) return std::nullopt;
    if (std::ranges::any_of(*items, &event::Value::absent)) return event::Value();
    return event::Value(event::ValueList{items->data(), items->size()});
  }

  // Of a failed call evt.failed is true, evt.rawres some negative number and evt.res some errno's name.
  static std::optional<bool> fold_failed(const program::Predicate& predicate, std::string_view field) {
    if (field == "evt.failed") return program::holds(predicate, event::Value(true));
    if (field == "evt.res") {
      const auto* texts = std::get_if<program::Texts>(&predicate.constants);
      if (texts != nullptr && *texts == program::Texts{"SUCCESS"}) return program::holds(predicate, event::Value("EPERM"));
    }
    if (field == "evt.rawres") {
      const auto* numbers = std::get_if<program::Numbers>(&predicate.constants);
      const auto negative = [](const auto& number) { return std::visit([](auto n) { return std::cmp_less(n, 0); }, number); };
      if (numbers != nullptr && std::ranges::none_of(*numbers, negative))
        return program::holds(predicate, event::Value(std::int64_t{-1}));
    }
    return std::nullopt;
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
  Given given_;
  event::EventType type_;
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

// The program's fields by their text, as Rule::condition_fields has them.
using Fields = std::unordered_map<std::string, const event::FieldUse*>;

Fields fields_of(const Program& program) {
  Fields fields;
  for (const program::Slot& slot : program.slots) {
    if (!slot.call) fields.emplace(slot.use.text(), &slot.use);
  }
  return fields;
}

// The first field of the condition for which `test` holds; null: none.
template <class Test>
const event::FieldUse* find_field(const Fields& fields, const program::Rule& rule, Test test) {
  for (const std::string& name : rule.condition_fields) {
    const auto found = fields.find(name);
    if (found != fields.end() && test(*found->second)) return found->second;
  }
  return nullptr;
}

// A field of the condition that nothing supplies for any of the events; null if there is none.
const event::FieldUse* missing_field(const Fields& fields, const program::Rule& rule, const event::EventSet& events) {
  return find_field(fields, rule,
                    [&](const event::FieldUse& use) { return !event::is_known(use, events, event::Tier::kTracing); });
}

// A parameter of the condition without which it holds for none of the events, and which none of them has; null if there is none.
const event::FieldUse* foreign_param(const Program& program, const Fields& fields, const program::Rule& rule,
                                     const event::EventSet& events) {
  std::vector<event::EventType> types;
  for (std::size_t i = 1; i < event::event_types().size(); ++i) {
    if (events.test(i)) types.push_back(static_cast<event::EventType>(i));
  }
  const event::FieldUse* found = find_field(fields, rule, [&](const event::FieldUse& use) {
    return event::names_param(use) &&
           std::ranges::none_of(types, [&](event::EventType type) { return event::has_param(use, type); });
  });
  if (found == nullptr) return nullptr;
  const bool holds = std::ranges::any_of(
      types, [&](event::EventType type) { return Folder(program, Given::kNothing, type).fold(rule.root) != false; });
  return holds ? nullptr : found;
}

// Which fields of an open only the end of its call tells, or what was passed: LSM hooks have neither.
bool is_told_at_exit(std::string_view field) {
  static constexpr std::string_view kFields[] = {"evt.arg",    "evt.rawarg", "evt.args",        "evt.info", "evt.is_open_exec",
                                                 "evt.rawres", "fd.nameraw", "fs.path.nameraw", "fd.uid"};
  return std::ranges::find(kFields, field) != std::end(kFields);
}

bool reads_fd_number(const Program& program, const program::CallArgument& argument);

// Is the slot fd.num, or made of it?
bool reads_fd_number(const Program& program, std::uint32_t slot) {
  const auto& [use, call] = program.slots[slot];
  if (!call) return use.field->name == "fd.num";
  return std::ranges::any_of(call->arguments, [&](const auto& argument) { return reads_fd_number(program, argument); });
}

bool reads_fd_number(const Program& program, const program::CallArgument& argument) {
  if (const auto* slot = std::get_if<std::uint32_t>(&argument.node)) return reads_fd_number(program, *slot);
  const auto* items = std::get_if<std::vector<program::CallArgument>>(&argument.node);
  return items != nullptr && std::ranges::any_of(*items, [&](const auto& item) { return reads_fd_number(program, item); });
}

// Does the condition tell one number of a successful open from another?
bool compares_fd_number(const Program& program, std::uint32_t at) {
  const Node& node = program.nodes[at];
  if (node.kind == Node::Kind::kCheck) {
    const program::Predicate& predicate = program.predicates[node.first];
    const auto* right = std::get_if<std::uint32_t>(&predicate.constants);
    if (right != nullptr && reads_fd_number(program, *right)) return true;
    if (program.slots[predicate.slot].call) return reads_fd_number(program, predicate.slot);
    if (program.slots[predicate.slot].use.field->name != "fd.num") return false;
    const auto holds = [&](std::int64_t number) { return program::holds(predicate, event::Value(number)); };
    if (right != nullptr) return true;
    const auto* numbers = std::get_if<program::Numbers>(&predicate.constants);
    const bool some = numbers != nullptr && std::ranges::any_of(*numbers, [](const auto& number) {
                        return std::visit([](auto n) { return std::cmp_greater(n, 0); }, number);
                      });
    return some || holds(0) != holds(1 << 20);
  }
  const std::uint32_t count = node.kind == Node::Kind::kNot ? 1 : node.count;
  for (std::uint32_t i = 0; i < count; ++i) {
    if (compares_fd_number(program, program.children[node.first + i])) return true;
  }
  return false;
}

bool wants_open_result(const Program& program, const Fields& fields, const program::Rule& rule) {
  event::EventSet opens;
  for (const auto type : {event::EventType::kOpen, event::EventType::kOpenat, event::EventType::kOpenat2,
                          event::EventType::kCreat, event::EventType::kOpenByHandleAt})
    opens.set(event::index(type));
  if ((rule.events & opens).none()) return false;
  if (Folder(program, Given::kFailedOpen).fold(rule.root) != false) return true;
  if (find_field(fields, rule, [](const event::FieldUse& use) { return is_told_at_exit(use.field->name); }) != nullptr)
    return true;
  const auto told = [&](std::uint32_t slot) {
    const auto& [use, call] = program.slots[slot];
    return call || is_told_at_exit(use.field->name) || use.field->name == "fd.num";
  };
  return compares_fd_number(program, rule.root) ||
         std::ranges::any_of(rule.output_fields, [&](const program::OutputField& output) {
           if (!output.format) return told(output.slot);
           return std::ranges::any_of(program.formats[*output.format],
                                      [&](const program::OutputPart& part) { return part.slot && told(*part.slot); });
         });
}

Availability assess_rule(const Program& program, const Fields& fields, const program::Rule& rule,
                         const Capabilities& capabilities) {
  using State = Availability::State;
  if (rule.source != "syscall") return {State::kInactive, "source " + rule.source};
  if (rule.events.none() || Folder(program, Given::kNothing).fold(rule.root) == false)
    return {State::kInactive, "never true by its own text"};
  if (rule.asked.none()) return {State::kInactive, "never true once opening is opening"};
  if (rule.decided_in_kernel) return {State::kActive, {}};
  const event::EventSet seen = rule.events & (rule.any_event ? capabilities.events : capabilities.events | capabilities.generic);
  if (seen.none()) return {State::kInactive, "events: " + join(rule.events)};
  const event::FieldUse* lacking = missing_field(fields, rule, seen);
  if (lacking == nullptr) lacking = foreign_param(program, fields, rule, seen);
  if (lacking != nullptr) return {State::kInactive, "fields: " + lacking->text()};
  if (seen == rule.events) return {State::kActive, {}};
  if (rule.any_event) return {State::kPartial, "all events but " + join(capabilities.events)};
  return {State::kPartial, join(rule.events & ~seen)};
}

}  // namespace

void assess(Program& program, const Capabilities& capabilities) {
  event::EventSet exec;
  exec.set(event::index(event::EventType::kExecve));
  exec.set(event::index(event::EventType::kExecveat));
  const Fields fields = fields_of(program);
  for (program::Rule& rule : program.rules) {
    rule.availability = assess_rule(program, fields, rule, capabilities);
    rule.wants_open_result = wants_open_result(program, fields, rule);
    rule.wants_failed_exec = (rule.events & exec).any() && Folder(program, Given::kFailed).fold(rule.root) != false;
  }
  program.index_rules();
}

}  // namespace shrike::compile
