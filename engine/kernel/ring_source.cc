// SPDX-License-Identifier: Apache-2.0
#include "engine/kernel/ring_source.h"

#include <linux/bpf.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bpf/bpf.h>
#include <cerrno>
#include <cstring>
#include <utility>

#include "bpf/abi/event.h"
#include "engine/base/clock.h"

namespace shrike::kernel {
namespace {

std::uint64_t load_acquire(const std::byte* at) {
  return __atomic_load_n(reinterpret_cast<const std::uint64_t*>(at), __ATOMIC_ACQUIRE);
}

// A record too short for a header counts as oldest: the decoder shall see and refuse it.
std::uint64_t time_of(std::span<const std::byte> record) {
  if (record.size() < sizeof(event_header)) return 0;
  std::uint64_t time_ns = 0;
  std::memcpy(&time_ns, record.data() + offsetof(event_header, time_ns), sizeof(time_ns));
  return time_ns;
}

}  // namespace

Mapping::Mapping(Mapping&& other) noexcept : start_(std::exchange(other.start_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  std::swap(start_, other.start_);
  std::swap(size_, other.size_);
  return *this;
}

Mapping::~Mapping() {
  if (start_ != nullptr) munmap(start_, size_);
}

Result<Ring> Ring::open(int fd) {
  bpf_map_info info{};
  __u32 info_size = sizeof(info);
  if (bpf_obj_get_info_by_fd(fd, &info, &info_size) != 0) return std::unexpected(system_error("ring buffer: look at map", errno));
  if (info.type != BPF_MAP_TYPE_RINGBUF) return fail(Code::kInvalid, "ring buffer: map is none");
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const std::size_t size = info.max_entries;

  void* consumer = mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (consumer == MAP_FAILED) return std::unexpected(system_error("ring buffer: map consumer page", errno));
  Mapping consumer_mapping(consumer, page);
  const std::size_t producer_size = page + 2 * size;
  void* producer = mmap(nullptr, producer_size, PROT_READ, MAP_SHARED, fd, static_cast<off_t>(page));
  if (producer == MAP_FAILED) return std::unexpected(system_error("ring buffer: map data", errno));
  Ring ring(std::move(consumer_mapping), Mapping(producer, producer_size), page, size);
  ring.position_ = load_acquire(ring.consumer_.start());
  return ring;
}

std::optional<std::span<const std::byte>> Ring::head() {
  for (;;) {
    if (position_ >= load_acquire(producer_.start())) return std::nullopt;
    const std::byte* record = producer_.start() + data_offset_ + (position_ & mask_);
    const std::uint32_t length = __atomic_load_n(reinterpret_cast<const std::uint32_t*>(record), __ATOMIC_ACQUIRE);
    if ((length & BPF_RINGBUF_BUSY_BIT) != 0) return std::nullopt;
    const std::uint32_t size = length & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
    head_size_ = (std::uint64_t{size} + BPF_RINGBUF_HDR_SZ + 7U) & ~std::uint64_t{7};
    if ((length & BPF_RINGBUF_DISCARD_BIT) == 0) return std::span(record + BPF_RINGBUF_HDR_SZ, size);
    advance();
  }
}

void Ring::release() {
  ++released_;
  advance();
}

void Ring::advance() {
  position_ += std::exchange(head_size_, 0);
  __atomic_store_n(reinterpret_cast<std::uint64_t*>(consumer_.start()), position_, __ATOMIC_RELEASE);
}

Result<std::unique_ptr<RingSource>> RingSource::create(std::span<const int> fds) {
  UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return std::unexpected(system_error("ring buffers: epoll", errno));
  std::vector<Ring> rings;
  std::vector<UniqueFd> kept;
  for (const int fd : fds) {
    rings.push_back(TRY(Ring::open(fd)));
    // epoll forgets a file when its last descriptor is closed: keep one.
    kept.emplace_back(fcntl(fd, F_DUPFD_CLOEXEC, 0));
    // Edge-triggered: only the kernel's wake-ups count, not that something unsettled lies there.
    epoll_event interest{};
    interest.events = EPOLLIN | EPOLLET;
    if (!kept.back() || epoll_ctl(epoll.get(), EPOLL_CTL_ADD, kept.back().get(), &interest) != 0)
      return std::unexpected(system_error("ring buffers: epoll", errno));
  }
  return std::unique_ptr<RingSource>(new RingSource(std::move(rings), std::move(kept), std::move(epoll)));
}

std::optional<decode::RawRecord> RingSource::next() {
  if (lent_ != nullptr) std::exchange(lent_, nullptr)->release();
  unsettled_ = false;
  std::uint64_t oldest_ns = 0;
  std::span<const std::byte> oldest;
  Ring* from = nullptr;
  for (Ring& ring : rings_) {
    const auto head = ring.head();
    if (!head) continue;
    const std::uint64_t time_ns = time_of(*head);
    if (from != nullptr && time_ns >= oldest_ns) continue;
    oldest_ns = time_ns;
    oldest = *head;
    from = &ring;
  }
  if (from == nullptr) return std::nullopt;
  if (settle_ && !settled(oldest_ns)) {
    unsettled_ = true;
    return std::nullopt;
  }
  lent_ = from;
  return decode::RawRecord{oldest};
}

std::vector<std::uint64_t> RingSource::taken() const {
  std::vector<std::uint64_t> counts;
  counts.reserve(rings_.size());
  for (const Ring& ring : rings_) counts.push_back(ring.released() + (lent_ == &ring ? 1 : 0));
  return counts;
}

bool RingSource::settled(std::uint64_t time_ns) {
  const auto old_enough = [&] { return time_ns + kSettleNs <= now_ns_; };
  if (old_enough()) return true;  // by an earlier look at the clock: no need for another
  now_ns_ = boot_time_ns();
  return old_enough();
}

void RingSource::wait(int timeout_ms) {
  static constexpr int kSettleMs = static_cast<int>(kSettleNs / 1'000'000);
  epoll_event ready{};
  // What was held back wakes nobody when it has settled.
  (void)epoll_wait(epoll_.get(), &ready, 1, unsettled_ ? std::min(timeout_ms, kSettleMs) : timeout_ms);
}

}  // namespace shrike::kernel
