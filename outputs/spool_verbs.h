// SPDX-License-Identifier: Apache-2.0
// What people ask of a spool's directory, with or without a process that uses it: what is in it, and dead letters back into it.
#pragma once

#include <cstdint>
#include <string>

#include "engine/base/result.h"
#include "outputs/dead_letters.h"
#include "outputs/spool.h"

namespace shrike::outputs {

struct MessageCount {
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;                     // of files
  std::uint64_t oldest_ns = 0, newest_ns = 0;  // of the events, epoch; 0: none
};
struct SpoolReport {
  int user = 0;  // the process that has it, 0: none
  MessageCount spooled;
  PerPriority by_priority{};  // of these
  std::uint64_t segments = 0;
  std::uint64_t damaged_bytes = 0;  // in segments; what a process is writing just now may be among it
  std::uint64_t damaged = 0;        // messages lost to it
  MessageCount dead;
  std::uint64_t unreadable_dead = 0;  // lines that are no dead letters
};
// Changes nothing. Errors: kNotFound, kSystem.
Result<SpoolReport> spool_report(const std::string& directory);

struct Replayed {
  std::uint64_t messages = 0;
  std::uint64_t unreadable = 0;  // lines that are no dead letters: they stay
};
// Puts all dead letters back, to be delivered as if they were new; without a process on it. Errors: kInvalid (one has it),
// kLimit (max_bytes: they would push others out), kNotFound, kSystem. Ended in the middle, it goes on where it is begun again,
// and some are there twice.
Result<Replayed> replay_dead_letters(const SpoolOptions& options, std::uint64_t now_ns);
// The same for whoever has the spool.
Result<Replayed> replay_dead_letters(Spool& spool, DeadLetters& dead, std::uint64_t now_ns);

}  // namespace shrike::outputs
