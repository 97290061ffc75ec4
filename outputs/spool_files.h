// SPDX-License-Identifier: Apache-2.0
// A spool's directory, and the lock that keeps it to one process.
#pragma once

#include <string>
#include <string_view>

#include "engine/base/handle.h"
#include "engine/base/result.h"

namespace shrike::outputs {

constexpr std::string_view kLockFile = "lock";
// Dead letters: written, the ones before, being put back.
constexpr std::string_view kDeadFile = "dead.jsonl";
constexpr std::string_view kOldDeadFile = "dead.jsonl.1";
constexpr std::string_view kReplayedDeadFile = "dead.jsonl.replay";

// Opens it; `create`: makes it and what leads to it, mode 0700, and takes rights of others away. Errors: kSystem, kNotFound.
Result<UniqueFd> open_spool_directory(const std::string& path, bool create);
// Held as long as the descriptor is open. Errors: kInvalid (another process has it; says which), kSystem.
Result<UniqueFd> lock_spool(int directory, const std::string& path);
// Who has the lock; 0: nobody.
int spool_user(int directory);
// Segments and acknowledgements aside.
bool is_spool_file(std::string_view name);

}  // namespace shrike::outputs
