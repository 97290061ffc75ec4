// SPDX-License-Identifier: Apache-2.0
// Reads small regular files that others write: whatever lies there, the reader does not wait for it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "engine/base/handle.h"

namespace shrike::enrich {

struct FileText {
  std::string text;
  bool whole = true;  // false: the file is longer than what was read
};

// What `path` (O_PATH) is, opened for reading, if it is a regular file: to open a device or a pipe may do something, whoever put
// it there.
UniqueFd reopen_regular(const UniqueFd& path);

// fd   open for reading; not kept. Nothing: it is no regular file, or can't be read.
std::optional<FileText> read_open_file(int fd, std::size_t most);

// Does not follow a symlink in the last place, wait for a FIFO's writer, or take a terminal.
std::optional<FileText> read_file(const std::string& path, std::size_t most);

}  // namespace shrike::enrich
