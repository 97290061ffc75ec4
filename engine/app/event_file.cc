// SPDX-License-Identifier: Apache-2.0
#include "engine/app/event_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

namespace shrike::app {
namespace {

constexpr std::size_t kChunk = 256U << 10U;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

std::expected<RecordedLoss, Flaw> read_loss(const std::vector<Member>& members) {
  RecordedLoss loss;
  for (const Member& member : members) {
    const auto* number = std::get_if<std::uint64_t>(&member.value.data);
    const auto* text = std::get_if<std::string>(&member.value.data);
    if (member.key == "lost" && number != nullptr) {
      loss.lost = *number;
    } else if (member.key == "hook" && text != nullptr) {
      loss.hook = *text;
    } else {
      return std::unexpected(Flaw{'"' + member.key + "\" is wrong in a line that tells of a loss",
                                  R"({"lost": 3, "hook": "file_open"})", member.offset});
    }
  }
  return loss;
}

}  // namespace

std::expected<std::optional<RecordedLoss>, Flaw> read_event_line(std::string_view line, std::uint64_t number,
                                                                 event::RecordedEvent& event) {
  event.clear();
  const std::vector<Member> members = TRY(parse_flat_json(line));
  if (std::ranges::find(members, "lost", &Member::key) != members.end()) return TRY(read_loss(members));
  event.set_number(number);
  TRY(fill(event, members));
  return std::nullopt;
}

Result<EventFile> EventFile::open(const std::string& path) {
  if (path == "-") return EventFile(UniqueFd(fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)), "standard input");
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd) return std::unexpected(system_error("open " + path, errno));
  return EventFile(std::move(fd), path);
}

// False at the end of the file.
Result<bool> EventFile::read_more() {
  if (begin_ != 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (buffer_.size() < end_ + kChunk) buffer_.resize(end_ + kChunk);
  ssize_t got = -1;
  do {
    got = ::read(fd_.get(), buffer_.data() + end_, kChunk);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return std::unexpected(system_error("read " + name_, errno));
  end_ += static_cast<std::size_t>(got);
  return got != 0;
}

// The next line without its end. Of one that is too long the first bytes; the rest has been read and dropped.
Result<EventFile::Line> EventFile::next_line(std::string_view& line) {
  ++line_;
  std::size_t searched = 0;
  bool too_long = false;
  while (true) {
    const auto* start = buffer_.data() + begin_ + searched;
    const auto* found = begin_ + searched == end_ ? nullptr : std::memchr(start, '\n', end_ - begin_ - searched);
    if (found != nullptr || (at_end_ && begin_ != end_)) {
      const std::size_t size = found == nullptr
                                   ? end_ - begin_
                                   : static_cast<std::size_t>(static_cast<const char*>(found) - (buffer_.data() + begin_));
      line = std::string_view(buffer_.data() + begin_, size);
      begin_ += std::min(size + 1, end_ - begin_);
      return too_long || size > kMaxEventLine ? Line::kTooLong : Line::kWhole;
    }
    if (at_end_) return too_long ? Line::kTooLong : Line::kEnd;
    searched = end_ - begin_;
    if (searched > kMaxEventLine) {
      too_long = true;
      begin_ = end_;
      searched = 0;
    }
    at_end_ = !TRY(read_more());
  }
}

lang::Diagnostic EventFile::bad(Flaw flaw, std::string_view line) const {
  lang::Diagnostic found{lang::Severity::kError,
                         "EVENT_ERROR",
                         std::move(flaw.message),
                         std::move(flaw.hint),
                         {name_, line_, flaw.offset + 1},
                         {},
                         {}};
  if (line.size() <= lang::kMaxShownLine) found.line = line;
  return found;
}

Result<EventFile::Record> EventFile::next(event::RecordedEvent& event) {
  while (true) {
    std::string_view line;
    switch (TRY(next_line(line))) {
      case Line::kEnd:
        return Record(End{});
      case Line::kTooLong:
        return Record(bad({"a line longer than " + std::to_string(kMaxEventLine) + " bytes", {}, 0}, {}));
      case Line::kWhole:
        break;
    }
    std::size_t skipped = 0;
    if (line_ == 1 && line.starts_with(kByteOrderMark)) skipped = kByteOrderMark.size();
    if (line.find_first_not_of(" \t\r", skipped) == std::string_view::npos) continue;
    auto read = read_event_line(line.substr(skipped), line_, event);
    if (!read) {
      read.error().offset += skipped;
      return Record(bad(std::move(read).error(), line));
    }
    if (*read) return Record(**std::move(read));
    return Record(Told{});
  }
}

}  // namespace shrike::app
