// SPDX-License-Identifier: Apache-2.0
#include "engine/app/log.h"

#include <chrono>
#include <map>
#include <mutex>
#include <utility>
#include <unistd.h>

#include <spdlog/sinks/base_sink.h>

#include "engine/event/times.h"
#include "outputs/format.h"

namespace shrike::app {
namespace {

using std::chrono::steady_clock;

constexpr std::uint32_t kBurst = 3;
constexpr std::chrono::seconds kWindow{10};
constexpr std::size_t kMessagesMost = 256;  // told apart; beyond, all are printed

// Formats and writes a line; one write(2) each.
class LogSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit LogSink(std::string format) : format_(std::move(format)) {}
  ~LogSink() override { sum_up(true); }
  LogSink(const LogSink&) = delete;
  LogSink& operator=(const LogSink&) = delete;

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    const std::string text(message.payload.data(), message.payload.size());
    sum_up(false);
    const auto found = repeats_.find({message.level, text});
    if (found != repeats_.end() && ++found->second.count > kBurst) return;
    if (found == repeats_.end() && repeats_.size() < kMessagesMost)
      repeats_[{message.level, text}] = {.since = steady_clock::now()};
    print(message.level, text);
  }
  void flush_() override { sum_up(false); }

 private:
  struct Repeat {
    steady_clock::time_point since;
    std::uint32_t count = 1;
  };

  void sum_up(bool all) {
    const auto now = steady_clock::now();
    for (auto one = repeats_.begin(); one != repeats_.end();) {
      if (!all && now - one->second.since < kWindow) {
        ++one;
        continue;
      }
      const auto& [what, repeat] = *one;
      if (repeat.count > kBurst) print(what.first, what.second + " ×" + std::to_string(repeat.count - kBurst) + " more in 10 s");
      one = repeats_.erase(one);
    }
  }

  void print(spdlog::level::level_enum level, const std::string& text) const {
    static constexpr const char* kLevels[] = {"trace", "debug", "info", "warning", "error", "critical", "off"};
    const std::string name = kLevels[level];
    std::string line;
    if (format_ == "text") {
      line = "shrike: " + text + '\n';
    } else {
      const std::string time = event::iso_time_text(
          static_cast<std::uint64_t>(
              std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count()),
          "Z");
      line = format_ == "json"
                 ? R"({"time":")" + time + R"(","level":")" + name + R"(","message":")" + outputs::escape(text) + "\"}\n"
                 : "time=" + time + " level=" + name + " message=\"" + outputs::escape(text) + "\"\n";
    }
    std::size_t done = 0;
    while (done < line.size()) {
      const ssize_t wrote = write(STDERR_FILENO, line.data() + done, line.size() - done);
      if (wrote <= 0) return;  // nobody reads what we say; there is nowhere else to say so
      done += static_cast<std::size_t>(wrote);
    }
  }

  std::string format_;
  std::map<std::pair<spdlog::level::level_enum, std::string>, Repeat> repeats_;
};

}  // namespace

std::shared_ptr<spdlog::logger> make_log(const std::string& format, const std::string& level) {
  auto log = std::make_shared<spdlog::logger>("shrike", std::make_shared<LogSink>(format));
  log->set_level(spdlog::level::from_str(level == "warning" ? "warn" : level == "error" ? "err" : level));
  log->flush_on(spdlog::level::trace);
  return log;
}

}  // namespace shrike::app
