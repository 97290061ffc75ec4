// SPDX-License-Identifier: Apache-2.0
// One event as a file tells it (docs/testing_rules.md): a flat object of field → value, from JSON or YAML to a RecordedEvent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/event/field.h"
#include "engine/event/recorded.h"

namespace shrike::app {

// What is wrong with a line or a suite, and at which byte of it.
struct Flaw {
  std::string message;
  std::string hint;  // what would work; may be empty
  std::size_t offset = 0;

  bool operator==(const Flaw&) const = default;
};

// A value before its field has given it a type.
struct Given {
  struct Bytes {  // {"base64": "…"}, decoded
    std::string text;
  };
  using List = std::vector<Given>;
  using Data = std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string, Bytes, List>;
  Data data;
  std::size_t offset = 0;  // where it starts
};

struct Member {
  std::string key;
  std::size_t offset = 0;
  Given value;
};

// One JSON object, flat but for {"base64": "…"} and arrays of plain values. Strict: RFC 8259, valid UTF-8, no key twice, integers
// within 64 bits.
std::expected<std::vector<Member>, Flaw> parse_flat_json(std::string_view line);

// The bytes of standard base64, padded; nothing if it is none.
std::optional<std::string> decode_padded(std::string_view text);

inline constexpr std::size_t kMaxKeys = 4096;  // of an event; there are some 300 fields, a few of them with keys

// Fills `event` with the members; errors name the member at fault. `evt.type` must be a known one, if it is there; `evt.time` is
// a number, epoch ns; a null leaves its field absent.
std::expected<void, Flaw> fill(event::RecordedEvent& event, const std::vector<Member>& members);

// The field of a key as rules spell it: `evt.arg.flags`, `proc.aname[2]`, `proc.env[HOME]`.
std::expected<event::FieldUse, Flaw> field_of_key(std::string_view key, std::size_t offset);

}  // namespace shrike::app
