// SPDX-License-Identifier: Apache-2.0
// Arena is the memory of one event: what a field getter has to build lives here until reset().
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory_resource>
#include <span>
#include <string_view>

namespace shrike {

class Arena {
 public:
  Arena() : pool_(buffer_.data(), buffer_.size()) {}
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // Forgets everything handed out. The first 32 KiB come without the heap.
  void reset() { pool_.release(); }

  std::span<char> bytes(std::size_t size) { return {static_cast<char*>(pool_.allocate(size, 1)), size}; }

  // The parts one after the other; valid until reset().
  template <class... Parts>
  std::string_view concat(const Parts&... parts) {
    const std::size_t size = (std::string_view(parts).size() + ... + std::size_t{0});
    const std::span<char> out = bytes(size);
    char* at = out.data();
    ((at = std::ranges::copy(std::string_view(parts), at).out), ...);  // memcpy would want no null, not even of an empty text
    return {out.data(), size};
  }

  template <class T>
  std::span<T> array(std::size_t count) {
    return {new (pool_.allocate(count * sizeof(T), alignof(T))) T[count], count};
  }

 private:
  std::array<std::byte, 32U << 10U> buffer_;
  std::pmr::monotonic_buffer_resource pool_;
};

}  // namespace shrike
