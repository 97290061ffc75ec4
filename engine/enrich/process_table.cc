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

// Shared by all, counted by none.
const std::shared_ptr<const Image>& unknown_image() {
  static const auto kUnknown = std::make_shared<const Image>("<NA>", "", "", 0, "", event::FileIdentity{});
  return kUnknown;
}

}  // namespace

ProcessTable::ProcessTable(Options options) : options_(options) {}
ProcessTable::~ProcessTable() = default;

const Process* ProcessTable::apply(const event::Event& event, const std::string& args, std::uint32_t args_total,
                                   event::Environment environment) {
  if (std::holds_alternative<event::ProcessExit>(event.payload)) {
    Node* ended = node(event.pid, event.start_ns);
    if (ended != nullptr && !ended->dead) kill(*ended);
    reap();
    return node(event.pid, event.start_ns);
  }
  const auto* change = std::get_if<ProcessChange>(&event.payload);
  if (change == nullptr) return nullptr;
  if (change->kind == ProcessChange::Kind::kExecCheck) return node(event.pid, event.start_ns);  // not run yet

  evict(node(event.pid, event.start_ns) == nullptr ? 1 : 0);
  Node* known = node(event.pid, event.start_ns);
  const bool is_new = known == nullptr;
  Node& process = is_new ? insert({event.pid, event.start_ns}) : *known;
  process.scan = scan_;
  join(process, event);

  switch (change->kind) {
    case ProcessChange::Kind::kExecCheck:
      break;
    case ProcessChange::Kind::kFork:
      // The child runs what its parent runs, whatever name the forking thread gave itself.
      if (is_new && process.parent_node != nullptr) {
        process.image = process.parent_node->image;
        process.exec_id = process.parent_node->exec_id;
        break;
      }
      if (!is_new) break;  // the fork's record came after the child's own exec
      run(process, event, args, args_total, std::move(environment));
      break;
    case ProcessChange::Kind::kExisting:
      // A rescan that finds the same program says nothing new: name and arguments are the process's to change by now. But it may
      // be the first to ask for the environment.
      if (!is_new && process.exec_id == event.exec_id && process.image->file() == change->file) {
        if (environment.known && !process.image->environment().known)
          set_image(process, std::make_shared<const Image>(*process.image, std::move(environment)));
        break;
      }
      run(process, event, args, args_total, std::move(environment));
      break;
    case ProcessChange::Kind::kExec:
      run(process, event, args, args_total, std::move(environment));
      break;
  }
  if (change->kind == ProcessChange::Kind::kFork && is_new) cut_beyond_reach(process);
  return &process;
}

// Who it belongs to, as the event has it, and once only: whose child it is.
void ProcessTable::join(Node& process, const event::Event& event) {
  const auto& change = std::get<ProcessChange>(event.payload);
  process.sid = event.sid;
  process.pgid = change.pgid;
  process.vpid = change.vpid;
  process.vpgid = change.vpgid;
  process.pidns_init_start_ns = change.pidns_init_start_ns;
  process.loginuid = event.creds.loginuid;
  // Ancestry is as recorded at fork: a later reparenting does not change it.
  if (process.parent_node != nullptr) return;
  if (process.parent_start_ns == 0) {
    process.ppid = change.parent_pid;
    process.parent_start_ns = change.parent_start_ns;
  }
  link(process);
  if (change.kind != ProcessChange::Kind::kFork) return;
  if (process.parent_node == nullptr) {
    ++counters_.parent_unknown;
    return;
  }
  // A child begins in its parent's session and group: so the parent is in these.
  process.parent_node->sid = event.sid;
  process.parent_node->pgid = change.pgid;
}

