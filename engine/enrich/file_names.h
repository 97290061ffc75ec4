// SPDX-License-Identifier: Apache-2.0
// FileNames knows the names an opened file has on this host besides the path it was opened by: the paths rules name that lead to
// its inode, however it was reached, and the paths its place in its file system has through the host's mounts.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/base/handle.h"
#include "engine/base/result.h"
#include "engine/event/event.h"

namespace shrike::enrich {

using event::FileKey;

// Names, each once and none of them `path`; room is kept from one event to the next.
class NameList {
 public:
  static constexpr std::size_t kMost = 16;

  void clear(std::string_view path) {
    path_ = path;
    count_ = 0;
    cut_ = false;
  }
  // The name is its parts in a row.
  void add(std::string_view a, std::string_view b = {}, std::string_view c = {});
  std::span<const std::string_view> names() const { return std::span(views_).first(count_); }
  bool cut() const { return cut_; }  // there were more

 private:
  std::string_view path_;
  std::array<std::string, kMost + 1> texts_;  // one more to look at
  std::array<std::string_view, kMost> views_;
  std::size_t count_ = 0;
  bool cut_ = false;
};

class FileNames {
 public:
  // What the kernel knows open files as, in the order of `fds`.
  using Identify = std::function<Result<std::vector<FileKey>>(const std::vector<int>& fds)>;

  FileNames(std::string proc_root, Identify identify) : proc_root_(std::move(proc_root)), identify_(std::move(identify)) {}

  // The paths rules name. Those that lead to a directory, through a symbolic link or nowhere (yet) name no file.
  void set_paths(const std::set<std::string>& paths);
  // Looks again where paths lead and what is mounted; of more than kPathsPerLook paths so many at a time. Errors: kSystem; what
  // could not be read stays as it was.
  Result<void> refresh();

  // Adds the names of a file that was opened.
  void add_names(const event::FilePlace& file, NameList& names) const;

  static constexpr std::size_t kPathsPerLook = 4096;

 private:
  struct Mount {
    std::uint32_t id = 0;
    std::uint32_t parent = 0;
    std::uint32_t dev = 0;
    std::string root;   // what of its file system it shows; empty: all
    std::string point;  // where; empty: "/"
  };
  struct Path {
    std::string text;
    bool leads = false;  // `seen` and `key` hold
    struct Seen {        // as stat tells it, to notice a change cheaply
      std::uint64_t ino = 0;
      std::uint64_t dev = 0;
      std::int64_t birth_s = 0;
      std::uint32_t birth_ns = 0;
      bool operator==(const Seen&) const = default;
    } seen;
    FileKey key;
  };
  struct KeyHash {
    std::size_t operator()(const FileKey& key) const { return key.ino * 0x9e3779b97f4a7c15U ^ key.dev; }
  };

  Result<void> read_mounts();
  static bool parse_mount(std::string_view line, Mount& mount);
  static bool shows_itself(const Mount& mount, const std::unordered_map<std::uint32_t, const Mount*>& by_id);
  Result<void> look_at(std::size_t begin, std::size_t end);
  void set_key(std::uint32_t path, const FileKey* key);
  void add_mounted(const event::FilePlace& file, NameList& names) const;

  std::string proc_root_;
  Identify identify_;
  UniqueFd mountinfo_;                                            // tells when it has changed
  std::unordered_map<std::uint32_t, std::vector<Mount>> mounts_;  // by device, those of no use left out
  std::uint32_t root_dev_ = 0;                                    // of "/"
  std::vector<Path> paths_;
  std::size_t next_path_ = 0;
  std::unordered_map<FileKey, std::vector<std::uint32_t>, KeyHash> by_key_;  // into paths_
};

}  // namespace shrike::enrich
