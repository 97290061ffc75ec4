// SPDX-License-Identifier: Apache-2.0
// The field catalogue: one row per field a rule may name. Type checks, getters, `shrike fields` and the documentation read this.
// Meanings as in rule-language.md 4.2, 4.4 and 4.5.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "engine/base/arena.h"
#include "engine/base/result.h"
#include "engine/event/context.h"
#include "engine/event/event.h"
#include "engine/event/value.h"

namespace shrike::event {

enum class Type : std::uint8_t {
  kString,
  kInt,
  kUint,
  kBool,
  kTime,
  kDuration,
  kPort,
  kIp,
  kNet,
  kBuffer,
  kDouble,  // constants are integers
  kOpaque,  // a raw parameter that can't be compared: only `exists`
};
std::string_view spelling(Type type);

// What may stand in the brackets, or behind the last dot.
enum class ArgumentKind : std::uint8_t {
  kNone,
  kOptionalIndex,   // proc.aname, proc.aname[2]
  kRequiredIndex,   // evt.around[1700000000000000000]
  kOptionalKey,     // proc.env, proc.env[HOME]
  kRequiredKey,     // container.mount.dest[/proc*]
  kParameter,       // evt.arg.name, evt.arg[0]
  kRawParameter,    // evt.rawarg.name
  kEventType,       // evt.type.is.open
  kSuffix,          // thread.cgroup.cpu
  kOptionalSuffix,  // evt.abspath, evt.abspath.src
};

// Where a value comes from; the first that is true of the field.
enum class Origin : std::uint8_t {
  kKernel,          // a kernel object, at the time of the event
  kUserMemory,      // what the program passed: it can lie, and change after the call
  kProcessTable,    // recorded at fork and exec
  kHostFiles,       // /etc/passwd, /etc/group: the host's, of a process in a container the container's
  kEngine,          // made by the engine: numbers, times, names
  kNothing,         // deprecated: always absent, in Falco too
  kContainerFiles,  // state files of container runtimes; of a host process what Falco has for one
  kNotCaptured,     // known to the language; nothing supplies it in this version
};
std::string_view spelling(Origin origin);

enum FieldFlag : std::uint8_t {
  kConditionOnly = 1U << 0U,  // can't stand in an output
  kNoRhs = 1U << 1U,          // not with val()
  kNoTransform = 1U << 2U,
  kExistential = 1U << 3U,  // several values, one match is enough (proc.aname without index)
  kBothEnds = 1U << 4U,     // as kExistential, but != needs both to differ (fd.ip, fd.net, fd.port)
  kDeprecated = 1U << 5U,
  kList = 1U << 6U,    // its value is a list, compared as a whole: `in` wants every item, `intersects` one (fd.types)
  kWithin = 1U << 7U,  // `=` is its only operator besides `exists` and holds up to the constant (evt.around)
};

// Does `shrike fields` list it?
enum class Listing : std::uint8_t { kListed, kHidden, kOutputOnly };

// How an output prints a number.
enum class Display : std::uint8_t { kDecimal, kHex, kPadded };  // kPadded: nine digits, of what is below a second

struct Argument {
  std::string text;                    // as written; empty if none
  std::optional<std::uint64_t> index;  // if it is a number
  bool present = false;

  bool operator==(const Argument&) const = default;
};

struct Extraction {
  const Event& event;
  const Context& context;
  Arena& arena;
  const Argument& argument;
};

using Getter = Value (*)(const Extraction&);

struct Field {
  std::string_view name;
  Type type = Type::kString;
  ArgumentKind argument = ArgumentKind::kNone;
  std::uint8_t flags = 0;
  Origin origin = Origin::kNotCaptured;
  std::string_view meaning;
  Getter get = nullptr;    // null where origin is kNotCaptured
  std::uint8_t bits = 64;  // of a number
  Listing listing = Listing::kListed;
  Display display = Display::kDecimal;

  bool has(FieldFlag flag) const { return (flags & flag) != 0; }

  // What a constant compared with a number must lie in.
  std::int64_t min() const { return type == Type::kInt ? -static_cast<std::int64_t>(max()) - 1 : 0; }
  std::uint64_t max() const {
    const unsigned used = type == Type::kPort ? 16U : type == Type::kInt ? bits - 1U : bits;
    return ~std::uint64_t{0} >> (64U - used);
  }
};

std::span<const Field> fields();

struct FieldUse {
  const Field* field = nullptr;
  Argument argument;

  // As in a rule: "proc.aname[2]", "evt.arg.name".
  std::string text() const;
  bool operator==(const FieldUse&) const = default;
};

// Finds the field `name` (with its dotted parameter, if it takes one) and checks the bracket argument.
// Errors: kNotFound for an unknown field or parameter, kInvalid for a missing or wrong argument.
Result<FieldUse> resolve_field(std::string_view name, const std::optional<std::string>& argument);

// extract() of an event that was recorded (Event::recorded).
Value recorded_value(const FieldUse& use, const Event& event, const Context& context, Arena& arena);

// The field's value for the event; views live as long as event, process table entry and arena.
inline Value extract(const FieldUse& use, const Event& event, const Context& context, Arena& arena) {
  if (event.recorded != nullptr) [[unlikely]] {
    return recorded_value(use, event, context, arena);
  }
  return use.field->get == nullptr ? Value() : use.field->get({event, context, arena, use.argument});
}

// Bytes as text: those that are no printable ASCII as dots.
std::string dotted(std::string_view bytes);

// Text as an alert prints it: values of some fields have a spelling of their own (IP sets, times, buffers).
std::string field_text(const FieldUse& use, const Value& value);

}  // namespace shrike::event
