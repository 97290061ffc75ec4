// SPDX-License-Identifier: Apache-2.0
// What container runtimes leave in files about a container: the OCI bundle, and the state of runc, crun, containerd, Docker,
// Podman and CRI-O. docs/containers.md says which field comes from where.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/event/container.h"

namespace shrike::enrich {

// A container whose facts are wanted.
struct ContainerPlace {
  std::string cgroup;  // path of its own cgroup
  std::string id;
  std::string pod_uid;  // as the path has it
  std::string bundle;   // the OCI bundle, if the maker of the cgroup or the runtime's state told; else empty

  bool operator==(const ContainerPlace&) const = default;
};

// One line of uid_map or gid_map.
struct IdRange {
  std::uint32_t inside = 0;
  std::uint32_t outside = 0;
  std::uint32_t count = 0;
};

struct ContainerReading {
  event::ContainerFacts facts;
  std::string rootfs;               // as the host sees it; empty: unknown
  std::string passwd, group;        // files mounted over the root's own; empty: none are
  std::vector<IdRange> uids, gids;  // empty: the host's ids
};

class ContainerReader {
 public:
  virtual ~ContainerReader() = default;
  // The container `names[at]` is the cgroup of, if the state of a runtime says so; `cgroup` is the path up to there. For cgroups
  // not named after a container's id.
  virtual std::optional<ContainerPlace> identify(const std::vector<std::string_view>& names, std::size_t at,
                                                 std::string_view cgroup) = 0;
  // The container of `cgroup` by its bundle, if the bundle's own words put it there. `id`: what its runtime was told.
  virtual std::optional<ContainerPlace> identify_bundle(const std::string& bundle, const std::string& id,
                                                        std::string_view cgroup) = 0;
  // Nothing: there are no files of it (yet), or they do not parse.
  virtual std::optional<ContainerReading> read(const ContainerPlace& place) = 0;
};

class ContainerFiles final : public ContainerReader {
 public:
  struct Counters {
    std::uint64_t files = 0;    // opened
    std::uint64_t too_big = 0;  // left unread
    std::uint64_t corrupt = 0;  // no JSON, or not what was expected
    std::uint64_t cut = 0;      // labels, mounts and texts beyond what is kept
  };

  static constexpr std::size_t kFileMax = 1U << 20U;   // of one container
  static constexpr std::size_t kStoreMax = 8U << 20U;  // of a file about all containers or images of a runtime
  static constexpr std::size_t kItemsMax = 256;        // labels, mounts
  static constexpr std::size_t kTextMax = 4096;

  // mount_point   of the default hierarchy: state files name cgroups by it
  // root          put before every path; tests have files of their own
  explicit ContainerFiles(std::string mount_point, std::string root = {})
      : mount_point_(std::move(mount_point)), root_(std::move(root)) {}

  std::optional<ContainerPlace> identify(const std::vector<std::string_view>& names, std::size_t at,
                                         std::string_view cgroup) override;
  std::optional<ContainerPlace> identify_bundle(const std::string& bundle, const std::string& id,
                                                std::string_view cgroup) override;
  std::optional<ContainerReading> read(const ContainerPlace& place) override;

  const Counters& counters() const { return counters_; }

 private:
  friend class BundleReader;

  std::string at(std::string_view path) const { return root_ + std::string(path); }
  std::optional<std::string> text(const std::string& path, std::size_t most);
  std::string find_bundle(const ContainerPlace& place);

  std::string mount_point_;
  std::string root_;
  Counters counters_;
};

// "docker.io/library/nginx:1.27@sha256:…" taken apart. A tag only if there is one; a port is none.
struct ImageName {
  std::string repository, tag, digest;
};
ImageName split_image(std::string_view name);

}  // namespace shrike::enrich
