// SPDX-License-Identifier: Apache-2.0
// SourceText ties text taken out of a YAML file to the place it came from, so that an error deep in a folded condition
// names the file's own line and column.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace shrike::lang {

// A whole file as read; shared by all that was taken from it.
struct SourceFile {
  std::string path;  // as the user named it
  std::string text;
};

// Where something stands: lines and columns count from 1, columns in bytes. line 0: nowhere in particular (only the file is known).
struct Position {
  std::string file;
  std::size_t line = 0;
  std::size_t column = 0;

  bool operator==(const Position&) const = default;
};

// One scalar of a YAML file: its value, and the byte of the file at which its node starts.
// Pieces appended by `append` or `override` keep their own origin: a SourceText is a list of them.
class SourceText {
 public:
  SourceText() = default;
  SourceText(std::string value, std::shared_ptr<const SourceFile> file, std::size_t node_offset);

  // The text as YAML gives it; several pieces joined by one blank.
  const std::string& value() const { return value_; }
  bool empty() const { return value_.empty(); }

  // Adds ` ` and the other text, keeping its origin (rule-language.md 1.8).
  void append(const SourceText& other);

  // The position in the file of byte `offset` of value(). Follows plain, quoted, literal and folded scalars; where the
  // alignment fails it falls back to the start of the node.
  Position position(std::size_t offset) const;

 private:
  struct Piece {
    std::size_t start = 0;  // in value_
    std::size_t size = 0;
    std::shared_ptr<const SourceFile> file;
    std::size_t node_offset = 0;
  };

  std::string value_;
  std::vector<Piece> pieces_;
};

// The line of `file` that `position` names, for the caret text; empty if there is none.
std::string_view line_at(const SourceFile& file, std::size_t line);

// The 1-based line and column of byte `offset`.
Position position_at(const SourceFile& file, std::size_t offset);

}  // namespace shrike::lang
