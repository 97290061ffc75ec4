// SPDX-License-Identifier: Apache-2.0
// LineSink writes one line per alert to a file descriptor: standard output, or a file it appends to.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "engine/act/alert_sink.h"
#include "engine/base/handle.h"
#include "outputs/format.h"

namespace shrike::outputs {

class LineSink final : public act::AlertSink {
 public:
  // Asked while the reader takes nothing: true ends the wait, and the alert is an error.
  using GiveUp = std::function<bool()>;

  // Standard output. Its descriptor stays open.
  static std::unique_ptr<LineSink> to_stdout(FormatOptions options, GiveUp give_up);

  // Appends to `path`, made with mode 0600 if it is not there. Errors: kSystem.
  static Result<std::unique_ptr<LineSink>> to_file(const std::string& path, FormatOptions options, GiveUp give_up);

  // One write(2) per line where the other side takes it whole. Waits while it takes nothing. Errors: kSystem.
  Result<void> write(const act::Alert& alert) override;
  Result<void> flush() override { return {}; }
  // A file: opens its name anew, as after a rotation. On error the old one stays.
  Result<void> reopen() override;

 private:
  LineSink(UniqueFd fd, std::string path, FormatOptions options, GiveUp give_up)
      : fd_(std::move(fd)), path_(std::move(path)), options_(options), give_up_(std::move(give_up)) {}

  UniqueFd fd_;       // none: standard output's own
  std::string path_;  // empty: standard output
  FormatOptions options_;
  GiveUp give_up_;
  bool cut_ = false;  // the last line is not whole
};

}  // namespace shrike::outputs
