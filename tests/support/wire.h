// SPDX-License-Identifier: Apache-2.0
// Records by hand: a wire struct of bpf/abi/event.h, and what its blobs hold behind it.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "bpf/abi/event.h"

namespace shrike::test {

template <class Wire>
class WireRecord {
 public:
  WireRecord(std::uint16_t kind, std::uint16_t type) : bytes_(sizeof(Wire)) {
    wire.header.kind = kind;
    wire.header.type = type;
    wire.header.version = ABI_VERSION;
    wire.header.tgid = 7;
    wire.header.tid = 7;
  }

  blob add(std::string_view text) { return append(text.data(), text.size()); }

  // 8-aligned, as the kernel programs lay structs; `size` to cut it.
  template <class Part>
  blob add_struct(const Part& part, std::size_t size = sizeof(Part)) {
    bytes_.resize((bytes_.size() + 7) / 8 * 8);
    return append(&part, size);
  }

  // The whole record, its size filled in.
  std::span<const std::byte> bytes() {
    wire.header.size = static_cast<__u32>(bytes_.size());
    return raw();
  }
  std::span<const std::byte> raw() {
    std::memcpy(bytes_.data(), &wire, sizeof(wire));
    return bytes_;
  }

  Wire wire{};

 private:
  blob append(const void* data, std::size_t size) {
    const blob at{static_cast<__u32>(bytes_.size()), static_cast<__u32>(size)};
    const auto* first = static_cast<const std::byte*>(data);
    bytes_.insert(bytes_.end(), first, first + size);
    return at;
  }

  std::vector<std::byte> bytes_;
};

}  // namespace shrike::test
