// SPDX-License-Identifier: Apache-2.0
// Reads small regular files that others write: whatever lies there, the reader does not wait for it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

namespace shrike::enrich {

struct FileText {
  std::string text;
  bool whole = true;  // false: the file is longer than what was read
};

// fd   open for reading; not kept. Nothing: it is no regular file, or can't be read.
std::optional<FileText> read_open_file(int fd, std::size_t most);

// Does not follow a symlink in the last place, wait for a FIFO's writer, or take a terminal.
std::optional<FileText> read_file(const std::string& path, std::size_t most);

}  // namespace shrike::enrich
