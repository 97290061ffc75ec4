// SPDX-License-Identifier: Apache-2.0
// What the path of a cgroup says about containers: runtimes name a container's cgroup after its id.
#pragma once

#include <string_view>

namespace shrike::event {

// The 64 hexadecimal digits of the outermost container on the path, from names like docker-ID.scope, cri-containerd-ID.scope,
// crio-ID.scope, libpod-ID.scope or ID alone; empty if no component holds so many in a row. Of a longer run the first 64.
std::string_view container_id(std::string_view cgroup);

}  // namespace shrike::event
