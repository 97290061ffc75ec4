// SPDX-License-Identifier: Apache-2.0
// RecordedEvent is an event as an event file or a test suite tells it: values by field, and what follows from them. Nothing else
// is known of it: extract() answers from here, and no getter but those of evt.num, evt.time, evt.type and
// syscall.type is asked: from the last two the events of a rule are inferred.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/base/arena.h"
#include "engine/event/event.h"
#include "engine/event/field.h"
#include "engine/event/value.h"

namespace shrike::event {

class RecordedEvent {
 public:
  // Forgets all, to be filled again.
  void clear();

  void set_type(EventType type) { type_ = type; }
  void set_time(std::uint64_t epoch_ns) { time_ns_ = epoch_ns; }
  void set_number(std::uint64_t number) { number_ = number; }
  // What the event lacked when it was recorded.
  void set_gaps(const Gaps& gaps) { gaps_ = gaps; }
  // A further name of proc.exepath, where fd.names are not; copied.
  void add_exe_name(std::string_view name);

  // The field's value, of the field's type; texts and lists are copied. Of fields without index that may have several values
  // (kExistential, kBothEnds) it is a list. Parameters of bytes (evt.arg.data) become dotted(), as their texts are.
  void set(const FieldUse& use, const Value& value);
  bool has(const FieldUse& use) const { return find(*use.field, use.argument) != nullptr; }

  // The event, borrowing from this.
  Event event() const;

  // What was set; or what follows from it: proc.aname[N] and proc.pname from proc.aname; fd.ip, fd.net and fd.port from their
  // ends; fd.cnet, fd.snet, fd.lnet and fd.rnet from the address of the same end. Else absent. fd.names are further names of
  // fd.name, or of an exec's proc.exepath.
  Value value(const FieldUse& use, Arena& arena) const;

  std::optional<std::uint64_t> time() const { return time_ns_; }

 private:
  struct Entry {
    const Field* field = nullptr;
    Argument argument;
    Value value;
  };

  const Value* find(const Field& field, const Argument& argument) const;
  const Value* find(std::string_view field) const;
  Value derived(const FieldUse& use, Arena& arena) const;
  ValueList parts_of_names(std::string_view field, Arena& arena) const;
  Value ends(std::string_view suffix, Arena& arena) const;
  Value copy(const Value& value);

  EventType type_ = EventType::kNone;
  std::uint64_t number_ = 0;
  std::optional<std::uint64_t> time_ns_;
  std::vector<Entry> entries_;
  std::vector<std::string_view> names_;  // fd.names
  ValueList name_values_;                // the same
  std::vector<Value> exe_names_;         // of proc.exepath
  Gaps gaps_;
  Arena texts_;
};

}  // namespace shrike::event
