// SPDX-License-Identifier: Apache-2.0
#include "engine/act/facts.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "engine/base/arena.h"
#include "engine/event/field.h"

namespace shrike::act {
namespace {

constexpr std::string_view kNames[] = {
    "container.full_id",
    "container.id",
    "container.image.digest",
    "container.image.id",
    "container.image.repository",
    "container.image.tag",
    "container.name",
    "container.privileged",
    "container.type",
    "evt.is_open_create",
    "evt.is_open_write",
    "evt.res",
    "evt.type",
    "fd.cip",
    "fd.cport",
    "fd.directory",
    "fd.filename",
    "fd.ino",
    "fd.is_server",
    "fd.l4proto",
    "fd.name",
    "fd.sip",
    "fd.sport",
    "fd.type",
    "fs.path.name",
    "fs.path.source",
    "fs.path.target",
    "group.gid",
    "group.name",
    "k8s.ns.name",
    "k8s.pod.name",
    "k8s.pod.uid",
    "proc.args",
    "proc.cmdline",
    "proc.cmdnargs",
    "proc.cwd",
    "proc.exe",
    "proc.exepath",
    "proc.name",
    "proc.pcmdline",
    "proc.pexepath",
    "proc.pid",
    "proc.pid.ts",
    "proc.pname",
    "proc.ppid",
    "proc.ppid.ts",
    "proc.sid",
    "proc.tty",
    "proc.vpid",
    "thread.tid",
    "user.loginname",
    "user.loginuid",
    "user.name",
    "user.uid",
};
static_assert(std::ranges::is_sorted(kNames));

constexpr std::uint64_t kArgumentsMax = 256;  // proc.cmdnargs tells how many there were

const std::vector<event::FieldUse>& uses() {
  static const std::vector<event::FieldUse> all = [] {
    std::vector<event::FieldUse> found;
    for (const std::string_view name : kNames) found.push_back(event::resolve_field(name, std::nullopt).value());
    return found;
  }();
  return all;
}

FieldValue typed(const event::Value& value) {
  if (const auto* flag = std::get_if<bool>(&value.data)) return *flag;
  if (const auto* number = std::get_if<std::int64_t>(&value.data)) return *number;
  if (const auto* number = std::get_if<std::uint64_t>(&value.data)) return *number;
  if (const auto* number = std::get_if<double>(&value.data)) return *number;
  return event::to_text(value);
}

std::vector<std::string> arguments(event::FieldUse use, std::uint64_t count, const event::Event& event,
                                   const event::Context& context, Arena& arena) {
  std::vector<std::string> all;
  use.argument.present = true;
  for (std::uint64_t i = 0; i < std::min(count, kArgumentsMax); ++i) {
    use.argument.index = i;
    use.argument.text = std::to_string(i);
    const event::Value one = event::extract(use, event, context, arena);
    if (one.absent()) return {};  // a recording has them as one text alone
    all.push_back(event::to_text(one));
  }
  return all;
}

// A value that is none: getters of names tell an unknown one as Falco does.
bool says_nothing(const event::Field& field, const event::Value& value) {
  const auto* text = std::get_if<std::string_view>(&value.data);
  if (text == nullptr) return value.absent();
  return text->empty() || (*text == "<NA>" && (field.origin == event::Origin::kHostFiles || field.name == "fd.l4proto"));
}

}  // namespace

std::span<const std::string_view> fact_names() { return kNames; }

std::vector<std::pair<std::string, FieldValue>> facts_of(const event::Event& event, const event::Context& context) {
  Arena arena;
  std::vector<std::pair<std::string, FieldValue>> facts;
  facts.reserve(std::size(kNames));
  for (const event::FieldUse& use : uses()) {
    const event::Value value = event::extract(use, event, context, arena);
    if (says_nothing(*use.field, value)) continue;
    facts.emplace_back(use.field->name, typed(value));
    if (use.field->name != "proc.cmdnargs") continue;
    // As text it came before.
    const auto* count = std::get_if<std::uint64_t>(&value.data);
    const auto args = std::ranges::find(facts, "proc.args", &std::pair<std::string, FieldValue>::first);
    if (count == nullptr || args == facts.end()) continue;
    const auto use_of_args = std::ranges::find(uses(), "proc.args", [](const event::FieldUse& one) { return one.field->name; });
    std::vector<std::string> list = arguments(*use_of_args, *count, event, context, arena);
    if (!list.empty()) args->second = std::move(list);
  }
  return facts;
}

}  // namespace shrike::act
