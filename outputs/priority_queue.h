// SPDX-License-Identifier: Apache-2.0
// A queue in order of arrival that can lose its least urgent: a queue per priority, joined by arrival.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

namespace shrike::outputs {

template <class T>
class PriorityQueue {
 public:
  void push(std::uint8_t priority, T item) {
    lanes_[priority & 7U].push_back({arrivals_++, std::move(item)});
    ++size_;
  }
  // The oldest; nullptr: none. Good until the next change.
  T* front() {
    Lane* lane = oldest();
    return lane == nullptr ? nullptr : &lane->front().item;
  }
  // front() must be there.
  T pop() {
    Lane& lane = *oldest();
    T item = std::move(lane.front().item);
    lane.pop_front();
    --size_;
    return item;
  }
  // The oldest of the least urgent.
  std::optional<std::pair<std::uint8_t, T>> evict() {
    for (std::size_t priority = lanes_.size(); priority-- > 0;) {
      Lane& lane = lanes_[priority];
      if (lane.empty()) continue;
      std::pair<std::uint8_t, T> victim{static_cast<std::uint8_t>(priority), std::move(lane.front().item)};
      lane.pop_front();
      --size_;
      return victim;
    }
    return std::nullopt;
  }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

 private:
  struct Entry {
    std::uint64_t arrival;
    T item;
  };
  using Lane = std::deque<Entry>;

  Lane* oldest() {
    Lane* best = nullptr;
    for (Lane& lane : lanes_) {
      if (!lane.empty() && (best == nullptr || lane.front().arrival < best->front().arrival)) best = &lane;
    }
    return best;
  }

  std::array<Lane, 8> lanes_;
  std::uint64_t arrivals_ = 0;
  std::size_t size_ = 0;
};

}  // namespace shrike::outputs
