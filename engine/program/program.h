// SPDX-License-Identifier: Apache-2.0
// Program is what a set of rules compiles to: a value that engine/compile makes and engine/match runs. Printable, comparable by
// its dump.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "engine/event/event_type.h"
#include "engine/event/field.h"
#include "engine/program/call.h"
#include "engine/program/predicate.h"

namespace shrike::program {

// A node of a condition: And and Or name `count` children from Program::children[first]; Not one; Check a predicate.
struct Node {
  enum class Kind : std::uint8_t { kAnd, kOr, kNot, kCheck };
  Kind kind = Kind::kCheck;
  std::uint32_t first = 0;  // into children; for kCheck the predicate
  std::uint32_t count = 0;
};

// A piece of an output: literal text, or the value of a slot, cut or padded to `width` bytes if that is not 0. Small, as each
// rule has some dozens.
struct OutputPart {
  std::optional<std::uint32_t> slot;
  std::uint32_t text = 0;  // in Program::texts; if there is no slot
  std::uint32_t width = 0;

  bool operator==(const OutputPart&) const = default;
};

// A field of output_fields: its key, as written in the template, and its slot; or a text with fields in it.
struct OutputField {
  std::uint32_t key = 0;                // in Program::texts
  std::uint32_t slot = 0;               // or:
  std::optional<std::uint32_t> format;  // in Program::formats

  bool operator==(const OutputField&) const = default;
};

// What this host can make of a rule.
struct Availability {
  enum class State : std::uint8_t { kActive, kPartial, kInactive };
  State state = State::kActive;
  std::string reason;  // partial: the missing events; inactive: why

  bool operator==(const Availability&) const = default;
};

struct Rule {
  std::string name;
  std::string condition;      // normal form, after expansion; empty if compile::Options does without
  std::uint8_t priority = 7;  // 0 emergency … 7 debug
  std::string source;
  std::vector<std::string> tags;  // sorted
  bool enabled = true;
  std::string action;              // alert, block, kill
  std::string mode;                // "", monitor, enforce
  std::string enforcement;         // of an enabled block or kill rule: enforced, monitored, not enforced: tier | mode; else ""
  bool decided_in_kernel = false;  // it alerts by the kernel's verdicts; the matcher is not to ask it
  std::uint32_t root = 0;
  std::vector<OutputPart> output;
  std::vector<OutputField> output_fields;  // each key once
  event::EventSet events;                  // inferred
  event::EventSet asked;                   // what it is asked about: those, and by Program::opening_is_opening more
  bool any_event = false;                  // names no event type: all of them
  bool wants_open_result = true;           // it could hold for an open that fails, or shows what only the end of the call tells
  bool wants_failed_exec = true;           // it could hold for an execve that fails; false only if its own text rules that out
  std::vector<std::string> condition_fields;  // sorted, as written
  Availability availability;
};

// A value the program asks for, at most once per event: a field, or a call over other slots.
struct Slot {
  event::FieldUse use;       // its `field` is null if this is a call
  std::optional<Call> call;  // all slots it names come before it
};

using FieldTest = std::function<bool(const event::FieldUse&)>;

struct Program {
  // Rules that name open, openat and openat2 mean every opening: open_by_handle_at, and io_uring's by the type it stands for.
  // False: rules are not asked about io_uring's.
  bool opening_is_opening = true;
  std::vector<Slot> slots;
  std::vector<Predicate> predicates;
  std::vector<Node> nodes;
  std::vector<std::uint32_t> children;
  std::deque<std::string> texts;                       // of outputs, each once
  std::vector<std::vector<OutputPart>> formats;        // likewise
  std::vector<Rule> rules;                             // in order of first definition; disabled and inactive ones too
  std::vector<std::vector<std::uint32_t>> rule_lists;  // rules that some event types are to be asked, in order
  std::vector<std::uint32_t> by_event;  // event type → its rule list; kNone, which events of files may be: all of them

  // Rebuilds by_event from the rules.
  void index_rules();
  // Rules to ask about such an event; only enabled ones that are not inactive, nor decided in the kernel.
  const std::vector<std::uint32_t>& asked(event::EventType type) const { return rule_lists[by_event[event::index(type)]]; }
  // Events some enabled, not inactive rule wants that the kernel does not decide.
  event::EventSet wanted_events() const;
  // Those of them that rules name: without the rules for any event.
  event::EventSet named_events() const;
  // Could such a rule hold for an execve or execveat that fails?
  bool wants_failed_exec() const;
  // Does such a rule need the end of open calls: their failures, their numbers, what was passed?
  bool wants_open_results() const;
  // Does such a rule read this field, whatever its index, or one for which `test` holds (in condition or output), for an event in
  // `types`? Of rules the kernel decides only the outputs count.
  bool uses_field(std::string_view field, const event::EventSet& types) const;
  bool uses_field(const FieldTest& test, const event::EventSet& types) const;

  // Whole paths that rules compare fd.name with.
  std::set<std::string> named_files() const;
  // Whole names that rules compare fd.*.name with.
  std::set<std::string> named_hosts() const;

  // A field or a call as in a rule, in normal form.
  std::string slot_text(std::uint32_t slot) const;

  std::string dump() const;

 private:
  std::vector<std::uint32_t> asked_predicates() const;
  bool shows_field(const OutputField& output, const FieldTest& test) const;
  bool reads_field(std::uint32_t slot, const FieldTest& test) const;
  bool reads_field(const std::vector<CallArgument>& arguments, const FieldTest& test) const;
};

// Value of a slot as an output prints it.
std::string value_text(const Slot& slot, const event::Value& value);

std::string_view priority_name(std::uint8_t priority);  // "Warning"

}  // namespace shrike::program
