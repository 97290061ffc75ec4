// SPDX-License-Identifier: Apache-2.0
#include "engine/enrich/enricher.h"

namespace shrike::enrich {

using event::ProcessChange;

namespace {

// Has the process run another program since the table heard of it? Both count up, and may go round.
bool exec_missed(const event::Process& process, const event::Event& event) {
  return static_cast<std::int32_t>(event.exec_id - process.exec_id) > 0;
}

}  // namespace

void Enricher::enrich(event::Event& event) {
  if (const auto* change = std::get_if<event::CgroupChange>(&event.payload)) return apply(event, *change);
  if (event.type != event::EventType::kNone || event.verdict) {
    event.cgroup = cgroups_.path(event.cgroup_id);
    event.container = containers_.find(event.cgroup_id, event.cgroup, event.pid, event.boot_ns);
  }
  if (const auto* change = std::get_if<ProcessChange>(&event.payload);
      change != nullptr && change->kind != ProcessChange::Kind::kExecCheck) {
    event.process = apply(event, *change);
    return;
  }
  if (std::holds_alternative<event::ProcessExit>(event.payload)) {
    event.process = table_.apply(event, {}, 0);
    return;
  }
  find_process(event);
}

const event::Process* Enricher::known(std::uint32_t pid, std::uint64_t start_ns, std::uint32_t exec_id,
                                      std::uint64_t cgroup_id) const {
  if (!cgroups_.knows(cgroup_id)) return nullptr;
  const event::Process* process = table_.find(pid, start_ns);
  return process != nullptr && process->exec_id == exec_id ? process : nullptr;
}

void Enricher::find_process(event::Event& event) {
  event.process = table_.see(event);
  if (event.process == nullptr || exec_missed(*event.process, event)) [[unlikely]] {
    recover(event, event.pid, event.start_ns);
    event.process = table_.find(event.pid, event.start_ns);
    if (event.process == nullptr) ++counters_.unknown;
  }
}

void Enricher::apply(event::Event& event, const event::CgroupChange& change) {
  if (change.removed) {
    containers_.removed(change.id);
    return;
  }
  find_process(event);
  if (!change.path.empty()) cgroups_.add(change.id, change.path);
  containers_.made(change.id, cgroups_.path(change.id), event.process, event.creds.uid, event.cgroup_id);
}

const event::Process* Enricher::apply(const event::Event& event, const ProcessChange& change) {
  switch (change.kind) {
    case ProcessChange::Kind::kExisting: {
      const event::Process* known = table_.find(event.pid, event.start_ns);
      const bool same = known != nullptr && known->exec_id == event.exec_id;
      const bool ask_environment = environments_ && !(same && known->image->environment().known);
      ProcReader::Arguments arguments;
      if (!same || known->image->file() != change.file) arguments = proc_.arguments(event.pid, event.start_ns);
      return table_.apply(event, arguments.bytes, arguments.total,
                          ask_environment ? proc_.environment(event.pid, event.start_ns) : event::Environment());
    }
    case ProcessChange::Kind::kFork: {
      const event::Process* parent = table_.find(change.parent_pid, change.parent_start_ns);
      // Its exec_id is the parent's at the fork.
      if (parent == nullptr || exec_missed(*parent, event)) [[unlikely]] {
        if (!recover(event, change.parent_pid, change.parent_start_ns)) recover(event, event.pid, event.start_ns);
      }
      return table_.apply(event, {}, 0);
    }
    default:
      return table_.apply(event, std::string(change.args), change.args_total,
                          {.known = environments_, .bytes = std::string(change.environment), .total = change.environment_total});
  }
}

// Looks at /proc for the process `pid`, the event's or the one that forked it: its fork or its last exec was lost. False if
// it is gone, or another has its pid: then what it runs is unknown.
bool Enricher::recover(const event::Event& event, std::uint32_t pid, std::uint64_t start_ns) {
  const ProcReader::Snapshot snapshot = proc_.snapshot(pid, start_ns);
  event::Event found = event;
  found.pid = pid;
  found.start_ns = start_ns;
  if (snapshot.comm.empty()) {
    table_.forget_image(found);
    return false;
  }
  ++counters_.recovered;
  found.names = {};  // the event's object's, not the executable's
  found.sid = snapshot.sid;
  ProcessChange change;
  change.kind = ProcessChange::Kind::kExisting;
  change.pgid = snapshot.pgid;
  if (const auto* fork = std::get_if<ProcessChange>(&event.payload); fork != nullptr && pid == event.pid) {
    change.parent_pid = fork->parent_pid;
    change.parent_start_ns = fork->parent_start_ns;
  } else {
    change.parent_pid = snapshot.ppid;
    if (const event::Process* parent = table_.find(snapshot.ppid); parent != nullptr) change.parent_start_ns = parent->start_ns;
  }
  change.comm = snapshot.comm;
  change.exe_path = snapshot.exe_path;
  change.cwd = snapshot.cwd;
  found.payload = change;
  table_.apply(found, snapshot.arguments.bytes, snapshot.arguments.total,
               environments_ ? proc_.environment(pid, start_ns) : event::Environment());
  return true;
}

}  // namespace shrike::enrich
