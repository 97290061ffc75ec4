// SPDX-License-Identifier: Apache-2.0
#include "engine/enrich/process_table.h"

#include <utility>
#include <vector>

namespace shrike::enrich {

using event::Image;
using event::Process;
using event::ProcessChange;

namespace {

std::vector<std::string> names_of(const event::Event& event) { return {event.names.begin(), event.names.end()}; }

}  // namespace

ProcessTable::ProcessTable(Options options) : options_(options) {}
ProcessTable::~ProcessTable() = default;

const Process* ProcessTable::apply(const event::Event& event, const std::string& args, std::uint32_t args_total) {
  if (std::holds_alternative<event::ProcessExit>(event.payload)) {
    Node* ended = node(event.pid, event.start_ns);
    if (ended != nullptr && !ended->dead) kill(*ended);
    reap();
    return node(event.pid, event.start_ns);
  }
  const auto* change = std::get_if<ProcessChange>(&event.payload);
  if (change == nullptr) return nullptr;
  if (change->kind == ProcessChange::Kind::kExecCheck) return node(event.pid, event.start_ns);  // not run yet

  Node* known = node(event.pid, event.start_ns);
  const bool is_new = known == nullptr;
  Node& process = is_new ? insert({event.pid, event.start_ns}) : *known;
  process.scan = scan_;
  process.sid = event.sid;
  process.pgid = change->pgid;
  process.vpid = change->vpid;
  process.vpgid = change->vpgid;
  process.pidns_init_start_ns = change->pidns_init_start_ns;
  process.loginuid = event.creds.loginuid;
  // Ancestry is as recorded at fork: a later reparenting does not change it.
  if (process.parent_node == nullptr) {
    process.ppid = change->parent_pid;
    process.parent_start_ns = change->parent_start_ns;
    link(process);
    if (change->kind == ProcessChange::Kind::kFork && process.parent_node == nullptr) ++counters_.parent_unknown;
  }

  switch (change->kind) {
    case ProcessChange::Kind::kExecCheck:
      break;
    case ProcessChange::Kind::kFork:
      // The child runs what its parent runs, whatever name the forking thread gave itself.
      if (is_new && process.parent_node != nullptr) {
        process.image = process.parent_node->image;
        break;
      }
      if (!is_new) break;  // the fork's record came after the child's own exec
      [[fallthrough]];
    case ProcessChange::Kind::kExec:
    case ProcessChange::Kind::kExisting:
      // A rescan that finds the same executable says nothing new: name and arguments are the process's to change by now.
      if (change->kind == ProcessChange::Kind::kExisting && !is_new && process.image->file() == change->file) break;
      set_image(process, std::make_shared<const Image>(std::string(change->comm), std::string(change->exe_path), args, args_total,
                                                       std::string(change->cwd), change->file, names_of(event)));
      break;
  }
  if (change->kind == ProcessChange::Kind::kFork && is_new) cut_beyond_reach(process);
  if (nodes_.size() > options_.max_processes || image_bytes_ > options_.max_image_bytes) evict();
  return node(event.pid, event.start_ns);
}

const Process* ProcessTable::find(std::uint32_t pid) const {
  const auto found = living_.find(pid);
  return found == living_.end() ? nullptr : found->second;
}

const Process* ProcessTable::find(std::uint32_t pid, std::uint64_t start_ns) const { return node(pid, start_ns); }

void ProcessTable::end_scan(std::uint64_t scan_start_ns) {
  std::vector<Node*> gone;
  for (const auto& [id, entry] : nodes_) {
    if (!entry->dead && entry->scan != scan_ && entry->start_ns < scan_start_ns) gone.push_back(entry.get());
    if (entry->parent_node == nullptr) link(*entry);
  }
  for (Node* entry : gone) kill(*entry);
  reap();
}

ProcessTable::Node* ProcessTable::node(std::uint32_t pid, std::uint64_t start_ns) const {
  const auto found = nodes_.find({pid, start_ns});
  return found == nodes_.end() ? nullptr : found->second.get();
}

ProcessTable::Node& ProcessTable::insert(Identity id) {
  // A pid that is reused while we missed the exit of its last owner.
  if (const auto old = living_.find(id.pid); old != living_.end()) kill(*old->second);
  auto owned = std::make_unique<Node>();
  Node& process = *owned;
  process.pid = id.pid;
  process.start_ns = id.start_ns;
  static const auto kUnknown = std::make_shared<const Image>("<NA>", "", "", 0, "", event::FileIdentity{});
  process.image = kUnknown;  // shared by all, counted by none
  nodes_.emplace(id, std::move(owned));
  living_[id.pid] = &process;
  return process;
}

void ProcessTable::link(Node& child) {
  Node* parent = node(child.ppid, child.parent_start_ns);
  // A parent is older than its child; so no chain can lead back to where it began.
  if (parent == nullptr || parent->start_ns >= child.start_ns) return;
  child.parent_node = parent;
  child.parent = parent;
  if (child.parent_image == nullptr) child.parent_image = parent->image;  // else its first parent's was recorded
  child.next_sibling = parent->first_child;
  if (parent->first_child != nullptr) parent->first_child->previous_sibling = &child;
  parent->first_child = &child;
}

void ProcessTable::unlink(Node& child) {
  if (child.parent_node == nullptr) return;
  if (child.previous_sibling != nullptr) child.previous_sibling->next_sibling = child.next_sibling;
  if (child.next_sibling != nullptr) child.next_sibling->previous_sibling = child.previous_sibling;
  if (child.parent_node->first_child == &child) child.parent_node->first_child = child.next_sibling;
  child.parent_node = nullptr;
  child.parent = nullptr;
  child.next_sibling = child.previous_sibling = nullptr;
}

// Rules look at kMaxAncestors at most. A longer line of the dead is of no use, and a process that forks and ends, over and over,
// would make it longer for ever.
void ProcessTable::cut_beyond_reach(Node& youngest) {
  Node* at = &youngest;
  for (int level = 0; level < event::kMaxAncestors; ++level) {
    at = at->parent_node;
    if (at == nullptr) return;
  }
  Node* beyond = at->parent_node;
  if (beyond == nullptr || !beyond->dead) return;
  ++counters_.evicted;
  unlink(*at);
  if (beyond->first_child == nullptr && !beyond->recent) erase(*beyond);
}

// Counts a new image's bytes with its first owner; let_go takes them back with its last.
void ProcessTable::set_image(Node& owner, std::shared_ptr<const Image> image) {
  let_go(owner.image);
  image_bytes_ += image->bytes();
  owner.image = std::move(image);
}

// Who holds an image: the processes that run it, and those whose parents ran it when they forked them.
void ProcessTable::let_go(std::shared_ptr<const Image>& image) {
  if (image != nullptr && image.use_count() == 1) image_bytes_ -= image->bytes();
  image.reset();
}

void ProcessTable::kill(Node& ended) {
  ended.dead = true;
  ended.recent = true;
  if (const auto found = living_.find(ended.pid); found != living_.end() && found->second == &ended) living_.erase(found);
  recent_dead_.push_back({ended.pid, ended.start_ns});
}

// Removes the node; ancestors that only it kept go with it.
void ProcessTable::erase(Node& node_to_erase) {
  Node* at = &node_to_erase;
  while (at != nullptr) {
    Node* up = at->parent_node;
    unlink(*at);
    while (at->first_child != nullptr) unlink(*at->first_child);
    if (const auto found = living_.find(at->pid); found != living_.end() && found->second == at) living_.erase(found);
    let_go(at->image);
    let_go(at->parent_image);
    nodes_.erase({at->pid, at->start_ns});
    at = up != nullptr && up->dead && !up->recent && up->first_child == nullptr ? up : nullptr;
  }
}

void ProcessTable::reap() {
  while (recent_dead_.size() > options_.recent_dead) {
    const Identity id = recent_dead_.front();
    recent_dead_.pop_front();
    Node* ended = node(id.pid, id.start_ns);
    if (ended == nullptr || !ended->dead) continue;
    ended->recent = false;
    if (ended->first_child == nullptr) {
      erase(*ended);
    } else {
      dead_parents_.push_back(id);
    }
  }
  // Names of nodes that went with their last descendant pile up; drop them before they outnumber the table.
  if (dead_parents_.size() > nodes_.size() + options_.recent_dead) {
    std::erase_if(dead_parents_, [&](const Identity& id) {
      const Node* entry = node(id.pid, id.start_ns);
      return entry == nullptr || !entry->dead;
    });
  }
}

void ProcessTable::evict() {
  const auto take = [&](std::deque<Identity>& from) {
    while ((nodes_.size() > options_.max_processes || image_bytes_ > options_.max_image_bytes) && !from.empty()) {
      const Identity id = from.front();
      from.pop_front();
      Node* entry = node(id.pid, id.start_ns);
      if (entry == nullptr || !entry->dead) continue;
      if (entry->first_child != nullptr) ++counters_.evicted;
      erase(*entry);
    }
  };
  take(dead_parents_);
  take(recent_dead_);
  // Only the living are left: the table is too small for the host. The one whose turn it is in the map goes.
  while (nodes_.size() > options_.max_processes) {
    ++counters_.evicted;
    erase(*nodes_.begin()->second);
  }
}

}  // namespace shrike::enrich
