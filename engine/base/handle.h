// SPDX-License-Identifier: Apache-2.0
// Owners of C handles: one cleanup each.
#pragma once

#include <unistd.h>

#include <memory>
#include <utility>

namespace shrike {

// A file descriptor that closes itself.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) reset(std::exchange(other.fd_, -1));
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void reset(int fd = -1) {
    if (fd_ >= 0) close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

// A deleter from a C function: std::unique_ptr<bpf_link, Destroyer<bpf_link__destroy>>.
template <auto Function>
struct Destroyer {
  template <class T>
  void operator()(T* handle) const {
    Function(handle);
  }
};

}  // namespace shrike
