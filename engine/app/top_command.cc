// SPDX-License-Identifier: Apache-2.0
// `top`: what the daemon does each second, from the differences of two states of it.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <sys/ioctl.h>
#include <thread>
#include <tuple>
#include <unistd.h>
#include <vector>

#include "engine/app/commands.h"
#include "engine/app/control_client.h"

namespace shrike::app {
namespace {

using nlohmann::json;

volatile std::sig_atomic_t g_ended =
    0;  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables): a signal's handler needs one

constexpr const char* kHideCursor = "\x1b[?25l";
constexpr const char* kShowCursor = "\x1b[?25h";
constexpr const char* kHome = "\x1b[H";
constexpr const char* kClearBelow = "\x1b[J";

std::uint64_t lost(const json& counts) {
  return number(counts, "lost_ring_full") + number(counts, "lost_no_scratch") + number(counts, "lost_quota") +
         number(counts, "missed");
}

struct Row {
  std::string name;
  double rate = 0;
  std::uint64_t total = 0;
  std::uint64_t more = 0;  // lost, or decided
};

// Two states, and the time between them.
struct Interval {
  const json& before;
  const json& now;
  double seconds;

  double rate(std::uint64_t was, std::uint64_t is) const {
    return is > was && seconds > 0 ? static_cast<double>(is - was) / seconds : 0;
  }
  double rate(const char* key) const { return rate(number(before, key), number(now, key)); }
  // Entries of a table, by what `count` says of them, fastest first; those with nothing are left out.
  std::vector<Row> rows(const char* table, std::uint64_t (*count)(const json&), std::uint64_t (*more)(const json&)) const {
    std::vector<Row> all;
    const json& old = part(before, table);
    for (const auto& [name, one] : part(now, table).items()) {
      const auto was = old.find(name);
      Row row{printable(name), rate(was == old.end() ? 0 : count(*was), count(one)), count(one), more(one)};
      if (row.total + row.more != 0) all.push_back(std::move(row));
    }
    std::ranges::sort(
        all, [](const Row& a, const Row& b) { return std::tie(b.rate, b.total, a.name) < std::tie(a.rate, a.total, b.name); });
    return all;
  }
};

class Page {
 public:
  explicit Page(std::size_t width) : width_(width) {}
  template <class... Values>
  void line(const char* format, Values... values) {
    char text[512];
    std::snprintf(text, sizeof(text), format, values...);
    lines_.emplace_back(text);
  }
  void line(std::string text) { lines_.push_back(std::move(text)); }

  // At most `rows` lines, cut to the width where there is one; UTF-8 stays whole.
  void print(std::size_t rows, const char* end) const {
    for (std::size_t i = 0; i < std::min(rows, lines_.size()); ++i) {
      std::size_t size = 0, columns = 0;
      const std::string& text = lines_[i];
      while (size < text.size() && columns < width_) {
        do {
          ++size;
        } while (size < text.size() && (static_cast<unsigned char>(text[size]) & 0xc0U) == 0x80U);
        ++columns;
      }
      std::printf("%.*s%s", static_cast<int>(size), text.c_str(), end);
    }
  }

