// SPDX-License-Identifier: Apache-2.0
// Enricher gives an event its process: from the table, or, if its exec record was lost, from what /proc still says; and its
// cgroup's path.
#pragma once

#include <cstdint>

#include "engine/enrich/cgroups.h"
#include "engine/enrich/proc_reader.h"
#include "engine/enrich/process_table.h"
#include "engine/event/event.h"

namespace shrike::enrich {

class Enricher {
 public:
  struct Counters {
    std::uint64_t recovered = 0;  // processes read from /proc because the table did not know them
    std::uint64_t unknown = 0;    // events without a process
  };

  Enricher(ProcessTable& table, const ProcReader& proc, Cgroups& cgroups) : table_(table), proc_(proc), cgroups_(cgroups) {}

  // Sets event.process, and event.cgroup of what rules may be asked about; applies process changes to the table. An executable
  // keeps event.names. The process of an exec that is only being checked is its caller, as it is.
  void enrich(event::Event& event);

  // The process of an event that is told in short, if enrich() would find nothing to read and nothing to do; null: not so.
  const event::Process* known(std::uint32_t pid, std::uint64_t start_ns, std::uint64_t cgroup_id) const {
    return cgroups_.knows(cgroup_id) ? table_.find(pid, start_ns) : nullptr;
  }

  const Counters& counters() const { return counters_; }

 private:
  const event::Process* recover(const event::Event& event);

  ProcessTable& table_;
  const ProcReader& proc_;
  Cgroups& cgroups_;
  Counters counters_;
};

}  // namespace shrike::enrich
