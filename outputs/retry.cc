// SPDX-License-Identifier: Apache-2.0
#include "outputs/retry.h"

namespace shrike::outputs {

void Backoff::failed(Time now, std::optional<std::chrono::milliseconds> retry_after) {
  using std::chrono::milliseconds;
  if (retry_after) {
    wait_ = std::clamp(*retry_after, milliseconds(0), kMaxRetryAfter);
  } else {
    static constexpr std::uint32_t kMaxDoublings = 30;
    const auto base = static_cast<std::uint64_t>(std::clamp(options_.base, milliseconds(1), kMaxRetryAfter).count());
    const auto cap = static_cast<std::uint64_t>(std::clamp(options_.cap, milliseconds(1), kMaxRetryAfter).count());
    const std::uint64_t most = std::min(cap, base << std::min(failures_, kMaxDoublings));
    wait_ = milliseconds(static_cast<std::int64_t>(random_() * static_cast<double>(most)));
  }
  ++failures_;
  next_ = now + wait_;
}

}  // namespace shrike::outputs
