// SPDX-License-Identifier: Apache-2.0
// RecordSource is where records come from: the kernel's rings, a recording, a test.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

namespace shrike::decode {

// One record of bpf/abi/event.h, header first. Not checked: that is decode's work.
struct RawRecord {
  std::span<const std::byte> bytes;
};

class RecordSource {
 public:
  virtual ~RecordSource() = default;

  // The next record in order of time, or nothing yet. Borrowed: valid until the following call of next().
  virtual std::optional<RawRecord> next() = 0;

  // Sleeps until there may be records, at most `timeout_ms`. May return early.
  virtual void wait(int timeout_ms) = 0;

  // Whether young records are held back so that late ones can be put in order. Off: everything there is comes at once, for the
  // end.
  virtual void set_settle(bool settle) = 0;
};

}  // namespace shrike::decode
