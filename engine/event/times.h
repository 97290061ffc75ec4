// SPDX-License-Identifier: Apache-2.0
// Times as alerts print them. Epoch ns in, text out.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace shrike::event {

class TimeText {
 public:
  std::string_view view() const { return {text_.data(), size_}; }

 private:
  friend TimeText local_time(std::uint64_t epoch_ns);
  friend TimeText local_datetime(std::uint64_t epoch_ns);
  friend TimeText utc_time(std::uint64_t epoch_ns, std::string_view zone);
  std::array<char, 48> text_{};
  std::size_t size_ = 0;
};

// Local "HH:MM:SS.nnnnnnnnn".
TimeText local_time(std::uint64_t epoch_ns);

// Local "YYYY-MM-DD HH:MM:SS.nnnnnnnnn".
TimeText local_datetime(std::uint64_t epoch_ns);

// UTC "YYYY-MM-DDTHH:MM:SS.nnnnnnnnn" and the zone as given ("Z", "+0000").
TimeText utc_time(std::uint64_t epoch_ns, std::string_view zone);

// The first and the last as strings.
std::string local_time_text(std::uint64_t epoch_ns);
std::string iso_time_text(std::uint64_t epoch_ns, std::string_view zone);

}  // namespace shrike::event
