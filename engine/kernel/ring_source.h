// SPDX-License-Identifier: Apache-2.0
// RingSource reads the kernel's BPF ring buffers in order of time, without copying.
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

// A mapping that unmaps itself.
class Mapping {
 public:
  Mapping() = default;
  Mapping(void* start, std::size_t size) : start_(start), size_(size) {}
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping();

  std::byte* start() const { return static_cast<std::byte*>(start_); }

 private:
  void* start_ = nullptr;
  std::size_t size_ = 0;
};

// The consumer's side of one BPF_MAP_TYPE_RINGBUF; layout as in the kernel's Documentation/bpf/ringbuf.rst.
class Ring {
 public:
  // fd      the map; borrowed for this call only
  // Errors: kSystem if it can't be mapped, kInvalid if it is no ring buffer.
  static Result<Ring> open(int fd);

  // The oldest record not yet released, if the kernel has finished it. Stays the same until release(). A record still being
  // written is as if it were not there: never waited for, and those behind it wait with it.
  std::optional<std::span<const std::byte>> head();

  // Gives the head's room back to the kernel. Only after head() returned one.
  void release();
  // How many were.
  std::uint64_t released() const { return released_; }

 private:
  Ring(Mapping consumer, Mapping producer, std::size_t data_offset, std::size_t size)
      : consumer_(std::move(consumer)), producer_(std::move(producer)), data_offset_(data_offset), mask_(size - 1) {}

  void advance();

  Mapping consumer_;  // one page: our position
  Mapping producer_;  // the kernel's position, and from data_offset_ the data twice in a row, so that no record wraps
  std::size_t data_offset_;
  std::uint64_t mask_;  // size of the data - 1
  std::uint64_t position_ = 0;
  std::uint64_t head_size_ = 0;  // of the head with its own header, 0: not looked up
  std::uint64_t released_ = 0;
};

class RingSource final : public decode::RecordSource {
 public:
  // A producer on another CPU may still be between its time stamp and its record: younger ones are held back this long.
  static constexpr std::uint64_t kSettleNs = 2'000'000;

  // fds   ring buffer maps; duplicated where kept
  static Result<std::unique_ptr<RingSource>> create(std::span<const int> fds);

  std::optional<decode::RawRecord> next() override;
  void wait(int timeout_ms) override;
  void set_settle(bool settle) override { settle_ = settle; }

  // Records handed out so far of each ring, in the order of create().
  std::vector<std::uint64_t> taken() const;

 private:
  RingSource(std::vector<Ring> rings, std::vector<UniqueFd> fds, UniqueFd epoll)
      : rings_(std::move(rings)), fds_(std::move(fds)), epoll_(std::move(epoll)) {}

  bool settled(std::uint64_t time_ns);

  std::vector<Ring> rings_;
  std::vector<UniqueFd> fds_;
  UniqueFd epoll_;
  Ring* lent_ = nullptr;  // whose head the last next() handed out
  std::uint64_t now_ns_ = 0;
  bool settle_ = true;
  bool unsettled_ = false;  // the last next() held something back
};

}  // namespace shrike::kernel
