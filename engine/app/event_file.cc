// SPDX-License-Identifier: Apache-2.0
#include "engine/app/event_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

#include "engine/event/gaps.h"

namespace shrike::app {
namespace {

constexpr std::size_t kChunk = 256U << 10U;
constexpr std::uint64_t kMaxErrno = 4095;
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

std::expected<std::vector<std::string>, Flaw> texts_of(const Member& member) {
  std::vector<std::string> texts;
  const auto* list = std::get_if<Given::List>(&member.value.data);
  const auto wrong = Flaw{'"' + member.key + "\" is an array of strings", {}, member.value.offset};
  if (list == nullptr) return std::unexpected(wrong);
  for (const Given& item : *list) {
    const auto* text = std::get_if<std::string>(&item.data);
    const auto* bytes = std::get_if<Given::Bytes>(&item.data);
    if (text == nullptr && bytes == nullptr) return std::unexpected(wrong);
    texts.push_back(text != nullptr ? *text : bytes->text);
  }
  return texts;
}

std::expected<RecordedRules, Flaw> read_rules(const std::vector<Member>& members) {
  RecordedRules rules;
  for (const Member& member : members) {
    if (member.key == "recording") {
      if (const auto* version = std::get_if<std::uint64_t>(&member.value.data);
          version == nullptr || *version != kRecordingVersion)
        return std::unexpected(
            Flaw{"a recording of another version", "this one reads " + std::to_string(kRecordingVersion), member.value.offset});
    } else if (member.key == "inactive") {
      rules.inactive = TRY(texts_of(member));
    } else if (member.key == "decided") {
      rules.decided = TRY(texts_of(member));
    } else {
      return std::unexpected(Flaw{'"' + member.key + "\" is wrong in a line that tells of rules",
                                  R"({"recording": 1, "inactive": [], "decided": ["A rule"]})", member.offset});
    }
  }
  return rules;
}

// The keys of an event that are no fields: what it lacked, other names, its verdict.
std::expected<std::optional<RecordedVerdict>, Flaw> read_marks(event::RecordedEvent& event, const std::vector<Member>& marks) {
  RecordedVerdict verdict;
  std::vector<std::string> rules, verdicts;
  std::vector<std::int64_t> errnos;
  for (const Member& mark : marks) {
    const auto* text = std::get_if<std::string>(&mark.value.data);
    const auto* number = std::get_if<std::uint64_t>(&mark.value.data);
    if (mark.key == "shrike.incomplete" && text != nullptr) {
      const auto gaps = event::parse_gaps(*text);
      if (!gaps) return std::unexpected(Flaw{"not what an event can lack", "path,arguments", mark.value.offset});
      event.set_gaps(*gaps);
    } else if (mark.key == "shrike.exe_names") {
      for (const std::string& name : TRY(texts_of(mark))) event.add_exe_name(name);
    } else if (mark.key == "shrike.rules") {
      rules = TRY(texts_of(mark));
    } else if (mark.key == "shrike.verdicts") {
      verdicts = TRY(texts_of(mark));
    } else if (mark.key == "shrike.errnos" && std::holds_alternative<Given::List>(mark.value.data)) {
      for (const Given& item : std::get<Given::List>(mark.value.data)) {
        const auto* error = std::get_if<std::uint64_t>(&item.data);
        if (error == nullptr || *error > kMaxErrno) return std::unexpected(Flaw{"not an error number", {}, item.offset});
        errnos.push_back(static_cast<std::int64_t>(*error));
      }
    } else if (mark.key == "shrike.hook" && text != nullptr) {
      verdict.hook = *text;
    } else if (mark.key == "shrike.generation" && number != nullptr && std::in_range<std::uint32_t>(*number)) {
      verdict.generation = static_cast<std::uint32_t>(*number);
    } else {
      return std::unexpected(
          Flaw{'"' + mark.key + "\" is no mark of a recording, or of another type",
               "shrike.incomplete, shrike.exe_names, shrike.rules, shrike.verdicts, shrike.errnos, shrike.hook, "
               "shrike.generation",
               mark.offset});
    }
  }
  if (rules.size() != verdicts.size() || rules.size() != errnos.size())
    return std::unexpected(
        Flaw{"shrike.rules, shrike.verdicts and shrike.errnos are not of one length", {}, marks.front().offset});
  if (rules.empty()) return std::nullopt;
  for (std::size_t i = 0; i < rules.size(); ++i)
    verdict.items.push_back({std::move(rules[i]), std::move(verdicts[i]), static_cast<int>(errnos[i])});
  return verdict;
}

}  // namespace

std::expected<EventLine, Flaw> read_event_line(std::string_view line, std::uint64_t number, event::RecordedEvent& event) {
  event.clear();
  std::vector<Member> members = TRY(parse_flat_json(line));
  const auto has = [&](std::string_view key) { return std::ranges::find(members, key, &Member::key) != members.end(); };
  if (has("lost")) return TRY(read_loss(members));
  if (has("recording")) return TRY(read_rules(members));
  const auto is_mark = [](const Member& member) { return member.key.starts_with("shrike."); };
  std::vector<Member> marks;
  if (std::ranges::any_of(members, is_mark)) {
    for (Member& member : members) {
      if (is_mark(member)) marks.push_back(member);
    }
    std::erase_if(members, is_mark);
  }
  event.set_number(number);
  TRY(fill(event, members));
  std::optional<RecordedVerdict> verdict = TRY(read_marks(event, marks));
  if (verdict) return *std::move(verdict);
  return Told{};
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
    return std::visit([](auto&& record) { return Record(std::forward<decltype(record)>(record)); }, *std::move(read));
  }
}

}  // namespace shrike::app
