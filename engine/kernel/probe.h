// SPDX-License-Identifier: Apache-2.0
// probe_host finds out what this kernel offers, by trying: versions and configuration lines prove nothing.
#pragma once

#include <string>
#include <vector>

namespace shrike::kernel {

struct Finding {
  std::string name;  // "BTF"
  bool ok = false;
  bool required = true;  // without it `run` can't work
  std::string detail;    // what was found, or the kernel's reason
  std::string remedy;    // how to get it; empty if ok
};

struct HostSupport {
  std::string kernel_release;
  std::string tier;  // "full", "tracing", or "none" if something required is missing
  std::vector<Finding> findings;
  std::vector<std::string> limits;  // what this version can't see or do on this tier, known and tested
};

// Loads and unloads small programs of its own; attaches nothing. Needs root to find much.
HostSupport probe_host();

// Whether programs may tell the verifier what a plain number points to (bpf_rdonly_cast: 6.2 and later, with the JIT). Reads of
// kernel memory then cost a load instead of a call.
bool can_cast();

}  // namespace shrike::kernel
