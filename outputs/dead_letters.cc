// SPDX-License-Identifier: Apache-2.0
#include "outputs/dead_letters.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "engine/base/base64.h"
#include "outputs/spool_files.h"

namespace shrike::outputs {
namespace {

using Json = nlohmann::ordered_json;

bool is_utf8(const std::string& text) {
  try {
    (void)Json(text).dump();
    return true;
  } catch (const Json::type_error&) {
    return false;
  }
}

Json text_value(const std::string& text) {
  if (is_utf8(text)) return text;
  return Json{{"base64", encode_base64(text)}};
}

bool read_text(const Json& object, const char* key, std::string& text) {
  const auto value = object.find(key);
  if (value == object.end()) return false;
  if (value->is_string()) {
    text = value->get<std::string>();
    return true;
  }
  if (!value->is_object() || value->size() != 1 || !value->contains("base64") || !(*value)["base64"].is_string()) return false;
  const std::string encoded = (*value)["base64"].get<std::string>();
  text.resize(decoded_size_max(encoded));
  const auto size = decode_base64(encoded, text);
  text.resize(size.value_or(0));
  return size.has_value();
}

template <class T>
bool read_number(const Json& object, const char* key, std::uint64_t most, T& number) {
  const auto value = object.find(key);
  if (value == object.end() || !value->is_number_unsigned() || value->get<std::uint64_t>() > most) return false;
  number = value->get<T>();
  return true;
}

std::uint64_t count_lines(int fd) {
  std::array<char, 65536> buffer{};
  std::uint64_t lines = 0;
  off_t at = 0;
  for (ssize_t got = 0; (got = pread(fd, buffer.data(), buffer.size(), at)) > 0; at += got) {
    lines += static_cast<std::uint64_t>(std::count(buffer.data(), buffer.data() + got, '\n'));
  }
  return lines;
}

}  // namespace

std::string dead_letter_line(const DeadLetter& letter) {
  const Message& message = letter.message;
  return Json{{"died_ns", letter.died_ns},           {"attempts", letter.attempts},
              {"reason", text_value(letter.reason)}, {"id", text_value(message.id)},
              {"time_ns", message.time_ns},          {"priority", message.priority},
              {"rule", text_value(message.rule)},    {"source", text_value(message.source)},
              {"host", text_value(message.host)},    {"subject", text_value(message.subject)},
              {"body", text_value(message.body)}}
      .dump();
}

Result<DeadLetter> parse_dead_letter(std::string_view line) {
  DeadLetter letter;
  Message& message = letter.message;
  const Json object = Json::parse(line, nullptr, false);
  if (!object.is_object() || !read_number(object, "died_ns", UINT64_MAX, letter.died_ns) ||
      !read_number(object, "attempts", UINT32_MAX, letter.attempts) || !read_text(object, "reason", letter.reason) ||
      !read_text(object, "id", message.id) || !read_number(object, "time_ns", UINT64_MAX, message.time_ns) ||
      !read_number(object, "priority", 7, message.priority) || !read_text(object, "rule", message.rule) ||
      !read_text(object, "source", message.source) || !read_text(object, "host", message.host) ||
      !read_text(object, "subject", message.subject) || !read_text(object, "body", message.body))
    return fail(Code::kCorrupt, "no dead letter");
  return letter;
}

Result<void> DeadLetters::add_line(std::string line) {
  line += '\n';
  const UniqueFd directory = TRY(open_spool_directory(directory_, true));
  const std::string path = directory_ + '/' + std::string(kDeadFile);
  const auto open_it = [&] {
    return UniqueFd(openat(directory.get(), kDeadFile.data(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
  };
  UniqueFd fd = open_it();
  struct stat status{};
  if (!fd || fstat(fd.get(), &status) != 0) return std::unexpected(system_error("open " + path, errno));
  if (status.st_size != 0 && static_cast<std::uint64_t>(status.st_size) + line.size() > max_bytes_) {
    if (const UniqueFd old(openat(directory.get(), kOldDeadFile.data(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)); old)
      lost_ += count_lines(old.get());
    if (renameat(directory.get(), kDeadFile.data(), directory.get(), kOldDeadFile.data()) != 0)
      return std::unexpected(system_error("rename " + path, errno));
    fd = open_it();
    if (!fd || fstat(fd.get(), &status) != 0) return std::unexpected(system_error("open " + path, errno));
  }
  // A line cut short by an earlier end must not grow together with this one.
  char last = '\n';
  if (status.st_size != 0 && pread(fd.get(), &last, 1, status.st_size - 1) == 1 && last != '\n') line.insert(line.begin(), '\n');
  std::string_view rest = line;
  off_t at = status.st_size;
  while (!rest.empty()) {
    const ssize_t written = pwrite(fd.get(), rest.data(), rest.size(), at);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      Error error = system_error("write " + path, written == 0 ? EIO : errno);
      (void)!ftruncate(fd.get(), status.st_size);
      return std::unexpected(std::move(error));
    }
    rest.remove_prefix(static_cast<std::size_t>(written));
    at += written;
  }
  return {};
}

}  // namespace shrike::outputs
