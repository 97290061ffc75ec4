// SPDX-License-Identifier: Apache-2.0
// Alert is what leaves the engine: a value of its own, nothing in it is borrowed.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace shrike::act {

// A field's value, typed as JSON has it. monostate: absent (null).
using FieldValue = std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string, std::vector<std::string>>;

struct Alert {
  std::uint64_t time_ns = 0;  // of the event, epoch
  std::uint8_t priority = 7;  // 0 emergency … 7 debug
  std::string rule;
  std::string source;   // "syscall"; "internal" for the engine's own notices
  std::string message;  // the rule's output with its fields in; bytes as they came, escaping is the encoder's
  std::vector<std::string> tags;
  std::vector<std::pair<std::string, FieldValue>> fields;  // output_fields, without evt.time
  // What encodings beyond Falco's need to know of the event, whatever the rule's output names: catalogue fields, those it has.
  // Only if a sink asks (event::Context::facts, engine/act/facts.h); sorted by name.
  std::vector<std::pair<std::string, FieldValue>> facts;
  std::string hostname;
  std::string id;       // UUIDv7
  std::string verdict;  // alert, would_block, blocked, would_kill, killed; empty for internal notices
  // Of a verdict, any but "alert":
  std::string hook;              // that decided: "file_open"
  int error_number = 0;          // what the call failed with because of this rule: EPERM, or 0
  std::uint32_t generation = 0;  // of the policy

  bool operator==(const Alert&) const = default;
};

}  // namespace shrike::act
