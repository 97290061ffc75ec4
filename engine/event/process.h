// SPDX-License-Identifier: Apache-2.0
// Process is one entry of the process table as fields see it; Image what exec made it, shared by all it forked since.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shrike::event {

// What tells one inode from every other.
struct FileKey {
  std::uint64_t ino = 0;
  std::uint32_t dev = 0;  // major << 20 | minor
  std::uint32_t generation = 0;
  bool operator==(const FileKey&) const = default;
};

// An inode as the kernel knows it. Times are epoch ns, dev is the kernel's major << 20 | minor, mode the whole i_mode.
struct FileIdentity {
  std::uint64_t ino = 0;
  std::uint64_t ctime_ns = 0;
  std::uint64_t mtime_ns = 0;
  std::uint32_t dev = 0;
  std::uint32_t mode = 0;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint32_t generation = 0;  // tells one inode from the next of its number
  bool memfd = false;
  bool deleted = false;
  bool upper_layer = false;
  bool lower_layer = false;
  bool readonly = false;
  bool created = false;

  bool operator==(const FileIdentity&) const = default;
};

// What the kernel said of a process when it ran its program, or when it was found.
struct Usage {
  bool known = false;
  std::uint64_t fd_limit = 0;
  std::uint64_t major_faults = 0;
  std::uint64_t minor_faults = 0;
  std::uint32_t vm_size_kib = 0;
  std::uint32_t vm_rss_kib = 0;
  std::uint32_t vm_swap_kib = 0;
};

// Of a process when it ran its program; later changes are in its own memory only.
struct Environment {
  bool known = false;       // it was captured, be it empty
  std::string bytes;        // KEY=VALUE, each ended by NUL; the last may lack it when cut
  std::uint32_t total = 0;  // true length

  bool truncated() const { return known && total > bytes.size(); }
  // The value of `key`; nothing if it is not set.
  std::optional<std::string_view> find(std::string_view key) const;
  // All entries, one after the other.
  template <class Take>
  void each(Take take) const {
    for (std::string_view rest = bytes; !rest.empty();) {
      const std::size_t end = rest.find('\0');
      take(rest.substr(0, end));
      rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    }
  }
};

// Immutable; views handed out live as long as the Image.
class Image {
 public:
  // `args`: argv, each ended by NUL (the last may lack it when cut). `args_total`: the true length. `names`: by which loaded
  // rules know the executable, besides its path.
  Image(std::string comm, std::string exe_path, const std::string& args, std::uint32_t args_total, std::string cwd,
        const FileIdentity& file, std::vector<std::string> names = {}, Environment environment = {}, const Usage& usage = {});
  // The same program, whose environment has become known.
  Image(const Image& image, Environment environment);
  Image(const Image&) = delete;  // views into itself
  Image& operator=(const Image&) = delete;

  std::string_view comm() const { return comm_; }
  std::string_view exe_path() const { return exe_path_; }
  std::string_view cwd() const { return cwd_; }          // at exec, with a trailing slash
  std::string_view exe() const { return exe_; }          // argv[0] as passed
  std::string_view cmdline() const { return cmdline_; }  // comm and the arguments after argv[0], blank-joined
  std::string_view args() const { return std::string_view(cmdline_).substr(args_at_); }  // those arguments
  const std::vector<std::string_view>& arguments() const { return arguments_; }          // after argv[0]
  bool args_truncated() const { return args_truncated_; }
  const FileIdentity& file() const { return file_; }
  const std::vector<std::string>& names() const { return names_; }
  const Environment& environment() const { return environment_; }
  const Usage& usage() const { return usage_; }
  std::size_t bytes() const;  // of memory, about

 private:
  std::string comm_, exe_path_, cwd_, exe_;
  std::string cmdline_;
  std::size_t args_at_ = 0;
  std::vector<std::string_view> arguments_;
  bool args_truncated_ = false;
  FileIdentity file_;
  std::vector<std::string> names_;
  Environment environment_;
  Usage usage_;
};

struct Process {
  std::uint32_t pid = 0;
  std::uint64_t start_ns = 0;  // boot time; with pid the identity
  std::uint32_t ppid = 0;
  std::uint64_t parent_start_ns = 0;
  std::uint32_t sid = 0;
  std::uint32_t pgid = 0;
  std::uint32_t vpid = 0;
  std::uint32_t vpgid = 0;
  std::uint64_t pidns_init_start_ns = 0;  // boot time
  std::uint32_t loginuid = 0;
  std::uint32_t exec_id = 0;                  // Event::exec_id of what `image` is of
  std::shared_ptr<const Image> image;         // never null
  std::shared_ptr<const Image> parent_image;  // what the parent ran when it forked this process; null if unknown
  const Process* parent = nullptr;            // as recorded at fork; null if unknown or evicted. Owned by the process table
};

// Ancestors looked at: bounds the walk, as a corrupted chain must not hang the engine.
inline constexpr int kMaxAncestors = 64;

}  // namespace shrike::event
