// SPDX-License-Identifier: Apache-2.0
#include "outputs/encode/text.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "engine/event/times.h"

namespace shrike::outputs {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";
constexpr std::string_view kEllipsis = "\xe2\x80\xa6";

bool plain(char c) { return c >= 0x20 && c < 0x7f; }

void append_unicode(std::string& out, char32_t c) {
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "\\u%04x", static_cast<unsigned>(c));
  out += text.data();
}

// Everything but what `mark` says of a plain byte or a code point goes through.
template <class Mark>
void append(std::string& out, std::string_view text, Mark mark) {
  out.reserve(out.size() + text.size());
  while (!text.empty()) {
    std::size_t run = 0;
    while (run < text.size() && plain(text[run]) && text[run] != '"' && text[run] != '\\') ++run;
    out += text.substr(0, run);
    text.remove_prefix(run);
    if (text.empty()) return;
    const CodePoint c = first_code_point(text);
    if (!c.valid) {
      out += kReplacement;
    } else if (!mark(out, c.value)) {
      out += text.substr(0, c.size);
    }
    text.remove_prefix(c.size);
  }
}

bool append_control(std::string& out, char32_t c) {
  if (c >= 0x20 && !drives_terminal(c)) return false;
  if (c == '\n' || c == '\r' || c == '\t') {
    out += c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t";
  } else {
    append_unicode(out, c);
  }
  return true;
}

}  // namespace

CodePoint first_code_point(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1, true};
  const std::size_t size = lead >= 0xc2 && lead <= 0xdf ? 2 : (lead & 0xf0U) == 0xe0 ? 3 : lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
  if (size == 0) return {};
  char32_t value = lead & (0x7fU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    // What may follow depends on the lead for the first: no overlong form, no surrogate, nothing beyond U+10FFFF.
    const unsigned char low = i > 1 ? 0x80 : lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    const unsigned char high = i > 1 ? 0xbf : lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (i >= text.size() || byte(i) < low || byte(i) > high) return {0xfffd, i, false};
    value = value << 6U | (byte(i) & 0x3fU);
  }
  return {value, size, true};
}

bool drives_terminal(char32_t c) {
  return c == 0x7f || (c >= 0x80 && c <= 0x9f) || c == 0x61c || (c >= 0x200e && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
         (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

void append_json(std::string& out, std::string_view text) {
  append(out, text, [](std::string& to, char32_t c) {
    if (c != '"' && c != '\\') return append_control(to, c);
    to += '\\';
    to += static_cast<char>(c);
    return true;
  });
}

std::string visible(std::string_view text) {
  std::string out;
  append(out, text, append_control);
  return out;
}

std::string clean(std::string_view text) {
  std::string out;
  append(out, text, [](std::string&, char32_t) { return false; });
  return out;
}

std::string cut(std::string text, std::size_t max) {
  if (text.size() <= max) return text;
  std::size_t end = max < kEllipsis.size() ? 0 : max - kEllipsis.size();
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80) --end;
  text.resize(end);
  if (max >= kEllipsis.size()) text += kEllipsis;
  return text;
}

std::string utc_text(std::uint64_t epoch_ns, std::size_t digits) {
  static constexpr std::size_t kSeconds = 19;  // "2026-11-02T10:00:00"
  std::string text = event::iso_time_text(epoch_ns, "");
  text.resize(digits == 0 ? kSeconds : std::min(text.size(), kSeconds + 1 + digits));
  return text + 'Z';
}

std::string milliseconds_text(std::uint64_t epoch_ns) { return std::to_string(epoch_ns / 1'000'000); }

}  // namespace shrike::outputs
