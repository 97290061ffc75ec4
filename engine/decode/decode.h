// SPDX-License-Identifier: Apache-2.0
// decode turns one record of bpf/abi/event.h into an Event.
#pragma once

#include <cstddef>
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

}  // namespace shrike::decode
