// SPDX-License-Identifier: Apache-2.0
// decode turns one record of bpf/abi/event.h into an Event.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/base/clock.h"
#include "engine/base/result.h"
#include "engine/event/event.h"

namespace shrike::decode {

// record   whole record, header first; borrowed: the event's strings and the verdict's rules point into it
// clock    turns the record's boot time into wall time
//
// Errors: kCorrupt if the version, kind or size is not what the header says, a blob leaves the record, or a verdict or a list of
// names does not fit its blob.
Result<event::Event> decode(std::span<const std::byte> record, const WallClock& clock);

// An open in short.
struct OpenPeek {
  event::EventType type = event::EventType::kNone;
  std::uint8_t hook = 0;
  std::uint32_t pid = 0;
  std::uint64_t start_ns = 0;
  std::uint64_t cgroup_id = 0;
  std::uint64_t boot_ns = 0;
  event::OpenKey key;
  event::FilePlace place;
};

// False: it is no open, or one that only decode() tells whole: with a verdict, further names, gaps, or malformed.
bool peek_open(std::span<const std::byte> record, OpenPeek& peek);

}  // namespace shrike::decode
