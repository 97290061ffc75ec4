// SPDX-License-Identifier: Apache-2.0
// Container is what fields see of the container an event happened in. Kept by engine/enrich.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/event/context.h"
#include "engine/event/event.h"

namespace shrike::event {

using Labels = std::vector<std::pair<std::string, std::string>>;

struct Mount {
  std::string source, dest, mode, propagation;
  bool writable = true;

  bool operator==(const Mount&) const = default;
};

struct Pod {
  std::optional<std::string> name, space, uid;  // space: namespace
  std::optional<std::string> sandbox;           // full id of its sandbox container
  std::optional<std::string> ip, cni;
  std::optional<Labels> labels;
};

// What the runtime's files say. What they do not say is nothing, and its field absent; what there is none of is empty.
struct ContainerFacts {
  std::string type;  // docker, podman, containerd, cri-o, runc, crun
  std::optional<std::string> name, image, image_id, repository, tag, digest, ip, cni;
  std::optional<bool> privileged, host_pid, host_network, host_ipc;
  std::optional<Labels> labels;
  std::optional<std::vector<Mount>> mounts;
  std::optional<Pod> pod;  // nothing: it is in none
};

struct Container {
  std::string id;                       // whole
  std::optional<ContainerFacts> facts;  // nothing: not known yet
  const Names* names = nullptr;         // users and groups of the container's own files; ids as the host counts them. Never null

  std::string_view short_id() const { return std::string_view(id).substr(0, 12); }
};

// Whose users and groups an event's ids are.
inline const Names& names_of(const Event& event, const Context& context) {
  return event.container == nullptr ? context.names : *event.container->names;
}

}  // namespace shrike::event
