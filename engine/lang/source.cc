// SPDX-License-Identifier: Apache-2.0
#include "engine/lang/source.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace shrike::lang {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }

void add_utf8(std::string& out, std::uint32_t code) {
  const auto byte = [&](std::uint32_t value) { out += static_cast<char>(static_cast<unsigned char>(value)); };
  if (code < 0x80) {
    byte(code);
  } else if (code < 0x800) {
    byte(0xC0 | code >> 6);
    byte(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    byte(0xE0 | code >> 12);
    byte(0x80 | (code >> 6 & 0x3F));
    byte(0x80 | (code & 0x3F));
  } else {
    byte(0xF0 | code >> 18);
    byte(0x80 | (code >> 12 & 0x3F));
    byte(0x80 | (code >> 6 & 0x3F));
    byte(0x80 | (code & 0x3F));
  }
}

// Walks a scalar's value and its spelling in the file side by side until byte `target` of the value. A place where the two
// disagree ends the walk without an answer: better the start of the node than a caret at the wrong letter.
class Alignment {
 public:
  Alignment(std::string_view file, std::size_t node_offset, std::string_view value, std::size_t target)
      : file_(file), value_(value), at_(node_offset), target_(std::min(target, value.size())) {}

  std::optional<std::size_t> run() {
    if (at_ >= file_.size()) return std::nullopt;
    switch (file_[at_]) {
      case '|':
      case '>':
        return block();
      case '\'':
      case '"':
        style_ = file_[at_++];
        return flow();
      default:
        return flow();
    }
  }

 private:
  char file_char(std::size_t at) const { return at < file_.size() ? file_[at] : '\0'; }
  bool is_break(std::size_t at) const { return file_char(at) == '\n' || (file_char(at) == '\r' && file_char(at + 1) == '\n'); }
  void skip_break() { at_ += file_char(at_) == '\r' ? 2U : 1U; }
  bool done() const { return done_ >= target_; }

  bool match(std::string_view spelled, std::size_t width) {
    if (value_.substr(done_, spelled.size()) != spelled) return false;
    done_ += spelled.size();
    if (done_ <= target_) at_ += width;  // inside a character of several bytes its start is the place
    return true;
  }

  // Blanks up to a line end?
  bool at_fold() const {
    std::size_t at = at_;
    while (is_blank(file_char(at))) ++at;
    return is_break(at);
  }

  // One line end reads as a blank, n of them as n-1 line ends.
  bool fold() {
    const std::size_t start = at_;
    std::size_t breaks = 0;
    while (is_blank(file_char(at_)) || is_break(at_)) {
      if (is_break(at_)) {
        ++breaks;
        skip_break();
      } else {
        ++at_;
      }
    }
    const std::string expected = breaks == 1 ? " " : std::string(breaks - 1, '\n');
    if (value_.substr(done_, expected.size()) != expected) return false;
    done_ += expected.size();
    if (done_ > target_) at_ = start;
    return true;
  }

  bool escape() {
    const char kind = file_char(at_ + 1);
    if (is_break(at_ + 1)) {  // the line end itself is escaped
      ++at_;
      skip_break();
      while (is_blank(file_char(at_))) ++at_;
      return true;
    }
    if (kind == 'x' || kind == 'u' || kind == 'U') {
      const std::size_t digits = kind == 'x' ? 2 : kind == 'u' ? 4 : 8;
      std::uint32_t code = 0;
      for (std::size_t i = 0; i < digits; ++i) {
        const char c = file_char(at_ + 2 + i);
        const std::uint32_t digit = c >= '0' && c <= '9'   ? static_cast<std::uint32_t>(c - '0')
                                    : c >= 'a' && c <= 'f' ? static_cast<std::uint32_t>(c - 'a' + 10)
                                    : c >= 'A' && c <= 'F' ? static_cast<std::uint32_t>(c - 'A' + 10)
                                                           : 16;
        if (digit == 16) return false;
        code = code << 4 | digit;
      }
      std::string spelled;
      add_utf8(spelled, code);
      return match(spelled, 2 + digits);
    }
    static constexpr std::pair<char, std::string_view> kEscapes[] = {
        {'a', "\a"},  {'b', "\b"}, {'t', "\t"},       {'\t', "\t"},      {'n', "\n"},           {'v', "\v"},
        {'f', "\f"},  {'r', "\r"}, {'e', "\x1B"},     {' ', " "},        {'"', "\""},           {'/', "/"},
        {'\\', "\\"}, {'\'', "'"}, {'N', "\xC2\x85"}, {'_', "\xC2\xA0"}, {'L', "\xE2\x80\xA8"}, {'P', "\xE2\x80\xA9"}};
    for (const auto& [letter, spelled] : kEscapes) {
      if (letter == kind) return match(spelled, 2);
    }
    return false;
  }

  bool flow_step() {
    if (at_fold()) return fold();
    const char c = file_char(at_);
    if (style_ == '"' && c == '\\') return escape();
    if (style_ == '\'' && c == '\'') return file_char(at_ + 1) == '\'' && match("'", 2);
    if (style_ == '"' && c == '"') return false;
    return match(file_.substr(at_, 1), 1);
  }

  std::optional<std::size_t> flow() {
    while (!done()) {
      if (at_ >= file_.size() || !flow_step()) return std::nullopt;
    }
    return at_;
  }

  void skip_line() {
    while (at_ < file_.size() && !is_break(at_)) ++at_;
    if (at_ < file_.size()) skip_break();
  }

  // Over empty lines to the first letter of the next line with text; its indentation in `spaces`.
  void skip_to_content(std::size_t& spaces) {
    while (at_ < file_.size()) {
      std::size_t at = at_;
      while (file_char(at) == ' ') ++at;
      spaces = at - at_;
      if (!is_break(at)) return;
      at_ = at;
      skip_break();
    }
  }

  std::size_t line_ends() {
    const std::size_t end = std::min(value_.find_first_not_of('\n', done_), value_.size());
    return end - done_;
  }

  std::optional<std::size_t> block() {
    skip_line();
    done_ += line_ends();
    std::size_t spaces = 0;
    skip_to_content(spaces);
    const std::size_t first_letter = std::min(value_.find_first_not_of(' ', done_), value_.size());
    const std::size_t more = first_letter - done_;
    if (spaces < more) return std::nullopt;
    const std::size_t indent = spaces - more;
    at_ += indent;
    while (!done()) {
      if (at_ >= file_.size()) return std::nullopt;
      if (!is_break(at_)) {
        if (!match(file_.substr(at_, 1), 1)) return std::nullopt;
        continue;
      }
      const std::size_t folded = value_[done_] == ' ' ? 1 : line_ends();
      if (folded == 0) return std::nullopt;
      done_ += folded;
      if (done_ > target_ || done_ == value_.size()) return at_;
      skip_break();
      skip_to_content(spaces);
      at_ += std::min(spaces, indent);
    }
    return at_;
  }

  std::string_view file_;
  std::string_view value_;
  std::size_t at_;        // in file_
  std::size_t done_ = 0;  // bytes of value_
  std::size_t target_;
  char style_ = 0;  // the quote, or 0 for plain
};

}  // namespace

