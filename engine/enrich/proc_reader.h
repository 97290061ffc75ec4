// SPDX-License-Identifier: Apache-2.0
// ProcReader is the only reader of /proc: what the task iterator can't give, and processes whose exec record was lost.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "engine/event/process.h"

namespace shrike::enrich {

class ProcReader {
 public:
  struct Arguments {
    std::string bytes;        // argv or environment, each ended by NUL, at most kArgumentsMax bytes
    std::uint32_t total = 0;  // true length; at least bytes.size()
  };
  struct Snapshot {
    std::string comm, exe_path, cwd;
    Arguments arguments;
    std::uint32_t ppid = 0, pgid = 0, sid = 0;
  };

  static constexpr std::size_t kArgumentsMax = 8192;  // as the kernel programs keep (bpf/abi/limits.h)

  explicit ProcReader(std::string root = "/proc") : root_(std::move(root)) {}

  // `start_ns`: start_boottime, with pid the process's identity. What /proc shows under the pid counts only if it is that
  // process: the pid may be another's by now, or be counted in another pid namespace than ours.
  //
  // Empty if the process is gone or has none (kernel thread).
  Arguments arguments(std::uint32_t pid, std::uint64_t start_ns) const;

  // Likewise; not known if it may not be read.
  event::Environment environment(std::uint32_t pid, std::uint64_t start_ns) const;

  // Whatever is still there; no comm: the process is gone.
  Snapshot snapshot(std::uint32_t pid, std::uint64_t start_ns) const;

 private:
  std::string path(std::uint32_t pid, const char* file) const;
  struct Stat {
    std::uint32_t ppid = 0, pgid = 0, sid = 0;
  };
  std::optional<Stat> stat(std::uint32_t pid, std::uint64_t start_ns) const;
  std::string root_;
};

}  // namespace shrike::enrich
