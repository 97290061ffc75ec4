// SPDX-License-Identifier: Apache-2.0
#include "engine/enrich/enricher.h"

namespace shrike::enrich {

using event::ProcessChange;

void Enricher::enrich(event::Event& event) {
  if (const auto* change = std::get_if<event::CgroupChange>(&event.payload)) return apply(*change, event);
  if (event.type != event::EventType::kNone || event.verdict) {
    event.cgroup = cgroups_.path(event.cgroup_id);
    event.container = containers_.find(event.cgroup_id, event.cgroup, event.pid);
  }
  const auto* change = std::get_if<ProcessChange>(&event.payload);
  if (change != nullptr && change->kind != ProcessChange::Kind::kExecCheck) {
    if (change->kind == ProcessChange::Kind::kExisting) {
      const ProcReader::Arguments arguments = proc_.arguments(event.pid, event.start_ns);
      event.process = table_.apply(event, arguments.bytes, arguments.total);
    } else if (change->kind == ProcessChange::Kind::kFork &&
               table_.find(change->parent_pid, change->parent_start_ns) == nullptr) {
      event.process = recover(event);
      if (event.process == nullptr) event.process = table_.apply(event, {}, 0);
    } else {
      event.process = table_.apply(event, std::string(change->args), change->args_total);
    }
    return;
  }
  if (std::holds_alternative<event::ProcessExit>(event.payload)) {
    event.process = table_.apply(event, {}, 0);
    return;
  }
  event.process = table_.find(event.pid, event.start_ns);
  if (event.process == nullptr) event.process = recover(event);
  if (event.process == nullptr) ++counters_.unknown;
}

void Enricher::apply(const event::CgroupChange& change, event::Event& event) {
  if (change.removed) {
    containers_.removed(change.id);
    return;
  }
  event.process = table_.find(event.pid, event.start_ns);
  if (event.process == nullptr) event.process = recover(event);
  if (!change.path.empty()) cgroups_.add(change.id, change.path);
  containers_.made(change.id, cgroups_.path(change.id), event.process, event.creds.uid);
}

const event::Process* Enricher::recover(const event::Event& event) {
  const ProcReader::Snapshot snapshot = proc_.snapshot(event.pid, event.start_ns);
  if (snapshot.comm.empty()) return nullptr;  // gone
  ++counters_.recovered;
  event::Event found = event;
  found.names = {};  // the event's object's, not the executable's
  ProcessChange change;
  change.kind = ProcessChange::Kind::kExisting;
  change.parent_pid = event.ppid;
  if (const event::Process* parent = table_.find(event.ppid); parent != nullptr) change.parent_start_ns = parent->start_ns;
  change.comm = snapshot.comm;
  change.exe_path = snapshot.exe_path;
  change.cwd = snapshot.cwd;
  found.payload = change;
  return table_.apply(found, snapshot.arguments.bytes, snapshot.arguments.total);
}

}  // namespace shrike::enrich
