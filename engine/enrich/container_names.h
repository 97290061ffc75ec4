// SPDX-License-Identifier: Apache-2.0
// ContainerNames are the users and groups of a container's own files, found below its root without leaving it. What they say is
// the container's word: whoever is root in it can write them.
#pragma once

#include <array>
#include <cstdint>
#include <ctime>
#include <map>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "engine/base/handle.h"
#include "engine/enrich/container_files.h"
#include "engine/event/context.h"

namespace shrike::enrich {

class ContainerNames final : public event::Names {
 public:
  static constexpr std::size_t kFileMax = 256U << 10U;  // what lies behind is not read
  static constexpr std::size_t kEntriesMax = 1024;      // remembered, of each file
  static constexpr std::size_t kReadsMost = 64;         // of a file between two looks; ids beyond have no name so long
  static constexpr std::size_t kNameMax = 256;

  // Where to look. Nothing known: below the root of `pid`, unless that root is the host's.
  void look_in(const ContainerReading& reading);
  // A process of the container.
  void set_process(std::uint32_t pid) { pid_ = pid; }

  // Ids as the host counts them. Files are looked at again once a second at most.
  std::string_view user_name(std::uint32_t uid) const override { return get(kPasswd, uid).name; }
  std::string_view group_name(std::uint32_t gid) const override { return get(kGroup, gid).name; }
  std::string_view user_home(std::uint32_t uid) const override { return get(kPasswd, uid).home; }
  std::string_view user_shell(std::uint32_t uid) const override { return get(kPasswd, uid).shell; }

 private:
  enum File : std::uint8_t { kPasswd, kGroup, kFiles };
  struct Entry {
    std::string name, home, shell;
  };
  struct Source {
    std::uint64_t next_look_ns = 0;
    std::size_t reads = 0;  // since the last look
    timespec modified{};
    dev_t device = 0;
    ino_t inode = 0;
    off_t size = -1;
    std::map<std::uint32_t, Entry> entries;  // asked for; without a name: there is none
  };

  const Entry& get(File file, std::uint32_t id) const;
  UniqueFd open_file(File file) const;
  UniqueFd open_below(const std::string& root, File file) const;

  std::string rootfs_;
  std::array<std::string, kFiles> mounted_;  // over the root's own
  std::array<std::vector<IdRange>, kFiles> ranges_;
  std::uint32_t pid_ = 0;
  mutable std::array<Source, kFiles> sources_;  // a cache: asking changes nothing that can be seen
};

}  // namespace shrike::enrich
