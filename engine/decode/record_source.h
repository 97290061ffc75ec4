// SPDX-License-Identifier: Apache-2.0
// RecordSource is where records come from: the kernel's rings, later a file.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

namespace shrike::decode {

struct RawRecord {
  std::span<const std::byte> bytes;  // whole record, header first
};

class RecordSource {
 public:
  virtual ~RecordSource() = default;
  // The next record in order of time, or nothing for now. Valid until the following call.
  virtual std::optional<RawRecord> next() = 0;
};

}  // namespace shrike::decode
