// SPDX-License-Identifier: Apache-2.0
// LineSink writes one line per alert to a file descriptor: standard output, or a file it appends to.
#pragma once

#include <memory>
#include <string>

#include "engine/act/alert_sink.h"
#include "engine/base/handle.h"
#include "outputs/format.h"

namespace shrike::outputs {

class LineSink final : public act::AlertSink {
 public:
  // Standard output. Its descriptor stays open.
  static std::unique_ptr<LineSink> to_stdout(FormatOptions options);

  // Appends to `path`, made with mode 0600 if it is not there. Errors: kSystem.
  static Result<std::unique_ptr<LineSink>> to_file(const std::string& path, FormatOptions options);

  // One write(2) per line, so that lines of several writers do not mix; a partial write is completed. Errors: kSystem.
  Result<void> write(const act::Alert& alert) override;
  Result<void> flush() override { return {}; }

 private:
  LineSink(int fd, UniqueFd owned, std::string name, FormatOptions options)
      : fd_(fd), owned_(std::move(owned)), name_(std::move(name)), options_(options) {}

  int fd_;
  UniqueFd owned_;
  std::string name_;
  FormatOptions options_;
};

}  // namespace shrike::outputs
