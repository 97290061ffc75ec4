// SPDX-License-Identifier: Apache-2.0
// What the path of a cgroup says about containers: most runtimes name a container's cgroup after its id.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shrike::enrich {

struct ContainerPath {
  std::string_view cgroup;  // the container's own: what lies below belongs to it too
  std::string_view id;      // 64 lower-case hexadecimal digits
  std::string pod_uid;      // of the pod's cgroup above it; empty: none
};

// The outermost container on the path, so that nothing in it can pass as another one by making cgroups of its own:
//   ID                                   docker, CRI with cgroupfs
//   PREFIX-ID, PREFIX-ID.scope           docker, libpod, crio, cri-containerd, nerdctl
//   SLICE:PREFIX:ID                      CRI told to use systemd where cgroupfs is in charge
// Not a container: conmon's own cgroup (libpod-conmon-ID.scope), and a pod's that Podman names after the pod's id (ID/libpod-ID).
std::optional<ContainerPath> parse_container_path(std::string_view path);

// "/a/b" is {"a", "b"}.
std::vector<std::string_view> components(std::string_view path);

}  // namespace shrike::enrich
