// SPDX-License-Identifier: Apache-2.0
// ProcReader is the only reader of /proc: what the task iterator can't give, and processes whose exec record was lost.
#pragma once

#include <cstdint>
#include <string>

namespace shrike::enrich {

class ProcReader {
 public:
  struct Arguments {
    std::string bytes;        // argv, each ended by NUL, at most kArgumentsMax bytes
    std::uint32_t total = 0;  // true length; at least bytes.size()
  };
  struct Snapshot {
    std::string comm, exe_path, cwd;
    Arguments arguments;
  };

  static constexpr std::size_t kArgumentsMax = 8192;  // as the kernel programs keep (bpf/abi/limits.h)

  explicit ProcReader(std::string root = "/proc") : root_(std::move(root)) {}

  // Empty if the process is gone or has none (kernel thread).
  Arguments arguments(std::uint32_t pid) const;

  // Whatever is still there.
  Snapshot snapshot(std::uint32_t pid) const;

 private:
  std::string path(std::uint32_t pid, const char* file) const;
  std::string root_;
};

}  // namespace shrike::enrich
