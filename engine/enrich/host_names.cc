// SPDX-License-Identifier: Apache-2.0
#include "engine/enrich/host_names.h"

#include <cerrno>
#include <cstdio>
#include <grp.h>
#include <memory>
#include <pwd.h>
#include <sys/stat.h>
#include <utility>
#include <vector>

namespace shrike::enrich {
namespace {

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

// Gives every entry of the file to `take`, in order. The C library goes back to the start of an entry that does not fit the
// buffer.
template <class Entry, class Next, class Take>
void read_entries(const std::string& path, Next next, Take take) {
  static constexpr std::size_t kEntryMax = 1U << 20U;
  const File file{std::fopen(path.c_str(), "re")};
  if (file == nullptr) return;
  std::vector<char> buffer(4096);
  for (bool first = true;;) {
    Entry entry{};
    Entry* found = nullptr;
    const int error = next(file.get(), &entry, buffer.data(), buffer.size(), &found);
    if (error == ERANGE && buffer.size() < kEntryMax) {
      buffer.resize(2 * buffer.size());
      continue;
    }
    if (error != 0) return;
    take(entry, std::exchange(first, false));
  }
}

}  // namespace

HostNames::HostNames(std::string passwd, std::string group) {
  users_.path = std::move(passwd);
  groups_.path = std::move(group);
  refresh();
}

bool HostNames::changed(Source& source) {
  struct stat now{};
  if (stat(source.path.c_str(), &now) != 0) return false;
  if (now.st_ino == source.inode && now.st_size == source.size && now.st_mtim.tv_sec == source.modified.tv_sec &&
      now.st_mtim.tv_nsec == source.modified.tv_nsec) {
    return false;
  }
  source.inode = now.st_ino;
  source.size = now.st_size;
  source.modified = now.st_mtim;
  return true;
}

void HostNames::refresh() {
  if (changed(users_)) {
    read_entries<passwd>(users_.path, fgetpwent_r, [&](const passwd& entry, bool first) {
      if (first) users_.names.clear();
      users_.names.emplace(entry.pw_uid, entry.pw_name);
    });
  }
  if (changed(groups_)) {
    read_entries<group>(groups_.path, fgetgrent_r, [&](const group& entry, bool first) {
      if (first) groups_.names.clear();
      groups_.names.emplace(entry.gr_gid, entry.gr_name);
    });
  }
}

std::string_view HostNames::name(const Source& source, std::uint32_t id) {
  const auto found = source.names.find(id);
  return found == source.names.end() ? std::string_view() : std::string_view(found->second);
}

std::string_view HostNames::user_name(std::uint32_t uid) const { return name(users_, uid); }
std::string_view HostNames::group_name(std::uint32_t gid) const { return name(groups_, gid); }

}  // namespace shrike::enrich
