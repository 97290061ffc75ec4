// SPDX-License-Identifier: Apache-2.0
// RingSource reads the kernel's ring buffers in order of time, without copying (docs/adr/0002).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/base/handle.h"
#include "engine/base/result.h"
#include "engine/decode/record_source.h"

namespace shrike::kernel {

// One BPF_MAP_TYPE_RINGBUF, mapped: a page with the consumer's position, a page with the producer's, and the data twice in a row,
// so that a record that wraps is contiguous. Layout: Linux Documentation/bpf/ringbuf.rst and kernel/bpf/ringbuf.c.
class Ring {
 public:
  // `map_fd` is borrowed for the call only. Errors: kSystem.
  static Result<Ring> map(int map_fd);

  Ring(Ring&& other) noexcept;
  Ring& operator=(Ring&&) = delete;
  Ring(const Ring&) = delete;
  ~Ring();

  // The oldest record, or nothing: the ring is empty, or its oldest record is still being written. Stays until pop().
  std::optional<std::span<const std::byte>> peek();
  // Gives the record's bytes back to the producers.
  void pop();

 private:
  Ring() = default;

  void* consumer_page_ = nullptr;
  void* producer_pages_ = nullptr;
  std::size_t producer_bytes_ = 0;
  std::uint64_t capacity_ = 0;  // bytes, a power of two
  std::uint64_t position_ = 0;  // ours; published by pop()
  std::uint64_t head_bytes_ = 0;  // of the record peek() gave, with its header; 0: none
};

class RingSource final : public decode::RecordSource {
 public:
  // The rings' map fds; borrowed for as long as the source lives. Errors: kSystem.
  static Result<std::unique_ptr<RingSource>> create(std::span<const int> map_fds);

  // A record younger than two milliseconds is left where it is: a program on another CPU may still be between its time stamp and
  // its record. Off while draining, when no program runs any more.
  void set_settle(bool on) { settle_ = on; }

  std::optional<decode::RawRecord> next() override;

  // Sleeps until a ring wakes us or the time is over.
  void wait(int timeout_ms);

 private:
  RingSource() = default;

  std::vector<Ring> rings_;
  Ring* last_ = nullptr;  // whose head next() gave out
  UniqueFd epoll_;
  bool settle_ = true;
  std::uint64_t horizon_ns_ = 0;  // records up to here are given out; read anew when nothing is left below it
};

}  // namespace shrike::kernel
