// SPDX-License-Identifier: Apache-2.0
// A Call is a transformer and its arguments, typed and ready to be asked. What it means is rule-language.md 2.8; apply() is the
// one place that says so.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/base/arena.h"
#include "engine/event/value.h"

namespace shrike::program {

enum class Function : std::uint8_t { kTolower, kToupper, kB64, kBasename, kLen, kJoin, kConcat, kGetopt };
std::optional<Function> find_function(std::string_view name);
std::string_view spelling(Function function);

// An argument: the value of a slot, a constant, or a list of them.
struct CallArgument {
  std::variant<std::uint32_t, std::string, std::vector<CallArgument>> node;

  bool operator==(const CallArgument&) const = default;
};

struct Call {
  Function function = Function::kTolower;
  std::vector<CallArgument> arguments;
  std::optional<char> option;  // getopt(…)[c]

  bool operator==(const Call&) const = default;
};

// The call's value for its arguments' values, in order; absent if one of them is. What it has to build lives in the arena.
// Further names of an argument (Value::also) become further names of the result.
event::Value apply(const Call& call, std::span<const event::Value> arguments, Arena& arena);

}  // namespace shrike::program
