// SPDX-License-Identifier: Apache-2.0
#include "tests/enforce/place.h"

#include <arpa/inet.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <ranges>
#include <sstream>

#include "tests/enforce/run.h"

namespace shrike::test {
namespace {

constexpr int kTries = 50;

// A socket bound to the loopback address; port 0 finds one.
UniqueFd bound(int family, int type, std::uint16_t port) {
  UniqueFd fd(socket(family, type | SOCK_CLOEXEC, 0));
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  v6.sin6_addr = in6addr_loopback;
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(port);
  v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const auto* address = family == AF_INET6 ? reinterpret_cast<const sockaddr*>(&v6) : reinterpret_cast<const sockaddr*>(&v4);
  const socklen_t size = family == AF_INET6 ? sizeof(v6) : sizeof(v4);
  return bind(fd.get(), address, size) == 0 ? std::move(fd) : UniqueFd();
}

std::uint16_t port_of(const UniqueFd& fd) {
  sockaddr_in6 address{};
  socklen_t size = sizeof(address);
  getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin6_port);  // where IPv4 has it too
}

const std::string& cgroup_mount() {
  static const std::string mount = [] {
    std::ifstream mounts("/proc/self/mounts");
    for (std::string line; std::getline(mounts, line);) {
      std::istringstream words(line);
      std::string device;
      std::string where;
      std::string type;
      words >> device >> where >> type;
      if (type == "cgroup2") return where;
    }
    return std::string();
  }();
  return mount;
}

}  // namespace

Place::Place(bool mounted) {
  std::string name = (std::filesystem::temp_directory_path() / "shrike-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) {
    failure_ = std::string("no directory: ") + std::strerror(errno);
    return;
  }
  directory_ = std::filesystem::canonical(name);  // as the kernel will name it
  if (mounted) {
    mounted_ = mount("shrike-test", directory_.c_str(), "tmpfs", 0, "mode=755,size=64m") == 0;
    if (!mounted_) failure_ = std::string("no tmpfs: ") + std::strerror(errno);
  }
  std::filesystem::permissions(directory_, std::filesystem::perms{0755});  // deeds may give up root
}

Place::~Place() {
  for (const std::string& where : mounts_ | std::views::reverse) umount2(where.c_str(), MNT_DETACH);
  if (mounted_) umount2(directory_.c_str(), MNT_DETACH);
  std::error_code ignored;
  if (!directory_.empty()) std::filesystem::remove_all(directory_, ignored);
  for (const std::string& path : cgroups_) {
    // A process that has ended may take a moment to leave.
    for (int i = 0; i < kTries && rmdir(cgroup_directory(path).c_str()) != 0 && errno == EBUSY; ++i) usleep(20'000);
  }
}

std::string Place::file(const std::string& name, const std::string& text) const {
  const std::filesystem::path path = directory_ / name;
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path) << text;
  return path.string();
}

std::string Place::program(const std::string& name, const std::string& of) const {
  const std::filesystem::path path = directory_ / name;
  std::filesystem::create_directories(path.parent_path());
  std::filesystem::copy_file(deed(of), path, std::filesystem::copy_options::overwrite_existing);
  std::filesystem::permissions(path, std::filesystem::perms{0755});
  return path.string();
}

bool Place::bind_mount(const std::string& from, const std::string& to) {
  if (std::filesystem::is_directory(from))
    std::filesystem::create_directories(to);
  else
    std::ofstream{to};
  if (mount(from.c_str(), to.c_str(), nullptr, MS_BIND, nullptr) != 0) return false;
  mounts_.push_back(to);
  return true;
}

std::string Place::listening_port() {
  for (int i = 0; i < kTries; ++i) {
    UniqueFd v6 = bound(AF_INET6, SOCK_STREAM, 0);
    const std::uint16_t port = port_of(v6);
    UniqueFd v4 = bound(AF_INET, SOCK_STREAM, port);
    if (!v4 || !ports_.insert(port).second || listen(v4.get(), SOMAXCONN) != 0 || listen(v6.get(), SOMAXCONN) != 0) continue;
    listeners_.push_back(std::move(v4));
    listeners_.push_back(std::move(v6));
    return std::to_string(port);
  }
  failure_ = "no port";
  return "0";
}

std::string Place::free_port() {
  for (int i = 0; i < kTries; ++i) {
    const std::uint16_t port = port_of(bound(AF_INET6, SOCK_STREAM, 0));
    if (bound(AF_INET, SOCK_STREAM, port) && bound(AF_INET, SOCK_DGRAM, port) && bound(AF_INET6, SOCK_DGRAM, port) &&
        ports_.insert(port).second)
      return std::to_string(port);
  }
  failure_ = "no port";
  return "0";
}

std::string Place::make_cgroup(const std::string& name) {
  if (cgroup_mount().empty()) return "";
  const std::string path = "/" + name + "-" + std::to_string(getpid());
  if (mkdir(cgroup_directory(path).c_str(), 0755) != 0 && errno != EEXIST) return "";
  cgroups_.push_back(path);
  return path;
}

std::string Place::cgroup_directory(const std::string& path) { return cgroup_mount() + path; }

}  // namespace shrike::test
