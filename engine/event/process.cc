// SPDX-License-Identifier: Apache-2.0
#include "engine/event/process.h"

#include <algorithm>
#include <utility>

namespace shrike::event {

std::optional<std::string_view> Environment::find(std::string_view key) const {
  std::optional<std::string_view> value;
  each([&](std::string_view entry) {
    if (!value && entry.size() > key.size() && entry.starts_with(key) && entry[key.size()] == '=')
      value = entry.substr(key.size() + 1);
  });
  return value;
}

Image::Image(std::string comm, std::string exe_path, const std::string& args, std::uint32_t args_total, std::string cwd,
             const FileIdentity& file, std::vector<std::string> names, Environment environment, const Usage& usage)
    : comm_(std::move(comm)),
      exe_path_(std::move(exe_path)),
      cwd_(std::move(cwd)),
      args_truncated_(args_total > args.size()),
      file_(file),
      names_(std::move(names)),
      environment_(std::move(environment)),
      usage_(usage) {
  if (!cwd_.empty() && cwd_.back() != '/') cwd_ += '/';
  const std::size_t exe_end = std::min(args.find('\0'), args.size());
  exe_ = args.substr(0, exe_end);

  // The arguments stand once in memory, blank-joined behind comm; the list borrows from there.
  cmdline_ = comm_;
  args_at_ = cmdline_.size();
  std::vector<std::pair<std::size_t, std::size_t>> places;
  for (std::size_t at = exe_end + 1; at < args.size();) {
    const std::size_t end = std::min(args.find('\0', at), args.size());
    cmdline_ += ' ';
    if (places.empty()) args_at_ = cmdline_.size();
    places.emplace_back(cmdline_.size(), end - at);
    cmdline_.append(args, at, end - at);
    at = end + 1;
  }
  cmdline_.shrink_to_fit();
  arguments_.reserve(places.size());
  for (const auto& [start, size] : places) arguments_.push_back(std::string_view(cmdline_).substr(start, size));
}

Image::Image(const Image& image, Environment environment)
    : comm_(image.comm_),
      exe_path_(image.exe_path_),
      cwd_(image.cwd_),
      exe_(image.exe_),
      cmdline_(image.cmdline_),
      args_at_(image.args_at_),
      args_truncated_(image.args_truncated_),
      file_(image.file_),
      names_(image.names_),
      environment_(std::move(environment)),
      usage_(image.usage_) {
  arguments_.reserve(image.arguments_.size());
  for (const std::string_view argument : image.arguments_) {
    const auto at = static_cast<std::size_t>(argument.data() - image.cmdline_.data());
    arguments_.push_back(std::string_view(cmdline_).substr(at, argument.size()));
  }
}

std::size_t Image::bytes() const {
  std::size_t bytes = sizeof(Image) + comm_.capacity() + exe_path_.capacity() + cwd_.capacity() + exe_.capacity() +
                      cmdline_.capacity() + arguments_.capacity() * sizeof(std::string_view) +
                      names_.capacity() * sizeof(std::string) + environment_.bytes.capacity();
  for (const std::string& name : names_) bytes += name.capacity();
  return bytes;
}

}  // namespace shrike::event
