// SPDX-License-Identifier: Apache-2.0
// Reading a whole segment once: for Spool::open() and for a report on a spool that another process has.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/base/handle.h"
#include "engine/base/result.h"
#include "outputs/spool_format.h"

namespace shrike::outputs {

struct SegmentScan {
  std::uint64_t created_ns = 0;  // by its header, or else by the file's time
  std::uint64_t file_bytes = 0;
  std::uint64_t whole_end = 0;      // behind it no whole record begins
  std::uint64_t damaged_bytes = 0;  // before it
  std::uint32_t lost = 0;           // records damaged and not acknowledged; a torn one at the end was never accepted and is none
  std::uint32_t next_index = 0;
  std::uint32_t records = 0, acked = 0;
  std::uint64_t last_sequence = 0;
  std::uint64_t ack_bytes = 0;
  std::vector<bool> is_acked;  // by index
};

// Calls `pending` for each record not acknowledged. Errors: kSystem.
Result<SegmentScan> scan_segment(int directory, const SegmentName& name, const std::function<void(const Record&)>& pending);

// A directory's entries, sorted. Errors: kSystem.
Result<std::vector<std::string>> list_directory(int directory);

}  // namespace shrike::outputs
