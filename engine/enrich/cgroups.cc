// SPDX-License-Identifier: Apache-2.0
#include "engine/enrich/cgroups.h"

#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <sstream>
#include <unistd.h>

namespace shrike::enrich {
namespace {

constexpr int kKernfsHandle = 0xfe;  // FILEID_KERNFS, include/linux/exportfs.h: the handle is the node's id

// proc(5): blank, tab, line feed and backslash stand as \ooo.
std::string unescaped(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto digit = [&](std::size_t k) { return i + k < text.size() && text[i + k] >= '0' && text[i + k] <= '7'; };
    if (text[i] == '\\' && digit(1) && digit(2) && digit(3)) {
      out += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string find_mount(const std::string& mounts) {
  std::ifstream file(mounts);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string source, target, type;
    if (words >> source >> target >> type && type == "cgroup2") return unescaped(target);
  }
  return {};
}

}  // namespace

HostCgroups::HostCgroups(const std::string& mounts) : mount_point_(find_mount(mounts)) {
  if (!mount_point_.empty()) mount_.reset(open(mount_point_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!mount_) mount_point_.clear();
}

std::optional<std::string> HostCgroups::read(std::uint64_t id) {
  if (!mount_) return std::nullopt;
  alignas(file_handle) std::array<std::byte, sizeof(file_handle) + sizeof(id)> buffer{};
  auto* handle = new (buffer.data()) file_handle;
  handle->handle_bytes = sizeof(id);
  handle->handle_type = kKernfsHandle;
  std::memcpy(buffer.data() + sizeof(file_handle), &id, sizeof(id));
  const UniqueFd fd(open_by_handle_at(mount_.get(), handle, O_PATH | O_CLOEXEC));
  if (!fd) return errno == ESTALE || errno == ENOENT ? std::optional(std::string()) : std::nullopt;

  std::array<char, PATH_MAX> target{};
  const ssize_t size = readlink(("/proc/self/fd/" + std::to_string(fd.get())).c_str(), target.data(), target.size());
  if (size < 0) return std::nullopt;
  const std::string_view path(target.data(), static_cast<std::size_t>(size));
  // Not below the mount: the mount shows a part of the hierarchy only. Removed while we looked: as if it were gone before.
  if (!path.starts_with(mount_point_) || path.ends_with(" (deleted)")) return std::string();
  const std::string_view below = path.substr(mount_point_.size());
  if (below.empty()) return "/";
  return below.starts_with('/') ? std::string(below) : std::string();
}

std::string_view Cgroups::path(std::uint64_t id) {
  if (id == 0) return {};
  if (const auto found = paths_.find(id); found != paths_.end()) [[likely]] {
    return found->second;
  }
  ++counters_.read;
  auto path = reader_.read(id);
  if (!path || path->empty()) ++counters_.unknown;
  return path ? std::string_view(keep(id, *std::move(path))) : std::string_view();
}

void Cgroups::add(std::uint64_t id, std::string_view path) { keep(id, std::string(path)); }

std::string& Cgroups::keep(std::uint64_t id, std::string path) {
  if (paths_.size() >= most_) {
    counters_.evicted += paths_.size();
    paths_.clear();
  }
  return paths_[id] = std::move(path);
}

}  // namespace shrike::enrich
