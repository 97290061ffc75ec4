// SPDX-License-Identifier: Apache-2.0
#include "engine/enrich/container_path.h"

#include <algorithm>

namespace shrike::enrich {
namespace {

constexpr std::size_t kIdDigits = 64;
constexpr std::string_view kPrefixes[] = {"docker", "libpod", "libpod-payload", "crio", "cri-containerd", "nerdctl"};
constexpr std::string_view kScope = ".scope";
constexpr std::string_view kSlice = ".slice";

bool is_id(std::string_view text) {
  return text.size() == kIdDigits &&
         std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_prefix(std::string_view text) { return std::ranges::find(kPrefixes, text) != std::end(kPrefixes); }

// The id in a cgroup's name; empty: it is no container's.
std::string_view id_of(std::string_view name) {
  if (is_id(name)) return name;
  if (name.ends_with(kScope)) name.remove_suffix(kScope.size());
  if (name.size() < kIdDigits + 1) return {};
  const std::string_view id = name.substr(name.size() - kIdDigits);
  if (!is_id(id)) return {};
  const char between = name[name.size() - kIdDigits - 1];
  std::string_view prefix = name.substr(0, name.size() - kIdDigits - 1);
  if (between == ':') prefix.remove_prefix(prefix.rfind(':') + 1);  // npos + 1 is 0
  return (between == '-' || between == ':') && is_prefix(prefix) ? id : std::string_view();
}

// The uid in the name of a pod's cgroup: pod7f0c…, kubepods-burstable-pod7f0c_….slice.
std::string pod_uid_of(std::string_view name) {
  if (name.ends_with(kSlice)) {
    const std::size_t at = name.rfind("-pod");
    if (at == std::string_view::npos) return {};
    name = name.substr(at + 1, name.size() - kSlice.size() - at - 1);
  }
  if (!name.starts_with("pod")) return {};
  std::string uid(name.substr(3));
  std::ranges::replace(uid, '_', '-');  // systemd has other plans for dashes
  const bool fits = std::ranges::all_of(uid, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || c == '-'; });
  return fits && uid.size() >= 32 && uid.size() <= 36 ? uid : std::string();
}

}  // namespace

std::vector<std::string_view> components(std::string_view path) {
  std::vector<std::string_view> all;
  while (!path.empty()) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    if (slash != 0) all.push_back(path.substr(0, slash));
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return all;
}

std::optional<ContainerPath> parse_container_path(std::string_view path) {
  if (path.size() <= kIdDigits) return std::nullopt;
  const auto names = components(path);
  bool kubernetes = false;
  std::string pod_uid;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string_view name = names[i];
    const std::string_view id = id_of(name);
    const bool podman_pod =
        is_id(name) && i + 1 < names.size() && names[i + 1].starts_with("libpod-") && !id_of(names[i + 1]).empty();
    if (!id.empty() && !podman_pod) {
      const auto end = static_cast<std::size_t>(name.data() + name.size() - path.data());
      return ContainerPath{.cgroup = path.substr(0, end), .id = id, .pod_uid = std::move(pod_uid)};
    }
    kubernetes = kubernetes || name.find("kubepods") != std::string_view::npos;
    if (kubernetes) {
      if (std::string uid = pod_uid_of(name); !uid.empty()) pod_uid = std::move(uid);
    }
  }
  return std::nullopt;
}

}  // namespace shrike::enrich
