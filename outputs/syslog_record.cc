// SPDX-License-Identifier: Apache-2.0
#include "outputs/syslog_record.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <optional>
#include <string_view>
#include <vector>

namespace shrike::outputs {
namespace {

constexpr std::string_view kMark = "…[truncated]";
constexpr std::string_view kBom = "\xef\xbb\xbf";
constexpr std::uint64_t kSecond = 1'000'000'000;

// A header's word: printable ASCII, the rest becomes '_'; "-" if there is none.
std::string word(std::string_view text, std::size_t most) {
  std::string out(text.substr(0, most));
  std::ranges::replace_if(out, [](char c) { return c < '!' || c > '~'; }, '_');
  return out.empty() ? "-" : out;
}

std::string time_5424(std::uint64_t time_ns) {
  const auto seconds = static_cast<std::time_t>(time_ns / kSecond);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  std::array<char, 32> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &utc);
  const std::string micros = std::to_string(time_ns % kSecond / 1000);
  return std::string(text.data(), size) + '.' + std::string(6 - micros.size(), '0') + micros + 'Z';
}

// Months in English whatever the locale.
std::string time_3164(std::uint64_t time_ns) {
  static constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                               "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto seconds = static_cast<std::time_t>(time_ns / kSecond);
  std::tm local{};
  localtime_r(&seconds, &local);
  std::array<char, 32> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), " %e %H:%M:%S", &local);
  return std::string(kMonths[static_cast<std::size_t>(local.tm_mon)]) + std::string(text.data(), size);
}

std::string make_header(const SyslogOptions& options, SyslogHeader header, pid_t pid, const Message& message) {
  std::string out = '<' + std::to_string(options.facility * 8 + std::min<int>(message.priority, 7)) + '>';
  const std::string process = std::to_string(pid);
  if (header == SyslogHeader::kRfc5424) {
    return out + "1 " + time_5424(message.time_ns) + ' ' + word(message.host, 255) + ' ' + word(options.app_name, 48) + ' ' +
           process + ' ' + word(message.rule, 32) + ' ';
  }
  out += time_3164(message.time_ns) + ' ';
  if (header == SyslogHeader::kRfc3164) out += word(std::string_view(message.host).substr(0, message.host.find('.')), 255) + ' ';
  std::string tag = word(options.app_name, 32);
  std::ranges::replace_if(tag, [](char c) { return c == '[' || c == ']' || c == ':'; }, '_');
  return out + tag + '[' + process + "]: ";
}

struct Element {
  std::string_view id;                       // "[alert@32473"
  std::vector<std::string_view> parameters;  // " name=\"value\"", with the blank before
};
struct Structured {
  std::vector<Element> elements;
  std::string_view text;
};

// " name=\"value\"" at `at`: where it ends; npos if it is none.
std::size_t parameter_end(std::string_view body, std::size_t at) {
  const std::size_t quote = body.find('"', at);
  if (quote == std::string_view::npos || quote < at + 3 || body[quote - 1] != '=') return std::string_view::npos;
  for (std::size_t i = quote + 1; i < body.size(); ++i) {
    if (body[i] == '\\') {
      ++i;
    } else if (body[i] == '"') {
      return i + 1;
    } else if (body[i] == ']') {
      return std::string_view::npos;
    }
  }
  return std::string_view::npos;
}

std::optional<Structured> parse(std::string_view body) {
  Structured out;
  std::size_t at = 0;
  if (body.starts_with('-')) at = 1;
  while (at != 1 || !body.starts_with('-')) {
    if (at >= body.size() || body[at] != '[') break;
    const std::size_t id_end = body.find_first_of(" ]", at);
    if (id_end == std::string_view::npos || id_end < at + 2) return std::nullopt;
    Element element{body.substr(at, id_end - at), {}};
    at = id_end;
    while (at < body.size() && body[at] == ' ') {
      const std::size_t end = parameter_end(body, at);
      if (end == std::string_view::npos) return std::nullopt;
      element.parameters.push_back(body.substr(at, end - at));
      at = end;
    }
    if (at >= body.size() || body[at] != ']') return std::nullopt;
    ++at;
    out.elements.push_back(std::move(element));
  }
  if (at == 0 || (at < body.size() && body[at] != ' ')) return std::nullopt;
  out.text = at < body.size() ? body.substr(at + 1) : std::string_view();
  return out;
}

// The longest beginning of `text` of at most `most` bytes that ends with a whole character.
std::string_view whole_characters(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0U) == 0x80U) --most;
  return text.substr(0, most);
}

}  // namespace

SyslogRecord make_syslog_record(const SyslogOptions& options, SyslogHeader header, bool structured, pid_t pid,
                                const Message& message) {
  SyslogRecord out{make_header(options, header, pid, message), false};
  std::string_view text = message.body;
  std::string data;
  const std::string_view bom = options.bom ? kBom : std::string_view();
  const std::size_t most = options.max_bytes;
  if (header == SyslogHeader::kRfc5424) {
    data = "- ";
    const std::size_t used = out.bytes.size() + bom.size() + kMark.size() + 2;
    std::size_t room = most > used ? most - used : 0;
    if (const auto parsed = structured ? parse(message.body) : std::nullopt) {
      std::string kept;
      for (const Element& element : parsed->elements) {
        std::string one(element.id);
        for (const std::string_view parameter : element.parameters) {
          if (one.size() + parameter.size() + 1 <= room) {
            one += parameter;
          } else {
            out.truncated = true;
          }
        }
        const bool stays = one.size() > element.id.size() || (element.parameters.empty() && one.size() + 1 <= room);
        if (!stays) {
          out.truncated = true;
          continue;
        }
        one += ']';
        room -= one.size();
        kept += one;
      }
      text = parsed->text;
      data = (kept.empty() ? "-" : std::move(kept)) + ' ';
    }
  }
  out.bytes += data;
  if (text.empty() && !out.truncated) {
    if (!data.empty()) out.bytes.pop_back();
  } else {
    out.bytes += bom;
    const std::size_t room = most > out.bytes.size() ? most - out.bytes.size() : 0;
    if (out.truncated || text.size() > room) {
      out.truncated = true;
      out.bytes += whole_characters(text, room > kMark.size() ? room - kMark.size() : 0);
      out.bytes += kMark;
    } else {
      out.bytes += text;
    }
  }
  std::ranges::replace_if(
      out.bytes, [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F; }, ' ');
  return out;
}

}  // namespace shrike::outputs