 private:
  std::size_t width_;
  std::vector<std::string> lines_;
};

void table(Page& page, const std::vector<Row>& rows, const char* what, const char* rate, const char* more, std::size_t most) {
  page.line(std::string());
  page.line("%12s %12s %12s  %s", rate, "total", more, what);
  for (std::size_t i = 0; i < std::min(most, rows.size()); ++i) {
    char numbers[64];
    std::snprintf(numbers, sizeof(numbers), "%12.1f %12lu %12lu  ", rows[i].rate, rows[i].total, rows[i].more);
    page.line(numbers + rows[i].name);
  }
  if (rows.size() > most) page.line("%12s %12s %12s  and %zu more", "", "", "", rows.size() - most);
}

Page build(const Interval& between, std::size_t width, std::size_t rules_most) {
  const json& now = between.now;
  Page page(width);
  std::string mode = now.value("mode", "");
  if (now.contains("confirm_within_s"))
    mode += " (monitor again in " + std::to_string(static_cast<int>(now.value("confirm_within_s", 0.0) + 1)) + " s)";
  page.line("shrike " + printable(now.value("version", "")) + " on " + printable(now.value("hostname", "")) + "   tier " +
            printable(now.value("tier", "")) + "   mode " + mode + "   rules " +
            std::to_string(number(part(now, "rules"), "loaded")) + "   programs " + std::to_string(number(now, "programs")));
  page.line("events %.1f/s   alerts %.1f/s   lost %.1f/s, %lu in all   processes %lu", between.rate("events"),
            between.rate("alerts"), between.rate("lost"), number(now, "lost"), number(part(now, "processes"), "known"));
  const auto decided = [](const json& rule) {
    return number(rule, "blocked") + number(rule, "killed") + number(rule, "would_block") + number(rule, "would_kill");
  };
  table(page,
        between.rows(
            "by_rule", [](const json& rule) { return number(rule, "alerts"); }, decided),
        "rule", "alerts/s", "decided", rules_most);
  table(page,
        between.rows("hooks", [](const json& hook) { return number(hook, "delivered"); }, lost), "hook", "events/s", "lost", 12);
  const auto losers = between.rows(
      "cgroups_lost", [](const json& count) { return count.get<std::uint64_t>(); }, [](const json&) { return std::uint64_t{0}; });
  if (!losers.empty()) table(page, losers, "cgroup that lost events", "lost/s", "", 5);
  page.line(std::string());
  for (const json& sink : part(now, "sinks")) {
    std::string counts;
    for (const auto& [key, value] : sink.items()) {
      if (value.is_number_unsigned()) counts += "   " + printable(key) + ' ' + std::to_string(value.get<std::uint64_t>());
    }
    page.line("sink " + printable(sink.value("name", "")) + "   " + printable(sink.value("state", "")) + counts);
  }
  return page;
}

struct Screen {
  std::size_t rows = ~std::size_t{0}, columns = ~std::size_t{0};
};
Screen screen() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row < 4 || size.ws_col < 4) return {};
  return {.rows = size.ws_row - 1U, .columns = size.ws_col};
}

}  // namespace

int watch_daemon(const Options& options) {
  const ControlClient client(options);
  auto before = client.get("status");
  if (!before || before->status != 200) return conclude(before);
  const bool terminal = !options.once && isatty(STDOUT_FILENO) == 1;
  std::signal(SIGPIPE, SIG_IGN);
  for (const int signal : {SIGINT, SIGTERM}) std::signal(signal, [](int) { g_ended = 1; });
  if (terminal) std::printf("%s%s%s", kHideCursor, kHome, kClearBelow);
  Result<Answer> now = before;
  while (g_ended == 0) {
    for (int i = 0; i < 10 && g_ended == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(100));
    if (g_ended != 0 && !options.once) break;
    now = client.get("status");
    if (!now || now->status != 200) break;
    const std::uint64_t from_ns = number(before->body, "time_ns"), to_ns = number(now->body, "time_ns");
    const double seconds = to_ns > from_ns ? static_cast<double>(to_ns - from_ns) / 1e9 : 0;
    const Screen fits = screen();
    const Page page =
        build({before->body, now->body, seconds}, terminal ? fits.columns : ~std::size_t{0}, options.once ? 20 : 12);
    if (terminal) std::fputs(kHome, stdout);
    page.print(terminal ? fits.rows : ~std::size_t{0}, terminal ? "\x1b[K\n" : "\n");
    if (terminal) std::fputs(kClearBelow, stdout);
    if (std::fflush(stdout) != 0 || options.once) break;
    if (!terminal) std::puts("");
    before = now;
  }
  if (terminal) {
    std::printf("%s", kShowCursor);
    std::fflush(stdout);
  }
  return !now || now->status != 200 ? conclude(now) : kDone;
}

}  // namespace shrike::app
