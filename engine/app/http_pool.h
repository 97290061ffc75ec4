// SPDX-License-Identifier: Apache-2.0
// The threads of one of our HTTP servers: so many conversations at a time, further clients wait to be accepted.
#pragma once

#include <httplib.h>

#include <cstddef>
#include <functional>
#include <semaphore>
#include <utility>

namespace shrike::app {

class HttpPool final : public httplib::ThreadPool {
 public:
  explicit HttpPool(std::size_t threads) : ThreadPool(threads), free_(static_cast<std::ptrdiff_t>(threads)) {}

  void enqueue(std::function<void()> conversation) override {
    free_.acquire();
    ThreadPool::enqueue([this, conversation = std::move(conversation)] {
      conversation();
      free_.release();
    });
  }

 private:
  std::counting_semaphore<> free_;
};

}  // namespace shrike::app
