// SPDX-License-Identifier: Apache-2.0
#include "engine/enrich/file_names.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <utility>

namespace shrike::enrich {
namespace {

// Blanks, tabs, newlines and backslashes are written \ooo in mountinfo.
std::string unescape(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned code = 0;
    const char* digits = text.data() + i + 1;
    if (text[i] == '\\' && text.size() - i > 3 && std::from_chars(digits, digits + 3, code, 8).ptr == digits + 3) {
      plain += static_cast<char>(code);
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

// "" for "/".
std::string without_root(const std::string& path) { return path == "/" ? std::string() : path; }

// Whether `path` is `directory` or lies below it; "" is the root.
bool lies_below(std::string_view path, std::string_view directory) {
  return path.starts_with(directory) && (path.size() == directory.size() || path[directory.size()] == '/');
}

// A file, without following a symbolic link. Nothing that opening could wake: O_PATH.
UniqueFd open_file(const std::string& path) {
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC | O_NOFOLLOW;
  how.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  return UniqueFd(static_cast<int>(syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof(how))));
}

Result<std::string> read_all(int fd) {
  std::string text;
  if (lseek(fd, 0, SEEK_SET) != 0) return std::unexpected(system_error("read the mounts", errno));
  while (true) {
    static constexpr std::size_t kChunk = 64U << 10U;
    const std::size_t size = text.size();
    text.resize(size + kChunk);
    const ssize_t got = read(fd, text.data() + size, kChunk);
    text.resize(size + (got > 0 ? static_cast<std::size_t>(got) : 0));
    if (got < 0 && errno != EINTR) return std::unexpected(system_error("read the mounts", errno));
    if (got == 0) return text;
  }
}

}  // namespace

void NameList::add(std::string_view a, std::string_view b, std::string_view c) {
  std::string& text = texts_[count_];
  text.assign(a).append(b).append(c);
  if (text.empty()) text = "/";
  if (text == path_ || std::ranges::find(names(), text) != names().end()) return;
  if (count_ == kMost) {
    cut_ = true;
    return;
  }
  views_[count_++] = text;
}

// --- mounts

// "36 35 98:0 /mnt1 /mnt2 rw,noatime …"
bool FileNames::parse_mount(std::string_view line, Mount& mount) {
  std::string_view words[5];
  for (std::string_view& word : words) {
    const std::size_t blank = line.find(' ');
    if (blank == std::string_view::npos) return false;
    word = line.substr(0, blank);
    line.remove_prefix(blank + 1);
  }
  const auto number = [](std::string_view text, std::uint32_t& to) {
    return std::from_chars(text.data(), text.data() + text.size(), to).ptr == text.data() + text.size();
  };
  const std::size_t colon = words[2].find(':');
  std::uint32_t major = 0;
  std::uint32_t minor = 0;
  if (colon == std::string_view::npos || !number(words[0], mount.id) || !number(words[1], mount.parent) ||
      !number(words[2].substr(0, colon), major) || !number(words[2].substr(colon + 1), minor))
    return false;
  mount.dev = major << 20U | minor;
  mount.root = without_root(unescape(words[3]));
  mount.point = without_root(unescape(words[4]));
  return words[3].starts_with('/') && words[4].starts_with('/');  // nsfs and its like show no directory
}

// It lies in what it shows (the whole root, bound somewhere below it): every file there would have endless names.
bool FileNames::shows_itself(const Mount& mount, const std::unordered_map<std::uint32_t, const Mount*>& by_id) {
  const auto found = by_id.find(mount.parent);
  if (found == by_id.end()) return false;
  const Mount& parent = *found->second;
  if (parent.dev != mount.dev || parent.id == mount.id || !lies_below(mount.point, parent.point)) return false;
  return lies_below(parent.root + mount.point.substr(parent.point.size()), mount.root);
}

Result<void> FileNames::read_mounts() {
  if (!mountinfo_) {
    const std::string file = proc_root_ + "/self/mountinfo";
    mountinfo_ = UniqueFd(open(file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!mountinfo_) return std::unexpected(system_error("open " + file, errno));
  } else {
    pollfd changed{.fd = mountinfo_.get(), .events = POLLPRI, .revents = 0};
    if (poll(&changed, 1, 0) == 0) return {};
  }
  const std::string text = TRY(read_all(mountinfo_.get()));
  std::vector<Mount> all;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t end = rest.find('\n');
    if (Mount mount; parse_mount(rest.substr(0, end), mount)) all.push_back(std::move(mount));
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  }
  std::unordered_map<std::uint32_t, const Mount*> by_id;
  for (const Mount& mount : all) by_id.emplace(mount.id, &mount);
  mounts_.clear();
  for (const Mount& mount : all) {
    if (mount.point.empty()) root_dev_ = mount.dev;
    if (!shows_itself(mount, by_id)) mounts_[mount.dev].push_back(mount);
  }
  return {};
}

// A container's root is an overlay: its files have the names the container gives them, not those of the runtime's directory.
void FileNames::add_mounted(const event::FilePlace& file, NameList& names) const {
  if (!file.in_mount || (file.file.dev != root_dev_ && file.overlay)) return;
  const auto found = mounts_.find(file.file.dev);
  if (found == mounts_.end()) return;
  const std::string_view above = file.above;
  const std::string_view tail = file.path.substr(file.path.size() - *file.in_mount);
  for (const Mount& mount : found->second) {
    if (mount.root.size() <= above.size()) {
      if (!lies_below(above, mount.root)) continue;
      const std::string_view middle = above.substr(mount.root.size());
      // What nearly every open of the host is: through this mount, seen from the host's root.
      if (file.path.size() == mount.point.size() + middle.size() + tail.size() && file.path.starts_with(mount.point) &&
          file.path.substr(mount.point.size()).starts_with(middle))
        continue;
      names.add(mount.point, middle, tail);
    } else if (mount.root.starts_with(above) && lies_below(tail, std::string_view(mount.root).substr(above.size()))) {
      names.add(mount.point, tail.substr(mount.root.size() - above.size()));
    }
  }
}

// --- paths rules name

void FileNames::set_paths(const std::set<std::string>& paths) {
  paths_.clear();
  by_key_.clear();
  next_path_ = 0;
  for (const std::string& path : paths) paths_.push_back({.text = path, .leads = false, .seen = {}, .key = {}});
}

void FileNames::set_key(std::uint32_t path, const FileKey* key) {
  Path& at = paths_[path];
  if (at.leads) {
    const auto old = by_key_.find(at.key);
    std::erase(old->second, path);
    if (old->second.empty()) by_key_.erase(old);
  }
  at.leads = key != nullptr;
  if (key == nullptr) return;
  at.key = *key;
  by_key_[at.key].push_back(path);
}

Result<void> FileNames::look_at(std::size_t begin, std::size_t end) {
  static constexpr std::size_t kBatch = 256;  // descriptors open at once
  std::vector<UniqueFd> kept;
  std::vector<int> fds;
  std::vector<std::uint32_t> changed;
  std::vector<Path::Seen> looks;  // of those
  for (std::size_t i = begin; i < end && fds.size() < kBatch; ++i) {
    struct statx status{};
    Path& path = paths_[i];
    const int failed = statx(AT_FDCWD, path.text.c_str(), AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC,
                             STATX_TYPE | STATX_INO | STATX_BTIME, &status);
    const unsigned type = status.stx_mode & S_IFMT;
    if (failed != 0 || type == S_IFDIR || type == S_IFLNK) {
      set_key(static_cast<std::uint32_t>(i), nullptr);
      continue;
    }
    const Path::Seen seen{.ino = status.stx_ino,
                          .dev = static_cast<std::uint64_t>(status.stx_dev_major) << 32U | status.stx_dev_minor,
                          .birth_s = status.stx_btime.tv_sec,
                          .birth_ns = status.stx_btime.tv_nsec};
    if (path.leads && path.seen == seen) continue;
    UniqueFd fd = open_file(path.text);
    if (!fd) {
      set_key(static_cast<std::uint32_t>(i), nullptr);
      continue;
    }
    looks.push_back(seen);
    fds.push_back(fd.get());
    changed.push_back(static_cast<std::uint32_t>(i));
    kept.push_back(std::move(fd));
  }
  if (fds.empty()) return {};
  const std::vector<FileKey> keys = TRY(identify_(fds));
  for (std::size_t i = 0; i < keys.size(); ++i) {
    set_key(changed[i], &keys[i]);
    paths_[changed[i]].seen = looks[i];
  }
  if (fds.size() == kBatch) return look_at(changed.back() + 1U, end);
  return {};
}

Result<void> FileNames::refresh() {
  TRY(read_mounts());
  const std::size_t begin = next_path_;
  const std::size_t end = std::min(begin + kPathsPerLook, paths_.size());
  next_path_ = end == paths_.size() ? 0 : end;
  return look_at(begin, end);
}

void FileNames::add_names(const event::FilePlace& file, NameList& names) const {
  if (file.file.ino == 0) return;
  for (const FileKey& key : {file.file, file.layer}) {
    if (key.ino == 0) continue;
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) continue;
    for (const std::uint32_t path : found->second) names.add(paths_[path].text);
  }
  add_mounted(file, names);
}

}  // namespace shrike::enrich
