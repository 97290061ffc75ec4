// SPDX-License-Identifier: Apache-2.0
// ProcessTable knows every process by pid and start time, so that a reused pid is another process. Fed by the task iterator at
// start and by exec, fork and exit afterwards.
//
// Beside the link to its parent a process keeps what the parent ran when it was linked (forked, or found): ancestry does not
// change when an ancestor runs something else.
//
// A process that has ended stays as long as it has descendants (their ancestry is as recorded at fork) or until newer dead push
// it out. The table is bounded: above `max_processes` the dead go first, the longest dead before the others, then living ones
// nobody descends from; each eviction counts. Above `max_image_bytes` the dead go, then new arguments are cut.
//
// One thread. Pointers handed out live until the next call that changes the table.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <unordered_map>

#include "engine/event/context.h"
#include "engine/event/event.h"
#include "engine/event/process.h"

namespace shrike::enrich {

class ProcessTable final : public event::Processes {
 public:
  struct Options {
    std::size_t max_processes = 262'144;                    // Falco's thread table holds as many
    std::size_t max_image_bytes = std::size_t{256} << 20U;  // paths, arguments, environments
    std::size_t recent_dead = 1'024;                        // ended processes kept for records that come late
  };

  struct Counters {
    std::uint64_t evicted = 0;         // with descendants, or alive: their lineage is cut
    std::uint64_t evicted_living = 0;  // of those, the living: looked up in /proc when they are heard of again
    std::uint64_t parent_unknown = 0;  // forks whose parent was not in the table
    std::uint64_t exits_missed = 0;    // ends learned from a reused pid, or from a scan
    std::uint64_t images_cut = 0;      // arguments and environments not kept whole: images took too much
  };

  ProcessTable() : ProcessTable(Options{}) {}
  explicit ProcessTable(Options options);
  ~ProcessTable() override;

  // Applies a ProcessChange or ProcessExit and returns the process it is about; null for other events and unknown exits. An exec
  // that is only being checked changes nothing. `args` and `environment` replace the record's (a task that was there before us:
  // from /proc).
  const event::Process* apply(const event::Event& event, const std::string& args, std::uint32_t args_total,
                              event::Environment environment = {});

  // The process of an event that changes none; null if unknown. Its session and process group become the event's.
  const event::Process* see(const event::Event& event);

  // The process ran a program we missed and of which nothing can be learned any more.
  void forget_image(const event::Event& event);

  const event::Process* find(std::uint32_t pid) const override;
  const event::Process* find(std::uint32_t pid, std::uint64_t start_ns) const;

  // Around a run of the task iterator: afterwards living entries that it did not mention and that began before `scan_start_ns`
  // are dead, and entries find their parents.
  void begin_scan() { ++scan_; }
  void end_scan(std::uint64_t scan_start_ns);

  std::size_t size() const { return nodes_.size(); }
  std::size_t image_bytes() const { return image_bytes_; }
  const Counters& counters() const { return counters_; }

 private:
  struct Identity {
    std::uint32_t pid = 0;
    std::uint64_t start_ns = 0;
    bool operator==(const Identity&) const = default;
  };
  struct IdentityHash {
    std::size_t operator()(const Identity& id) const {
      return std::hash<std::uint64_t>()(id.start_ns * 0x9e3779b97f4a7c15U ^ id.pid);
    }
  };
  struct Node : event::Process {
    Node* parent_node = nullptr;
    Node* first_child = nullptr;
    Node* next_sibling = nullptr;
    Node* previous_sibling = nullptr;
    std::uint64_t scan = 0;
    bool dead = false;
    bool recent = false;  // dead, and still in recent_dead_
  };

  Node& insert(Identity id);
  void join(Node& process, const event::Event& event);
  void run(Node& process, const event::Event& event, const std::string& args, std::uint32_t args_total,
           event::Environment environment);
  void link(Node& child);
  void unlink(Node& child);
  void kill(Node& node);
  void erase(Node& node);
  void reap();
  void evict(std::size_t more);
  void evict_living();
  void cut_beyond_reach(Node& youngest);
  void set_image(Node& owner, std::shared_ptr<const event::Image> image);
  void let_go(std::shared_ptr<const event::Image>& image);
  Node* node(std::uint32_t pid, std::uint64_t start_ns) const;

  Options options_;
  Counters counters_;
  std::uint64_t scan_ = 0;
  std::size_t image_bytes_ = 0;
  std::unordered_map<Identity, std::unique_ptr<Node>, IdentityHash> nodes_;
  std::unordered_map<std::uint32_t, Node*> living_;
  mutable std::array<Node*, 1024> last_seen_{};  // by pid: events come in runs of one process
  std::size_t next_bucket_ = 0;                  // of nodes_, where the search for a living one to evict goes on
  std::deque<Identity> recent_dead_;             // oldest first
  std::deque<Identity> dead_parents_;            // dead with descendants, oldest first; may name nodes that are gone
};

}  // namespace shrike::enrich
