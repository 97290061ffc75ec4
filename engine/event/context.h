// SPDX-License-Identifier: Apache-2.0
// Context is what fields need besides the event: names of users, other processes, this host. Implemented by engine/enrich.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "engine/event/process.h"
#include "engine/event/value.h"

namespace shrike::event {

class Names {
 public:
  virtual ~Names() = default;
  // The entry of the database; empty if there is none. Views live until the next refresh of the database.
  virtual std::string_view user_name(std::uint32_t uid) const = 0;
  virtual std::string_view group_name(std::uint32_t gid) const = 0;
  virtual std::string_view user_home(std::uint32_t) const { return {}; }
  virtual std::string_view user_shell(std::uint32_t) const { return {}; }
  // Those of the hosts named in rules that have this address.
  virtual std::span<const std::string_view> host_names(const IpAddress&) const { return {}; }
};

class Processes {
 public:
  virtual ~Processes() = default;
  // The living process of that pid, or null.
  virtual const Process* find(std::uint32_t pid) const = 0;
};

// Where there is no host to ask.
class NoNames final : public Names {
 public:
  std::string_view user_name(std::uint32_t) const override { return {}; }
  std::string_view group_name(std::uint32_t) const override { return {}; }
};
class NoProcesses final : public Processes {
 public:
  const Process* find(std::uint32_t) const override { return nullptr; }
};

struct Context {
  const Names& names;
  const Processes& processes;
  std::string hostname;
  std::int64_t wall_minus_boot_ns = 0;  // adds to boot times to give epoch ns
  // How alerts spell values.
  bool iso_time = false;        // time_format_iso_8601: evt.time as UTC in ISO 8601, not the local time of day
  bool base64_buffers = false;  // buffer_format_base64
  bool facts = false;           // alerts carry act::Alert::facts: a sink's encoding reads them
  // Events rules are asked about, by their time in epoch ns: the first one, this one, the one before it. 0: there is none.
  std::uint64_t first_ns = 0;
  std::uint64_t current_ns = 0;
  std::uint64_t previous_ns = 0;

  void begin(std::uint64_t time_ns) {
    if (first_ns == 0) first_ns = time_ns;
    previous_ns = current_ns;
    current_ns = time_ns;
  }
};

}  // namespace shrike::event
