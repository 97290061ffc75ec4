// SPDX-License-Identifier: Apache-2.0
// SourceText ties text taken out of a YAML file to the place it came from, so that an error deep in a folded condition
// names the file's own line and column.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace shrike::lang {

inline constexpr std::size_t kMaxShownLine = 64U << 10U;  // a longer line is not copied into diagnostics

// A whole file as read; shared by all that was taken from it.
struct SourceFile {
  std::string path;  // as the user named it
  std::string text;

  // Byte at which each line starts. Made when it is first asked for: the text must not change after that.
  const std::vector<std::uint32_t>& line_starts() const;
  mutable std::vector<std::uint32_t> known_line_starts = {};
};

// Where something stands: lines and columns count from 1, columns in bytes. line 0: nowhere in particular (only the file is
// known).
struct Position {
  std::string file;
  std::size_t line = 0;
  std::size_t column = 0;

  bool operator==(const Position&) const = default;
};

// Text put together from scalars of YAML files. Each piece keeps the place it came from: the byte of its file at which its node
// starts.
class SourceText {
 public:
  SourceText() = default;
  // One scalar: its value as YAML gives it. `node_offset` is the first byte of the scalar itself (its quote, its `|`, its first
  // letter).
  SourceText(std::string value, std::shared_ptr<const SourceFile> file, std::size_t node_offset);

  // Text that no file spells (a compiled exception): all of it stands at `offset`.
  static SourceText generated(std::string value, std::shared_ptr<const SourceFile> file, std::size_t offset);

  const std::string& value() const { return value_; }
  bool empty() const { return value_.empty(); }

  // Adds ` ` and the other text, keeping its origin (rule-language.md 1.8).
  void append(const SourceText& other);
  // The same without the blank.
  void concat(const SourceText& other);
  // Without blanks and line ends at either end.
  SourceText trimmed() const;

  // The position in the file of byte `offset` of value(). Follows plain, quoted, literal and folded scalars; where the
  // alignment fails it falls back to the start of the node.
  Position position(std::size_t offset) const;
  // The file's line at that position, for Diagnostic::line; empty if it is longer than kMaxShownLine.
  std::string line(std::size_t offset) const;

 private:
  struct Piece {
    std::size_t start = 0;  // in value_
    std::size_t size = 0;
    std::shared_ptr<const SourceFile> file;
    std::size_t node_offset = 0;
    bool generated = false;
    std::string skipped;  // of the scalar, before the piece: trimmed off
  };

  const Piece* piece_at(std::size_t offset) const;
  std::size_t file_offset(const Piece& piece, std::size_t offset) const;

  std::string value_;
  std::vector<Piece> pieces_;
};

// The line of `file` that `position` names, for the caret text; empty if there is none.
std::string_view line_at(const SourceFile& file, std::size_t line);

// The same for Diagnostic::line; empty if it is longer than kMaxShownLine.
std::string shown_line(const SourceFile& file, std::size_t line);

// The 1-based line and column of byte `offset`.
Position position_at(const SourceFile& file, std::size_t offset);

}  // namespace shrike::lang
