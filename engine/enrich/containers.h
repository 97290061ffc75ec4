// SPDX-License-Identifier: Apache-2.0
// Containers knows which container a cgroup belongs to, and what its runtime's files say about it.
//
// Files are read when the cgroup is made, again when the container's first event comes if they were not there, and from then on
// with growing pauses; nothing waits for them. What is asked of a container meanwhile is absent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/base/clock.h"
#include "engine/enrich/container_files.h"
#include "engine/enrich/container_names.h"
#include "engine/event/container.h"
#include "engine/event/process.h"

namespace shrike::enrich {

class Containers {
 public:
  struct Options {
    std::size_t containers = 8192;  // at most, removed ones that are still kept included
    std::size_t cgroups = 65'536;
  };
  struct Counters {
    std::uint64_t found = 0;           // containers
    std::uint64_t read = 0;            // of them, with facts
    std::uint64_t late = 0;            // of those, not when the cgroup was made or first asked about
    std::uint64_t attempts = 0;        // to read facts
    std::uint64_t alerts_without = 0;  // alerts about a container whose facts were not there
    std::uint64_t evicted = 0;         // containers forgotten because there were too many
    std::uint64_t evicted_cgroups = 0;
  };
  using Clock = std::function<std::uint64_t()>;  // boot ns

  // `reader` must outlive it.
  explicit Containers(ContainerReader& reader) : Containers(reader, Options()) {}
  Containers(ContainerReader& reader, const Options& options, Clock clock = boot_time_ns)
      : reader_(reader), options_(options), clock_(std::move(clock)) {}
  Containers(const Containers&) = delete;
  Containers& operator=(const Containers&) = delete;

  // A cgroup was made, by the process (null: unknown) with that effective uid. A runtime's arguments say where the bundle is.
  void made(std::uint64_t cgroup, std::string_view path, const event::Process* maker, std::uint32_t uid,
            std::uint64_t maker_cgroup = 0);
  // A cgroup was removed. What is known stays for a while, for who still asks.
  void removed(std::uint64_t cgroup);

  // The container of an event in this cgroup, by the process, at that time (boot time: no clock is read for every event); null:
  // none. Lives until the next call of a member function.
  const event::Container* find(std::uint64_t cgroup, std::string_view path, std::uint32_t pid, std::uint64_t now_ns);

  // Reads the files at once if its facts are missing. True: they are there now and were not. Counts if not.
  bool look_again(const event::Container& container);

  // To be called about once a second: reads what was late, forgets what is gone.
  void refresh();

  std::size_t size() const { return by_path_.size(); }
  const Counters& counters() const { return counters_; }

 private:
  static constexpr std::size_t kDepthMost = 24;  // components of a cgroup's path that are looked at
  struct Entry {
    event::Container container;
    ContainerPlace place;
    ContainerNames names;
    std::uint64_t cgroup = 0;            // id of the container's own; 0: seen one below it only
    std::vector<std::uint64_t> cgroups;  // in cgroups_, that lead here
    std::list<Entry*>::iterator by_age;
    std::uint64_t next_try_ns = 0;
    std::uint64_t pause_ns = 0;
    std::uint64_t removed_ns = 0;  // 0: it is there
    bool asked_about = false;
  };
  struct Cgroup {
    Entry* entry = nullptr;
    std::uint64_t next_look_ns = 0;  // no container so far; ~0: it will be none
    std::uint64_t pause_ns = 0;
  };

  bool is_inside(std::string_view path) const;
  bool is_of_container(std::uint64_t cgroup) const;
  Entry* resolve(std::uint64_t cgroup, std::string_view path);
  Entry& add(ContainerPlace place, std::uint64_t cgroup, std::string_view path);
  Cgroup& remember(std::uint64_t cgroup, Entry* entry);
  bool try_read(Entry& entry, bool late);
  void forget(Entry& entry);
  void make_room();

  ContainerReader& reader_;
  Options options_;
  Clock clock_;
  std::unordered_map<std::uint64_t, Cgroup> cgroups_;
  std::unordered_map<std::string, std::unique_ptr<Entry>> by_path_;  // of the container's own cgroup
  std::list<Entry*> by_age_;                                         // oldest first
  Counters counters_;
};

// What the arguments of an OCI runtime's create or run say: the bundle and the container's id. Nothing: it is no such call.
struct RuntimeCall {
  std::string bundle, id;

  bool operator==(const RuntimeCall&) const = default;
};
std::optional<RuntimeCall> parse_runtime_call(const event::Image& image);

}  // namespace shrike::enrich