// The process runs what the event says.
void ProcessTable::run(Node& process, const event::Event& event, const std::string& args, std::uint32_t args_total,
                       event::Environment environment) {
  static constexpr std::size_t kCut = 256;
  const auto& change = std::get<ProcessChange>(event.payload);
  std::string_view kept = args;
  if (image_bytes_ > options_.max_image_bytes && args.size() + environment.bytes.size() > kCut) {
    kept = kept.substr(0, kCut);
    environment.bytes.clear();
    ++counters_.images_cut;
  }
  process.exec_id = event.exec_id;
  set_image(process, std::make_shared<const Image>(std::string(change.comm), std::string(change.exe_path), std::string(kept),
                                                   args_total, std::string(change.cwd), change.file, names_of(event),
                                                   std::move(environment), change.usage));
}

const Process* ProcessTable::see(const event::Event& event) {
  Node* process = node(event.pid, event.start_ns);
  if (process == nullptr) return nullptr;
  if (process->sid != event.sid) process->sid = event.sid;  // almost never
  if (event.pgid != 0 && (process->pgid != event.pgid || process->vpgid != event.vpgid)) {
    process->pgid = event.pgid;
    process->vpgid = event.vpgid;
  }
  return process;
}

void ProcessTable::forget_image(const event::Event& event) {
  Node* process = node(event.pid, event.start_ns);
  if (process == nullptr) return;
  let_go(process->image);
  process->image = unknown_image();
  process->exec_id = event.exec_id;
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
  counters_.exits_missed += gone.size();
  for (Node* entry : gone) kill(*entry);
  reap();
}

ProcessTable::Node* ProcessTable::node(std::uint32_t pid, std::uint64_t start_ns) const {
  Node*& last = last_seen_[pid % last_seen_.size()];
  if (last != nullptr && last->pid == pid && last->start_ns == start_ns) [[likely]] {
    return last;
  }
  const auto found = nodes_.find({pid, start_ns});
  if (found == nodes_.end()) return nullptr;
  return last = found->second.get();
}

ProcessTable::Node& ProcessTable::insert(Identity id) {
  auto owned = std::make_unique<Node>();
  Node& process = *owned;
  process.pid = id.pid;
  process.start_ns = id.start_ns;
  process.image = unknown_image();
  nodes_.emplace(id, std::move(owned));
  const auto other = living_.find(id.pid);
  if (other != living_.end() && other->second->start_ns > id.start_ns) {
    kill(process);  // a record that comes late, of one whose pid is another's by now
    return process;
  }
  if (other != living_.end()) {
    // A pid that is reused: we missed the exit of its last owner.
    ++counters_.exits_missed;
    kill(*other->second);
  }
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
    // Who forks, ends, forks, ends … makes a line; where somebody lives or has other children, they still need their ancestors.
    const bool line = at->dead && at->first_child != nullptr && at->first_child->next_sibling == nullptr;
    if (level > 0 && !line) return;
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
    if (Node*& last = last_seen_[at->pid % last_seen_.size()]; last == at) last = nullptr;
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

// Makes room for so many more.
void ProcessTable::evict(std::size_t more) {
  const auto too_many = [&] { return nodes_.size() + more > options_.max_processes; };
  const auto take = [&](std::deque<Identity>& from) {
    while ((too_many() || image_bytes_ > options_.max_image_bytes) && !from.empty()) {
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
  while (too_many() && !nodes_.empty()) evict_living();
}

// The table is too small for the host. One that nobody descends from goes: whoever starts a flood of processes has many of them,
// and can't displace the ancestors of others. In the order of the map: as good as any.
void ProcessTable::evict_living() {
  static constexpr std::size_t kLooks = 256;
  Node* victim = nullptr;
  for (std::size_t looks = 0; looks < kLooks || victim == nullptr; ++looks) {
    next_bucket_ = (next_bucket_ + 1) % nodes_.bucket_count();
    for (auto entry = nodes_.begin(next_bucket_); entry != nodes_.end(next_bucket_) && looks < kLooks; ++entry) {
      victim = entry->second.get();
      if (victim->first_child == nullptr) looks = kLooks;
    }
  }
  ++counters_.evicted;
  if (!victim->dead) ++counters_.evicted_living;
  erase(*victim);
}

}  // namespace shrike::enrich
