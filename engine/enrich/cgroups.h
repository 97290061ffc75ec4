// SPDX-License-Identifier: Apache-2.0
// Cgroups gives cgroup ids of the default hierarchy (v2) their paths.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "engine/base/handle.h"

namespace shrike::enrich {

// Who is asked about an id that is not in the cache.
class CgroupReader {
 public:
  virtual ~CgroupReader() = default;
  // The path from the hierarchy's root: "/system.slice/ssh.service", "/". Empty: there is no such cgroup (any more). Nothing: it
  // could not be told this time.
  virtual std::optional<std::string> read(std::uint64_t id) = 0;
};

// This host's hierarchy, through the first cgroup2 that is mounted. Needs CAP_DAC_READ_SEARCH.
class HostCgroups final : public CgroupReader {
 public:
  // mounts   the table of mounts, as /proc/self/mounts
  explicit HostCgroups(const std::string& mounts = "/proc/self/mounts");
  std::optional<std::string> read(std::uint64_t id) override;

  // Where the hierarchy is mounted; empty if it is not, and then every id is unknown.
  const std::string& mount_point() const { return mount_point_; }

 private:
  std::string mount_point_;
  UniqueFd mount_;
};

// An id is never used again while the host runs, and a cgroup never renamed: what was read once stays true.
class Cgroups {
 public:
  struct Counters {
    std::uint64_t read = 0;     // ids the reader was asked for
    std::uint64_t unknown = 0;  // of those, without an answer
    std::uint64_t evicted = 0;  // because the cache was full
  };

  // `reader` must outlive it. At most `most` paths are kept.
  explicit Cgroups(CgroupReader& reader, std::size_t most = 65'536) : reader_(reader), most_(most) {}

  // The path; empty if unknown. The view lives until the next call.
  std::string_view path(std::uint64_t id);

  // Whether path() would have nothing to read.
  bool knows(std::uint64_t id) const { return id == 0 || paths_.contains(id); }

  const Counters& counters() const { return counters_; }

 private:
  CgroupReader& reader_;
  std::size_t most_;
  std::unordered_map<std::uint64_t, std::string> paths_;
  Counters counters_;
};

}  // namespace shrike::enrich