SourceText::SourceText(std::string value, std::shared_ptr<const SourceFile> file, std::size_t node_offset)
    : value_(std::move(value)) {
  pieces_.push_back({0, value_.size(), std::move(file), node_offset, false, {}});
}

SourceText SourceText::generated(std::string value, std::shared_ptr<const SourceFile> file, std::size_t offset) {
  SourceText text(std::move(value), std::move(file), offset);
  text.pieces_.front().generated = true;
  return text;
}

void SourceText::append(const SourceText& other) {
  if (!pieces_.empty()) value_ += ' ';
  concat(other);
}

void SourceText::concat(const SourceText& other) {
  const std::size_t base = value_.size();
  value_ += other.value_;
  for (Piece piece : other.pieces_) {
    piece.start += base;
    pieces_.push_back(std::move(piece));
  }
}

SourceText SourceText::trimmed() const {
  static constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t first = std::min(value_.find_first_not_of(kBlanks), value_.size());
  const std::size_t last = value_.find_last_not_of(kBlanks);
  const std::size_t end = last == std::string::npos ? first : last + 1;
  SourceText text;
  text.value_ = value_.substr(first, end - first);
  for (Piece piece : pieces_) {
    const std::size_t from = std::clamp(piece.start, first, end);
    const std::size_t to = std::clamp(piece.start + piece.size, first, end);
    piece.skipped += value_.substr(piece.start, std::min(from - std::min(from, piece.start), piece.size));
    piece.start = from - first;
    piece.size = to - from;
    text.pieces_.push_back(std::move(piece));
  }
  return text;
}

const SourceText::Piece* SourceText::piece_at(std::size_t offset) const {
  const Piece* found = nullptr;
  for (const Piece& piece : pieces_) {
    // Between two pieces is the end of the first.
    if (found != nullptr && piece.start > offset) break;
    found = &piece;
  }
  return found;
}

std::size_t SourceText::file_offset(const Piece& piece, std::size_t offset) const {
  if (piece.generated) return piece.node_offset;
  const std::string scalar = piece.skipped + value_.substr(piece.start, piece.size);
  const std::size_t inside = piece.skipped.size() + std::min(offset - std::min(offset, piece.start), piece.size);
  return Alignment(piece.file->text, piece.node_offset, scalar, inside).run().value_or(piece.node_offset);
}

Position SourceText::position(std::size_t offset) const {
  const Piece* piece = piece_at(offset);
  if (piece == nullptr || !piece->file) return {};
  return position_at(*piece->file, file_offset(*piece, offset));
}

std::string SourceText::line(std::size_t offset) const {
  const Piece* piece = piece_at(offset);
  if (piece == nullptr || !piece->file) return {};
  return shown_line(*piece->file, position_at(*piece->file, file_offset(*piece, offset)).line);
}

const std::vector<std::uint32_t>& SourceFile::line_starts() const {
  if (known_line_starts.empty()) {
    known_line_starts.push_back(0);
    for (std::size_t at = text.find('\n'); at != std::string::npos; at = text.find('\n', at + 1))
      known_line_starts.push_back(static_cast<std::uint32_t>(at + 1));
  }
  return known_line_starts;
}

std::string_view line_at(const SourceFile& file, std::size_t line) {
  const std::vector<std::uint32_t>& starts = file.line_starts();
  if (line == 0 || line > starts.size()) return {};
  const std::size_t end = line < starts.size() ? starts[line] - 1 : file.text.size();
  std::string_view found = std::string_view(file.text).substr(starts[line - 1], end - starts[line - 1]);
  if (found.ends_with('\r')) found.remove_suffix(1);
  return found;
}

std::string shown_line(const SourceFile& file, std::size_t line) {
  const std::string_view found = line_at(file, line);
  return found.size() > kMaxShownLine ? std::string() : std::string(found);
}

Position position_at(const SourceFile& file, std::size_t offset) {
  const std::vector<std::uint32_t>& starts = file.line_starts();
  const auto line = static_cast<std::size_t>(std::ranges::upper_bound(starts, offset) - starts.begin());
  return {file.path, line, offset - starts[line - 1] + 1};
}

}  // namespace shrike::lang
