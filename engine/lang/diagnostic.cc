// SPDX-License-Identifier: Apache-2.0
#include "engine/lang/diagnostic.h"

#include <algorithm>
#include <utility>

#include "engine/lang/utf8.h"

namespace shrike::lang {
namespace {

constexpr std::size_t kMaxColumns = 160;     // of a line that is shown
constexpr std::size_t kMaxWordBytes = 64;    // a longer word has no nearest candidate
constexpr std::string_view kEllipsis = "…";  // where a line is cut

// Bytes of the character at `at`; a byte that starts none counts as one.
std::size_t character_size(std::string_view text, std::size_t at) { return std::max<std::size_t>(utf8_size(text, at), 1); }

// What a terminal may be shown for one character. U+0080 to U+009F steer terminals; U+202A to U+202E and U+2066 to U+2069
// reorder what is read.
std::string_view harmless(std::string_view character) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(character[i]); };
  if (character == "\t") return " ";
  if (character.size() == 1) return byte(0) < 0x20 || byte(0) >= 0x7F ? "." : character;
  if (character.size() == 2 && byte(0) == 0xC2 && byte(1) < 0xA0) return ".";
  if (character.size() == 3 && byte(0) == 0xE2) {
    if (byte(1) == 0x80 && byte(2) >= 0xA8 && byte(2) <= 0xAE) return ".";
    if (byte(1) == 0x81 && byte(2) >= 0xA6 && byte(2) <= 0xA9) return ".";
  }
  return character;
}

// The line as it is shown and the column, from 0, under which the caret goes. A character takes one column.
struct Shown {
  std::string text;
  std::size_t caret = 0;
};
Shown show(std::string_view line, std::size_t caret_byte) {
  std::vector<std::string_view> columns;
  std::size_t caret = 0;
  bool passed = false;
  for (std::size_t at = 0; at < line.size();) {
    if (!passed && at + character_size(line, at) > caret_byte) {
      caret = columns.size();
      passed = true;
    }
    const std::size_t size = character_size(line, at);
    columns.push_back(harmless(line.substr(at, size)));
    at += size;
  }
  if (!passed) caret = columns.size();
  std::size_t first = 0;
  std::size_t last = columns.size();
  if (columns.size() > kMaxColumns) {
    first = std::min(caret - std::min(caret, kMaxColumns / 2), columns.size() - kMaxColumns);
    last = first + kMaxColumns;
  }
  Shown shown;
  if (first > 0) shown.text += kEllipsis;
  for (std::size_t i = first; i < last; ++i) shown.text += columns[i];
  if (last < columns.size()) shown.text += kEllipsis;
  shown.caret = caret - first + (first > 0 ? 1 : 0);
  return shown;
}

}  // namespace

std::string harmless_text(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t size = character_size(text, at);
    out += harmless(text.substr(at, size));
    at += size;
  }
  return out;
}

std::string format(const Diagnostic& diagnostic) {
  const Position& position = diagnostic.position;
  std::string text = "shrike: ";
  if (!position.file.empty()) {
    text += harmless_text(position.file);
    if (position.line > 0) text += ':' + std::to_string(position.line) + ':' + std::to_string(position.column);
    text += ": ";
  }
  text += diagnostic.severity == Severity::kError ? "error: " : "warning: ";
  text += harmless_text(diagnostic.message);
  if (position.line > 0 && !diagnostic.line.empty()) {
    const std::string number = std::to_string(position.line);
    const Shown shown = show(diagnostic.line, position.column - std::min<std::size_t>(position.column, 1));
    text += "\n  " + number + " | " + shown.text;
    text += "\n  " + std::string(number.size(), ' ') + " | " + std::string(shown.caret, ' ') + '^';
  }
  if (!diagnostic.hint.empty()) text += "\n  hint: " + harmless_text(diagnostic.hint);
  return text;
}

void Diagnostics::add(Diagnostic diagnostic) {
  if (diagnostic.severity == Severity::kError) ++errors_;
  all_.push_back(std::move(diagnostic));
}

std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit) {
  if (std::max(a.size(), b.size()) - std::min(a.size(), b.size()) > limit) return limit + 1;
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    if (std::ranges::min(row) > limit) return limit + 1;
    std::swap(before, last);
    std::swap(last, row);
  }
  return std::min(last[b.size()], limit + 1);
}

std::string_view nearest(std::string_view word, const std::vector<std::string_view>& candidates) {
  if (word.empty() || word.size() > kMaxWordBytes) return {};
  std::string_view best;
  std::size_t limit = std::max<std::size_t>(word.size() / 3, 1);
  for (const std::string_view candidate : candidates) {
    const std::size_t distance = edit_distance(word, candidate, limit);
    if (distance > limit || (distance == limit && !best.empty())) continue;
    best = candidate;
    limit = distance;
  }
  return best;
}

}  // namespace shrike::lang
