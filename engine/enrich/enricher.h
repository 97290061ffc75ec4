// SPDX-License-Identifier: Apache-2.0
// Enricher gives an event its process: from the table, or, if its exec record was lost, from what /proc still says; and its
// cgroup's path and container.
#pragma once

#include <cstdint>

#include "engine/enrich/cgroups.h"
#include "engine/enrich/containers.h"
#include "engine/enrich/proc_reader.h"
#include "engine/enrich/process_table.h"
#include "engine/event/event.h"

namespace shrike::enrich {

class Enricher {
 public:
  struct Counters {
    std::uint64_t recovered = 0;  // processes read from /proc because their fork or their last exec was lost
    std::uint64_t unknown = 0;    // events without a process
  };

  Enricher(ProcessTable& table, const ProcReader& proc, Cgroups& cgroups, Containers& containers)
      : table_(table), proc_(proc), cgroups_(cgroups), containers_(containers) {}

  // Sets event.process, and event.cgroup and event.container of what rules may be asked about; applies changes of processes and
  // cgroups to the tables. An executable
  // keeps event.names. The process of an exec that is only being checked is its caller, as it is.
  void enrich(event::Event& event);

  // The process of an event that is told in short, if enrich() would find nothing to read and nothing to do; null: not so.
  const event::Process* known(std::uint32_t pid, std::uint64_t start_ns, std::uint32_t exec_id, std::uint64_t cgroup_id) const;

  // For an alert: reads the facts of the event's container if they are missing. True: they have come.
  bool look_again(const event::Event& event) { return event.container != nullptr && containers_.look_again(*event.container); }

  // From now on exec records carry the environment, and processes that were there before are asked for theirs.
  void capture_environments(bool yes) { environments_ = yes; }

  const Counters& counters() const { return counters_; }

 private:
  void apply(event::Event& event, const event::CgroupChange& change);
  const event::Process* apply(const event::Event& event, const event::ProcessChange& change);
  void find_process(event::Event& event);
  bool recover(const event::Event& event, std::uint32_t pid, std::uint64_t start_ns);

  ProcessTable& table_;
  const ProcReader& proc_;
  Cgroups& cgroups_;
  Containers& containers_;
  bool environments_ = false;
  Counters counters_;
};

}  // namespace shrike::enrich
