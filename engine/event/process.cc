// SPDX-License-Identifier: Apache-2.0
#include "engine/event/process.h"

#include <utility>

namespace shrike::event {

Image::Image(std::string comm, std::string exe_path, std::string args, std::uint32_t args_total, std::string cwd,
             const FileIdentity& file)
    : comm_(std::move(comm)),
      exe_path_(std::move(exe_path)),
      cwd_(std::move(cwd)),
      raw_args_(std::move(args)),
      args_truncated_(args_total > raw_args_.size()),
      file_(file) {
  if (!cwd_.empty() && cwd_.back() != '/') cwd_ += '/';
  cmdline_ = comm_;
  args_at_ = cmdline_.size();
  std::string_view rest = raw_args_;
  bool first = true;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\0');
    const std::string_view argument = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    if (first) {
      exe_ = argument;
      first = false;
      continue;
    }
    arguments_.push_back(argument);
    cmdline_ += ' ';
    if (arguments_.size() == 1) args_at_ = cmdline_.size();
    cmdline_ += argument;
  }
}

}  // namespace shrike::event
