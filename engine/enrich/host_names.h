// SPDX-License-Identifier: Apache-2.0
// HostNames are the users and groups of the host's own files, and the hosts that rules name. Files, not NSS: a directory server
// that hangs must not hang the engine.
#pragma once

#include <cstdint>
#include <ctime>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <unordered_map>
#include <utility>

#include "engine/enrich/resolver.h"
#include "engine/event/context.h"

namespace shrike::enrich {

class HostNames final : public event::Names {
 public:
  // The files, absolute; tests give their own.
  explicit HostNames(std::string passwd = "/etc/passwd", std::string group = "/etc/group");

  // Reads a file again if it changed. An unreadable file leaves the names as they were.
  void refresh();

  std::string_view user_name(std::uint32_t uid) const override;
  std::string_view group_name(std::uint32_t gid) const override;
  std::string_view user_home(std::uint32_t uid) const override;
  std::string_view user_shell(std::uint32_t uid) const override;
  std::span<const std::string_view> host_names(const event::IpAddress& address) const override {
    return hosts_.names_of(address);
  }

  void set_hosts(std::set<std::string> hosts) { hosts_.set_hosts(std::move(hosts)); }

 private:
  struct Entry {
    std::string name, home, shell;  // the last two of users
  };
  using Table = std::unordered_map<std::uint32_t, Entry>;
  struct Source {
    std::string path;
    timespec modified{};
    ino_t inode = 0;
    off_t size = -1;
    Table entries;
  };
  static bool changed(Source& source);
  static std::string_view get(const Source& source, std::uint32_t id, std::string Entry::* what);

  Source users_;
  Source groups_;
  Resolver hosts_;
};

}  // namespace shrike::enrich
