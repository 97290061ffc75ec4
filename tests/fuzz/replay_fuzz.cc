// SPDX-License-Identifier: Apache-2.0
// An event file by a stranger: each line is an event, a loss, or a flaw with its place; every value the event has can be had.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "engine/app/event_file.h"
#include "engine/app/recorded_world.h"
#include "engine/base/arena.h"
#include "engine/event/field.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace shrike;
  static app::RecordedWorld world("host");
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  event::RecordedEvent event;
  std::uint64_t number = 0;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    const auto read = app::read_event_line(line, ++number, event);
    if (!read) {
      if (read.error().message.empty() || read.error().offset > line.size()) std::abort();
      continue;
    }
    if (!std::holds_alternative<app::Told>(*read)) continue;
    const event::Event told = event.event();
    Arena arena;
    for (const event::Field& field : event::fields()) {
      const auto use = event::resolve_field(field.name, std::nullopt);
      if (use) (void)event::field_text(*use, event::extract(*use, told, world.context, arena));
    }
  }
  return 0;
}
