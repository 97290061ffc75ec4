// SPDX-License-Identifier: Apache-2.0
// Where a suite's deeds happen: a directory, loopback ports and cgroups that nobody else uses, taken away at the end.
#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "engine/base/handle.h"

namespace shrike::test {

class Place {
 public:
  // With a file system of its own, where links and handles work and mounts are possible (`mounted`), or on the root's.
  explicit Place(bool mounted);
  ~Place();
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  const std::string& failure() const { return failure_; }
  const std::filesystem::path& directory() const { return directory_; }

  // The full path of a name below the directory.
  std::string path(const std::string& name) const { return (directory_ / name).string(); }

  // Makes a file (and its directories) that holds the text; returns its full path.
  std::string file(const std::string& name, const std::string& text = "text\n") const;
  // Copies a deed; returns the copy's full path.
  std::string program(const std::string& name, const std::string& of = "exit0") const;

  // Binds `from` to `to`, which it makes; undone at the end.
  bool bind_mount(const std::string& from, const std::string& to);

  // A TCP port with listeners on both loopback addresses.
  std::string listening_port();
  // A port nobody has.
  std::string free_port();

  // Makes a cgroup in the default hierarchy; its path in that, as cgroup.path has it. Empty: none can be made here.
  std::string make_cgroup(const std::string& name);
  // The directory of such a path.
  static std::string cgroup_directory(const std::string& path);

 private:
  std::filesystem::path directory_;
  std::string failure_;
  bool mounted_ = false;
  std::vector<std::string> mounts_;
  std::vector<std::string> cgroups_;
  std::vector<UniqueFd> listeners_;
  std::set<std::uint16_t> ports_;  // given away
};

}  // namespace shrike::test
